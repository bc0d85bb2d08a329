/* A map file as a tree of what it says, before anything is known of shards. */
#ifndef AGDB_MAP_TREE_H
#define AGDB_MAP_TREE_H

#include "map/arena.h"
#include "map/diag.h"

enum {
    AGDB__DEPTH_MAX = 16,
    AGDB__VALUES_MAX = 100000, /* keys and values together: keeps the time to load in bounds */
    AGDB__MAP_BYTES_MAX = 1 << 20
};

typedef enum agdb__tree_kind {
    AGDB__TREE_SCALAR,
    AGDB__TREE_SEQUENCE,
    AGDB__TREE_MAPPING,
    AGDB__TREE_BAD /* was remarked on already */
} agdb__tree_kind_t;

typedef struct agdb__tree {
    agdb__tree_kind_t kind;
    bool quoted;
    bool is_read;     /* value is set */
    bool is_expanded; /* value holds something from the environment: never show it */
    bool is_remarked; /* one warning about it is enough */
    bool is_blamed;   /* and one error, however many nodes it spoils */
    bool is_flow;     /* a collection in brackets, or a pair without them inside of some */
    bool is_dropped;  /* an edit takes it out of its collection */
    unsigned line;
    unsigned column;
    size_t begin;     /* bytes of the file: with quotes and brackets, without comments around it; */
    size_t end;       /* a block collection ends with its last child */
    const char *text; /* scalar: as written, NUL-terminated */
    size_t len;
    const char *value; /* scalar: after expansion; NULL when that failed */
    size_t value_len;
    struct agdb__tree *first; /* items of a sequence; keys of a mapping */
    struct agdb__tree *last;
    struct agdb__tree *next;
    struct agdb__tree *of; /* of a key: what stands behind it */
    size_t count;
} agdb__tree_t;

/* Reads YAML (in yaml.c). NULL when there is no tree to go on with: `diag` says why, or memory is
 * out, which `arena` or `diag` remember. */
agdb__tree_t *agdb__yaml_parse(agdb__arena_t *arena, agdb_diagnostics_t *diag, const char *text,
                               size_t len);

/* The key of that name; NULL: there is none. */
agdb__tree_t *agdb__tree_key(const agdb__tree_t *mapping, const char *name);
/* Where a key and what stands behind it end, or an item. */
size_t agdb__tree_end(const agdb__tree_t *child);
/* All keys, ordered by their bytes: mapping->count of them. NULL when memory is out. */
agdb__tree_t **agdb__tree_sorted(agdb__arena_t *arena, const agdb__tree_t *mapping);

/* First come, first kept: finds what was put before under the same bytes. */
typedef struct agdb__set {
    agdb__arena_t *arena;
    struct agdb__set_entry *entry;
    size_t room; /* a power of two, or 0 */
    size_t count;
} agdb__set_t;

/* Returns what stands under the key already; NULL: `item` stands there now. The key is borrowed. */
void *agdb__set_put(agdb__set_t *set, const void *key, size_t len, void *item);

#endif
