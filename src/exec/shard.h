/* A shard as requests see it: its nodes' pools, and the board with its view. Owned by the client.
 */
#ifndef AGDB_EXEC_SHARD_H
#define AGDB_EXEC_SHARD_H

#include "monitor/board.h"
#include "pool/pool.h"

typedef struct agdb__node {
    const char *name;
    agdb__pool_t *pool;
} agdb__node_t;

typedef struct agdb__shard {
    const char *name;
    agdb__node_t *nodes;
    uint32_t nnodes;
    agdb__board_t board;
    uint64_t call_ms; /* default deadline of a call */
    uint64_t park_ms; /* waiting for a usable node, at most */
} agdb__shard_t;

#endif
