/* One request on several shards.
 *
 *   begun        a leg, which is a task of a driver (exec/driver.h), for each shard: all at once
 *   a leg ends   with its answer, or failed. With AGDB_ALL_OR_ERROR the first failure ends the
 *                others: reads wherever they are; of writes only those that were not sent, as what
 *                is under way may happen all the same and its caller has to hear whether it did
 *   over         no leg is open: the answers are merged, or the failures become one error */
#ifndef AGDB_EXEC_SCATTER_H
#define AGDB_EXEC_SCATTER_H

#include "exec/driver.h"

typedef struct agdb__scatter agdb__scatter_t;

/* Where to. */
typedef struct agdb__targets {
    agdb__shard_t **shards; /* in the order of their names, each once */
    size_t count;           /* 1 or more */
    const uint32_t *place; /* of each of the request's keys: its number among them; NULL: no keys */
} agdb__targets_t;

/* Copies the request, which is checked but for its parameters. AGDB_E_INVAL, AGDB_E_NOMEM. */
agdb_status_t agdb__scatter_new(const agdb_request_t *request, const agdb__targets_t *targets,
                                agdb__scatter_t **ret, agdb_error_t **reterr);
/* No leg is open. NULL is fine. */
void agdb__scatter_free(agdb__scatter_t *scatter);

size_t agdb__scatter_legs(const agdb__scatter_t *scatter);
/* What it holds, for who runs it otherwise (exec/stream.h): a leg's shard and request, and how the
 * rows are merged. */
agdb__shard_t *agdb__scatter_shard(const agdb__scatter_t *scatter, size_t leg);
const agdb_request_t *agdb__scatter_request(const agdb__scatter_t *scatter, size_t leg);
const agdb_merge_t *agdb__scatter_merge(const agdb__scatter_t *scatter);
/* Before it is begun: no longer than that for all of it. */
void agdb__scatter_limit(agdb__scatter_t *scatter, uint32_t timeout_ms);
/* The driver has room for its legs. `owner` is whoever's it is. */
void agdb__scatter_begin(agdb__scatter_t *scatter, agdb__driver_t *driver, void *owner,
                         uint64_t start_us);
void *agdb__scatter_owner(const agdb__scatter_t *scatter);
/* A leg that the driver is done with; it may end others. True: the scatter is over. */
bool agdb__scatter_took(agdb__scatter_t *scatter, agdb__driver_t *driver, agdb__task_t *task);
/* All that is missing is to take the legs from the driver. */
bool agdb__scatter_is_answered(const agdb__scatter_t *scatter);
/* Ends all legs. What became of the request: not sent, or unknown. */
agdb_outcome_t agdb__scatter_give_up(agdb__scatter_t *scatter, agdb__driver_t *driver);
/* Of one that is over: its result, its error, or both with AGDB_E_PARTIAL. */
agdb_status_t agdb__scatter_conclude(agdb__scatter_t *scatter, agdb_result_t **ret,
                                     agdb_error_t **reterr);

#endif
