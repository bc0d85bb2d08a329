/* What a map becomes at run time: one pool per (host, port, dbname, user), one probe per (host,
 * port), one shard with a board per shard of the map. Built whole or not at all. */
#ifndef AGDB_CLIENT_TOPOLOGY_H
#define AGDB_CLIENT_TOPOLOGY_H

#include "exec/shard.h"
#include "map/model.h"
#include "monitor/ear.h"
#include "monitor/probe.h"

/* SERVICE_SIZE: what a server keeps of application_name, with its NUL. */
enum { AGDB__LOGIN_OPTIONS = 16, AGDB__SERVICE_SIZE = 64 };

/* One server: what every database in it shares. */
typedef struct agdb__server {
    const char *host;
    uint16_t port;
    agdb__login_t login; /* the probe's: an endpoint's, without an identity to expect */
    char service[AGDB__SERVICE_SIZE]; /* its application_name */
    agdb__probe_t probe;
    bool changed;
    bool astray;                       /* of another cluster than one of its shards */
    struct agdb__endpoint *cancelling; /* whose statements the probe is cancelling, or NULL */
} agdb__server_t;

/* One database of one server, as one role. */
typedef struct agdb__endpoint {
    agdb__login_t login;
    const char *keywords[AGDB__LOGIN_OPTIONS];
    const char *values[AGDB__LOGIN_OPTIONS];
    char numbers[4][24];
    agdb__identity_t *expect;
    agdb__pool_limits_t limits;
    agdb__pool_t *pool;
    agdb__ear_t ear;
    uint32_t server;
    bool in_service; /* some node that it is for is not `state: out` */
    bool changed;
} agdb__endpoint_t;

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

typedef struct agdb__shard_entry {
    const agdb__map_shard_t *map;
    agdb__shard_t shard;
    uint32_t *endpoint; /* of each node */
    agdb__node_memory_t *memory;
    agdb__view_memory_t view_memory;
    uint64_t max_lag_ms;
    bool was_split;
} agdb__shard_entry_t;

typedef struct agdb__topology {
    const agdb_map_t *map; /* borrowed */
    agdb__server_t *servers;
    size_t nservers;
    agdb__endpoint_t *endpoints;
    size_t nendpoints;
    size_t turn;                 /* whose statements are cancelled first */
    agdb__shard_entry_t *shards; /* keyspace after keyspace */
    size_t nshards;
    size_t *first_shard; /* of each keyspace */
} agdb__topology_t;

/* What the client brings along for every login. */
typedef struct agdb__topology_env {
    const char *service;
    const char *login; /* NULL: the map's */
    agdb_password_fn password;
    void *password_user;
    const char *zone; /* NULL: none */
    bool allow_unstamped;
    agdb__resolver_t *resolver;
    void (*wake)(void *user);
    void *wake_user;
    agdb__ear_fn hear; /* what those who listen are told */
} agdb__topology_env_t;

/* `map` and what `env` points to are borrowed for the topology's life. */
agdb_status_t agdb__topology_build(const agdb_map_t *map, const agdb__topology_env_t *env,
                                   agdb__topology_t *ret, agdb_error_t **reterr);
void agdb__topology_fini(agdb__topology_t *topology);
/* The server's probe logs in as this endpoint does. It has no connection meanwhile. */
void agdb__topology_probe_as(agdb__server_t *server, const agdb__endpoint_t *endpoint);

static inline agdb__shard_t *agdb__topology_shard(const agdb__topology_t *t, size_t keyspace,
                                                  size_t shard)
{
    return &t->shards[t->first_shard[keyspace] + shard].shard;
}

#endif
