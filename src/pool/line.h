/* Short statements of one kind, reads or writes, that wait for a place in a group, in order of
 * arrival.
 *
 * A ride lives on its caller's stack. It is QUEUED in the line, then SENDING while its statement is
 * copied into a connection's buffers, then SENT and a member of a lane, then DONE. Its caller may
 * leave while it is QUEUED (under the line's lock) or SENT (under the lane's lock; the lane drops
 * the answer); SENDING takes microseconds. A caller may be told to LEAD: it was given a connection,
 * and its own ride is the first of the next group; or to DRIVE: its ride is in flight on a
 * connection whose leader has run out of time.
 *
 * A ride's state is changed by who has the lock of where the ride is; nobody touches a ride after
 * DONE but its caller: where it sleeps is noted before. */
#ifndef AGDB_POOL_LINE_H
#define AGDB_POOL_LINE_H

#include "base/sync.h"
#include "pg/conn.h"
#include "pool/gong.h"
#include "pool/learn.h"
#include "pool/run.h"

#include <stdatomic.h>

typedef enum agdb__ride_state {
    AGDB__RIDE_QUEUED = 0,
    AGDB__RIDE_SENDING,
    AGDB__RIDE_SENT,
    AGDB__RIDE_DONE,
    AGDB__RIDE_LEAD,
    AGDB__RIDE_DRIVE
} agdb__ride_state_t;

typedef struct agdb__ride {
    struct agdb__ride *next; /* in the line */
    struct agdb__ride *prev;
    atomic_uint state;
    agdb__place_t place; /* where its caller sleeps */
    atomic_bool leads;   /* its caller does not sleep: it drives some connection */
    uint32_t slot;       /* SENT, LEAD, DRIVE: the connection */
    const agdb__run_t *run;
    agdb__learnt_t *learnt;
    uint64_t expected_us; /* alone */
    uint64_t work_us;     /* in a group */
    uint64_t least_us;    /* the same on a server that is not busy */

    agdb__trip_t trip; /* whole when it is DONE, or was left */

    /* DONE */
    agdb_status_t status;
    struct pg_result *rows;
    agdb_error_t *error;
    bool run_alone; /* nothing was executed for it: it has to run on its own */
    bool in_recovery;
    bool dismissed;            /* sent away while it was queued */
    agdb__position_t position; /* agdb__conn_position */
} agdb__ride_t;

/* Callers join by one compare-and-swap on `arrivals` (newest first), so that the many who are woken
 * together do not queue for a lock before they queue here. Who has the lock moves the arrivals to
 * the end of the ordered part. */
typedef struct agdb__line {
    _Atomic(agdb__ride_t *) arrivals;
    atomic_int count; /* both parts; read without the lock, for a moment too small */
    agdb__mutex_t lock;
    agdb__ride_t *head;
    agdb__ride_t *tail;
    agdb__gongs_t gongs;
} agdb__line_t;

bool agdb__line_init(agdb__line_t *line);
void agdb__line_fini(agdb__line_t *line);

static inline unsigned agdb__line_count(agdb__line_t *line)
{
    int count = atomic_load_explicit(&line->count, memory_order_seq_cst);

    return count > 0 ? (unsigned)count : 0;
}

/* Joins at the end. */
void agdb__line_join(agdb__line_t *line, agdb__ride_t *ride);

static inline void agdb__ride_set(agdb__ride_t *ride, agdb__ride_state_t state)
{
    atomic_store_explicit(&ride->state, (unsigned)state, memory_order_release);
}

static inline agdb__ride_state_t agdb__ride_state(agdb__ride_t *ride)
{
    return (agdb__ride_state_t)atomic_load_explicit(&ride->state, memory_order_acquire);
}

static inline bool agdb__ride_leads(agdb__ride_t *ride)
{
    return atomic_load_explicit(&ride->leads, memory_order_relaxed);
}

/* All with the lock held. */
agdb__ride_t *agdb__line_first_locked(agdb__line_t *line); /* NULL: nobody */
/* The first whose caller may be told to lead. NULL: nobody. */
agdb__ride_t *agdb__line_heir_locked(agdb__line_t *line);
void agdb__line_push_front_locked(agdb__line_t *line, agdb__ride_t *ride);
void agdb__line_remove_locked(agdb__line_t *line, agdb__ride_t *ride);
/* Takes the first rides out for a group: up to `max`, and up to an expected time in sum; they are
 * SENDING then. */
size_t agdb__line_take_locked(agdb__line_t *line, agdb__ride_t **ret, size_t max);

/* Ends everybody who is still queued; each gets a copy of the error. */
void agdb__line_dismiss(agdb__line_t *line, agdb_status_t status, const agdb_error_t *error);

#endif
