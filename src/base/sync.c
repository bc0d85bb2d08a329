#include "base/sync.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

bool agdb__mutex_init(agdb__mutex_t *m)
{
    return pthread_mutex_init(&m->mutex, NULL) == 0;
}

void agdb__mutex_fini(agdb__mutex_t *m)
{
    pthread_mutex_destroy(&m->mutex);
}

void agdb__lock(agdb__mutex_t *m)
{
    int rc = pthread_mutex_lock(&m->mutex);
    assert(rc == 0);
    (void)rc;
}

void agdb__unlock(agdb__mutex_t *m)
{
    int rc = pthread_mutex_unlock(&m->mutex);
    assert(rc == 0);
    (void)rc;
}

bool agdb__cond_init(agdb__cond_t *c)
{
    pthread_condattr_t attr;
    bool ok;

    if (pthread_condattr_init(&attr) != 0)
        return false;
    ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
         pthread_cond_init(&c->cond, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return ok;
}

void agdb__cond_fini(agdb__cond_t *c)
{
    pthread_cond_destroy(&c->cond);
}

void agdb__cond_signal(agdb__cond_t *c)
{
    pthread_cond_signal(&c->cond);
}

void agdb__cond_broadcast(agdb__cond_t *c)
{
    pthread_cond_broadcast(&c->cond);
}

bool agdb__cond_wait(agdb__cond_t *c, agdb__mutex_t *m, uint64_t until_us)
{
    struct timespec t;

    if (until_us == AGDB__NEVER)
        return pthread_cond_wait(&c->cond, &m->mutex) == 0;
    t.tv_sec = (time_t)(until_us / 1000000u);
    t.tv_nsec = (long)(until_us % 1000000u) * 1000;
    return pthread_cond_timedwait(&c->cond, &m->mutex, &t) != ETIMEDOUT;
}

unsigned agdb__thread_number(void)
{
    static _Atomic unsigned last;
    static _Thread_local unsigned mine;

    if (mine == 0)
        mine = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return mine;
}

bool agdb__thread_start(pthread_t *ret, bool detached, void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    sigset_t all;
    sigset_t before;
    bool ok;

    if (pthread_attr_init(&attr) != 0)
        return false;
    if (detached)
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = pthread_create(ret, &attr, run, arg) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return ok;
}
