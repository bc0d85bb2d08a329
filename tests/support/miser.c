#include "miser.h"

#include <stdatomic.h>
#include <stdlib.h>

static _Thread_local long t_granted = -1; /* -1: all are */
static _Thread_local bool t_once;
static _Thread_local bool t_refused;
static atomic_long s_live;

static bool refuses(void)
{
    if (t_granted < 0)
        return false;
    if (t_granted > 0) {
        t_granted--;
        return false;
    }
    t_refused = true;
    if (t_once)
        t_granted = -1;
    return true;
}

static void *grant(size_t size, void *user)
{
    void *block = refuses() ? NULL : malloc(size);

    (void)user;
    atomic_fetch_add(&s_live, block != NULL);
    return block;
}

static void *resize(void *block, size_t size, void *user)
{
    (void)user;
    return refuses() ? NULL : realloc(block, size);
}

static void release(void *block, void *user)
{
    (void)user;
    atomic_fetch_sub(&s_live, block != NULL);
    free(block);
}

const agdb_allocator_t k_miser = {grant, resize, release, NULL};

void miser_begin(long granted, bool once)
{
    t_granted = granted;
    t_once = once;
    t_refused = false;
}

bool miser_end(void)
{
    t_granted = -1;
    return t_refused;
}

long miser_live(void)
{
    return atomic_load(&s_live);
}
