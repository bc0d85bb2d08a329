/* One read asked of two nodes: of the second when the first has no answer after a while, and the
 * first answer counts. For the few that would wait long because one node hangs for a moment; what
 * is slow everywhere stays slow, and costs twice, so it comes out of the budget of repetitions. */
#ifndef AGDB_EXEC_HEDGE_H
#define AGDB_EXEC_HEDGE_H

#include "agencydb/request.h"
#include "exec/shard.h"

/* Whether the map wants that, and a replica may answer. */
static inline bool agdb__hedge_is_wanted(const agdb__shard_t *shard, const agdb_request_t *request)
{
    return shard->hedge_ms != 0 && request->access != AGDB_WRITE && request->access != AGDB_READ;
}

/* As agdb__single_run. */
agdb_status_t agdb__hedge_run(agdb__shard_t *shard, const agdb_request_t *request,
                              uint64_t start_us, agdb_result_t **ret, agdb_error_t **reterr);

#endif
