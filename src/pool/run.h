/* Runs one statement on a node: on a connection of its own, or together with others. */
#ifndef AGDB_POOL_RUN_H
#define AGDB_POOL_RUN_H

#include "pool/pool.h"

/* How it was run. */
typedef struct agdb__ran {
    bool in_recovery; /* the role in which the node answered */
    bool grouped;
    uint64_t exec_us; /* from sending to the answer; in a group from joining it */
} agdb__ran_t;

/* Returns until `deadline_us`, with the rows or with the error of agdb__pool_claim or
 * agdb__conn_run. The answer is the same alone and in a group. @threads any */
agdb_status_t agdb__pool_run(agdb__pool_t *pool, const agdb__statement_t *statement,
                             uint64_t now_us, uint64_t deadline_us, agdb__ran_t *ret_ran,
                             struct pg_result **ret_rows, agdb_error_t **reterr);

#endif
