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

/* Of at least one. */
static uint8_t choose_replica(uint32_t mask, const uint64_t *cost, uint64_t random)
{
    const unsigned count = (unsigned)__builtin_popcount(mask);
    const unsigned first = (unsigned)(random % count);
    uint8_t a = nth_bit(mask, first);
    uint8_t b;

    if (count == 1)
        return a;
    b = nth_bit(mask, (first + 1 + (unsigned)(random / count % (count - 1))) % count);
    return cost[b] + cost[b] / 2 < cost[a] ? b : a;
}

agdb__choice_t agdb__choose(agdb__view_t view, uint32_t replicas, uint32_t tried,
                            const uint64_t *cost, uint64_t random)
{
    const uint32_t mask = view.replicas & replicas & ~tried;

    if (mask != 0)
        return (agdb__choice_t){AGDB__CHOOSE_NODE, choose_replica(mask, cost, random)};
    return choose_primary(view, tried);
}
