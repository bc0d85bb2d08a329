/* Settings of one level (defaults, keyspace, shard, node) merged over those around it. */
#ifndef AGDB_MAP_LEVEL_H
#define AGDB_MAP_LEVEL_H

#include "map/model.h"
#include "map/tree.h"

struct agdb__load;

typedef struct agdb__level {
    agdb__settings_t value;
    agdb__tree_t *from[AGDB_S__COUNT]; /* what said so; NULL: built in */
} agdb__level_t;

typedef struct agdb__setting_row {
    const char *section;
    const char *key;
    const char *name; /* section.key */
    agdb__setting_type_t type;
    uint64_t min;
    uint64_t max;
    const char *words;   /* of an ENUM: "a|b|c" */
    const char *initial; /* NULL: not set */
} agdb__setting_row_t;

extern const agdb__setting_row_t agdb__setting_rows[AGDB_S__COUNT];

/* The mappings that settings stand in, in the order in which they are written. */
enum { AGDB__SECTIONS = 6 };
extern const char *const agdb__setting_sections[AGDB__SECTIONS];
#define AGDB__SECTION_KEYS "connection|pool|timeouts|replicas|log|idempotency"

/* The built-in defaults. */
void agdb__level_init(agdb__level_t *level);
/* Merges the sections of a mapping over `level`. */
void agdb__level_read(struct agdb__load *l, const agdb__tree_t *mapping, agdb__level_t *level);
/* Rules that hold for a node once all levels are merged. `host` as in the model; `shown` as it may
 * stand in a remark; `at` is blamed for what is built in. */
void agdb__level_check(struct agdb__load *l, const agdb__level_t *level, const char *host,
                       const char *shown, agdb__tree_t *at);

/* Nodes of several keyspaces with one server, database and user share their connections at run
 * time: remarks on settings that would make two kinds of connections. */
void agdb__level_check_shared(struct agdb__load *l, const agdb__level_t *level,
                              const agdb__map_node_t *node, const char *shown, agdb__tree_t *at);

/* Durations with their unit: ms, s, m, h, d. */
enum { AGDB__MSEC_SIZE = 32 };
bool agdb__msec_parse(const char *text, size_t len, uint64_t *ret);
/* In the largest unit that divides it. */
void agdb__msec_write(uint64_t ms, char buf[AGDB__MSEC_SIZE]);

#endif
