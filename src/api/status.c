/* agencydb/status.h */
#include "agencydb/status.h"

#include "api/border.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

/* Who is told, with the memory of the caller's own. */
typedef struct listener {
    agdb_node_fn each;
    void *user;
    const agdb_allocator_t *outer;
} listener_t;

static agdb_shard_state_t shard_state(agdb__shard_state_t state)
{
    switch (state) {
    case AGDB__SHARD_UNSEEN:
        break;
    case AGDB__SHARD_READY:
        return AGDB_SHARD_READY;
    case AGDB__SHARD_NO_PRIMARY:
        return AGDB_SHARD_NO_PRIMARY;
    case AGDB__SHARD_REFUSED:
        return AGDB_SHARD_REFUSED;
    case AGDB__SHARD_SPLIT:
        return AGDB_SHARD_SPLIT;
    }
    return AGDB_SHARD_UNSEEN;
}

static agdb_node_state_t node_state(agdb__health_t health)
{
    switch (health) {
    case AGDB__HEALTH_UNSEEN:
        break;
    case AGDB__HEALTH_DOWN:
        return AGDB_NODE_DOWN;
    case AGDB__HEALTH_REFUSED:
        return AGDB_NODE_REFUSED;
    case AGDB__HEALTH_UP:
        return AGDB_NODE_UP;
    }
    return AGDB_NODE_UNSEEN;
}

static int64_t lag_ms(agdb__shard_t *shard, const agdb_node_info_t *info, uint32_t i)
{
    uint64_t us;

    if (info->is_primary)
        return 0;
    us =
        info->is_replica ? agdb__marks_lag_us(&shard->marks, i, agdb__now_us()) : AGDB__LAG_UNKNOWN;
    return us != AGDB__LAG_UNKNOWN ? (int64_t)(us / 1000) : -1;
}

static void show_node(agdb__shard_entry_t *entry, uint32_t i, const listener_t *to)
{
    const agdb_allocator_t *inner;
    agdb__shard_t *shard = &entry->shard;
    agdb__view_t view = agdb__board_view(&shard->board);
    agdb__pool_counts_t counts = agdb__pool_counts(shard->nodes[i].pool);
    agdb_error_t *reason = agdb__board_reason(&shard->board, i);
    agdb_node_info_t info = {
        .struct_size = sizeof info,
        .keyspace = entry->keyspace,
        .shard = shard->name,
        .region = entry->region,
        .node = shard->nodes[i].name,
        .zone = entry->place[i].zone,
        .shard_state = shard_state(view.state),
        .parked = atomic_load_explicit(&shard->parked, memory_order_relaxed),
        .state = node_state(agdb__board_health(&shard->board, i)),
        .is_primary = view.state == AGDB__SHARD_READY && view.primary == i,
        .is_replica = (view.replicas >> i & 1) != 0,
        .open = counts.open,
        .waiting = counts.waiting,
        .reason = reason != NULL ? agdb_error_message(reason) : "",
    };

    if (info.is_primary || info.is_replica)
        info.timeline = agdb__marks_timeline(&shard->marks, i);
    info.lag_ms = lag_ms(shard, &info, i);
    inner = agdb__alloc_enter(to->outer);
    to->each(&info, to->user);
    (void)agdb__alloc_enter(inner);
    agdb__error_free(reason);
}

static void show_all(const agdb__layout_t *layout, const listener_t *to)
{
    size_t s;
    uint32_t i;

    for (s = 0; s < layout->nshards; s++)
        for (i = 0; i < layout->shards[s]->shard.nnodes; i++)
            show_node(layout->shards[s], i, to);
}

agdb_status_t agdb_status(agdb_t *db, agdb_node_fn each, void *user, agdb_error_t **reterr)
{
    agdb__visit_t visit;
    agdb_status_t st;

    if (each == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_status needs a function");
    st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    show_all(&visit.edition->layout, &(listener_t){each, user, visit.outer});
    agdb__border_leave(&visit);
    return AGDB_OK;
}
