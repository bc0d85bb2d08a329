/* Key to shard: pure, no allocation, no lock. */
#ifndef AGDB_MAP_ROUTE_H
#define AGDB_MAP_ROUTE_H

#include "map/model.h"

typedef struct agdb__route {
    uint64_t hash;
    uint32_t slot;
    uint32_t shard; /* number within the keyspace */
    bool pinned;
    bool frozen;
} agdb__route_t;

/* `key` has 1 to AGDB_KEY_MAX bytes, `keyspace` is a number of the map's. */
agdb__route_t agdb__map_route(const agdb_map_t *map, size_t keyspace, agdb_bytes_t key);

#endif
