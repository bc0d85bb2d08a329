/* One request on one shard, to its end: choose a node, claim, run, and again where that is safe. */
#ifndef AGDB_EXEC_SINGLE_H
#define AGDB_EXEC_SINGLE_H

#include "agencydb/request.h"
#include "exec/shard.h"

/* `request` is checked already. Returns within request->timeout_ms (0: the shard's) of `start_us`.
 */
agdb_status_t agdb__single_run(agdb__shard_t *shard, const agdb_request_t *request,
                               uint64_t start_us, agdb_result_t **ret, agdb_error_t **reterr);

#endif
