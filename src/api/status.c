/* agencydb/status.h */
#include "agencydb/status.h"

#include "api/border.h"
#include "api/look.h"
#include "api/show.h"
#include "base/alloc.h"
#include "base/error.h"

static void show_node(agdb__shard_entry_t *entry, uint32_t i, const agdb__node_writer_t *to)
{
    const agdb_allocator_t *inner;
    agdb__shard_t *shard = &entry->shard;
    const agdb__look_t look = agdb__look_at(entry, i);
    agdb__pool_counts_t counts = agdb__pool_counts(shard->nodes[i].pool);
    agdb_error_t *reason = agdb__board_reason(&shard->board, i);
    agdb_node_info_t info = {
        .struct_size = sizeof info,
        .keyspace = entry->keyspace,
        .shard = shard->name,
        .region = entry->region,
        .node = shard->nodes[i].name,
        .zone = entry->place[i].zone,
        .shard_state = agdb__look_shard_state(look.view.state),
        .parked = agdb__look_parked(entry),
        .state = agdb__look_node_state(look.health),
        .is_primary = look.is_primary,
        .is_replica = look.is_replica,
        .timeline = look.timeline,
        .lag_ms = look.lag_us != AGDB__LAG_UNKNOWN ? (int64_t)(look.lag_us / 1000) : -1,
        .open = counts.open,
        .waiting = counts.waiting,
        .reason = reason != NULL ? agdb_error_message(reason) : "",
    };

    inner = agdb__alloc_enter(to->outer);
    to->each(&info, to->user);
    (void)agdb__alloc_enter(inner);
    agdb__error_free(reason);
}

void agdb__show_nodes(const agdb__layout_t *layout, const agdb__node_writer_t *to)
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
    agdb__show_nodes(&visit.edition->layout, &(agdb__node_writer_t){each, user, visit.outer});
    agdb__border_leave(&visit);
    return AGDB_OK;
}
