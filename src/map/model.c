#include "map/model.h"

#include "map/arena.h"

agdb_map_t *agdb__map_ref(agdb_map_t *map)
{
    atomic_fetch_add_explicit(&map->refs, 1, memory_order_relaxed);
    return map;
}

void agdb__map_unref(agdb_map_t *map)
{
    if (map != NULL && atomic_fetch_sub_explicit(&map->refs, 1, memory_order_acq_rel) == 1)
        agdb__arena_free(map->arena);
}

int agdb__map_keyspace(const agdb_map_t *map, const char *name)
{
    size_t low = 0;
    size_t high = map->nkeyspaces;

    if (name == NULL)
        return map->default_keyspace;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, map->keyspaces[middle].name);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int agdb__map_shard(const agdb__map_keyspace_t *keyspace, const char *name)
{
    size_t low = 0;
    size_t high = keyspace->nshards;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, keyspace->shards[middle].name);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}
