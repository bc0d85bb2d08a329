/* Errors of a call that found no node to go to: what each node's trouble is. */
#ifndef AGDB_EXEC_PARKED_H
#define AGDB_EXEC_PARKED_H

#include "exec/shard.h"

/* No node became usable in `waited_us`: NO_PRIMARY, stage PARK, NOT_SENT, a child for each node. */
agdb_status_t agdb__fail_parked(agdb__shard_t *shard, uint64_t waited_us, agdb_error_t **reterr);
/* Too many calls wait for a primary already: BUSY, stage PARK, NOT_SENT. */
agdb_status_t agdb__fail_crowded(agdb__shard_t *shard, agdb_error_t **reterr);
/* No node may be used, and waiting does not help: the first reason's status. */
agdb_status_t agdb__fail_refused(agdb__shard_t *shard, agdb_error_t **reterr);
/* No primary in that time, and no replica that is fresh enough. */
agdb_status_t agdb__fail_not_fresh(agdb__shard_t *shard, uint64_t waited_us, agdb_error_t **reterr);
/* Two nodes claim to be the primary. */
agdb_status_t agdb__fail_split(agdb__shard_t *shard, agdb_error_t **reterr);
/* What node `i` is, as an error for people to read. Never NULL but when memory is out. */
agdb_error_t *agdb__describe_node(agdb__shard_t *shard, uint32_t i);

#endif
