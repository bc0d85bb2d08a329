/* The inside of a pool, for the files of this folder only. */
#ifndef AGDB_POOL_POOL_IMPL_H
#define AGDB_POOL_POOL_IMPL_H

#include "pool/pool.h"
#include "pool/traffic.h"
#include "pool/waiters.h"

/* The group that a connection carries. The leader's, but for `member`, and the writing of `count`
 * and `sent_us`, which are under the lock. */
typedef struct agdb__lane {
    agdb__mutex_t lock;
    agdb__ride_t *member[AGDB__GROUP_MAX]; /* NULL: its caller has left */
    size_t count;
    uint64_t sent_us;
    uint64_t work_us;    /* of the members, in sum */
    uint64_t least_us;   /* the same on a server that is not busy: for the width */
    uint64_t longest_us; /* the longest of them alone */
} agdb__lane_t;

struct agdb__pool {
    agdb__slots_t slots;
    unsigned number; /* of the process' pools */
    const agdb__login_t *login;
    agdb__pool_limits_t limits;
    agdb__resolver_t *resolver;
    agdb__pool_tally_t *tally; /* NULL: nothing is counted */
    void (*wake)(void *user);
    void *wake_user;

    atomic_uint generation;
    atomic_bool suspected;
    atomic_bool lost;         /* a connection, since the keeper was told */
    atomic_ullong lost_us;    /* when the last one was; 0: none yet */
    atomic_bool troubled;     /* the last attempt to connect failed */
    atomic_ullong dropped_us; /* when the generation changed last */
    atomic_bool shut;         /* set under the lock */
    atomic_bool retired;      /* written by the keeper */
    atomic_uint holders;
    atomic_uint open;          /* slots FREE or BUSY */
    atomic_uint connecting;    /* slots MAKING; written by the keeper */
    atomic_int stage;          /* of the oldest attempt; written by the keeper */
    atomic_uint left;          /* slots LEFT */
    atomic_ullong asked_us;    /* when the keeper asked what has been answered last; 0: nothing */
    atomic_ullong answered_us; /* when the answer came; written before */
    atomic_ullong wanted_us;   /* when a call last had the server asked */
    atomic_ullong passed_us;   /* agdb__pool_has_passed_over what was sent before; by the keeper */
    atomic_ullong opened;
    atomic_ullong closed;

    agdb__traffic_t traffic[AGDB__TRAFFICS];
    agdb__learn_t learn;
    agdb__lane_t **lane;       /* of each slot; made when it first carries a group */
    atomic_bool shorts;        /* short statements use this pool: one connection is kept for them */
    atomic_bool shorts_seen;   /* since the keeper looked last */
    atomic_bool cheap_commits; /* short writes may ride; written by the keeper */

    agdb__waiters_t waiters;
    agdb__mutex_t lock;  /* waiters; the writing of shut, error, retry_us */
    agdb_error_t *error; /* why the last attempt failed; NULL after a success */
    uint64_t retry_us;   /* no attempt before */

    /* the keeper's */
    agdb__rng_t rng;
    unsigned failures;
    uint64_t shorts_us;      /* when they were seen last */
    uint64_t heard_asked_us; /* of the answer that was heard */
    uint64_t heard_us;       /* at this time; 0: none */
    bool commits_seen;
    bool commits_wait; /* what agdb__pool_see_commits was told */
    bool verified;
    bool cut;          /* the last attempt failed, and there was no other connection */
    uint64_t sweep_us; /* next look through */
    unsigned swept_generation;
    uint64_t swept_lost_us; /* lost_us of the last look */
};

_Static_assert((int)AGDB__TRAFFICS == (int)AGDB__GROUP_KINDS, "each kind is counted");

/* Closes a BUSY slot's connection. */
void agdb__pool_discard(agdb__pool_t *pool, uint32_t i);
/* Gives a BUSY slot back: left when its statement is under way; closed when it is not clean, too
 * old, or of an earlier generation. */
void agdb__pool_give_back(agdb__pool_t *pool, uint32_t i, uint64_t now_us);
/* BUSY -> LEFT: the statement is still under way. */
void agdb__pool_leave(agdb__pool_t *pool, uint32_t i, uint64_t now_us);
/* Steps those that were left, for agdb__pool_tend and agdb__pool_poll. */
void agdb__pool_tend_left(agdb__pool_t *pool, uint64_t now_us);
void agdb__pool_poll_left(agdb__pool_t *pool, uint64_t now_us, agdb__pollset_t *set);
/* Takes a free connection of the first `end` for short statements; AGDB__NO_SLOT when there is
 * none.
 */
uint32_t agdb__pool_take_lane(agdb__pool_t *pool, agdb__traffic_t *traffic, uint32_t end,
                              uint32_t start, uint64_t now_us);
/* How many slots, from the first on, are left to short statements: one as long as there are such
 * statements and another slot, so that those of any length never hold all. */
uint32_t agdb__pool_reserved(agdb__pool_t *pool);
/* Where the calling thread looks for a connection first. */
uint32_t agdb__pool_preferred(const agdb__pool_t *pool, bool is_short);
void agdb__pool_prefer(const agdb__pool_t *pool, bool is_short, uint32_t i);
/* Calls the keeper for one more connection, if there may be one. */
void agdb__pool_call_keeper(agdb__pool_t *pool);
/* Whether a BUSY slot's connection is of the present generation and alive. */
bool agdb__pool_is_usable(agdb__pool_t *pool, uint32_t i, uint64_t now_us);
/* With the lock held: serves `w` at once when nobody else waits, else queues it, or says why not.
 */
agdb_status_t agdb__pool_queue_locked(agdb__pool_t *pool, agdb__waiter_t *w, uint64_t now_us,
                                      agdb_error_t **reterr);
/* Why a waiter was sent away. */
agdb_status_t agdb__pool_take_dismissal(agdb__waiter_t *w, agdb_error_t **reterr);
/* Why nobody may wait now; AGDB_OK when one may. */
agdb_status_t agdb__pool_refuse(agdb__pool_t *pool, uint64_t now_us, agdb_error_t **reterr);
/* What used up the time of one who waited: the queue, or connections that did not come to be. */
agdb_status_t agdb__pool_fail_timeout(agdb__pool_t *pool, uint64_t waited_us,
                                      agdb_error_t **reterr);
agdb_status_t agdb__pool_fail_closing(agdb_error_t **reterr);
/* The node is not what it was chosen for. */
agdb_status_t agdb__pool_fail_fallen(agdb_error_t **reterr);
/* Any owned slot -> free, and to those who wait. */
void agdb__pool_give(agdb__pool_t *pool, uint32_t i);
/* Gives what is free to those who wait: to the lines, and to those who want one for themselves. */
void agdb__pool_serve(agdb__pool_t *pool, bool lines_first);

#endif
