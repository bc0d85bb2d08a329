/* Names that have the most calls, among any number of them, in bounded memory: for agencies and
 * tags. A table of few places for each hash; a name that finds none wears the weakest of them away,
 * and takes its place when that is gone, so that rare names come and go, and frequent ones stay.
 * (The frequent-items idea of Misra and Gries, 1982, for each row of a hash table.)
 *
 * A name's numbers are those of the time since it is in: at most what was, less for one that is
 * rare. */
#ifndef AGDB_EXEC_RANKS_H
#define AGDB_EXEC_RANKS_H

#include "agencydb/base.h"

enum {
    AGDB__RANK_NAME = 48,
    AGDB__RANK_TAG = AGDB__RANK_NAME + 1 /* of a tag: enough to see that it is longer */
};

typedef struct agdb__ranks agdb__ranks_t;

/* Room for 4 x `rows` names; a power of two. NULL: no memory. */
agdb__ranks_t *agdb__ranks_new(unsigned rows);
void agdb__ranks_free(agdb__ranks_t *ranks);

/* So many more calls, with their time. Threads that meet at one row do not wait: the later one's
 * are not counted. @threads any */
void agdb__ranks_note(agdb__ranks_t *ranks, const void *name, size_t len, unsigned calls,
                      uint64_t us);

typedef struct agdb__rank {
    char name[AGDB__RANK_NAME + 1]; /* its first bytes */
    size_t len;                     /* all of it */
    uint64_t hash;                  /* the same; tells apart what begins alike */
    uint64_t calls;
    uint64_t us;
} agdb__rank_t;

/* The `max` with the most calls, and of the rest those with the most time, up to 2 x `max` in all.
 * Returns how many; SIZE_MAX: no memory. @threads any */
size_t agdb__ranks_top(agdb__ranks_t *ranks, agdb__rank_t *ret, size_t max);

#endif
