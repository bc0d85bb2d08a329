/* Which replicas have replayed up to a position. Pure. */
#ifndef AGDB_MONITOR_FRESH_H
#define AGDB_MONITOR_FRESH_H

#include "base/position.h"

#include <stdbool.h>

/* Of one node, when it was last asked. */
typedef struct agdb__standing {
    uint32_t timeline; /* 0: not known */
    uint64_t lsn;      /* replayed */
    uint64_t lacks;    /* it had not replayed this a moment ago: so it need not be asked for as much
                          or more; 0: nothing is known to be missing */
} agdb__standing_t;

/* Nodes, a bit each. */
typedef struct agdb__fresh {
    uint32_t sure;  /* has it already */
    uint32_t maybe; /* follows the same history: a guard ahead of the read tells */
    bool ahead;     /* somebody has seen a newer history: what is known here is over */
} agdb__fresh_t;

/* `history`: the shard's system identifier and newest timeline; a position of another one is not
 * comparable, and no replica will do. `replicas`: those that may answer reads at all. */
agdb__fresh_t agdb__fresh(const agdb__position_t *need, const agdb__position_t *history,
                          const agdb__standing_t *nodes, uint32_t count, uint32_t replicas);

static inline bool agdb__same_history(const agdb__position_t *a, const agdb__position_t *b)
{
    return a->timeline == b->timeline && a->system_identifier == b->system_identifier;
}

#endif
