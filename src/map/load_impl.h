/* What the parts of the loader share. Nothing outside of map/ includes this. */
#ifndef AGDB_MAP_LOAD_IMPL_H
#define AGDB_MAP_LOAD_IMPL_H

#include "map/level.h"
#include "map/model.h"
#include "map/tree.h"

typedef struct agdb__load {
    agdb__arena_t *arena;   /* the map's */
    agdb__arena_t *scratch; /* the loader's */
    agdb_diagnostics_t *diag;
    const char *folder;        /* that relative paths count from; NULL: cannot be told */
    agdb_map_t *map;           /* being made */
    agdb__level_t *base;       /* built-in values and `defaults` */
    uint16_t *pins;            /* of the agency that is being read */
    const uint16_t *last_pins; /* of the one before: neighbours often say the same */
    uint16_t *single_owner;    /* of all keyspaces with one shard */
    agdb__set_t logins;        /* server, database and user: the first node with them */
    bool via_pgbouncer;        /* of the keyspace that is being read */
} agdb__load_t;

/* --- expand.c: the only place that reads the environment ------------------------------------- */

/* Sets value and value_len of a scalar, once. False when that failed, with a remark. */
bool agdb__expand(agdb__load_t *l, agdb__tree_t *scalar);

/* --- value.c: scalars to values. `what` is what remarks call it, such as "pool.max" ------------
 */

/* Printable text of min to max bytes; false after a remark. */
bool agdb__value_text(agdb__load_t *l, agdb__tree_t *node, const char *what, size_t min,
                      size_t max);
bool agdb__value_uint(agdb__load_t *l, agdb__tree_t *node, const char *what, uint64_t min,
                      uint64_t max, uint64_t *ret);
bool agdb__value_msec(agdb__load_t *l, agdb__tree_t *node, const char *what, uint64_t min,
                      uint64_t max, uint64_t *ret);
/* Which of the words "a|b|c" it is, from 0; -1 after a remark. */
int agdb__value_word(agdb__load_t *l, agdb__tree_t *node, const char *what, const char *words);
/* A name of 1 to 63 letters, digits, '_', '.', '-'; NULL after a remark, else in the map's arena.
 */
const char *agdb__value_name(agdb__load_t *l, agdb__tree_t *node, const char *what);
/* The same for a key, which is not expanded. */
const char *agdb__key_name(agdb__load_t *l, agdb__tree_t *key, const char *what);
/* The raw text in quotes, and for expanded ones that the value is not shown. */
const char *agdb__shown(char buf[AGDB__QUOTE_SIZE + 48], const agdb__tree_t *node);
#define AGDB__SHOWN(node) agdb__shown((char[AGDB__QUOTE_SIZE + 48]){0}, (node))
/* A warning when YAML tools would not read this plain scalar as text. */
void agdb__warn_rewritten(agdb__load_t *l, agdb__tree_t *node);

/* --- keys.c: what may stand in a mapping -------------------------------------------------------
 */

/* Whether it is a mapping; remarks on anything else. `what` is such as "keyspace 'core'". */
bool agdb__expect_mapping(agdb__load_t *l, agdb__tree_t *node, const agdb__tree_t *key,
                          const char *what);
/* Remarks on keys that are not among `known`, "a|b|c". */
void agdb__check_keys(agdb__load_t *l, const agdb__tree_t *mapping, const char *what,
                      const char *known);
/* What stands behind that key; NULL: the key is not there, or was remarked on. */
agdb__tree_t *agdb__at(const agdb__tree_t *mapping, const char *name);

/* --- the floors of a map -----------------------------------------------------------------------
 */

void agdb__load_keyspaces(agdb__load_t *l, agdb__tree_t *key);
void agdb__load_agencies(agdb__load_t *l, agdb__tree_t *key);
/* Fills nodes and nnodes of the shard. */
void agdb__load_nodes(agdb__load_t *l, const agdb__tree_t *shard_key, const agdb__level_t *level,
                      agdb__set_t *endpoints, agdb__map_shard_t *ret);
/* Fills owner of the keyspace, and ranges of its shards. `keys`: one per shard, in their order. */
void agdb__load_slots(agdb__load_t *l, const agdb__tree_t *shards_key, agdb__tree_t *const *keys,
                      agdb__map_shard_t *shards, agdb__map_keyspace_t *ret);

#endif
