/* Points in time, the earliest first: a heap of timers that live in what they belong to. */
#ifndef AGDB_BASE_TIMERS_H
#define AGDB_BASE_TIMERS_H

#include "agencydb/base.h"
#include "base/clock.h"

typedef struct agdb__timer {
    uint64_t at_us;
    size_t place; /* in the heap, from 1; 0: not set */
    void (*ring)(struct agdb__timer *timer, void *user, uint64_t now_us);
} agdb__timer_t;

typedef struct agdb__timers {
    agdb__timer_t **heap;
    size_t count;
    size_t room;
} agdb__timers_t;

/* Room for so many: setting them cannot fail. False: no memory. */
bool agdb__timers_reserve(agdb__timers_t *all, size_t count) AGDB_CHECKED;
void agdb__timers_fini(agdb__timers_t *all);

/* Sets it, or moves it. There must be room; AGDB__NEVER takes it out. */
void agdb__timers_set(agdb__timers_t *all, agdb__timer_t *timer, uint64_t at_us);
void agdb__timers_clear(agdb__timers_t *all, agdb__timer_t *timer);
/* Takes out those whose time has come, earliest first, and calls their `ring`, which may set and
 * clear timers; one set for a time that has come rings in the next run. */
void agdb__timers_run(agdb__timers_t *all, uint64_t now_us, void *user);

static inline uint64_t agdb__timers_next_us(const agdb__timers_t *all)
{
    return all->count > 0 ? all->heap[0]->at_us : AGDB__NEVER;
}

#endif
