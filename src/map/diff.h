/* What differs between two maps, for people or as JSON. */
#ifndef AGDB_MAP_DIFF_H
#define AGDB_MAP_DIFF_H

#include "base/buf.h"
#include "map/model.h"

/* Nothing when they are the same; JSON: an empty object. */
void agdb__map_diff(const agdb_map_t *current, const agdb_map_t *next, bool json, agdb__buf_t *out);

#endif
