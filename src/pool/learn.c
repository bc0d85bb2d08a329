#include "pool/learn.h"

#include <stddef.h>

enum {
    PROBES = 8,           /* entries looked at for one hash */
    FIRST_RUNS = 3,       /* on its own, before it may ride */
    SAMPLE_EVERY = 256,   /* rides between two samples */
    FAILURES_JUDGED = 50, /* rides before the share of failures counts */
    RECHECK_RUNS = 3,
    PASSING_RUNS = 256, /* alone, after a failure that others may have brought about */
    /* A Sync of its own: a point read costs the server 28 to 30 us with one and 14 to 18 in a group
     * (measured, PostgreSQL 15). */
    SYNC_US = 14,
    RISE = 16,         /* a slower run counts for this part more, at most */
    LEAST_RISE = 1024, /* the same of the least time, so that busy times do not hide it */
    WAY_RISE = 4       /* the same of a longer way: who measured it may have been busy */
};

agdb__learnt_t *agdb__learn_find(agdb__learn_t *learn, uint64_t hash)
{
    unsigned i;

    hash |= 1; /* 0 is a free entry */
    for (i = 0; i < PROBES; i++) {
        agdb__learnt_t *e = &learn->entry[((hash >> 32) + i) % AGDB__LEARN_ENTRIES];
        unsigned long long found = atomic_load_explicit(&e->hash, memory_order_relaxed);

        if (found == 0 && atomic_compare_exchange_strong_explicit(
                              &e->hash, &found, hash, memory_order_relaxed, memory_order_relaxed))
            return e;
        if (found == hash)
            return e;
    }
    return NULL;
}

static unsigned get(const atomic_uint *value)
{
    return atomic_load_explicit((atomic_uint *)value, memory_order_relaxed);
}

static void set(atomic_uint *value, unsigned to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

uint64_t agdb__learn_expected_us(const agdb__learnt_t *entry)
{
    unsigned x16 = get(&entry->time_x16);

    return x16 == 0 ? 0 : x16 / 16 + 1;
}

uint64_t agdb__learn_work_us(const agdb__learn_t *learn, const agdb__learnt_t *entry, bool least)
{
    uint64_t alone_us = least ? get(&entry->least_x16) / 16 : agdb__learn_expected_us(entry);
    uint64_t apart_us = (uint64_t)get(&learn->way_us) + SYNC_US;

    return alone_us > apart_us ? alone_us - apart_us : 1;
}

void agdb__learn_way(agdb__learn_t *learn, uint64_t us)
{
    unsigned now_us = us < UINT32_MAX / 2 ? (unsigned)us : UINT32_MAX / 2;
    unsigned old_us = get(&learn->way_us);

    if (old_us != 0 && now_us > old_us + old_us / WAY_RISE)
        now_us = old_us + old_us / WAY_RISE;
    set(&learn->way_us, now_us);
}

uint64_t agdb__learn_way_us(const agdb__learn_t *learn)
{
    return get(&learn->way_us);
}

bool agdb__learn_is_excluded(const agdb__learn_t *learn, const agdb__learnt_t *e)
{
    return atomic_load_explicit(&e->banned, memory_order_relaxed) ||
           (get(&e->solo_runs) >= FIRST_RUNS &&
            agdb__learn_work_us(learn, e, false) > AGDB__RIDE_LIMIT_US);
}

bool agdb__learn_is_short(const agdb__learn_t *learn, agdb__learnt_t *e)
{
    unsigned alone;

    if (atomic_load_explicit(&e->banned, memory_order_relaxed) || get(&e->solo_runs) < FIRST_RUNS ||
        agdb__learn_work_us(learn, e, false) > AGDB__RIDE_LIMIT_US)
        return false;
    alone = get(&e->alone);
    if (alone > 0)
        set(&e->alone, alone - 1); /* a race costs a sample, no more */
    return alone == 0;
}

bool agdb__learn_rides(agdb__learnt_t *e)
{
    return atomic_fetch_add_explicit(&e->rides, 1, memory_order_relaxed) % SAMPLE_EVERY !=
           SAMPLE_EVERY - 1;
}

bool agdb__learn_may_ride(const agdb__learn_t *learn, agdb__learnt_t *e)
{
    return agdb__learn_is_short(learn, e) && agdb__learn_rides(e);
}

/* Falls at once, rises by a part of itself at most. */
static void follow(atomic_uint *time_x16, unsigned now_x16, unsigned rise)
{
    unsigned old_x16 = get(time_x16);

    if (now_x16 > old_x16 + old_x16 / rise)
        now_x16 = old_x16 + old_x16 / rise;
    set(time_x16, now_x16);
}

void agdb__learn_solo(agdb__learnt_t *e, bool plain, uint64_t us)
{
    unsigned runs = get(&e->solo_runs);
    unsigned now_x16 = us > UINT32_MAX / 32 ? UINT32_MAX / 2 : (unsigned)us * 16 + 1;

    if (!plain)
        atomic_store_explicit(&e->banned, true, memory_order_relaxed);
    if (runs == 0) { /* it also prepares; it counts only until there is a better one */
        set(&e->time_x16, now_x16);
        set(&e->least_x16, now_x16);
    } else {
        follow(&e->time_x16, now_x16, RISE);
        follow(&e->least_x16, now_x16, LEAST_RISE);
    }
    if (runs < FIRST_RUNS)
        set(&e->solo_runs, runs + 1);
}

void agdb__learn_failure(agdb__learnt_t *e, agdb__group_fault_t fault)
{
    unsigned failures;
    unsigned rides;

    if (fault == AGDB__FAULT_PASSING) {
        set(&e->alone, PASSING_RUNS);
        return;
    }
    failures = atomic_fetch_add_explicit(&e->failures, 1, memory_order_relaxed) + 1;
    rides = get(&e->rides);
    if (fault == AGDB__FAULT_LASTING || (rides >= FAILURES_JUDGED && failures > rides / 100))
        atomic_store_explicit(&e->banned, true, memory_order_relaxed);
}

void agdb__learn_slow(agdb__learnt_t *e)
{
    set(&e->alone, RECHECK_RUNS);
}
