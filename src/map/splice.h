/* Replacements of pieces of a text, collected in any order and done at once. */
#ifndef AGDB_MAP_SPLICE_H
#define AGDB_MAP_SPLICE_H

#include "base/buf.h"
#include "map/arena.h"

typedef struct agdb__splice {
    size_t begin; /* of the text as it was */
    size_t end;
    const char *put; /* in its place; "" takes it out */
    size_t order;
} agdb__splice_t;

typedef struct agdb__splices {
    agdb__arena_t *arena;
    agdb__splice_t *item;
    size_t count;
    size_t room;
} agdb__splices_t;

/* `put` is borrowed. When there is no memory the arena remembers it. What is put at one place
 * stands there in the order of the calls. Pieces that are only taken out may overlap. */
void agdb__splice(agdb__splices_t *s, size_t begin, size_t end, const char *put);
/* The text with all of them. */
void agdb__splice_apply(agdb__splices_t *s, const char *text, size_t len, agdb__buf_t *out);

#endif
