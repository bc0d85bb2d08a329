/* An allocator that fails on demand, and counts what is alive. */
#ifndef AGDB_TESTS_FAILING_H
#define AGDB_TESTS_FAILING_H

#include "base/alloc.h"

#include <stdlib.h>

typedef struct failing {
    size_t count;
    size_t fail_at; /* from 1; 0: never */
    bool from_there_on;
    long live;
} failing_t;

static inline bool failing_now(failing_t *f)
{
    f->count++;
    return f->fail_at != 0 && (f->from_there_on ? f->count >= f->fail_at : f->count == f->fail_at);
}

static inline void *failing_alloc(size_t size, void *user)
{
    failing_t *f = user;
    if (failing_now(f))
        return NULL;
    f->live++;
    return malloc(size);
}

static inline void *failing_resize(void *block, size_t size, void *user)
{
    return failing_now(user) ? NULL : realloc(block, size);
}

static inline void failing_release(void *block, void *user)
{
    ((failing_t *)user)->live--;
    free(block);
}

static inline agdb_allocator_t failing_allocator(failing_t *f)
{
    return (agdb_allocator_t){failing_alloc, failing_resize, failing_release, f};
}

#endif
