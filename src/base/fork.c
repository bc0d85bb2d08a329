#include "base/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint g_generation;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
    atomic_fetch_add_explicit(&g_generation, 1, memory_order_relaxed);
}

static void install(void)
{
    pthread_atfork(NULL, NULL, in_child);
}

unsigned agdb__fork_generation(void)
{
    pthread_once(&g_once, install);
    return atomic_load_explicit(&g_generation, memory_order_relaxed);
}
