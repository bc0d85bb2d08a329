#include "client/refresh.h"

#include "base/clock.h"
#include "base/error.h"
#include "client/follow.h"
#include "client/tell.h"

/* The probe may have logged in for another database: the refusal of this one's own login counts. */
static agdb__health_t health_when_refused(const agdb__pool_health_t *pool,
                                          const agdb_error_t **ret_error)
{
    if (pool->error == NULL)
        return pool->verified ? AGDB__HEALTH_DOWN : AGDB__HEALTH_UNSEEN;
    *ret_error = pool->error;
    return agdb__probe_judge(pool->error->status);
}

/* A node is what its server's probe says, unless its own database has not been proven or cannot be
 * had: then what its pool says. A login that fails beside open connections takes nothing away from
 * them; one that meets another shard does. */
static agdb__health_t node_health(const agdb__server_t *server, const agdb__endpoint_t *endpoint,
                                  const agdb_error_t **ret_error)
{
    agdb__pool_health_t pool = agdb__pool_health(endpoint->pool);

    *ret_error = server->probe.error;
    if (server->probe.health == AGDB__HEALTH_REFUSED)
        return health_when_refused(&pool, ret_error);
    if (server->probe.health != AGDB__HEALTH_UP)
        return server->probe.health;
    *ret_error = pool.error;
    if (pool.error != NULL && (pool.cut || pool.error->status == AGDB_E_WRONG_SHARD))
        return agdb__probe_judge(pool.error->status);
    *ret_error = NULL;
    return pool.verified ? AGDB__HEALTH_UP : AGDB__HEALTH_UNSEEN;
}

static agdb__observation_t observe(agdb__shard_entry_t *entry, uint32_t i,
                                   const agdb_error_t **ret_error)
{
    const agdb__place_t *place = &entry->place[i];
    const agdb__endpoint_t *endpoint = place->endpoint;
    const agdb__server_t *server = endpoint->server;

    return (agdb__observation_t){
        .health = node_health(server, endpoint, ret_error),
        .in_recovery = server->probe.hello.in_recovery,
        .timeline = server->probe.hello.timeline,
        .system_identifier = server->probe.hello.system_identifier,
        .no_reads = place->reads_never || place->state == AGDB__NODE_NO_READS ||
                    place->memory.join == AGDB__JOIN_AWAY,
        .out = place->state == AGDB__NODE_OUT,
    };
}

static void note_nodes(agdb__shard_entry_t *entry, const agdb__observation_t *seen,
                       const agdb_error_t *const *error)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        agdb_error_t *unused = agdb__tell_why_unused(entry, i, &seen[i]);

        agdb__board_note(&entry->shard.board, i, seen[i].health,
                         unused != NULL ? unused : error[i]);
        agdb__error_free(unused);
    }
}

/* Those who wait for a connection of a node that has left its place look at the view again. */
static void dismiss_waiters(const agdb__shard_entry_t *entry, uint32_t leavers,
                            const agdb_error_t *const *error)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        agdb_error_t *left = NULL;

        if ((leavers >> i & 1) == 0)
            continue;
        (void)agdb__fail(&left, AGDB_E_CONNECT, "left its place while calls waited for it%s%s",
                         error[i] != NULL ? ": " : "", error[i] != NULL ? error[i]->message : "");
        agdb__error_stage(&left, AGDB_STAGE_QUEUE);
        agdb__error_retriable(&left, true, 0);
        agdb__pool_dismiss(entry->shard.nodes[i].pool, left);
        agdb__error_free(left);
    }
}

static void see_commits(const agdb__shard_entry_t *entry)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__endpoint_t *endpoint = entry->place[i].endpoint;
        const agdb__probe_t *probe = &endpoint->server->probe;

        if (probe->health == AGDB__HEALTH_UP)
            agdb__pool_see_commits(endpoint->pool, probe->hello.commits_wait);
    }
}

static void refresh_shard(agdb_t *db, agdb__shard_entry_t *entry, uint64_t now_us)
{
    agdb__observation_t seen[AGDB__VIEW_NODES_MAX];
    const agdb_error_t *error[AGDB__VIEW_NODES_MAX];
    const agdb__view_t before = agdb__board_view(&entry->shard.board);
    agdb__view_t view;
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++)
        seen[i] = observe(entry, i, &error[i]);
    see_commits(entry);
    view = agdb__view_compute(seen, entry->shard.nnodes, &entry->view_memory);
    agdb__marks_set_history(&entry->shard.marks, entry->view_memory.system_identifier,
                            entry->view_memory.timeline);
    note_nodes(entry, seen, error);
    agdb__board_publish(&entry->shard.board, view, now_us);
    entry->is_new = false;
    dismiss_waiters(entry, agdb__view_leavers(before, view), error);
    for (i = 0; i < entry->shard.nnodes; i++)
        agdb__tell_node(db, entry, i, &seen[i], error[i]);
    for (i = 0; i < entry->shard.nnodes; i++)
        agdb__tell_place(db, entry, i, &seen[i]);
    agdb__tell_shard(db, entry, view);
}

static bool is_touched(const agdb__shard_entry_t *entry)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__endpoint_t *endpoint = entry->place[i].endpoint;

        if (endpoint->changed || endpoint->server->changed)
            return true;
    }
    return entry->is_new;
}

/* A server may be of another cluster than one of its shards knows, and the right one for others. */
static void note_strays(const agdb__shard_entry_t *entry)
{
    const uint64_t known = entry->view_memory.system_identifier;
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        agdb__server_t *server = entry->place[i].endpoint->server;

        if (known != 0 && server->probe.health == AGDB__HEALTH_UP &&
            server->probe.hello.system_identifier != known)
            server->astray = true;
    }
}

/* Where a name leads to a server of another cluster, it is looked up again soon. */
static void see_strays(agdb__topology_t *t, uint64_t now_us)
{
    size_t i;

    for (i = 0; i < t->nservers; i++)
        t->servers[i]->astray = false;
    for (i = 0; i < t->nshards; i++)
        note_strays(t->shards[i]);
    for (i = 0; i < t->nservers; i++)
        agdb__probe_set_astray(&t->servers[i]->probe, t->servers[i]->astray, now_us);
}

void agdb__refresh(agdb_t *db)
{
    const uint64_t now_us = agdb__now_us();
    bool touched = false;
    size_t i;

    for (i = 0; i < db->topology.nshards; i++) {
        agdb__shard_entry_t *entry = db->topology.shards[i];
        const bool joined = agdb__follow_joining(entry, now_us);

        if (joined || is_touched(entry)) {
            refresh_shard(db, entry, now_us);
            touched = true;
        }
        agdb__follow(db, entry, now_us);
    }
    if (touched)
        see_strays(&db->topology, now_us);
}
