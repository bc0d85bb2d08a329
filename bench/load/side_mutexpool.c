/* The pool that most programs write: a few connections, a mutex and a condition variable. */
#include "load/plain.h"

#include <pthread.h>
#include <stdlib.h>

static struct {
    const workload_t *work;
    bool unnamed;
    pthread_mutex_t lock;
    pthread_cond_t released;
    plain_t *connections;
    plain_t **free; /* a stack */
    unsigned count;
    unsigned nfree;
} g_pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .released = PTHREAD_COND_INITIALIZER};

static bool pool_open(const options_t *options, const workload_t *work)
{
    unsigned i;

    g_pool.work = work;
    g_pool.unnamed = options->unnamed;
    g_pool.count = options->pool;
    g_pool.connections = calloc(options->pool, sizeof *g_pool.connections);
    g_pool.free = calloc(options->pool, sizeof *g_pool.free);
    if (g_pool.connections == NULL || g_pool.free == NULL)
        return false;
    for (i = 0; i < options->pool; i++) {
        if (!plain_open(&g_pool.connections[i], options->primary[0]))
            return false;
        g_pool.free[g_pool.nfree++] = &g_pool.connections[i];
    }
    return true;
}

static void *pool_join(unsigned thread)
{
    (void)thread;
    return &g_pool;
}

static bool pool_run(void *own, const operation_t *op)
{
    plain_t *plain;
    bool right;

    (void)own;
    pthread_mutex_lock(&g_pool.lock);
    while (g_pool.nfree == 0)
        pthread_cond_wait(&g_pool.released, &g_pool.lock);
    plain = g_pool.free[--g_pool.nfree];
    pthread_mutex_unlock(&g_pool.lock);
    right = plain_run(plain, g_pool.work, op, g_pool.unnamed, "mutexpool");
    pthread_mutex_lock(&g_pool.lock);
    g_pool.free[g_pool.nfree++] = plain;
    pthread_cond_signal(&g_pool.released);
    pthread_mutex_unlock(&g_pool.lock);
    return right;
}

static void pool_leave(void *own)
{
    (void)own;
}

static void pool_close(void)
{
    unsigned i;

    for (i = 0; i < g_pool.count; i++)
        plain_close(&g_pool.connections[i]);
    free(g_pool.connections);
    free(g_pool.free);
}

const side_t k_side_mutexpool = {.name = "mutexpool",
                                 .open = pool_open,
                                 .join = pool_join,
                                 .run = pool_run,
                                 .leave = pool_leave,
                                 .close = pool_close};
