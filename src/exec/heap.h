/* Numbers in a heap: the one that is before all others is the first. Pure. */
#ifndef AGDB_EXEC_HEAP_H
#define AGDB_EXEC_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef bool (*agdb__before_fn)(const void *user, uint32_t a, uint32_t b);

/* Makes one of any numbers. */
void agdb__heap_make(uint32_t *heap, size_t count, agdb__before_fn is_before, const void *user);
/* The first has become a later one, or is another. */
void agdb__heap_settle(uint32_t *heap, size_t count, agdb__before_fn is_before, const void *user);

#endif
