/* The connections of one node to one database as one role.
 *
 * Callers claim and release: one compare-and-swap each while a connection is free and nobody waits,
 * a queue in order of arrival otherwise. The keeper makes, replaces and closes connections
 * (agdb__pool_tend), so that an impatient caller does not take a half-made connection with it.
 * How many, and when, is decided by pool/limits.h. A connection goes back only when it is proven
 * clean. */
#ifndef AGDB_POOL_POOL_H
#define AGDB_POOL_POOL_H

#include "base/pollset.h"
#include "pg/conn.h"
#include "pool/limits.h"
#include "pool/tally.h"

typedef struct agdb__pool agdb__pool_t;

/* A claimed connection; the holder is its only user. */
typedef struct agdb__lease {
    agdb__conn_t *conn;
    uint32_t slot;
    uint64_t since_us; /* when it was claimed, if that took any time */
} agdb__lease_t;

/* `wake` calls the keeper; it must be quick and may run on any thread. `login` and `resolver` are
 * borrowed. NULL: no memory. */
agdb__pool_t *agdb__pool_new(const agdb__login_t *login, const agdb__pool_limits_t *limits,
                             agdb__resolver_t *resolver, void (*wake)(void *user), void *user);
/* From now on it counts there. Before anybody uses it. */
void agdb__pool_count_in(agdb__pool_t *pool, agdb__pool_tally_t *tally);
/* Nobody may hold a lease or wait. */
void agdb__pool_free(agdb__pool_t *pool);

/* Waits for a connection, in order of arrival, until `deadline_us`, at most for the queue limit
 * while the node is up. Connections in the wanted mode come first.
 * Errors (all NOT_SENT): BUSY (queue full), TIMEOUT (stage QUEUE, RESOLVE or CONNECT), CLOSING, or
 * why no connection can be made (CONNECT, AUTH, TLS, WRONG_SHARD). @threads any */
agdb_status_t agdb__pool_claim(agdb__pool_t *pool, bool read_only, uint64_t now_us,
                               uint64_t deadline_us, agdb__lease_t *ret, agdb_error_t **reterr);
/* For how much of the time since `since_us` the lease's connection was being made. The holder's. */
uint32_t agdb__pool_connect_us(const agdb__pool_t *pool, const agdb__lease_t *lease,
                               uint64_t since_us);
/* Gives it back. What is still under way on it is left to the keeper; one that is not clean, too
 * old, or of an earlier generation is closed. */
void agdb__pool_release(agdb__pool_t *pool, agdb__lease_t *lease, uint64_t now_us);

/* The node says that it is not what it was: idle connections are dropped, claimed ones will not
 * come back; once a second at most, so that callers who agree do not drop what was made anew. The
 * keeper is woken; agdb__pool_take_suspicion tells it once. @threads any */
void agdb__pool_suspect(agdb__pool_t *pool);
/* A connection was lost. It may have ended alone (a terminated backend, an idle session's limit),
 * so the others stay; but each is looked at before it is used again, and the keeper, which is told
 * as of a suspicion and by agdb__pool_take_loss, drops them unless their server answers and is the
 * same.
 *
 * Dropping all of them at once would guard nothing: they are with the server that the lost one was
 * with, and a server does not become a standby without ending all its connections. A name that
 * leads to another server by now is found by the keeper, which asks on a new connection, too. But
 * making all of them anew, once a second, is most of what a pool does where sessions are ended
 * often (measured, 24 threads, 25 a second: 1,400 transactions a second instead of 2,400).
 * @threads any */
void agdb__pool_lose(agdb__pool_t *pool);
bool agdb__pool_take_loss(agdb__pool_t *pool);
/* The keeper knows that another server is behind the name: the same in any case, for what was made
 * within the last second may be with the old one. */
void agdb__pool_drop(agdb__pool_t *pool);
/* Somebody says that the server's role has changed: it is asked, and keeps its connections
 * meanwhile.
 * @threads any */
void agdb__pool_doubt(agdb__pool_t *pool);
bool agdb__pool_take_suspicion(agdb__pool_t *pool);

/* Sends those who wait away, each with a copy of the error: the node is not what they chose it for.
 * Who comes later may wait again. */
void agdb__pool_dismiss(agdb__pool_t *pool, const agdb_error_t *error);

/* From now on claims and waiters get CLOSING. @threads any */
void agdb__pool_shut(agdb__pool_t *pool);

/* A map before the one in use has it: it makes connections for those only who wait for one, and
 * keeps none that is free. That can be taken back. The keeper's. */
void agdb__pool_retire(agdb__pool_t *pool, bool retired);
bool agdb__pool_is_retired(const agdb__pool_t *pool); /* @threads any */
/* Who remembers the pool from call to call says so, and when not any more. @threads any */
void agdb__pool_hold(agdb__pool_t *pool);
void agdb__pool_let_go(agdb__pool_t *pool);
/* Nobody has a connection, waits for one, or remembers the pool: it can be freed. Nobody may come
 * any more. The keeper's. */
bool agdb__pool_is_still(agdb__pool_t *pool);

/* What the last attempts to connect have shown. */
typedef struct agdb__pool_health {
    bool verified;             /* a connection was made, and the server is the right one */
    const agdb_error_t *error; /* why the last attempt failed; NULL after a success */
    bool cut;                  /* it failed and there was no other connection */
} agdb__pool_health_t;

/* The keeper's only: */

/* Steps what is being made, closes what is too old, starts what is needed. True when the health
 * changed. */
bool agdb__pool_tend(agdb__pool_t *pool, uint64_t now_us);
/* Adds sockets and the next time that it must be tended. */
void agdb__pool_poll(agdb__pool_t *pool, uint64_t now_us, agdb__pollset_t *set);
agdb__pool_health_t agdb__pool_health(const agdb__pool_t *pool);

/* Whether commits on the server wait for a disk or a standby, as its probe says. When that changes,
 * connections are made anew: each knows of its own session only what it was told at first. */
void agdb__pool_see_commits(agdb__pool_t *pool, bool wait);

/* The server has answered what it was asked at `asked_us`, on a connection that is not the pool's.
 */
void agdb__pool_heard(agdb__pool_t *pool, uint64_t asked_us, uint64_t now_us);

/* Statements whose callers have left are cancelled: gives at most `max` processes of the server
 * that `by` was said by to cancel, and none again before agdb__pool_cancelled has told that the
 * server has sent all of that (or, false, that this cannot be known). A process number means
 * nothing to another server, which the same name may lead to by now: what was left there is closed.
 */
size_t agdb__pool_take_cancels(agdb__pool_t *pool, const agdb__hello_t *by, int *ret_pids,
                               size_t max, uint64_t now_us);
void agdb__pool_cancelled(agdb__pool_t *pool, bool sent, uint64_t now_us);

/* Until when a call waits for a connection, but for its deadline, whose time in the queue ends at
 * `end_us`; then it asks again, or, if that is not after `now_us`, is to go. The limit is for a
 * node that is up and answers others: while there is no connection it does not count, and at its
 * end the keeper asks the server, which may only stand still; so it may take a fifth longer, 0.2 s
 * at most. @threads any */
uint64_t agdb__pool_queue_until_us(agdb__pool_t *pool, uint64_t end_us, uint64_t now_us);

/* Whether the server has answered something else that it was asked after `sent_us`, some time ago:
 * what was sent then, and is short, has no answer because of its connection, and not because the
 * server stands still. @threads any */
bool agdb__pool_has_passed_over(const agdb__pool_t *pool, uint64_t sent_us);

/* How many calls wait for a connection, alone or to share one. @threads any */
unsigned agdb__pool_waiting(agdb__pool_t *pool);

/* Counts for tests and views; each a snapshot. */
typedef struct agdb__pool_counts {
    unsigned open; /* free or claimed */
    unsigned connecting;
    unsigned waiting;
    uint64_t opened;
    uint64_t closed;
} agdb__pool_counts_t;
agdb__pool_counts_t agdb__pool_counts(agdb__pool_t *pool);
agdb__pool_gauges_t agdb__pool_gauges(agdb__pool_t *pool); /* @threads any */
/* What it counts in; NULL: nothing is counted. @threads any */
const agdb__pool_tally_t *agdb__pool_tally(const agdb__pool_t *pool);
/* So many short statements went out together. @threads any */
void agdb__pool_note_group(agdb__pool_t *pool, bool read_only, size_t count);

#endif
