/* A map as text again: what the library understood, with every default. */
#ifndef AGDB_MAP_WRITE_H
#define AGDB_MAP_WRITE_H

#include "base/buf.h"
#include "map/model.h"

enum { AGDB__WRITE_CEILING = 256 << 20 };

/* Both forms load again to a map that routes and connects the same way; JSON is YAML too. */
void agdb__map_write(const agdb_map_t *map, agdb_map_format_t format, agdb__buf_t *out);

#endif
