/* Shared connections: one caller drives a connection and takes those in the line along, a group at
 * a time. Sent together, answered together; the next group leaves before the callers of the last
 * one are woken.
 *
 * Who drives is called the leader. It leads for a bounded time after it has its own answer, as long
 * as groups are due, or until its own time is over; then the first in the line leads (LEAD) or,
 * with a group in flight, one of that group (DRIVE). */
#ifndef AGDB_POOL_LANE_H
#define AGDB_POOL_LANE_H

#include "pool/traffic.h"

/* Where the leader's own ride is. */
typedef enum agdb__lead {
    AGDB__LEAD_FIRST = 0, /* out of the line: the first of the next group */
    AGDB__LEAD_QUEUED,    /* in the line, as the others */
    AGDB__LEAD_IN_FLIGHT  /* a member of the group that the connection carries */
} agdb__lead_t;

/* What became of it. */
typedef enum agdb__led {
    AGDB__LED_DONE, /* it is DONE */
    AGDB__LED_WAIT, /* it is in the line, or another leader has it */
    AGDB__LED_LEFT  /* its time was over while it was in flight; it is not the caller's any more */
} agdb__led_t;

/* Drives the connection of slot `i`, which is the caller's, for the line. The slot is somebody
 * else's afterwards. */
agdb__led_t agdb__lane_lead(agdb__pool_t *pool, agdb__traffic_t *traffic, uint32_t i,
                            agdb__ride_t *own, agdb__lead_t where);

/* The caller of a SENT ride leaves it. False: it is not SENT any more. @threads any */
bool agdb__lane_leave(agdb__pool_t *pool, agdb__ride_t *ride);

/* Frees the lane of slot `i`, which carries nothing. */
void agdb__lane_free(agdb__pool_t *pool, uint32_t i);

/* Makes the first in the line the leader of a free connection, as long as a group is due. */
void agdb__lane_serve(agdb__pool_t *pool, agdb__traffic_t *traffic);

#endif
