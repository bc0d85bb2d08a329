/* Several things behind each other in one block of memory, each aligned for what requests and
 * results are made of. Who makes a block first sums up the steps, and then puts the things in the
 * same order. Pure. */
#ifndef AGDB_EXEC_BLOCK_H
#define AGDB_EXEC_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { AGDB__BLOCK_ALIGN = 8 };

_Static_assert(sizeof(void *) <= AGDB__BLOCK_ALIGN && sizeof(int64_t) <= AGDB__BLOCK_ALIGN,
               "what is put fits the steps");

/* How far something of that size brings it. */
static inline size_t agdb__block_step(size_t size)
{
    return (size + AGDB__BLOCK_ALIGN - 1) / AGDB__BLOCK_ALIGN * AGDB__BLOCK_ALIGN;
}

/* Takes `size` bytes of the block, to be filled. */
static inline void *agdb__block_take(char **at, size_t size)
{
    void *here = *at;

    *at += agdb__block_step(size);
    return here;
}

/* The same, with a copy of `data` in them. */
static inline void *agdb__block_put(char **at, const void *data, size_t size)
{
    void *copy = agdb__block_take(at, size);

    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

#endif
