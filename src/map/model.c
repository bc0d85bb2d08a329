#include "map/model.h"

#include "map/arena.h"

#include <stdlib.h>

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

/* Keyspaces and shards begin with their name. */
_Static_assert(offsetof(agdb__map_keyspace_t, name) == 0, "by_name reads it");
_Static_assert(offsetof(agdb__map_shard_t, name) == 0, "by_name reads it");

static int by_name(const void *name, const void *element)
{
    return strcmp(name, *(const char *const *)element);
}

int agdb__map_keyspace(const agdb_map_t *map, const char *name)
{
    const agdb__map_keyspace_t *found = NULL;

    if (name == NULL)
        return map->default_keyspace;
    if (map->nkeyspaces > 0)
        found = bsearch(name, map->keyspaces, map->nkeyspaces, sizeof *found, by_name);
    return found != NULL ? (int)(found - map->keyspaces) : -1;
}

int agdb__map_shard(const agdb__map_keyspace_t *keyspace, const char *name)
{
    const agdb__map_shard_t *found = NULL;

    if (keyspace->nshards > 0)
        found = bsearch(name, keyspace->shards, keyspace->nshards, sizeof *found, by_name);
    return found != NULL ? (int)(found - keyspace->shards) : -1;
}
