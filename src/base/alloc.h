/* Memory. A block remembers the allocator that made it, so that freeing needs no context; new
 * blocks come from the allocator that the calling thread entered with agdb__alloc_enter (the
 * client's), or from the C library. */
#ifndef AGDB_BASE_ALLOC_H
#define AGDB_BASE_ALLOC_H

#include "agencydb/base.h"

/* Makes `allocator` (NULL: the C library) the thread's. Returns the one before, for the way back.
 */
const agdb_allocator_t *agdb__alloc_enter(const agdb_allocator_t *allocator);

void *agdb__malloc(size_t size) AGDB_CHECKED;
void *agdb__calloc(size_t count, size_t size) AGDB_CHECKED;
void *agdb__realloc(void *block, size_t size) AGDB_CHECKED; /* stays with its allocator */
char *agdb__strdup(const char *text) AGDB_CHECKED;
char *agdb__strndup(const char *text, size_t len) AGDB_CHECKED;
void agdb__free(void *block);

#endif
