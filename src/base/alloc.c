#include "base/alloc.h"

#include <stdlib.h>

/* Before every block; 16 bytes, so that the block keeps malloc's alignment. */
typedef union header {
    const agdb_allocator_t *allocator;
    max_align_t align;
} header_t;

static void *libc_alloc(size_t size, void *user)
{
    (void)user;
    return malloc(size);
}

static void *libc_resize(void *block, size_t size, void *user)
{
    (void)user;
    return realloc(block, size);
}

static void libc_release(void *block, void *user)
{
    (void)user;
    free(block);
}

static const agdb_allocator_t k_libc = {libc_alloc, libc_resize, libc_release, NULL};

static _Thread_local const agdb_allocator_t *t_allocator;

const agdb_allocator_t *agdb__alloc_enter(const agdb_allocator_t *allocator)
{
    const agdb_allocator_t *before = t_allocator;
    t_allocator = allocator;
    return before;
}

void *agdb__malloc(size_t size)
{
    const agdb_allocator_t *a = t_allocator != NULL ? t_allocator : &k_libc;
    header_t *h;

    if (size > SIZE_MAX - sizeof *h)
        return NULL;
    h = a->alloc(sizeof *h + size, a->user);
    if (h == NULL)
        return NULL;
    h->allocator = a;
    return h + 1;
}

void *agdb__calloc(size_t count, size_t size)
{
    void *block;

    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    block = agdb__malloc(count * size);
    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

void *agdb__realloc(void *block, size_t size)
{
    header_t *h;
    const agdb_allocator_t *a;

    if (block == NULL)
        return agdb__malloc(size);
    if (size > SIZE_MAX - sizeof *h)
        return NULL;
    h = (header_t *)block - 1;
    a = h->allocator;
    h = a->resize(h, sizeof *h + size, a->user);
    return h != NULL ? h + 1 : NULL;
}

char *agdb__strndup(const char *text, size_t len)
{
    char *copy = agdb__malloc(len + 1);

    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

char *agdb__strdup(const char *text)
{
    return agdb__strndup(text, strlen(text));
}

void agdb__free(void *block)
{
    if (block != NULL) {
        header_t *h = (header_t *)block - 1;
        h->allocator->release(h, h->allocator->user);
    }
}
