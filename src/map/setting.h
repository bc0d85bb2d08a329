/* A node's merged settings as text. */
#ifndef AGDB_MAP_SETTING_H
#define AGDB_MAP_SETTING_H

#include "map/level.h"
#include "map/model.h"

enum { AGDB__SETTING_NUMBER = 32 };

/* Whether it is a text; else a number. */
bool agdb__setting_is_text(size_t i);
/* One setting of the table: numbers in decimal (durations in milliseconds), "true" or "false";
 * NULL when it has no value. `buf` is used for numbers. */
const char *agdb__setting_text(const agdb__settings_t *settings, size_t i,
                               char buf[AGDB__SETTING_NUMBER]);
/* The same, or "host", "port", "name", "zone", "state", "reads". Returns false when there is no
 * such setting. */
bool agdb__node_setting(const agdb__map_node_t *node, const char *name, const char **ret,
                        char buf[AGDB__SETTING_NUMBER]);
/* "active", "no-reads", "out" */
const char *agdb__node_state_name(agdb__node_state_t state);

#endif
