/* Runs one statement on a node: on a connection of its own, or together with others. */
#ifndef AGDB_POOL_RUN_H
#define AGDB_POOL_RUN_H

#include "pool/pool.h"
#include "pool/trip.h"

#include <stdatomic.h>

/* What is to be run, and how. */
typedef struct agdb__run {
    const agdb__statement_t *statement;
    uint64_t now_us;
    uint64_t deadline_us;
    bool alone;            /* never together with others */
    atomic_uint *standing; /* sent only as long as this is `stood`; NULL: in any case */
    unsigned stood;
} agdb__run_t;

/* How it was run. */
typedef struct agdb__ran {
    bool in_recovery;          /* the role in which the node answered */
    bool replayed;             /* agdb__conn_was_replayed */
    agdb__position_t position; /* agdb__conn_position */
    agdb__trip_t trip;
} agdb__ran_t;

/* Returns until the deadline, with the rows, or with the error of agdb__pool_claim or
 * agdb__conn_run, or with NO_PRIMARY, not sent, when `standing` has changed. The answer is the same
 * alone and in a group. @threads any */
agdb_status_t agdb__pool_run(agdb__pool_t *pool, const agdb__run_t *run, agdb__ran_t *ret_ran,
                             struct pg_result **ret_rows, agdb_error_t **reterr);

static inline bool agdb__run_stands(const agdb__run_t *run)
{
    return run->standing == NULL ||
           atomic_load_explicit(run->standing, memory_order_acquire) == run->stood;
}

#endif
