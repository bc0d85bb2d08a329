/* Short statements of one kind on one node: their line, and what is known of their number. */
#ifndef AGDB_POOL_TRAFFIC_H
#define AGDB_POOL_TRAFFIC_H

#include "pool/line.h"
#include "pool/slots.h"
#include "pool/width.h"

typedef enum agdb__traffic_kind {
    AGDB__TRAFFIC_READS = 0,
    AGDB__TRAFFIC_WRITES,
    AGDB__TRAFFICS
} agdb__traffic_kind_t;

typedef struct agdb__traffic {
    agdb__traffic_kind_t kind;
    agdb__line_t line;
    unsigned max;          /* the pool's */
    atomic_uint reach;     /* lanes have been among the first so many slots */
    atomic_uint callers;   /* agdb__callers_next */
    atomic_uint busy;      /* agdb__width_busy, of the last window */
    atomic_bool lacking;   /* a group was due and found no connection */
    atomic_ullong lane_us; /* what the groups of this window should take, in sum */
    uint64_t window_us;    /* when it began; the keeper's */
} agdb__traffic_t;

bool agdb__traffic_init(agdb__traffic_t *traffic, agdb__traffic_kind_t kind, unsigned max);
void agdb__traffic_fini(agdb__traffic_t *traffic);

static inline agdb__slot_state_t agdb__traffic_state(const agdb__traffic_t *traffic)
{
    return traffic->kind == AGDB__TRAFFIC_READS ? AGDB__SLOT_READS : AGDB__SLOT_WRITES;
}

unsigned agdb__traffic_width(const agdb__traffic_t *traffic);
/* Slot `i` is a lane now. Who does not see it yet sends a group too early, no more. */
void agdb__traffic_reach(agdb__traffic_t *traffic, uint32_t i);
/* Whether a group of those in the line should leave on one more lane, besides those that `slots`
 * carry but for slot `but` (AGDB__NO_SLOT: none). */
bool agdb__traffic_is_due(agdb__traffic_t *traffic, agdb__slots_t *slots, uint32_t but);
/* Whether callers have a connection each. */
bool agdb__traffic_is_few(const agdb__traffic_t *traffic);
/* One more has come and finds nobody in the line: whether it goes straight on a free lane. Counts
 * it among the callers. */
bool agdb__traffic_is_thin(agdb__traffic_t *traffic, agdb__slots_t *slots);
/* Whether some are in the line and no connection carries them. */
bool agdb__traffic_is_stranded(agdb__traffic_t *traffic, agdb__slots_t *slots);
/* A group left that should take so long; its lane counts already. */
void agdb__traffic_note(agdb__traffic_t *traffic, agdb__slots_t *slots, uint64_t lane_us);
/* A group is due and there is no connection for it. */
void agdb__traffic_lacks(agdb__traffic_t *traffic);
/* Lanes to be made: for those in the line, or for one who was there for a moment only, as is usual
 * where answers take microseconds. The keeper's. */
unsigned agdb__traffic_wants(agdb__traffic_t *traffic, agdb__slots_t *slots);
/* Ends a window: fits the width to it. The keeper's. */
void agdb__traffic_look(agdb__traffic_t *traffic, uint64_t now_us);

#endif
