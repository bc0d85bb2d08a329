#include "monitor/choose.h"

static uint8_t nth_bit(uint32_t mask, unsigned n)
{
    while (n-- > 0)
        mask &= mask - 1;
    return (uint8_t)__builtin_ctz(mask);
}

static agdb__choice_t choose_primary(agdb__view_t view, uint32_t tried)
{
    switch (view.state) {
    case AGDB__SHARD_SPLIT:
        return (agdb__choice_t){AGDB__CHOOSE_SPLIT, AGDB__NO_NODE};
    case AGDB__SHARD_REFUSED:
        return (agdb__choice_t){AGDB__CHOOSE_REFUSED, AGDB__NO_NODE};
    case AGDB__SHARD_READY:
        if ((tried >> view.primary & 1) == 0)
            return (agdb__choice_t){AGDB__CHOOSE_NODE, view.primary};
        break;
    case AGDB__SHARD_UNSEEN:
    case AGDB__SHARD_NO_PRIMARY:
        break;
    }
    return (agdb__choice_t){AGDB__CHOOSE_PARK, AGDB__NO_NODE};
}

agdb__choice_t agdb__choose(agdb__view_t view, agdb_access_t access, uint32_t tried,
                            uint64_t random)
{
    if (access == AGDB_READ_REPLICA_OK) {
        uint32_t mask = view.replicas & ~tried;

        if (mask != 0) {
            unsigned n = (unsigned)(random % (unsigned)__builtin_popcount(mask));
            return (agdb__choice_t){AGDB__CHOOSE_NODE, nth_bit(mask, n)};
        }
    }
    return choose_primary(view, tried);
}
