#include "client/topology.h"

#include "base/alloc.h"
#include "base/error.h"
#include "map/hash.h"

#include <stdio.h>

/* Connections being made to one node at once. A restarted server meets this many logins from each
 * process, not one from each waiting thread. */
enum { HANDSHAKES = 4 };

/* What the keeper's own connections add to the service's name. */
static const char k_keeper[] = " keeper";

static uint64_t number(const agdb__map_node_t *node, agdb__setting_t id)
{
    return node->settings.number[id];
}

static const char *text(const agdb__map_node_t *node, agdb__setting_t id)
{
    return node->settings.text[id];
}

static const char *login_user(const agdb__map_node_t *node, const agdb__topology_env_t *env)
{
    return env->login != NULL ? env->login : text(node, AGDB_S_USER);
}

/* --- login ------------------------------------------------------------------------------------ */

static void add_option(agdb__endpoint_t *e, const char *keyword, const char *value)
{
    if (value == NULL)
        return;
    e->keywords[e->login.noptions] = keyword;
    e->values[e->login.noptions++] = value;
}

static void add_options(agdb__endpoint_t *e, const agdb__map_node_t *node)
{
    add_option(e, "sslmode", text(node, AGDB_S_SSLMODE));
    add_option(e, "sslrootcert", text(node, AGDB_S_SSLROOTCERT));
    add_option(e, "sslcert", text(node, AGDB_S_SSLCERT));
    add_option(e, "sslkey", text(node, AGDB_S_SSLKEY));
    add_option(e, "sslcrl", text(node, AGDB_S_SSLCRL));
    add_option(e, "ssl_min_protocol_version", text(node, AGDB_S_SSL_MIN));
    add_option(e, "channel_binding", text(node, AGDB_S_CHANNEL_BINDING));
    snprintf(e->numbers[0], sizeof e->numbers[0], "%llu",
             (unsigned long long)(number(node, AGDB_S_KEEPALIVES_IDLE) / 1000));
    add_option(e, "keepalives_idle", e->numbers[0]);
    snprintf(e->numbers[1], sizeof e->numbers[1], "%llu",
             (unsigned long long)number(node, AGDB_S_TCP_USER_TIMEOUT));
    add_option(e, "tcp_user_timeout", e->numbers[1]);
    e->login.keywords = e->keywords;
    e->login.values = e->values;
}

static void set_password_source(agdb__login_t *login, const agdb__map_node_t *node,
                                const agdb__topology_env_t *env)
{
    bool asked = env->login != NULL && env->password != NULL;

    if (!asked) {
        login->password_file = text(node, AGDB_S_PASSWORD_FILE);
        login->password_env = text(node, AGDB_S_PASSWORD_ENV);
        login->passfile = text(node, AGDB_S_PASSFILE);
        asked =
            login->password_file == NULL && login->password_env == NULL && login->passfile == NULL;
    }
    if (asked) {
        login->password = env->password;
        login->password_user = env->password_user;
    }
}

static void fill_endpoint(agdb__endpoint_t *e, const agdb__map_keyspace_t *keyspace,
                          const agdb__map_node_t *node, const agdb__topology_env_t *env)
{
    e->login = (agdb__login_t){
        .node = node->name,
        .host = node->host,
        .port = node->port,
        .user = login_user(node, env),
        .dbname = text(node, AGDB_S_DBNAME),
        .service = env->service,
        .search_path = text(node, AGDB_S_SEARCH_PATH),
        .connect_ms = (uint32_t)number(node, AGDB_S_TIMEOUT_CONNECT),
        .server_ms = (uint32_t)number(node, AGDB_S_TIMEOUT_SERVER),
        .pgbouncer = keyspace->via_pgbouncer,
    };
    add_options(e, node);
    set_password_source(&e->login, node, env);
    e->limits = (agdb__pool_limits_t){
        .min = (unsigned)number(node, AGDB_S_POOL_MIN),
        .max = (unsigned)number(node, AGDB_S_POOL_MAX),
        .handshakes = HANDSHAKES,
        .queue = (unsigned)number(node, AGDB_S_POOL_QUEUE),
        .queue_ms = number(node, AGDB_S_TIMEOUT_QUEUE),
        .idle_ms = number(node, AGDB_S_POOL_IDLE),
        .lifetime_ms = number(node, AGDB_S_POOL_LIFETIME),
        .grouping = keyspace->grouping,
    };
}

/* --- endpoints and servers -------------------------------------------------------------------- */

static uint32_t find_endpoint(const agdb__topology_t *t, const agdb__map_node_t *node,
                              const char *user)
{
    uint32_t i;

    for (i = 0; i < t->nendpoints; i++) {
        const agdb__login_t *l = &t->endpoints[i].login;

        if (l->port == node->port && strcmp(l->host, node->host) == 0 &&
            strcmp(l->dbname, text(node, AGDB_S_DBNAME)) == 0 && strcmp(l->user, user) == 0)
            break;
    }
    return i;
}

static uint32_t find_server(const agdb__topology_t *t, const agdb__map_node_t *node)
{
    uint32_t i;

    for (i = 0; i < t->nservers; i++)
        if (t->servers[i].port == node->port && strcmp(t->servers[i].host, node->host) == 0)
            break;
    return i;
}

/* One database may hold shards of several keyspaces: its stamp must agree with each. A keyspace of
 * one shard cannot mix rows up, so there a server without a stamp will do. */
static bool expect_identity(const agdb__topology_t *t, agdb__endpoint_t *e,
                            const agdb__map_keyspace_t *keyspace, const agdb__map_shard_t *shard,
                            bool allow_unstamped)
{
    const bool required = keyspace->nshards > 1 && !allow_unstamped;
    size_t n = e->login.nexpect;
    agdb__identity_t *grown = agdb__realloc(e->expect, (n + 1) * sizeof *grown);

    if (grown == NULL)
        return false;
    grown[n] = (agdb__identity_t){keyspace->name, shard->name, t->map->slots, required};
    e->expect = grown;
    e->login.expect = grown;
    e->login.nexpect = n + 1;
    return true;
}

void agdb__topology_probe_as(agdb__server_t *server, const agdb__endpoint_t *endpoint)
{
    server->login = endpoint->login;
    server->login.expect = NULL;
    server->login.nexpect = 0;
    /* told apart from the connections of callers, who may all have left a node that is probed */
    snprintf(server->service, sizeof server->service, "%.*s%s",
             (int)(sizeof server->service - sizeof k_keeper),
             *endpoint->login.service != '\0' ? endpoint->login.service : "agencydb", k_keeper);
    server->login.service = server->service;
}

static bool add_node(agdb__topology_t *t, const agdb__map_keyspace_t *keyspace,
                     agdb__shard_entry_t *entry, uint32_t i, const agdb__topology_env_t *env)
{
    const agdb__map_node_t *node = &entry->map->nodes[i];
    uint32_t at = find_endpoint(t, node, login_user(node, env));
    agdb__endpoint_t *e = &t->endpoints[at];

    if (at == t->nendpoints) {
        fill_endpoint(e, keyspace, node, env);
        agdb__ear_init(&e->ear, &e->login, env->resolver, env->hear);
        e->server = find_server(t, node);
        t->nendpoints++;
        if (e->server == t->nservers) {
            agdb__server_t *server = &t->servers[t->nservers++];

            server->host = node->host;
            server->port = node->port;
            agdb__topology_probe_as(server, e);
            agdb__probe_init(&server->probe, &server->login, env->resolver);
        }
    }
    e->in_service = e->in_service || node->state != AGDB__NODE_OUT;
    entry->endpoint[i] = at;
    entry->shard.nodes[i].name = node->name;
    if (env->zone != NULL && strcmp(env->zone, node->zone) == 0)
        entry->shard.near |= (uint32_t)1 << i;
    return expect_identity(t, e, keyspace, entry->map, env->allow_unstamped);
}

/* --- shards ----------------------------------------------------------------------------------- */

/* Names are no longer than a map's line; a NUL stands between them. */
static bool name_shard(const char *keyspace, const char *shard, uint64_t *ret)
{
    const size_t a = strlen(keyspace) + 1;
    const size_t b = strlen(shard);
    char *both = agdb__malloc(a + b);

    if (both == NULL)
        return false;
    memcpy(both, keyspace, a);
    memcpy(both + a, shard, b);
    *ret = agdb__hash_key(both, a + b);
    agdb__free(both);
    return true;
}

static bool add_shard(agdb__topology_t *t, const agdb__map_keyspace_t *keyspace,
                      const agdb__map_shard_t *map, const agdb__topology_env_t *env)
{
    agdb__shard_entry_t *entry = &t->shards[t->nshards];
    uint32_t n = (uint32_t)map->nnodes;
    uint32_t i;

    if (!agdb__board_init(&entry->shard.board, n))
        return false;
    if (!agdb__marks_init(&entry->shard.marks, n)) {
        agdb__board_fini(&entry->shard.board);
        return false;
    }
    t->nshards++;
    entry->map = map;
    entry->shard.name = map->name;
    if (!name_shard(keyspace->name, map->name, &entry->shard.id))
        return false;
    entry->shard.nnodes = n;
    entry->shard.call_ms = number(&map->nodes[0], AGDB_S_TIMEOUT_CALL);
    entry->shard.park_ms = number(&map->nodes[0], AGDB_S_TIMEOUT_PARK);
    entry->max_lag_ms = number(&map->nodes[0], AGDB_S_REPLICA_MAX_LAG);
    entry->shard.hedge_ms = number(&map->nodes[0], AGDB_S_REPLICA_HEDGE);
    entry->shard.park_max = (unsigned)number(&map->nodes[0], AGDB_S_POOL_QUEUE);
    entry->shard.nodes = agdb__calloc(n, sizeof *entry->shard.nodes);
    entry->endpoint = agdb__calloc(n, sizeof *entry->endpoint);
    entry->memory = agdb__calloc(n, sizeof *entry->memory);
    if (entry->shard.nodes == NULL || entry->endpoint == NULL || entry->memory == NULL)
        return false;
    for (i = 0; i < n; i++)
        if (!add_node(t, keyspace, entry, i, env))
            return false;
    return true;
}

/* Nobody may ask a node that is out: one connection proves its login, and goes at once. */
static void drain_what_is_out(agdb__topology_t *t)
{
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        if (!t->endpoints[i].in_service) {
            t->endpoints[i].limits.min = 0;
            t->endpoints[i].limits.idle_ms = 0;
        }
}

static bool make_pools(agdb__topology_t *t, const agdb__topology_env_t *env)
{
    size_t i;
    uint32_t n;

    for (i = 0; i < t->nendpoints; i++) {
        agdb__endpoint_t *e = &t->endpoints[i];

        e->pool = agdb__pool_new(&e->login, &e->limits, env->resolver, env->wake, env->wake_user);
        if (e->pool == NULL)
            return false;
    }
    for (i = 0; i < t->nshards; i++)
        for (n = 0; n < t->shards[i].shard.nnodes; n++)
            t->shards[i].shard.nodes[n].pool = t->endpoints[t->shards[i].endpoint[n]].pool;
    return true;
}

static bool allocate(agdb__topology_t *t)
{
    size_t nshards = 0;
    size_t nnodes = 0;
    size_t k;
    size_t s;

    for (k = 0; k < t->map->nkeyspaces; k++) {
        nshards += t->map->keyspaces[k].nshards;
        for (s = 0; s < t->map->keyspaces[k].nshards; s++)
            nnodes += t->map->keyspaces[k].shards[s].nnodes;
    }
    t->first_shard = agdb__calloc(t->map->nkeyspaces, sizeof *t->first_shard);
    t->shards = agdb__calloc(nshards, sizeof *t->shards);
    t->servers = agdb__calloc(nnodes, sizeof *t->servers);
    t->endpoints = agdb__calloc(nnodes, sizeof *t->endpoints);
    return t->first_shard != NULL && t->shards != NULL && t->servers != NULL &&
           t->endpoints != NULL;
}

agdb_status_t agdb__topology_build(const agdb_map_t *map, const agdb__topology_env_t *env,
                                   agdb__topology_t *ret, agdb_error_t **reterr)
{
    agdb__topology_t t = {.map = map};
    size_t k;
    size_t s;

    if (!allocate(&t))
        goto nomem;
    for (k = 0; k < map->nkeyspaces; k++) {
        t.first_shard[k] = t.nshards;
        for (s = 0; s < map->keyspaces[k].nshards; s++)
            if (!add_shard(&t, &map->keyspaces[k], &map->keyspaces[k].shards[s], env))
                goto nomem;
    }
    drain_what_is_out(&t);
    if (!make_pools(&t, env))
        goto nomem;
    *ret = t;
    return AGDB_OK;
nomem:
    agdb__topology_fini(&t);
    return agdb__fail_nomem(reterr);
}

void agdb__topology_fini(agdb__topology_t *t)
{
    size_t i;

    for (i = 0; i < t->nendpoints; i++) {
        agdb__pool_free(t->endpoints[i].pool);
        agdb__ear_fini(&t->endpoints[i].ear);
        agdb__free(t->endpoints[i].expect);
    }
    for (i = 0; i < t->nservers; i++)
        agdb__probe_fini(&t->servers[i].probe);
    for (i = 0; i < t->nshards; i++) {
        agdb__board_fini(&t->shards[i].shard.board);
        agdb__marks_fini(&t->shards[i].shard.marks);
        agdb__free(t->shards[i].shard.nodes);
        agdb__free(t->shards[i].endpoint);
        agdb__free(t->shards[i].memory);
    }
    agdb__free(t->endpoints);
    agdb__free(t->servers);
    agdb__free(t->shards);
    agdb__free(t->first_shard);
    *t = (agdb__topology_t){0};
}
