/* Whether a map may take the place of another. Pure: nothing but the two maps decides. */
#ifndef AGDB_MAP_REPLACE_H
#define AGDB_MAP_REPLACE_H

#include "map/model.h"

/* AGDB_OK, or AGDB_E_MAP_STALE with one child per reason, each with its remedy.
 *
 * Refused: a lower epoch; the same epoch with other content; another number of slots; and, unless
 * `next` says `moved_since: <epoch of current>`, everything that changes where rows are looked
 * for: slots or agencies with another owner, a keyspace that is gone.
 *
 * Allowed: the same content; new keyspaces; a shard that is gone and owned nothing; nodes and
 * settings of any kind; freezing and unfreezing; a pin to where the agency's rows are already;
 * another default keyspace (tables differ between keyspaces, so that a caller notices). */
agdb_status_t agdb__map_may_replace(const agdb_map_t *current, const agdb_map_t *next,
                                    agdb_error_t **reterr);

#endif
