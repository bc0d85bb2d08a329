/* A shard as requests see it: its nodes' pools, and the board with its view. Owned by the client.
 */
#ifndef AGDB_EXEC_SHARD_H
#define AGDB_EXEC_SHARD_H

#include "base/log.h"
#include "exec/budget.h"
#include "exec/grade.h"
#include "exec/tally.h"
#include "monitor/board.h"
#include "monitor/marks.h"
#include "pool/pool.h"

typedef struct agdb__node {
    const char *name;
    agdb__pool_t *pool;
    agdb__grade_t grade;       /* as a replica */
    agdb__node_tally_t *tally; /* borrowed, as below; NULL: nothing is counted */
} agdb__node_t;

typedef struct agdb__shard {
    const char *name;
    /* What a later map has in its place, with other nodes or settings; NULL: nothing, so far. */
    _Atomic(struct agdb__shard *) successor;
    uint64_t id; /* of keyspace and name: the same in every process */
    agdb__node_t *nodes;
    uint32_t nnodes;
    uint32_t near; /* nodes of the client's zone, a bit each */
    agdb__board_t board;
    agdb__marks_t marks;
    agdb__budget_t budget;
    atomic_ullong asked_us; /* when callers last had all nodes asked who they are */
    atomic_uint parked;     /* calls that wait for a usable node */
    unsigned park_max;      /* so many at most; 0: any number */
    uint64_t call_ms;       /* default deadline of a call */
    uint64_t park_ms;       /* waiting for a usable node, at most */
    uint64_t hedge_ms;      /* of a read that replicas may answer; 0: never */
    uint64_t slow_us;       /* a call that takes longer is told; 0: none is */
    agdb__shard_tally_t *tally;
    const agdb__logger_t *logger; /* borrowed; NULL: nothing is told */
} agdb__shard_t;

#endif
