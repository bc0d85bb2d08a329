#include "client/topology.h"

#include "base/alloc.h"

/* --- shards ----------------------------------------------------------------------------------- */

void agdb__shard_entry_ref(agdb__shard_entry_t *entry)
{
    entry->refs++;
}

void agdb__shard_entry_unref(agdb__shard_entry_t *entry)
{
    if (entry != NULL)
        entry->refs--;
}

void agdb__shard_entry_free(agdb__shard_entry_t *entry)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++)
        if (entry->place[i].endpoint != NULL)
            entry->place[i].endpoint->refs--;
    agdb__shard_entry_unref(entry->successor);
    agdb__board_fini(&entry->shard.board);
    agdb__marks_fini(&entry->shard.marks);
    agdb__free(entry->shard.nodes);
    agdb__free(entry->place);
    agdb__free(entry);
}

void agdb__layout_fini(agdb__layout_t *l)
{
    size_t i;

    for (i = 0; i < l->nshards; i++)
        agdb__shard_entry_unref(l->shards[i]);
    agdb__free(l->shards);
    agdb__free(l->first_shard);
    agdb__free(l->keyspace);
    *l = (agdb__layout_t){0};
}

void agdb__topology_use(agdb__topology_t *t, const agdb__layout_t *layout)
{
    size_t i;
    uint32_t n;

    for (i = 0; i < t->nshards; i++)
        t->shards[i]->is_current = false;
    for (i = 0; i < layout->nshards; i++)
        layout->shards[i]->is_current = true;
    for (i = 0; i < t->nshards; i++)
        agdb__board_retire(&t->shards[i]->shard.board, !t->shards[i]->is_current);
    for (i = 0; i < t->nendpoints; i++)
        agdb__pool_retire(t->endpoints[i]->pool, true);
    for (i = 0; i < layout->nshards; i++)
        for (n = 0; n < layout->shards[i]->shard.nnodes; n++)
            agdb__pool_retire(layout->shards[i]->place[n].endpoint->pool, false);
}

static agdb__shard_entry_t *with_id(const agdb__layout_t *layout, uint64_t id)
{
    size_t i;

    for (i = 0; i < layout->nshards; i++)
        if (layout->shards[i]->shard.id == id)
            return layout->shards[i];
    return NULL;
}

/* For good: who follows it has a hold on the first of a row only. */
static void supersede(agdb__shard_entry_t *entry, agdb__shard_entry_t *by)
{
    agdb__shard_entry_ref(by);
    entry->successor = by;
    atomic_store_explicit(&entry->shard.successor, &by->shard, memory_order_release);
    agdb__board_stir(&entry->shard.board);
}

void agdb__topology_supersede(agdb__topology_t *t, const agdb__layout_t *layout)
{
    size_t i;

    for (i = 0; i < t->nshards; i++) {
        agdb__shard_entry_t *entry = t->shards[i];
        agdb__shard_entry_t *by = with_id(layout, entry->shard.id);

        if (by != NULL && by != entry && entry->successor == NULL)
            supersede(entry, by);
    }
}

void agdb__topology_say_epoch(agdb__topology_t *t, uint64_t epoch)
{
    size_t i;

    for (i = 0; i < t->nservers; i++)
        agdb__comment_epoch(t->servers[i]->epoch, epoch);
}

/* --- the end of what nobody needs --------------------------------------------------------------
 */

/* One that goes may have been the last to hold its successor. */
static bool sweep_shards(agdb__topology_t *t)
{
    bool some = false;
    size_t i = 0;

    while (i < t->nshards) {
        agdb__shard_entry_t *entry = t->shards[i];

        if (entry->refs == 0 && !agdb__board_is_watched(&entry->shard.board)) {
            agdb__shard_entry_free(entry);
            t->shards[i] = t->shards[--t->nshards];
            i = 0;
            some = false;
            continue;
        }
        some = some || entry->refs == 0;
        i++;
    }
    return some;
}

/* Another of the same server, one that stays if there is one. */
static agdb__endpoint_t *other_than(const agdb__topology_t *t, const agdb__endpoint_t *e)
{
    agdb__endpoint_t *other = NULL;
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        if (t->endpoints[i] != e && t->endpoints[i]->server == e->server &&
            (other == NULL || other->refs == 0))
            other = t->endpoints[i];
    return other;
}

/* Its server's probe may have its login, while others need the probe. False: not now. */
static bool hand_login_over(agdb__topology_t *t, agdb__endpoint_t *e, uint64_t now_us)
{
    agdb__server_t *server = e->server;
    agdb__endpoint_t *other = server->login_of == e ? other_than(t, e) : NULL;

    if (other == NULL)
        return true;
    if (!agdb__probe_is_at_rest(&server->probe))
        return false;
    agdb__server_probe_as(server, other);
    agdb__probe_renew(&server->probe, now_us);
    return true;
}

static bool may_go(agdb__topology_t *t, agdb__endpoint_t *e, uint64_t now_us)
{
    agdb__pool_shut(e->pool);
    return agdb__pool_is_still(e->pool) && e->ear.channels.heard == 0 &&
           e->server->cancelling != e && hand_login_over(t, e, now_us);
}

static void sweep_servers(agdb__topology_t *t)
{
    size_t i = 0;

    while (i < t->nservers)
        if (t->servers[i]->refs == 0) {
            agdb__server_free(t->servers[i]);
            t->servers[i] = t->servers[--t->nservers];
        } else {
            i++;
        }
}

static bool sweep_endpoints(agdb__topology_t *t, uint64_t now_us)
{
    bool some = false;
    size_t i = 0;

    while (i < t->nendpoints) {
        agdb__endpoint_t *e = t->endpoints[i];

        if (e->refs == 0 && may_go(t, e, now_us)) {
            e->server->refs--;
            agdb__endpoint_free(e);
            t->endpoints[i] = t->endpoints[--t->nendpoints];
            continue;
        }
        some = some || e->refs == 0;
        i++;
    }
    return some;
}

bool agdb__topology_sweep(agdb__topology_t *t, uint64_t now_us)
{
    const bool shards = sweep_shards(t);
    const bool endpoints = sweep_endpoints(t, now_us);

    sweep_servers(t);
    return shards || endpoints;
}

/* --- the end of all ----------------------------------------------------------------------------
 */

void agdb__topology_shut(agdb__topology_t *t)
{
    size_t i;

    for (i = 0; i < t->nendpoints; i++)
        agdb__pool_shut(t->endpoints[i]->pool);
    for (i = 0; i < t->nshards; i++)
        agdb__board_close(&t->shards[i]->shard.board);
}

void agdb__topology_fini(agdb__topology_t *t)
{
    size_t i;

    for (i = 0; i < t->nshards; i++)
        t->shards[i]->successor = NULL; /* which may go first */
    for (i = 0; i < t->nshards; i++)
        agdb__shard_entry_free(t->shards[i]);
    for (i = 0; i < t->nservers; i++)
        agdb__server_free(t->servers[i]);
    for (i = 0; i < t->nendpoints; i++)
        agdb__endpoint_free(t->endpoints[i]);
    agdb__free(t->shards);
    agdb__free(t->endpoints);
    agdb__free(t->servers);
    *t = (agdb__topology_t){0};
}
