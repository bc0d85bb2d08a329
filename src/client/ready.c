/* Waiting until the servers are there. */
#include "client/client.h"

#include "base/error.h"
#include "exec/parked.h"

static bool is_ready(agdb__shard_entry_t *entry, agdb_ready_t what)
{
    agdb__view_t view = agdb__board_view(&entry->shard.board);
    uint32_t i;

    switch (what) {
    case AGDB_READY_ANY:
        return view.state == AGDB__SHARD_READY || view.replicas != 0;
    case AGDB_READY_PRIMARIES:
        return view.state == AGDB__SHARD_READY;
    case AGDB_READY_ALL:
        break;
    }
    for (i = 0; i < entry->shard.nnodes; i++)
        if (entry->place[i].state != AGDB__NODE_OUT &&
            agdb__board_health(&entry->shard.board, i) != AGDB__HEALTH_UP)
            return false;
    return view.state == AGDB__SHARD_READY;
}

/* One child for each node that should be up and is not; one for a shard without a primary. */
static void add_missing(agdb__shard_entry_t *entry, agdb_error_t **reterr)
{
    agdb__shard_t *shard = &entry->shard;
    uint32_t i;

    for (i = 0; i < shard->nnodes; i++) {
        agdb_error_t *child;

        if (entry->place[i].state == AGDB__NODE_OUT ||
            agdb__board_health(&shard->board, i) == AGDB__HEALTH_UP)
            continue;
        child = agdb__describe_node(shard, i);
        agdb__error_place(&child, shard->name, NULL);
        agdb__error_add_child(reterr, child);
    }
    if (agdb__board_view(&shard->board).state != AGDB__SHARD_READY) {
        agdb_error_t *child = NULL;

        (void)agdb__fail(&child, AGDB_E_NO_PRIMARY, "has no primary");
        agdb__error_place(&child, shard->name, NULL);
        agdb__error_add_child(reterr, child);
    }
}

static agdb_status_t fail_not_ready(const agdb__layout_t *l, agdb_ready_t what,
                                    agdb_error_t **reterr)
{
    agdb_error_t *error = NULL;
    size_t missing = 0;
    size_t i;

    (void)agdb__fail(&error, AGDB_E_TIMEOUT, "not ready");
    for (i = 0; i < l->nshards; i++) {
        if (is_ready(l->shards[i], what))
            continue;
        missing++;
        add_missing(l->shards[i], &error);
    }
    if (error->nchild > 0)
        agdb__error_prefix(&error, "%zu of %zu shards (%s): ", missing, l->nshards,
                           error->child[0]->message);
    agdb__error_stage(&error, AGDB_STAGE_PARK);
    agdb__error_retriable(&error, true, 0);
    agdb__error_move(reterr, error);
    return AGDB_E_TIMEOUT;
}

agdb_status_t agdb__client_wait_ready(const agdb__edition_t *edition, agdb_ready_t what,
                                      uint64_t deadline_us, agdb_error_t **reterr)
{
    const agdb__layout_t *l = &edition->layout;
    size_t i;

    for (i = 0; i < l->nshards; i++) {
        agdb__shard_entry_t *entry = l->shards[i];
        agdb__board_t *board = &entry->shard.board;

        for (;;) {
            unsigned version = agdb__board_version(board);

            if (is_ready(entry, what))
                break;
            if (!agdb__board_wait(board, version, deadline_us))
                return fail_not_ready(l, what, reterr);
            if (atomic_load_explicit(&board->closing, memory_order_relaxed))
                return agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
        }
    }
    return AGDB_OK;
}
