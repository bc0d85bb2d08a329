/* Connections for those who must not wait: take one that is free, or be told when it is one's turn.
 * First come, first served, together with the callers that wait (pool/pool.h). */
#ifndef AGDB_POOL_ASYNC_H
#define AGDB_POOL_ASYNC_H

#include "pool/pool.h"
#include "pool/waiters.h"

typedef enum agdb__wanted {
    AGDB__WANTED_SERVED = 0, /* the lease is the caller's */
    AGDB__WANTED_WAITING,    /* in the queue: `tell` will say when something comes of it */
    AGDB__WANTED_FAILED      /* the error says why, as those of agdb__pool_claim */
} agdb__wanted_t;

/* A connection that is wanted. It stays where it is while it is WAITING. */
typedef struct agdb__want {
    agdb__waiter_t waiter;
} agdb__want_t;

/* Takes a connection, or queues. `tell` runs on any thread, under the pool's lock. */
agdb__wanted_t agdb__pool_want(agdb__pool_t *pool, agdb__want_t *want, void (*tell)(void *user),
                               void *user, uint64_t now_us, agdb__lease_t *ret,
                               agdb_error_t **reterr);
/* What has come of one that is WAITING. */
agdb__wanted_t agdb__pool_wanted(agdb__pool_t *pool, agdb__want_t *want, uint64_t now_us,
                                 agdb__lease_t *ret, agdb_error_t **reterr);
/* Gives up one that is WAITING; a connection that it was given meanwhile goes back. */
void agdb__pool_unwant(agdb__pool_t *pool, agdb__want_t *want, uint64_t now_us);

/* Whether a lease should go back after its present work: others wait for a connection (`own`
 * waiters are the holder's), or this one is of an earlier generation or too old. */
bool agdb__pool_wants_back(agdb__pool_t *pool, const agdb__lease_t *lease, unsigned own,
                           uint64_t now_us);

/* How many leases one holder can have at once. */
unsigned agdb__pool_room(agdb__pool_t *pool);
uint64_t agdb__pool_queue_ms(const agdb__pool_t *pool);
/* TIMEOUT of a statement that waited for a connection; NOT_SENT. */
agdb_status_t agdb__pool_fail_waited(agdb__pool_t *pool, uint64_t waited_us, agdb_error_t **reterr);
#endif
