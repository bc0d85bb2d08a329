/* Where callers sleep until a gong says that their ride is over. Those who join the line one after
 * the other sleep on the same gong, each with a mark of its own: a group comes back to callers of
 * few gongs, and one system call for each gong wakes them all. (A call for each caller cost more
 * than sending and receiving the group: 6.8 against 3.1 us of CPU for a wake-up of 32 threads on
 * two processors.) */
#ifndef AGDB_POOL_GONG_H
#define AGDB_POOL_GONG_H

#include "base/gate.h"
#include "base/wait.h"

enum { AGDB__GONGS = 16, AGDB__GONG_MARKS = 32 };

/* Filled up, not aligned, as agdb__gate_stripe_t. */
typedef struct agdb__gong {
    atomic_uint rung; /* grows with each ring */
    char rest[AGDB__CACHE_LINE - sizeof(atomic_uint)];
} agdb__gong_t;

typedef struct agdb__gongs {
    agdb__gong_t gong[AGDB__GONGS];
    atomic_uint places; /* given so far */
} agdb__gongs_t;

/* A caller's gong and mark. Two callers may have the same: waking one wakes both, and each looks
 * whether it was meant. */
typedef struct agdb__place {
    unsigned gong;
    unsigned mark;
} agdb__place_t;

/* Those who are to be woken. */
typedef struct agdb__ring {
    unsigned marks[AGDB__GONGS];
} agdb__ring_t;

void agdb__gongs_init(agdb__gongs_t *gongs);
agdb__place_t agdb__gongs_place(agdb__gongs_t *gongs);
/* Read it, look whether there is a reason to go on, and only then sleep. */
unsigned agdb__gongs_heard(agdb__gongs_t *gongs, agdb__place_t place);
/* Returns when the place was rung for since `heard`, by chance, or at `until_us`. */
void agdb__gongs_sleep(agdb__gongs_t *gongs, agdb__place_t place, unsigned heard,
                       uint64_t until_us);

static inline void agdb__ring_add(agdb__ring_t *ring, agdb__place_t place)
{
    ring->marks[place.gong] |= place.mark;
}

/* Wakes all who were added, and forgets them. What they wait for was written before. */
void agdb__gongs_ring(agdb__gongs_t *gongs, agdb__ring_t *ring);
void agdb__gongs_ring_one(agdb__gongs_t *gongs, agdb__place_t place);

#endif
