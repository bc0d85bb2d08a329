/* Short reads that wait for a place in a group, in order of arrival.
 *
 * A ride is QUEUED, then SENDING while its statement is copied into a connection's buffers, then
 * SENT, then DONE. Its caller may leave while it is QUEUED (taken out) or SENT (ABANDONED: the lane
 * drops the answer and owns the ride from then on); SENDING takes microseconds. A caller may be
 * told to LEAD: it was given a connection, and its own ride is the first of the next group; or to
 * DRIVE: its ride is in flight on a connection whose leader has run out of time. */
#ifndef AGDB_POOL_LINE_H
#define AGDB_POOL_LINE_H

#include "base/sync.h"
#include "pg/conn.h"
#include "pool/learn.h"

#include <stdatomic.h>

typedef enum agdb__ride_state {
    AGDB__RIDE_QUEUED = 0,
    AGDB__RIDE_SENDING,
    AGDB__RIDE_SENT,
    AGDB__RIDE_DONE,
    AGDB__RIDE_ABANDONED,
    AGDB__RIDE_LEAD,
    AGDB__RIDE_DRIVE
} agdb__ride_state_t;

typedef struct agdb__ride {
    struct agdb__ride *next; /* in the line, or among the spare ones */
    struct agdb__ride *prev;
    atomic_uint state;
    uint32_t slot; /* LEAD, DRIVE: the connection */
    uint64_t deadline_us;
    const agdb__statement_t *statement; /* the caller's; not to be touched once SENT */
    agdb__learnt_t *learnt;
    uint64_t expected_us;

    /* DONE */
    agdb_status_t status;
    struct pg_result *rows;
    agdb_error_t *error;
    bool run_alone; /* nothing was executed for it: it has to run on its own */
    bool in_recovery;
    bool dismissed; /* sent away while it was queued */
} agdb__ride_t;

typedef struct agdb__line {
    agdb__mutex_t lock;
    agdb__ride_t *head;
    agdb__ride_t *tail;
    agdb__ride_t *spare;
    atomic_uint count; /* read without the lock */
} agdb__line_t;

bool agdb__line_init(agdb__line_t *line);
void agdb__line_fini(agdb__line_t *line);

static inline unsigned agdb__line_count(agdb__line_t *line)
{
    return atomic_load_explicit(&line->count, memory_order_seq_cst);
}

static inline agdb__ride_state_t agdb__ride_state(agdb__ride_t *ride)
{
    return (agdb__ride_state_t)atomic_load_explicit(&ride->state, memory_order_acquire);
}

/* All with the lock held. */
agdb__ride_t *agdb__line_new_ride_locked(agdb__line_t *line); /* NULL: no memory */
void agdb__line_append_locked(agdb__line_t *line, agdb__ride_t *ride);
void agdb__line_push_front_locked(agdb__line_t *line, agdb__ride_t *ride);
void agdb__line_remove_locked(agdb__line_t *line, agdb__ride_t *ride);
/* Takes the first rides out for a group: up to `max`, and up to an expected time in sum; they are
 * SENDING then. */
size_t agdb__line_take_locked(agdb__line_t *line, agdb__ride_t **ret, size_t max);
/* Makes a ride that nobody needs any more a spare one. */
void agdb__line_recycle_locked(agdb__line_t *line, agdb__ride_t *ride);

/* Ends everybody who is still queued; each gets a copy of the error. */
void agdb__line_dismiss(agdb__line_t *line, agdb_status_t status, const agdb_error_t *error);

#endif
