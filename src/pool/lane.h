/* Shared connections: one caller drives a connection and takes those in the line along, a group at
 * a time. Sent together, answered together; the next group leaves before the callers of the last
 * one are woken.
 *
 * Who drives is called the leader. It leads for a bounded time after it has its own answer, or
 * until its own time is over, and then hands over to the first in the line (LEAD), or, with a group
 * in flight, to one of that group (DRIVE). */
#ifndef AGDB_POOL_LANE_H
#define AGDB_POOL_LANE_H

#include "pool/pool.h"

struct agdb__ride;

/* What became of the leader's own ride. */
typedef enum agdb__led {
    AGDB__LED_DONE, /* it is DONE, or there was none */
    AGDB__LED_WAIT, /* it is in the line again */
    AGDB__LED_LEFT  /* its time was over while it was in flight; it is not the caller's any more */
} agdb__led_t;

/* Drives the connection of slot `i`, which is BUSY and the caller's, for the line. `own` is the
 * caller's ride: already taken out of the line (or, with `in_flight`, a member of the group that
 * the slot's connection carries); NULL: it only helps. The slot is somebody else's afterwards. */
agdb__led_t agdb__lane_lead(agdb__pool_t *pool, uint32_t i, struct agdb__ride *own,
                            uint64_t deadline_us, bool in_flight);

/* The caller of a SENT ride leaves it. False: it is not SENT any more. @threads any */
bool agdb__lane_leave(agdb__pool_t *pool, struct agdb__ride *ride);

/* Frees the lane of slot `i`, which carries nothing. */
void agdb__lane_free(agdb__pool_t *pool, uint32_t i);

/* Gives a free lane to the first in the line, if there are both. */
void agdb__lane_serve(agdb__pool_t *pool);

#endif
