/* Request and view to node. Pure. */
#ifndef AGDB_MONITOR_CHOOSE_H
#define AGDB_MONITOR_CHOOSE_H

#include "monitor/view.h"

typedef enum agdb__choice_kind {
    AGDB__CHOOSE_NODE = 0,
    AGDB__CHOOSE_PARK,   /* wait for the shard to change */
    AGDB__CHOOSE_SPLIT,  /* two primaries: refuse */
    AGDB__CHOOSE_REFUSED /* waiting will not help */
} agdb__choice_kind_t;

typedef struct agdb__choice {
    agdb__choice_kind_t kind;
    uint8_t node;
} agdb__choice_t;

/* The primary; or, of the `replicas` that would do for this call (a bit each), one that has not
 * been tried (`tried` has a bit for each): of two taken at random the first, unless the other costs
 * less than two thirds of it. That is nearly as good as the least of all, and callers that choose
 * at the same moment do not all choose the same (power of two choices, Mitzenmacher 2001); those
 * that cost about the same share, whoever was slower last. A read that may use a replica waits for
 * nothing as long as one is there. */
agdb__choice_t agdb__choose(agdb__view_t view, uint32_t replicas, uint32_t tried,
                            const uint64_t *cost, uint64_t random);

#endif
