/* The nodes of a map with other settings, on their way out: a map for another place. */
#ifndef AGDB_MAP_REWRITE_H
#define AGDB_MAP_REWRITE_H

#include "map/arena.h"
#include "map/model.h"

/* A copy of the map's keyspaces in `arena`, each node as `fn` answers. A node that the copy leaves
 * without a name has NULL for it.
 * @return AGDB_OK, AGDB_E_NOMEM, AGDB_E_INVAL (no host, a bad port) */
agdb_status_t agdb__map_rewrite(const agdb_map_t *map, agdb_map_rewrite_fn fn, void *user,
                                agdb__arena_t *arena, const agdb__map_keyspace_t **ret,
                                agdb_error_t **reterr);

#endif
