/* Asks one server, again and again, on a connection of its own, what it is. The keeper's; it never
 * blocks. What the probe cannot see, the identity stamp in each database, is seen by the pools'
 * connections. */
#ifndef AGDB_MONITOR_PROBE_H
#define AGDB_MONITOR_PROBE_H

#include "base/pollset.h"
#include "base/rng.h"
#include "monitor/view.h"
#include "pg/conn.h"

/* Of the last request to cancel statements. */
typedef enum agdb__cancelling {
    AGDB__CANCELLING_NOTHING = 0,
    AGDB__CANCELLING_UNDER_WAY,
    AGDB__CANCELLING_SENT, /* the server has signalled the processes */
    AGDB__CANCELLING_LOST  /* or perhaps not */
} agdb__cancelling_t;

enum { AGDB__CANCELS_MAX = 64 };

typedef struct agdb__probe {
    const agdb__login_t *login; /* borrowed */
    agdb__resolver_t *resolver; /* borrowed */
    agdb__conn_t *conn;
    agdb__conn_t *fresh; /* being made, to take conn's place */
    agdb__rng_t rng;
    uint64_t next_us;  /* when to ask or connect again */
    uint64_t renew_us; /* when to make a fresh connection */
    uint64_t fresh_us; /* when that was begun */
    bool moved;        /* the fresh one met another server or role than conn */
    bool hurried;      /* the answer under way may be of before: ask once more */
    bool astray;       /* the server is none that the name should lead to */
    unsigned failures; /* in a row */
    uint64_t asked_us; /* when the question that is under way, or the last one, was asked */
    uint64_t answers;  /* so far: another number is another hello */
    agdb__cancelling_t cancelling;
    agdb__health_t health;
    agdb__hello_t hello; /* while UP */
    agdb_error_t *error; /* why it is not UP */
} agdb__probe_t;

void agdb__probe_init(agdb__probe_t *probe, const agdb__login_t *login, agdb__resolver_t *resolver);
void agdb__probe_fini(agdb__probe_t *probe);
/* Goes as far as it can; true when what is known has changed. */
bool agdb__probe_step(agdb__probe_t *probe, uint64_t now_us);
/* Asks at once instead of at the next regular time. */
void agdb__probe_hurry(agdb__probe_t *probe);
/* A connection to the server was lost: asks at once, and on a new connection as well, which tells
 * whether the name leads to the same server still; that one once a second at most. */
void agdb__probe_doubt(agdb__probe_t *probe, uint64_t now_us);

typedef enum agdb__presence {
    AGDB__PRESENCE_OPEN = 0, /* not asked since, or not answered */
    AGDB__PRESENCE_YES,      /* it has answered a question of then or later */
    AGDB__PRESENCE_NO        /* it does not answer */
} agdb__presence_t;

/* Whether the server is there, of what was asked at `since_us` or later. */
agdb__presence_t agdb__probe_presence(const agdb__probe_t *probe, uint64_t since_us);
/* Whether the server is one of another cluster: a name may have led there for a moment only, so
 * connections are made anew more often than they are otherwise. */
void agdb__probe_set_astray(agdb__probe_t *probe, bool astray, uint64_t now_us);
/* Whether nothing of it is under way. */
bool agdb__probe_is_at_rest(const agdb__probe_t *probe);
/* The login is another now: a fresh connection is made with it beside the one that stands. */
void agdb__probe_renew(agdb__probe_t *probe, uint64_t now_us);
/* Calls wait for it to become the primary: until its next answer it is asked sooner. */
void agdb__probe_watch(agdb__probe_t *probe);
/* True once when a new connection has found another server, or on renewal another role, than the
 * one before: the name may lead elsewhere now, and connections made before may be with the old
 * server. */
bool agdb__probe_take_move(agdb__probe_t *probe);
/* Asks the server to cancel what these processes of it (AGDB__CANCELS_MAX at most) are running.
 * Only when the probe is free for that, and no question of its own is due. */
bool agdb__probe_can_cancel(const agdb__probe_t *probe, uint64_t now_us);
void agdb__probe_cancel(agdb__probe_t *probe, const int *pids, size_t count, uint64_t now_us);
/* What has become of it; SENT and LOST are told once. */
agdb__cancelling_t agdb__probe_take_cancelling(agdb__probe_t *probe);
void agdb__probe_poll(const agdb__probe_t *probe, agdb__pollset_t *set);

/* The time to the next question: 1 s while all is well, faster after a failure. Pure. */
uint64_t agdb__probe_interval_ms(agdb__rng_t *rng, unsigned failures);
/* Whether a failed attempt means that a person must act. Pure. */
agdb__health_t agdb__probe_judge(agdb_status_t status);

#endif
