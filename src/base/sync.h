/* Mutex and condition variable on the monotonic clock, and the thread's own number. */
#ifndef AGDB_BASE_SYNC_H
#define AGDB_BASE_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct agdb__mutex {
    pthread_mutex_t mutex;
} agdb__mutex_t;

typedef struct agdb__cond {
    pthread_cond_t cond;
} agdb__cond_t;

bool agdb__mutex_init(agdb__mutex_t *m);
void agdb__mutex_fini(agdb__mutex_t *m);
void agdb__lock(agdb__mutex_t *m);
void agdb__unlock(agdb__mutex_t *m);

bool agdb__cond_init(agdb__cond_t *c);
void agdb__cond_fini(agdb__cond_t *c);
void agdb__cond_signal(agdb__cond_t *c);
void agdb__cond_broadcast(agdb__cond_t *c);
/* Returns false when `until_us` (agdb__now_us time) has passed; AGDB__NEVER waits for ever. */
bool agdb__cond_wait(agdb__cond_t *c, agdb__mutex_t *m, uint64_t until_us);

/* A small number that this thread keeps: spreads threads over slots and stripes. */
unsigned agdb__thread_number(void);

/* Starts a thread with all signals blocked, so that the host's handlers never run on it. */
bool agdb__thread_start(pthread_t *ret, bool detached, void *(*run)(void *), void *arg);

#endif
