#include "exec/advice.h"

#include "map/hash.h"

/* OVER: told, or there is nothing to tell. */
static const unsigned k_over = UINT32_MAX;

/* By its hash alone: two tags that share it would get one advice, to no harm. */
static unsigned place_of(agdb__advice_t *advice, uint64_t hash)
{
    unsigned tries;

    for (tries = 0; tries < AGDB__ADVICE_TAGS; tries++) {
        const unsigned i = (unsigned)((hash + tries) % AGDB__ADVICE_TAGS);
        unsigned long long owner = atomic_load_explicit(&advice->tag[i].hash, memory_order_relaxed);

        if (owner == 0 &&
            atomic_compare_exchange_strong_explicit(&advice->tag[i].hash, &owner, hash,
                                                    memory_order_relaxed, memory_order_relaxed))
            return i;
        if (owner == hash)
            return i;
    }
    return AGDB__ADVICE_TAGS;
}

bool agdb__advice_note(agdb__advice_t *advice, const char *tag, bool is_select)
{
    const unsigned i = place_of(advice, agdb__hash_key(tag, strlen(tag)) | 1);
    atomic_uint *selects;

    if (i == AGDB__ADVICE_TAGS)
        return false;
    selects = &advice->tag[i].selects;
    if (atomic_load_explicit(selects, memory_order_relaxed) == k_over)
        return false;
    if (!is_select) {
        atomic_store_explicit(selects, k_over, memory_order_relaxed);
        return false;
    }
    if (atomic_fetch_add_explicit(selects, 1, memory_order_relaxed) + 1 != AGDB__ADVICE_AFTER)
        return false;
    atomic_store_explicit(selects, k_over, memory_order_relaxed);
    return true;
}
