/* What changes its owner between two maps: slots and single agencies. Rows do not move by
 * themselves, so this is what decides whether a map may replace another. */
#ifndef AGDB_MAP_MOVES_H
#define AGDB_MAP_MOVES_H

#include "map/model.h"

typedef struct agdb__move {
    const char *keyspace;
    uint32_t first; /* slots first to last, when there is no agency */
    uint32_t last;
    const agdb__map_agency_t *agency; /* an agency that a line of either map pins */
    const char *from;                 /* shard */
    const char *to;
} agdb__move_t;

typedef void (*agdb__move_fn)(const agdb__move_t *move, void *user);

/* All moves: by keyspace, slots first, agencies behind. Keyspaces that are not in both maps have
 * none; nor have maps with different numbers of slots, where everything moves. */
void agdb__map_moves(const agdb_map_t *current, const agdb_map_t *next, agdb__move_fn fn,
                     void *user);

/* Walks two arrays that are ordered by name: `fn(left, right)`, one of them -1 where only the other
 * map has it. */
typedef void (*agdb__pair_fn)(int left, int right, void *user);
void agdb__pair_keyspaces(const agdb_map_t *current, const agdb_map_t *next, agdb__pair_fn fn,
                          void *user);
void agdb__pair_shards(const agdb__map_keyspace_t *current, const agdb__map_keyspace_t *next,
                       agdb__pair_fn fn, void *user);
void agdb__pair_agencies(const agdb_map_t *current, const agdb_map_t *next, agdb__pair_fn fn,
                         void *user);

#endif
