/* Request and view to node. Pure. */
#ifndef AGDB_MONITOR_CHOOSE_H
#define AGDB_MONITOR_CHOOSE_H

#include "agencydb/request.h"
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

/* `tried` has a bit for each node that this call should not try again; `random` spreads reads over
 * replicas. A read that may use a replica waits for nothing as long as one is there. */
agdb__choice_t agdb__choose(agdb__view_t view, agdb_access_t access, uint32_t tried,
                            uint64_t random);

#endif
