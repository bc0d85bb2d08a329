/* What is counted of calls: by node, by shard, and for the agencies and tags that have the most.
 * They live as long as the client, whatever maps come and go, so that counters never go back. */
#ifndef AGDB_EXEC_TALLY_H
#define AGDB_EXEC_TALLY_H

#include "agencydb/error.h"
#include "agencydb/request.h"
#include "base/gate.h"
#include "base/histogram.h"
#include "base/throttle.h"
#include "exec/advice.h"
#include "exec/ranks.h"

enum {
    AGDB__ACCESSES = 5,
    AGDB__STATUSES = 32,
    AGDB__TALLY_STRIPES = 8, /* threads that are on different ones do not meet */
    /* Shorter waits are counted as none, which costs nothing. */
    AGDB__WAIT_COUNTS_US = 64,
    /* Of a thread's calls these are ranked one by one, and of later ones those that took so long...
     */
    AGDB__RANKED_FIRST = 256,
    AGDB__RANKED_SLOW_US = 10000,
    AGDB__RANKED_ONE_OF = 8 /* ... and at random one of so many, which counts for them */
};

typedef struct agdb__tally_stripe {
    agdb__histogram_t execute[AGDB__ACCESSES]; /* of calls that succeeded */
    agdb__histogram_t wait;                    /* the same; those that waited */
    char rest[AGDB__CACHE_LINE];
} agdb__tally_stripe_t;

typedef struct agdb__node_tally {
    agdb__tally_stripe_t stripe[AGDB__TALLY_STRIPES];
    atomic_ullong failed[AGDB__ACCESSES][AGDB__STATUSES]; /* by the status, without its sign */
} agdb__node_tally_t;

typedef struct agdb__shard_tally {
    atomic_ullong failed[AGDB__ACCESSES][AGDB__STATUSES]; /* before any node was tried */
    atomic_ullong retries;                                /* attempts after the first */
    atomic_ullong hedges;
    atomic_ullong parkings;
    atomic_ullong abandoned; /* calls that left while a server was at work for them */
    agdb__throttle_t slow;
    agdb__ranks_t *agencies; /* of all shards */
    agdb__ranks_t *tags;
    agdb__advice_t *advice;
} agdb__shard_tally_t;

/* A call has succeeded. */
void agdb__tally_ok(agdb__node_tally_t *tally, agdb_access_t access, uint64_t exec_us,
                    uint64_t wait_us);
/* A call has failed for good: on that node, or (NULL) before any was tried. */
void agdb__tally_failed(agdb__shard_tally_t *shard, agdb__node_tally_t *node, agdb_access_t access,
                        agdb_status_t status);
/* Whose call it was; either may be empty. What is ranked are the first calls of each thread, the
 * slow ones, and of the rest a sample that stands for all of them: looking two names up for each
 * call would cost more than all other counting. */
void agdb__tally_whose(agdb__shard_tally_t *shard, agdb_bytes_t agency, const char *tag,
                       uint64_t total_us);

/* --- reading -----------------------------------------------------------------------------------
 */

void agdb__tally_execute(const agdb__node_tally_t *tally, agdb_access_t access,
                         agdb__counted_t *ret);
/* Those that did not wait are in the first buckets. */
void agdb__tally_wait(const agdb__node_tally_t *tally, agdb__counted_t *ret);

#endif
