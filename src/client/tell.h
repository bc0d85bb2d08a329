/* What the keeper has seen of a shard's nodes, in words: events, and reasons for agdb_status and
 * errors. */
#ifndef AGDB_CLIENT_TELL_H
#define AGDB_CLIENT_TELL_H

#include "client/client.h"

/* The keeper's, all of them. They remember what they have told. */

/* Health and role. */
void agdb__tell_node(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
                     const agdb__observation_t *now, const agdb_error_t *error);
/* What does not show in them. */
void agdb__tell_place(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
                      const agdb__observation_t *now);
/* A replica's lag, or AGDB__LAG_UNKNOWN, at one of its answers. */
void agdb__tell_lag(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i, uint64_t lag_us,
                    uint64_t now_us);
/* What the map refuses, and the one before it (NULL: none) did not. */
void agdb__tell_frozen(agdb_t *db, const agdb_map_t *map, const agdb_map_t *before);
void agdb__tell_shard(agdb_t *db, agdb__shard_entry_t *entry, agdb__view_t view);
/* Why a node that answers is not used, or answers no reads; NULL: it does. The caller's. */
agdb_error_t *agdb__tell_why_unused(const agdb__shard_entry_t *entry, uint32_t i,
                                    const agdb__observation_t *seen);

#endif
