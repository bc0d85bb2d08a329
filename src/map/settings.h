/* Settings of a node, merged from defaults, keyspace, shard and node. One table (settings.def)
 * makes the numbers below, the parser, the JSON Schema and the tables of shardmap/README.md. */
#ifndef AGDB_MAP_SETTINGS_H
#define AGDB_MAP_SETTINGS_H

#include "agencydb/base.h"

typedef enum agdb__setting {
#define AGDB_SETTING(id, section, key, type, min, max, def, doc) AGDB_S_##id,
#include "map/settings.def"
#undef AGDB_SETTING
    AGDB_S__COUNT
} agdb__setting_t;

typedef enum agdb__setting_type {
    AGDB__T_UINT, /* number */
    AGDB__T_MSEC, /* duration; number is milliseconds */
    AGDB__T_BOOL, /* number is 0 or 1 */
    AGDB__T_TEXT, /* text; NULL when not set */
    AGDB__T_PATH, /* text, made absolute: relative ones count from the map's folder */
    AGDB__T_ENUM  /* text, one of the words listed in the table */
} agdb__setting_type_t;

typedef struct agdb__settings {
    uint64_t number[AGDB_S__COUNT];
    const char *text[AGDB_S__COUNT]; /* in the map's arena */
} agdb__settings_t;

#endif
