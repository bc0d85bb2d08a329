/* The inside of a pool, for pool.c (callers) and tend.c (keeper) only. */
#ifndef AGDB_POOL_POOL_IMPL_H
#define AGDB_POOL_POOL_IMPL_H

#include "pool/pool.h"
#include "pool/waiters.h"

struct agdb__pool {
    agdb__slots_t slots;
    const agdb__login_t *login;
    agdb__pool_limits_t limits;
    agdb__resolver_t *resolver;
    void (*wake)(void *user);
    void *wake_user;

    atomic_uint generation;
    atomic_bool suspected;
    atomic_ullong dropped_us; /* when the generation changed last */
    atomic_bool shut;         /* set under the lock */
    atomic_uint open;         /* slots FREE or BUSY */
    atomic_uint connecting;   /* slots MAKING; written by the keeper */
    atomic_int stage;         /* of the oldest attempt; written by the keeper */
    atomic_ullong opened;
    atomic_ullong closed;

    agdb__waiters_t waiters;
    agdb__mutex_t lock;  /* waiters; the writing of shut, error, retry_us */
    agdb_error_t *error; /* why the last attempt failed; NULL after a success */
    uint64_t retry_us;   /* no attempt before */

    /* the keeper's */
    agdb__rng_t rng;
    unsigned failures;
    bool verified;
    bool cut;          /* the last attempt failed, and there was no other connection */
    uint64_t sweep_us; /* next look through */
    unsigned swept_generation;
};

/* Closes a BUSY slot's connection. */
void agdb__pool_discard(agdb__pool_t *pool, uint32_t i);
/* BUSY or MAKING -> free, and to the first who waits. */
void agdb__pool_give(agdb__pool_t *pool, uint32_t i);

#endif
