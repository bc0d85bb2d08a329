/* What a new entry of a map says, in the style of those beside it. */
#ifndef AGDB_MAP_ENTRY_H
#define AGDB_MAP_ENTRY_H

#include "base/buf.h"
#include "map/tree.h"

/* Text as a plain scalar where every reader takes it for text, else in quotes. `${...}` stays. With
 * `json` always in quotes. */
void agdb__entry_text(agdb__buf_t *out, const char *text, size_t len, bool json);
/* A number, a range, or a fixed word: plain, but for JSON, where only numbers are. */
void agdb__entry_word(agdb__buf_t *out, const char *word, bool json);
/* "name: " */
void agdb__entry_key(agdb__buf_t *out, const char *name, bool json);
/* "[0-5, 9]" */
void agdb__entry_slots(agdb__buf_t *out, const bool *set, uint32_t slots, bool json);

/* A node that is to be written. Texts are as the map has them: variables are not expanded. */
typedef struct agdb__entry_node {
    const char *name; /* these may be NULL */
    const char *zone;
    const char *state;
    const char *host;
    size_t host_len;
    const char *port; /* NULL: the usual one */
    size_t port_len;
} agdb__entry_node_t;

/* The host and port of the short form. Returns what is wrong; NULL: nothing. */
const char *agdb__entry_node_read(const char *text, size_t len, agdb__entry_node_t *ret);
/* On one line: the short form when that says all of it and `is_short`, else in braces. */
void agdb__entry_node_flow(agdb__buf_t *out, const agdb__entry_node_t *node, bool is_short,
                           bool json);
/* As an item of `list`, which is not empty, like its last one: with its dash in a block. */
void agdb__entry_node_like(agdb__buf_t *out, const agdb__entry_node_t *node,
                           const agdb__tree_t *list, bool json);

typedef struct agdb__entry_shard {
    const char *name;
    const char *region; /* may be NULL */
    const bool *owned;  /* slots */
    uint32_t slots;
    const agdb__entry_node_t *nodes;
    size_t nnodes;
} agdb__entry_shard_t;

/* As an entry of `shards`, like its last one. */
void agdb__entry_shard(agdb__buf_t *out, const agdb__entry_shard_t *shard,
                       const agdb__tree_t *shards, bool json);

#endif
