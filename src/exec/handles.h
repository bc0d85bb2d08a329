/* Numbers for objects that come and go: a number is never 0, and is not used again before its place
 * has been used four thousand million times. */
#ifndef AGDB_EXEC_HANDLES_H
#define AGDB_EXEC_HANDLES_H

#include "agencydb/base.h"

typedef struct agdb__handle {
    void *object; /* NULL: the place is free */
    uint32_t generation;
    uint32_t next_free;
} agdb__handle_t;

typedef struct agdb__handles {
    agdb__handle_t *place;
    uint32_t count; /* places that have been used */
    uint32_t room;
    uint32_t first_free; /* from 1; 0: none */
} agdb__handles_t;

void agdb__handles_fini(agdb__handles_t *all);
/* 0: no memory. */
uint64_t agdb__handles_add(agdb__handles_t *all, void *object);
/* NULL: there is no such object any more. */
void *agdb__handles_find(const agdb__handles_t *all, uint64_t id);
void agdb__handles_remove(agdb__handles_t *all, uint64_t id);

#endif
