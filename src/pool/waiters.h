/* Callers that wait for a connection, in order of arrival. Not thread-safe by itself: the pool's
 * lock is held in every call. */
#ifndef AGDB_POOL_WAITERS_H
#define AGDB_POOL_WAITERS_H

#include "base/sync.h"
#include "pool/slots.h"

/* Lives on the stack of its caller, or in what somebody who must not wait keeps. */
typedef struct agdb__waiter {
    struct agdb__waiter *next;
    struct agdb__waiter *prev;
    agdb__cond_t served;      /* or, when it is not NULL: */
    void (*tell)(void *user); /* called under the lock, instead of waking */
    void *user;
    uint32_t slot;        /* AGDB__NO_SLOT until it is served */
    agdb_status_t status; /* not OK: it was sent away */
    agdb_error_t *error;
    bool queued;
} agdb__waiter_t;

typedef struct agdb__waiters {
    agdb__waiter_t *head;
    agdb__waiter_t *tail;
    atomic_uint count; /* read without the lock by claim and release */
} agdb__waiters_t;

bool agdb__waiter_init(agdb__waiter_t *w);
/* One who is told; agdb__waiter_fini ends it, too. */
void agdb__waiter_init_told(agdb__waiter_t *w, void (*tell)(void *user), void *user);
void agdb__waiter_fini(agdb__waiter_t *w);
void agdb__waiters_append(agdb__waiters_t *all, agdb__waiter_t *w);
/* Takes it out if it is still in. */
void agdb__waiters_remove(agdb__waiters_t *all, agdb__waiter_t *w);
/* Gives free slots, from `first` on, to those at the front. */
void agdb__waiters_serve(agdb__waiters_t *all, agdb__slots_t *slots, uint32_t first);
/* Sends everybody away; each gets a copy of the error, which may be NULL. */
void agdb__waiters_dismiss(agdb__waiters_t *all, agdb_status_t status, const agdb_error_t *error);

static inline unsigned agdb__waiters_count(agdb__waiters_t *all)
{
    return atomic_load_explicit(&all->count, memory_order_seq_cst);
}

#endif
