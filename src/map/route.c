#include "map/route.h"

#include "map/hash.h"

/* The agency of that key, or NULL for one that the map does not mention. The index is probed
 * linearly from `hash & mask`, and is never full. */
static const agdb__map_agency_t *find_agency(const agdb_map_t *map, uint64_t hash, agdb_bytes_t key)
{
    uint32_t at;

    if (map->nagencies == 0)
        return NULL;
    for (at = (uint32_t)hash & map->agency_mask; map->agency_index[at] != 0;
         at = (at + 1) & map->agency_mask) {
        const agdb__map_agency_t *agency = &map->agencies[map->agency_index[at] - 1];
        if (agency->hash == hash && agency->key_len == key.len &&
            memcmp(agency->key, key.data, key.len) == 0)
            return agency;
    }
    return NULL;
}

agdb__route_t agdb__map_route(const agdb_map_t *map, size_t keyspace, agdb_bytes_t key)
{
    uint64_t hash = agdb__hash_key(key.data, key.len);
    const agdb__map_agency_t *agency = find_agency(map, hash, key);
    agdb__route_t route = {.hash = hash, .slot = (uint32_t)(hash % map->slots)};

    route.shard = map->keyspaces[keyspace].owner[route.slot];
    if (agency != NULL) {
        route.frozen = agency->frozen;
        if (agency->pin[keyspace] != AGDB__NO_SHARD) {
            route.pinned = true;
            route.shard = agency->pin[keyspace];
        }
    }
    return route;
}
