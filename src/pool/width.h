/* How many connections carry short statements, and when the next group leaves. Pure.
 *
 * As long as there are few callers each has a connection: their statements run side by side, and
 * nobody is woken by another (measured as below, 6 callers: 0.8 of raw this way, 0.5 in groups).
 * More are served best by few connections with large groups: the server's work for each Sync
 * (transaction, flush, waking the client) is more than that for the statement itself. How few is
 * Little's law: as many as are busy on average, groups in a second x time of one, and a third more,
 * so that there is room to grow.
 *
 * A group leaves when it is worth it, half of a fair share (callers / width), or when nothing else
 * is under way. Leaving at once with whoever is there made a third of all groups single statements:
 * the callers of a group are woken together, and the first of them left without the others. Waiting
 * for a whole share leaves a processor idle when one of them is late.
 *
 * Measured on 2 processors for client and server, point reads of 64 callers, ratio to a connection
 * for each: 2 connections and half a share 2.7, a whole one 2.4; 5 connections and a whole share
 * 2.3, with three times the longest waiting (p99). */
#ifndef AGDB_POOL_WIDTH_H
#define AGDB_POOL_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

/* So many callers have a connection each, if there are as many. */
enum { AGDB__WIDTH_FEW = 6, AGDB__WIDTH_LEAST = 2 };

/* What is under way on a node, of one kind. */
typedef struct agdb__flow {
    unsigned queued;  /* statements in the line */
    unsigned lanes;   /* connections that carry some */
    unsigned riders;  /* statements on these */
    unsigned callers; /* agdb__callers_next */
} agdb__flow_t;

/* The width for so many callers. `busy`: agdb__width_busy; `max`: the pool's. */
unsigned agdb__width(unsigned callers, unsigned busy, unsigned max);
/* For groups that were expected to take `lane_us` in all, in a time of `window_us`. */
unsigned agdb__width_busy(uint64_t lane_us, uint64_t window_us);
/* Whether a group should leave now on a lane of its own. */
bool agdb__group_is_due(const agdb__flow_t *flow, unsigned width);
/* How many callers there are at once: follows a rise at once, and a fall slowly, because those who
 * have their answer and are about to call again are not seen. */
unsigned agdb__callers_next(const agdb__flow_t *flow);

#endif
