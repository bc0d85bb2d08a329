/* From a map to its layout: which endpoints it asks for, which of them there are, and the shards
 * that they make. */
#include "base/alloc.h"
#include "base/error.h"
#include "client/topology.h"
#include "map/hash.h"

/* One map, on its way to a layout. */
typedef struct plan {
    agdb__topology_t *t;
    const agdb_map_t *map;
    const agdb__topology_env_t *env;
    const agdb__layout_t *before;
    agdb__want_endpoint_t *want;
    size_t nwant;
    uint32_t *want_of; /* of each node, shard after shard */
    size_t nnodes;
    agdb__layout_t layout;
} plan_t;

static uint64_t number(const agdb__map_node_t *node, agdb__setting_t id)
{
    return node->settings.number[id];
}

/* Room for one more in an array of pointers; doubled when its count is a power of two. */
static bool grow(void *array, size_t count)
{
    void **grown;
    void **old;

    if ((count & (count - 1)) != 0)
        return true;
    memcpy(&old, array, sizeof old);
    grown = agdb__realloc(old, (count > 0 ? count * 2 : 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    memcpy(array, &grown, sizeof grown);
    return true;
}

/* --- what is asked for -------------------------------------------------------------------------
 */

static const char *dbname(const agdb__map_node_t *node)
{
    return node->settings.text[AGDB_S_DBNAME];
}

static uint64_t hash_of(const plan_t *p, const agdb__map_node_t *node)
{
    const char *user = agdb__endpoint_user(node, p->env);

    return agdb__hash_key(node->host, strlen(node->host)) * 31 + node->port +
           agdb__hash_key(dbname(node), strlen(dbname(node))) * 17 +
           agdb__hash_key(user, strlen(user));
}

static size_t find_want(const plan_t *p, const agdb__map_node_t *node, uint64_t hash)
{
    const char *user = agdb__endpoint_user(node, p->env);
    size_t i;

    for (i = 0; i < p->nwant; i++) {
        const agdb__map_node_t *other = p->want[i].node;

        if (p->want[i].hash == hash && other->port == node->port &&
            strcmp(other->host, node->host) == 0 && strcmp(dbname(other), dbname(node)) == 0 &&
            strcmp(agdb__endpoint_user(other, p->env), user) == 0)
            break;
    }
    return i;
}

/* One database may hold shards of several keyspaces: its stamp must agree with each. A keyspace of
 * one shard cannot mix rows up, so there a server without a stamp will do. */
static bool expect_identity(const plan_t *p, agdb__want_endpoint_t *want,
                            const agdb__map_keyspace_t *keyspace, const agdb__map_shard_t *shard)
{
    const bool required = keyspace->nshards > 1 && !p->env->allow_unstamped;
    agdb__identity_t *grown =
        agdb__realloc(want->expect, (want->nexpect + 1) * sizeof *want->expect);

    if (grown == NULL)
        return false;
    grown[want->nexpect++] =
        (agdb__identity_t){keyspace->name, shard->name, p->map->slots, required};
    want->expect = grown;
    return true;
}

static bool want_shard(plan_t *p, const agdb__map_keyspace_t *keyspace,
                       const agdb__map_shard_t *shard)
{
    size_t i;

    for (i = 0; i < shard->nnodes; i++) {
        const agdb__map_node_t *node = &shard->nodes[i];
        const uint64_t hash = hash_of(p, node);
        const size_t at = find_want(p, node, hash);

        if (at == p->nwant)
            p->want[p->nwant++] =
                (agdb__want_endpoint_t){.keyspace = keyspace, .node = node, .hash = hash};
        p->want_of[p->nnodes++] = (uint32_t)at;
        p->want[at].in_service = p->want[at].in_service || node->state != AGDB__NODE_OUT;
        if (!expect_identity(p, &p->want[at], keyspace, shard))
            return false;
    }
    return true;
}

/* --- endpoints ---------------------------------------------------------------------------------
 */

static agdb__server_t *server_for(plan_t *p, const agdb__map_node_t *node)
{
    agdb__topology_t *t = p->t;
    agdb__server_t *server;
    size_t i;

    for (i = 0; i < t->nservers; i++)
        if (t->servers[i]->port == node->port && strcmp(t->servers[i]->host, node->host) == 0)
            return t->servers[i];
    if (!grow(&t->servers, t->nservers))
        return NULL;
    server = agdb__server_new(node);
    if (server != NULL)
        t->servers[t->nservers++] = server;
    return server;
}

/* One that is to go is not used again: its pool is shut. */
static agdb__endpoint_t *find_same(const agdb__topology_t *t, const agdb__endpoint_t *draft)
{
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        if (t->endpoints[i]->refs > 0 && agdb__endpoint_is_same(t->endpoints[i], draft))
            return t->endpoints[i];
    return NULL;
}

static bool settle(plan_t *p, const agdb__map_node_t *node, agdb__endpoint_t *draft)
{
    agdb__topology_t *t = p->t;
    agdb__server_t *server = server_for(p, node);

    if (server == NULL || !grow(&t->endpoints, t->nendpoints) ||
        !agdb__endpoint_settle(draft, server, p->env))
        return false;
    t->endpoints[t->nendpoints++] = draft;
    return true;
}

/* Held until the shards hold it, so that it is not found to be unused on the way. */
static bool serve_want(plan_t *p, agdb__want_endpoint_t *want)
{
    agdb__endpoint_t *draft = agdb__endpoint_draft(want, p->env);
    agdb__endpoint_t *same;

    if (draft == NULL)
        return false;
    same = find_same(p->t, draft);
    if (same != NULL || !settle(p, want->node, draft)) {
        agdb__endpoint_free(draft);
        draft = same;
    }
    want->endpoint = draft;
    if (draft != NULL)
        draft->refs++;
    return draft != NULL;
}

/* --- shards ------------------------------------------------------------------------------------
 */

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

static uint32_t near_nodes(const plan_t *p, const agdb__map_shard_t *map)
{
    uint32_t near = 0;
    size_t i;

    for (i = 0; p->env->zone != NULL && i < map->nnodes; i++)
        if (strcmp(p->env->zone, map->nodes[i].zone) == 0)
            near |= (uint32_t)1 << i;
    return near;
}

/* The limits of a shard are those of its first node. */
static void set_limits(agdb__shard_entry_t *entry, const agdb__map_shard_t *map)
{
    const agdb__map_node_t *first = &map->nodes[0];

    entry->shard.call_ms = number(first, AGDB_S_TIMEOUT_CALL);
    entry->shard.park_ms = number(first, AGDB_S_TIMEOUT_PARK);
    entry->shard.hedge_ms = number(first, AGDB_S_REPLICA_HEDGE);
    entry->shard.slow_us = number(first, AGDB_S_LOG_SLOW) * 1000;
    entry->shard.park_max = (unsigned)number(first, AGDB_S_POOL_QUEUE);
    entry->max_lag_ms = number(first, AGDB_S_REPLICA_MAX_LAG);
}

static bool has_limits(const agdb__shard_entry_t *entry, const agdb__map_shard_t *map)
{
    agdb__shard_entry_t as = {.generation = 0};

    set_limits(&as, map);
    return entry->shard.call_ms == as.shard.call_ms && entry->shard.park_ms == as.shard.park_ms &&
           entry->shard.hedge_ms == as.shard.hedge_ms && entry->shard.slow_us == as.shard.slow_us &&
           entry->shard.park_max == as.shard.park_max && entry->max_lag_ms == as.max_lag_ms;
}

static bool has_place(const agdb__shard_entry_t *entry, uint32_t i, const agdb__map_node_t *node,
                      const agdb__endpoint_t *endpoint)
{
    const agdb__place_t *place = &entry->place[i];

    return place->endpoint == endpoint && place->state == node->state &&
           place->reads_never == node->reads_never && strcmp(place->zone, node->zone) == 0 &&
           strcmp(entry->shard.nodes[i].name, node->name) == 0;
}

/* Whether it is what the map says. `of` are the wants of its nodes. */
static bool is_same_shard(const plan_t *p, const agdb__shard_entry_t *entry, const char *keyspace,
                          const agdb__map_shard_t *map, const uint32_t *of)
{
    uint32_t i;

    if (strcmp(entry->keyspace, keyspace) != 0 || strcmp(entry->shard.name, map->name) != 0 ||
        strcmp(entry->region, map->region) != 0 || entry->generation != map->generation ||
        entry->shard.nnodes != map->nnodes || !has_limits(entry, map))
        return false;
    for (i = 0; i < entry->shard.nnodes; i++)
        if (!has_place(entry, i, &map->nodes[i], p->want[of[i]].endpoint))
            return false;
    return true;
}

static bool name_entry(const plan_t *p, agdb__shard_entry_t *entry, const char *keyspace,
                       const agdb__map_shard_t *map)
{
    entry->keyspace = agdb__names_keep(p->env->names, keyspace);
    entry->shard.name = agdb__names_keep(p->env->names, map->name);
    entry->region = agdb__names_keep(p->env->names, map->region);
    return entry->keyspace != NULL && entry->shard.name != NULL && entry->region != NULL;
}

static bool fill_place(const plan_t *p, agdb__shard_entry_t *entry, uint32_t i,
                       const agdb__map_node_t *node, agdb__endpoint_t *endpoint)
{
    agdb__shard_account_t *account =
        agdb__books_shard(p->env->books, entry->keyspace, entry->shard.name);
    agdb__place_t *place = &entry->place[i];

    if (account == NULL)
        return false;
    entry->shard.tally = &account->tally;
    place->state = node->state;
    place->reads_never = node->reads_never;
    place->zone = agdb__names_keep(p->env->names, node->zone);
    entry->shard.nodes[i].name = agdb__names_keep(p->env->names, node->name);
    entry->shard.nodes[i].pool = endpoint->pool;
    place->endpoint = endpoint;
    endpoint->refs++;
    if (place->zone == NULL || entry->shard.nodes[i].name == NULL)
        return false;
    entry->shard.nodes[i].tally = agdb__books_node(account, entry->shard.nodes[i].name);
    return entry->shard.nodes[i].tally != NULL;
}

static agdb__shard_entry_t *new_entry(uint32_t nnodes)
{
    agdb__shard_entry_t *entry = agdb__calloc(1, sizeof *entry);

    if (entry == NULL)
        return NULL;
    if (!agdb__board_init(&entry->shard.board, nnodes)) {
        agdb__free(entry);
        return NULL;
    }
    if (!agdb__marks_init(&entry->shard.marks, nnodes)) {
        agdb__board_fini(&entry->shard.board);
        agdb__free(entry);
        return NULL;
    }
    entry->is_new = true;
    entry->shard.nodes = agdb__calloc(nnodes, sizeof *entry->shard.nodes);
    entry->place = agdb__calloc(nnodes, sizeof *entry->place);
    if (entry->shard.nodes != NULL && entry->place != NULL)
        entry->shard.nnodes = nnodes; /* what agdb__shard_entry_free may look at */
    return entry;
}

static bool fill_entry(const plan_t *p, agdb__shard_entry_t *entry, const char *keyspace,
                       const agdb__map_shard_t *map, const uint32_t *of)
{
    uint32_t i;

    if (entry->shard.nnodes != map->nnodes || !name_entry(p, entry, keyspace, map))
        return false;
    entry->generation = map->generation;
    entry->shard.near = near_nodes(p, map);
    entry->shard.logger = p->env->logger;
    set_limits(entry, map);
    for (i = 0; i < entry->shard.nnodes; i++)
        if (!fill_place(p, entry, i, &map->nodes[i], p->want[of[i]].endpoint))
            return false;
    return true;
}

/* What is known of a shard and of those of its nodes that it had before. */
static void inherit(agdb__shard_entry_t *entry, agdb__shard_entry_t *from)
{
    uint32_t i;
    uint32_t n;

    if (entry->generation > from->generation)
        return;
    entry->view_memory = from->view_memory;
    entry->was_split = from->was_split;
    agdb__board_inherit(&entry->shard.board, &from->shard.board);
    agdb__marks_inherit(&entry->shard.marks, &from->shard.marks);
    for (i = 0; i < entry->shard.nnodes; i++)
        for (n = 0; n < from->shard.nnodes; n++)
            if (entry->place[i].endpoint->server == from->place[n].endpoint->server) {
                entry->place[i].memory = from->place[n].memory;
                entry->place[i].memory.answers = 0; /* its mark is set anew */
            }
}

static agdb__shard_entry_t *shard_before(const plan_t *p, uint64_t id)
{
    size_t i;

    for (i = 0; p->before != NULL && i < p->before->nshards; i++)
        if (p->before->shards[i]->shard.id == id)
            return p->before->shards[i];
    return NULL;
}

static agdb__shard_entry_t *make_shard(plan_t *p, const char *keyspace,
                                       const agdb__map_shard_t *map, const uint32_t *of,
                                       uint64_t id)
{
    agdb__topology_t *t = p->t;
    agdb__shard_entry_t *before = shard_before(p, id);
    agdb__shard_entry_t *entry;

    if (!grow(&t->shards, t->nshards))
        return NULL;
    entry = new_entry((uint32_t)map->nnodes);
    if (entry == NULL)
        return NULL;
    if (!fill_entry(p, entry, keyspace, map, of)) {
        agdb__shard_entry_free(entry);
        return NULL;
    }
    entry->shard.id = id;
    if (before != NULL)
        inherit(entry, before);
    t->shards[t->nshards++] = entry;
    return entry;
}

static bool add_shard(plan_t *p, const agdb__map_keyspace_t *keyspace, const agdb__map_shard_t *map)
{
    const uint32_t *of = &p->want_of[p->nnodes];
    agdb__shard_entry_t *entry = NULL;
    uint64_t id = 0;
    size_t i;

    p->nnodes += map->nnodes;
    if (!name_shard(keyspace->name, map->name, &id))
        return false;
    for (i = 0; i < p->t->nshards && entry == NULL; i++)
        if (p->t->shards[i]->shard.id == id && p->t->shards[i]->refs > 0 &&
            p->t->shards[i]->successor == NULL &&
            is_same_shard(p, p->t->shards[i], keyspace->name, map, of))
            entry = p->t->shards[i];
    if (entry == NULL)
        entry = make_shard(p, keyspace->name, map, of, id);
    if (entry == NULL)
        return false;
    agdb__shard_entry_ref(entry);
    p->layout.shards[p->layout.nshards++] = entry;
    return true;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static bool allocate(plan_t *p)
{
    size_t nshards = 0;
    size_t nnodes = 0;
    size_t k;
    size_t s;

    for (k = 0; k < p->map->nkeyspaces; k++) {
        nshards += p->map->keyspaces[k].nshards;
        for (s = 0; s < p->map->keyspaces[k].nshards; s++)
            nnodes += p->map->keyspaces[k].shards[s].nnodes;
    }
    p->layout.first_shard = agdb__calloc(p->map->nkeyspaces, sizeof *p->layout.first_shard);
    p->layout.keyspace = agdb__calloc(p->map->nkeyspaces, sizeof *p->layout.keyspace);
    p->layout.shards = agdb__calloc(nshards, sizeof *p->layout.shards);
    p->want = agdb__calloc(nnodes, sizeof *p->want);
    p->want_of = agdb__calloc(nnodes, sizeof *p->want_of);
    return p->layout.first_shard != NULL && p->layout.keyspace != NULL &&
           p->layout.shards != NULL && p->want != NULL && p->want_of != NULL;
}

static bool for_each_shard(plan_t *p, bool (*each)(plan_t *p, const agdb__map_keyspace_t *keyspace,
                                                   const agdb__map_shard_t *shard))
{
    size_t k;
    size_t s;

    p->nnodes = 0;
    for (k = 0; k < p->map->nkeyspaces; k++) {
        const agdb__map_keyspace_t *keyspace = &p->map->keyspaces[k];

        p->layout.first_shard[k] = p->layout.nshards;
        for (s = 0; s < keyspace->nshards; s++)
            if (!each(p, keyspace, &keyspace->shards[s]))
                return false;
    }
    return true;
}

static bool name_keyspaces(plan_t *p)
{
    size_t k;

    for (k = 0; k < p->map->nkeyspaces; k++) {
        p->layout.keyspace[k] = agdb__names_keep(p->env->names, p->map->keyspaces[k].name);
        if (p->layout.keyspace[k] == NULL)
            return false;
    }
    p->layout.nkeyspaces = p->map->nkeyspaces;
    return true;
}

static bool lay_out(plan_t *p)
{
    size_t i;

    if (!allocate(p) || !name_keyspaces(p) || !for_each_shard(p, want_shard))
        return false;
    for (i = 0; i < p->nwant; i++)
        if (!serve_want(p, &p->want[i]))
            return false;
    return for_each_shard(p, add_shard);
}

/* The wants' own holds go: what the layout uses is held by its shards. */
static void end_wants(plan_t *p)
{
    size_t i;

    for (i = 0; i < p->nwant; i++) {
        if (p->want[i].endpoint != NULL)
            p->want[i].endpoint->refs--;
        agdb__free(p->want[i].expect);
    }
    agdb__free(p->want);
    agdb__free(p->want_of);
}

agdb_status_t agdb__topology_lay_out(agdb__topology_t *t, const agdb_map_t *map,
                                     const agdb__topology_env_t *env, const agdb__layout_t *before,
                                     agdb__layout_t *ret, agdb_error_t **reterr)
{
    plan_t p = {.t = t, .map = map, .env = env, .before = before};
    const bool done = lay_out(&p);

    end_wants(&p);
    if (done) {
        *ret = p.layout;
        return AGDB_OK;
    }
    agdb__layout_fini(&p.layout);
    (void)agdb__topology_sweep(t, 0);
    return agdb__fail_nomem(reterr);
}
