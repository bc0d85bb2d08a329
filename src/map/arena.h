/* Memory that goes all at once. Blocks are zeroed and never freed one by one. After a failure the
 * arena stays failed, so that only the end of a long job needs a check. */
#ifndef AGDB_MAP_ARENA_H
#define AGDB_MAP_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct agdb__arena agdb__arena_t;

agdb__arena_t *agdb__arena_new(void);
void agdb__arena_free(agdb__arena_t *arena);
void *agdb__arena_alloc(agdb__arena_t *arena, size_t size);
void *agdb__arena_array(agdb__arena_t *arena, size_t count, size_t size);
/* A copy with a NUL behind it. */
char *agdb__arena_text(agdb__arena_t *arena, const char *text, size_t len);
bool agdb__arena_failed(const agdb__arena_t *arena);

#endif
