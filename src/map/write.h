/* A map as text again: what the library understood, with every default. */
#ifndef AGDB_MAP_WRITE_H
#define AGDB_MAP_WRITE_H

#include "base/buf.h"
#include "map/model.h"

enum { AGDB__WRITE_CEILING = 256 << 20 };

/* Both forms load again to a map that routes and connects the same way, or as `rewrite` says (NULL:
 * nothing else); JSON is YAML too.
 * @return AGDB_OK, AGDB_E_NOMEM, AGDB_E_INVAL (as agdb__map_rewrite) */
agdb_status_t agdb__map_write(const agdb_map_t *map, agdb_map_format_t format,
                              agdb_map_rewrite_fn rewrite, void *user, agdb__buf_t *out,
                              agdb_error_t **reterr);

#endif
