/* Texts that stay for the life of a client: names of keyspaces, shards, nodes, regions and zones.
 * Maps come and go; what callers were given by agdb_route or hear of a listener does not. Each
 * distinct text is kept once. */
#ifndef AGDB_CLIENT_NAMES_H
#define AGDB_CLIENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct agdb__names {
    char **place; /* open addressing; NULL: empty */
    size_t room;  /* a power of two, or 0 */
    size_t count;
} agdb__names_t;

/* All zero is an empty one. */
void agdb__names_fini(agdb__names_t *names);
/* The same text as before, or a copy from now on; NULL: no memory. One thread at a time. */
const char *agdb__names_keep(agdb__names_t *names, const char *text);

#endif
