/* What lives: servers with their probes, endpoints with their pools, shards with their boards. A
 * map is laid out over it: what the map says as another map did is used by both, the rest is made.
 * What no layout has any more is freed when nobody is at it. The keeper's. */
#ifndef AGDB_CLIENT_TOPOLOGY_H
#define AGDB_CLIENT_TOPOLOGY_H

#include "client/endpoint.h"
#include "exec/shard.h"

/* What the keeper remembers of a node between two looks, to tell what has changed. */
typedef struct agdb__node_memory {
    agdb__health_t health;
    bool in_recovery;
    bool stale; /* a primary of a timeline that is over */
    bool away;  /* a replica that answers and has not caught up */
    agdb__lateness_t lateness;
    agdb__join_t join;
    uint64_t answers; /* of its server's probe: those that its mark comes from */
} agdb__node_memory_t;

/* A node's place in its shard. */
typedef struct agdb__place {
    agdb__endpoint_t *endpoint;
    const char *zone;
    agdb__node_state_t state;
    bool reads_never;
    agdb__node_memory_t memory;
} agdb__place_t;

typedef struct agdb__shard_entry {
    agdb__shard_t shard;
    const char *keyspace;
    const char *region;
    uint64_t generation;
    agdb__place_t *place; /* of each node */
    agdb__view_memory_t view_memory;
    uint64_t max_lag_ms;
    bool was_split;
    bool is_new;                         /* no view yet */
    bool is_current;                     /* of the layout in use: its events are told */
    struct agdb__shard_entry *successor; /* of a later layout, with a hold on it; or NULL */
    unsigned refs;                       /* layouts, those who listen, and whose successor it is */
} agdb__shard_entry_t;

typedef struct agdb__topology {
    agdb__server_t **servers;
    size_t nservers;
    agdb__endpoint_t **endpoints;
    size_t nendpoints;
    agdb__shard_entry_t **shards;
    size_t nshards;
    size_t turn; /* whose statements are cancelled first */
} agdb__topology_t;

/* The shards of one map. */
typedef struct agdb__layout {
    agdb__shard_entry_t **shards; /* keyspace after keyspace */
    size_t nshards;
    size_t *first_shard;   /* of each keyspace */
    const char **keyspace; /* names, for the client's life */
    size_t nkeyspaces;
} agdb__layout_t;

/* Lays a map out. `before` (or NULL) is what is in use: a shard that has changed inherits what is
 * known of it, unless its generation is higher. AGDB_E_NOMEM leaves nothing behind. */
agdb_status_t agdb__topology_lay_out(agdb__topology_t *t, const agdb_map_t *map,
                                     const agdb__topology_env_t *env, const agdb__layout_t *before,
                                     agdb__layout_t *ret, agdb_error_t **reterr);
/* It is the one in use from now on. */
void agdb__topology_use(agdb__topology_t *t, const agdb__layout_t *layout);
/* Callers have it: who still waits for a shard of a layout before goes on to the one in its place.
 */
void agdb__topology_supersede(agdb__topology_t *t, const agdb__layout_t *layout);
/* Each server is told with its next question which epoch is in use: `agencydb clients` shows it. */
void agdb__topology_say_epoch(agdb__topology_t *t, uint64_t epoch);
/* Nobody is in it any more. */
void agdb__layout_fini(agdb__layout_t *layout);
void agdb__shard_entry_ref(agdb__shard_entry_t *entry);
void agdb__shard_entry_unref(agdb__shard_entry_t *entry); /* NULL is fine */

/* Half-built ones, too. */
void agdb__shard_entry_free(agdb__shard_entry_t *entry);

/* Frees what nobody needs, and begins to end what somebody is still at. True: there is such. */
bool agdb__topology_sweep(agdb__topology_t *t, uint64_t now_us);
/* Of a client that ends: from now on claims get CLOSING, and who waits for a view wakes up. */
void agdb__topology_shut(agdb__topology_t *t);
void agdb__topology_fini(agdb__topology_t *t);

static inline agdb__shard_t *agdb__layout_shard(const agdb__layout_t *l, size_t keyspace,
                                                size_t shard)
{
    return &l->shards[l->first_shard[keyspace] + shard]->shard;
}

#endif
