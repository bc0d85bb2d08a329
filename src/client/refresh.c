#include "client/refresh.h"

#include "base/clock.h"
#include "base/error.h"
#include "client/event.h"

/* A replica that shows the shard as it was so long ago has caught up: two questions to the primary,
 * and the time between them. */
enum { JOIN_LAG_US = 3000000 };

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

static agdb__observation_t observe(const agdb__topology_t *t, agdb__shard_entry_t *entry,
                                   uint32_t i, const agdb_error_t **ret_error)
{
    const agdb__endpoint_t *endpoint = &t->endpoints[entry->endpoint[i]];
    const agdb__server_t *server = &t->servers[endpoint->server];
    const agdb__map_node_t *node = &entry->map->nodes[i];

    return (agdb__observation_t){
        .health = node_health(server, endpoint, ret_error),
        .in_recovery = server->probe.hello.in_recovery,
        .timeline = server->probe.hello.timeline,
        .system_identifier = server->probe.hello.system_identifier,
        .no_reads = node->reads_never || node->state == AGDB__NODE_NO_READS ||
                    entry->memory[i].join == AGDB__JOIN_AWAY,
        .out = node->state == AGDB__NODE_OUT,
    };
}

static void tell_node(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
                      const agdb__observation_t *now, const agdb_error_t *error)
{
    agdb__node_memory_t before = entry->memory[i];
    const char *shard = entry->shard.name;
    const char *node = entry->shard.nodes[i].name;
    const char *text = error != NULL && error->message != NULL ? error->message : "";

    entry->memory[i].health = now->health;
    entry->memory[i].in_recovery = now->in_recovery;
    if (now->health != before.health) {
        if (now->health == AGDB__HEALTH_UP)
            agdb__event_tell(db, AGDB_EVENT_NODE_UP, shard, node,
                             now->in_recovery ? "replica" : "primary");
        else if (now->health == AGDB__HEALTH_DOWN)
            agdb__event_tell(db, AGDB_EVENT_NODE_DOWN, shard, node, text);
        else if (now->health == AGDB__HEALTH_REFUSED)
            agdb__event_tell(db, AGDB_EVENT_NODE_REFUSED, shard, node, text);
    } else if (now->health == AGDB__HEALTH_UP && now->in_recovery != before.in_recovery) {
        agdb__event_tell(db, now->in_recovery ? AGDB_EVENT_NODE_DEMOTED : AGDB_EVENT_NODE_PROMOTED,
                         shard, node, "");
    }
}

static bool is_foreign(const agdb__observation_t *node, const agdb__view_memory_t *memory)
{
    return memory->system_identifier != 0 && node->system_identifier != memory->system_identifier;
}

/* Why a node that answers is neither primary nor replica; NULL: it is. */
static agdb_error_t *why_unused(const agdb__observation_t *node, const agdb__view_memory_t *memory)
{
    agdb_error_t *error = NULL;

    if (node->out)
        (void)agdb__fail(&error, AGDB_E_NO_PRIMARY, "is out of service (state: out in the map)");
    else if (is_foreign(node, memory))
        (void)agdb__fail(&error, AGDB_E_NO_PRIMARY,
                         "belongs to another cluster (system identifier %llu, the shard's is %llu)",
                         (unsigned long long)node->system_identifier,
                         (unsigned long long)memory->system_identifier);
    else if (!node->in_recovery && node->timeline < memory->timeline)
        (void)agdb__fail(&error, AGDB_E_NO_PRIMARY,
                         "was the primary until timeline %u; timeline %u has been seen",
                         node->timeline, memory->timeline);
    return error;
}

/* Why a replica answers no reads; NULL: it does, or is none. */
static agdb_error_t *why_unread(const agdb__shard_entry_t *entry, uint32_t i,
                                const agdb__observation_t *node)
{
    agdb_error_t *error = NULL;

    if (!node->in_recovery || !node->no_reads)
        return NULL;
    (void)agdb__fail(&error, AGDB_E_NO_PRIMARY, "%s",
                     entry->memory[i].join == AGDB__JOIN_AWAY
                         ? "is a replica that has not caught up since it is back"
                         : "is a replica that takes no reads (state or reads in the map)");
    return error;
}

static void note_nodes(agdb__shard_entry_t *entry, const agdb__observation_t *seen,
                       const agdb_error_t *const *error)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        agdb_error_t *unused = NULL;

        if (seen[i].health == AGDB__HEALTH_UP)
            unused = why_unused(&seen[i], &entry->view_memory);
        if (unused == NULL && seen[i].health == AGDB__HEALTH_UP)
            unused = why_unread(entry, i, &seen[i]);
        agdb__board_note(&entry->shard.board, i, seen[i].health,
                         unused != NULL ? unused : error[i]);
        agdb__error_free(unused);
    }
}

/* What does not show in health and role. */
static void tell_place(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
                       const agdb__observation_t *now)
{
    agdb__node_memory_t *memory = &entry->memory[i];
    const bool up = now->health == AGDB__HEALTH_UP;
    const bool stale =
        up && !now->in_recovery && now->timeline < entry->view_memory.timeline && !now->out;
    const bool away = up && now->in_recovery && memory->join == AGDB__JOIN_AWAY;
    const char *shard = entry->shard.name;
    const char *node = entry->shard.nodes[i].name;

    if (stale && !memory->stale) {
        agdb_error_t *why = why_unused(now, &entry->view_memory);

        agdb__event_tell(db, AGDB_EVENT_NODE_STALE, shard, node, why != NULL ? why->message : "");
        agdb__error_free(why);
    }
    if (memory->away && up && !away && now->in_recovery)
        agdb__event_tell(db, AGDB_EVENT_NODE_JOINED, shard, node, "");
    memory->stale = stale;
    memory->away = away;
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

/* Where a name leads to a server of another cluster, it is looked up again soon. */
static void see_strays(agdb__topology_t *t, const agdb__shard_entry_t *entry,
                       const agdb__observation_t *seen, uint64_t now_us)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        agdb__probe_t *probe = &t->servers[t->endpoints[entry->endpoint[i]].server].probe;

        agdb__probe_set_astray(
            probe, probe->health == AGDB__HEALTH_UP && is_foreign(&seen[i], &entry->view_memory),
            now_us);
    }
}

static void see_commits(const agdb__topology_t *t, const agdb__shard_entry_t *entry)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__endpoint_t *endpoint = &t->endpoints[entry->endpoint[i]];
        const agdb__probe_t *probe = &t->servers[endpoint->server].probe;

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
        seen[i] = observe(&db->topology, entry, i, &error[i]);
    see_commits(&db->topology, entry);
    view = agdb__view_compute(seen, entry->shard.nnodes, &entry->view_memory);
    agdb__marks_set_history(&entry->shard.marks, entry->view_memory.system_identifier,
                            entry->view_memory.timeline);
    see_strays(&db->topology, entry, seen, now_us);
    note_nodes(entry, seen, error);
    agdb__board_publish(&entry->shard.board, view);
    dismiss_waiters(entry, agdb__view_leavers(before, view), error);
    for (i = 0; i < entry->shard.nnodes; i++)
        tell_node(db, entry, i, &seen[i], error[i]);
    for (i = 0; i < entry->shard.nnodes; i++)
        tell_place(db, entry, i, &seen[i]);
    if (view.state == AGDB__SHARD_SPLIT && !entry->was_split)
        agdb__event_tell(db, AGDB_EVENT_SPLIT_BRAIN, entry->shard.name, "",
                         "two nodes claim to be the primary with the same timeline");
    if (entry->was_split && view.state == AGDB__SHARD_READY)
        agdb__event_tell(db, AGDB_EVENT_SPLIT_ENDED, entry->shard.name,
                         entry->shard.nodes[view.primary].name, "");
    if (view.state == AGDB__SHARD_SPLIT || view.state == AGDB__SHARD_READY)
        entry->was_split = view.state == AGDB__SHARD_SPLIT;
}

static const agdb__probe_t *probe_of(const agdb__topology_t *t, const agdb__shard_entry_t *entry,
                                     uint32_t i)
{
    return &t->servers[t->endpoints[entry->endpoint[i]].server].probe;
}

/* Takes in where the node is, if it has a place in the shard: else as soon as it has one. */
static void mark_node(agdb__shard_entry_t *entry, uint32_t i, const agdb__probe_t *probe)
{
    const agdb__view_t view = agdb__board_view(&entry->shard.board);
    const agdb__hello_t *hello = &probe->hello;
    agdb__marks_t *marks = &entry->shard.marks;
    bool primary = view.state == AGDB__SHARD_READY && view.primary == i;

    if (!primary && (view.replicas >> i & 1) == 0) {
        agdb__marks_set_node(marks, i, 0, 0);
        return;
    }
    entry->memory[i].answers = probe->answers;
    agdb__marks_set_node(marks, i, hello->timeline, hello->lsn);
    if (primary)
        agdb__marks_add_sample(marks, hello->timeline, hello->lsn, probe->asked_us);
}

static void mark_nodes(const agdb__topology_t *t, agdb__shard_entry_t *entry)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__probe_t *probe = probe_of(t, entry, i);

        if (probe->health != AGDB__HEALTH_UP) {
            agdb__marks_set_node(&entry->shard.marks, i, 0, 0);
            entry->memory[i].join = AGDB__JOIN_AWAY;
        } else if (probe->answers != entry->memory[i].answers) {
            mark_node(entry, i, probe);
        }
    }
}

/* True when a replica has joined, or must not yet be trusted. */
static bool join_nodes(const agdb__topology_t *t, agdb__shard_entry_t *entry, uint64_t now_us)
{
    bool changed = false;
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__probe_t *probe = probe_of(t, entry, i);
        agdb__node_memory_t *memory = &entry->memory[i];
        agdb__join_t before = memory->join;

        if (probe->health != AGDB__HEALTH_UP || before == AGDB__JOIN_DONE)
            continue;
        memory->join =
            agdb__marks_join(&entry->shard.marks, before, probe->hello.lsn, now_us, JOIN_LAG_US);
        changed = changed || (memory->join == AGDB__JOIN_AWAY) != (before == AGDB__JOIN_AWAY);
    }
    return changed;
}

static bool is_touched(const agdb__topology_t *t, const agdb__shard_entry_t *entry)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__endpoint_t *endpoint = &t->endpoints[entry->endpoint[i]];

        if (endpoint->changed || t->servers[endpoint->server].changed)
            return true;
    }
    return false;
}

void agdb__refresh(agdb_t *db)
{
    const uint64_t now_us = agdb__now_us();
    size_t i;

    for (i = 0; i < db->topology.nshards; i++) {
        agdb__shard_entry_t *entry = &db->topology.shards[i];

        bool joined = join_nodes(&db->topology, entry, now_us);

        if (joined || is_touched(&db->topology, entry))
            refresh_shard(db, entry, now_us);
        mark_nodes(&db->topology, entry);
    }
}
