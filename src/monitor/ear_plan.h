/* What a listening connection does next, and when it is tried again. Pure. */
#ifndef AGDB_MONITOR_EAR_PLAN_H
#define AGDB_MONITOR_EAR_PLAN_H

#include "agencydb/base.h"
#include "base/rng.h"

typedef enum agdb__ear_state {
    AGDB__EAR_NONE = 0, /* no connection */
    AGDB__EAR_MAKING,   /* one is being made */
    AGDB__EAR_QUIET,    /* it stands, nothing is asked */
    AGDB__EAR_ASKING    /* something was asked */
} agdb__ear_state_t;

typedef struct agdb__ear_facts {
    agdb__ear_state_t state;
    bool wanted;      /* somebody hears something */
    bool may_open;    /* the server is the primary of somebody who hears */
    bool is_replica;  /* it has said so */
    uint64_t open_us; /* NONE: not before this */
    uint64_t ask_us;  /* QUIET: when there is something to ask for */
    uint64_t ping_us; /* QUIET: when it has to show that it lives */
} agdb__ear_facts_t;

typedef enum agdb__ear_deed {
    AGDB__EAR_WAIT = 0,
    AGDB__EAR_OPEN,
    AGDB__EAR_CLOSE,   /* nobody is there for it any more */
    AGDB__EAR_GIVE_UP, /* it is of no use: connect again */
    AGDB__EAR_ASK,
    AGDB__EAR_PING
} agdb__ear_deed_t;

agdb__ear_deed_t agdb__ear_decide(const agdb__ear_facts_t *facts, uint64_t now_us);
/* When WAIT has to be looked at again, whatever the socket does. */
uint64_t agdb__ear_wake_us(const agdb__ear_facts_t *facts);

/* Milliseconds until the next attempt after `failures` in a row, the last one with this status and
 * SQLSTATE: from 50 to 500, jittered; 1000 when the server has too many connections, and 3000 when
 * a person must act. */
uint64_t agdb__ear_backoff_ms(agdb__rng_t *rng, unsigned failures, agdb_status_t status,
                              const char *sqlstate);

/* --- what one who hears is told ------------------------------------------------------------------
 */

typedef enum agdb__hearing {
    AGDB__HEARING_NOT_YET = 0,
    AGDB__HEARING_REFUSED, /* not yet, and was told why */
    AGDB__HEARING_STANDS,
    AGDB__HEARING_AWAY /* has stood, and will again */
} agdb__hearing_t;

typedef enum agdb__heard {
    AGDB__HEARD_CONFIRMED = 0, /* LISTEN was committed */
    AGDB__HEARD_REFUSED,       /* login or LISTEN: a person must act */
    AGDB__HEARD_CUT,           /* the connection, or the server's place */
    AGDB__HEARD_NOTIFIED       /* which only a channel that stands can be */
} agdb__heard_t;

typedef enum agdb__tidings {
    AGDB__TELL_NOTHING = 0,
    AGDB__TELL_SUBSCRIBED,
    AGDB__TELL_MISSED,
    AGDB__TELL_LOST
} agdb__tidings_t;

/* Goes to the next state. */
agdb__tidings_t agdb__hearing_step(agdb__hearing_t *hearing, agdb__heard_t heard);

#endif
