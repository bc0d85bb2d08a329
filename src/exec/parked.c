#include "exec/parked.h"

#include "base/buf.h"
#include "base/error.h"

enum { TEXT_MAX = 2048 };

static const char *health_text(agdb__shard_t *shard, uint32_t i)
{
    switch (agdb__board_health(&shard->board, i)) {
    case AGDB__HEALTH_UNSEEN:
        return "has not answered yet";
    case AGDB__HEALTH_UP:
        return "is a replica";
    case AGDB__HEALTH_DOWN:
        return "is down";
    case AGDB__HEALTH_REFUSED:
        return "may not be used";
    }
    return "";
}

agdb_error_t *agdb__describe_node(agdb__shard_t *shard, uint32_t i)
{
    agdb_error_t *error = agdb__board_reason(&shard->board, i);

    if (error == NULL)
        (void)agdb__fail(&error, AGDB_E_NO_PRIMARY, "%s", health_text(shard, i));
    agdb__error_place(&error, NULL, shard->nodes[i].name);
    return error;
}

/* Adds a child for each node, and their texts to `text`. */
static void add_nodes(agdb__shard_t *shard, agdb__buf_t *text, agdb_error_t **children)
{
    uint32_t i;

    for (i = 0; i < shard->nnodes; i++) {
        children[i] = agdb__describe_node(shard, i);
        agdb__buf_printf(text, "%s%s", i > 0 ? "; " : "",
                         children[i] != NULL ? children[i]->message : shard->nodes[i].name);
    }
}

static void fail_with_nodes(agdb__shard_t *shard, agdb_status_t status, const char *what,
                            agdb_error_t **reterr)
{
    agdb_error_t *children[AGDB__VIEW_NODES_MAX] = {0};
    agdb__buf_t text;
    uint32_t i;

    if (reterr == NULL)
        return;
    agdb__buf_init(&text, TEXT_MAX);
    add_nodes(shard, &text, children);
    (void)agdb__fail(reterr, status, "%s: %s", what, text.data != NULL ? text.data : "");
    for (i = 0; i < shard->nnodes; i++)
        agdb__error_add_child(reterr, children[i]);
    agdb__buf_fini(&text);
    agdb__error_place(reterr, shard->name, NULL);
    agdb__error_stage(reterr, AGDB_STAGE_PARK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
}

static agdb_status_t fail_waited(agdb__shard_t *shard, agdb_status_t status, const char *what,
                                 uint64_t waited_us, agdb_error_t **reterr)
{
    agdb__buf_t text;

    agdb__buf_init(&text, TEXT_MAX);
    agdb__buf_printf(&text, "%s in %llu ms", what, (unsigned long long)(waited_us / 1000));
    fail_with_nodes(shard, status, text.data != NULL ? text.data : what, reterr);
    agdb__buf_fini(&text);
    agdb__error_retriable(reterr, true, 0);
    return status;
}

agdb_status_t agdb__fail_parked(agdb__shard_t *shard, uint64_t waited_us, agdb_error_t **reterr)
{
    return fail_waited(shard, AGDB_E_NO_PRIMARY, "no primary", waited_us, reterr);
}

agdb_status_t agdb__fail_not_fresh(agdb__shard_t *shard, uint64_t waited_us, agdb_error_t **reterr)
{
    return fail_waited(shard, AGDB_E_NOT_FRESH, "no primary, and no replica that is fresh enough,",
                       waited_us, reterr);
}

agdb_status_t agdb__fail_crowded(agdb__shard_t *shard, agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_BUSY,
                     "no primary, and %u calls are waiting for one already (pool.queue)",
                     shard->park_max);
    agdb__error_place(reterr, shard->name, NULL);
    agdb__error_stage(reterr, AGDB_STAGE_PARK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    agdb__error_retriable(reterr, true, 100);
    return AGDB_E_BUSY;
}

agdb_status_t agdb__fail_refused(agdb__shard_t *shard, agdb_error_t **reterr)
{
    agdb_status_t status = AGDB_E_NO_PRIMARY;
    uint32_t i;

    for (i = 0; i < shard->nnodes && status == AGDB_E_NO_PRIMARY; i++) {
        agdb_error_t *reason = agdb__board_reason(&shard->board, i);

        if (reason != NULL && agdb__board_health(&shard->board, i) == AGDB__HEALTH_REFUSED)
            status = reason->status;
        agdb__error_free(reason);
    }
    fail_with_nodes(shard, status, "no node may be used", reterr);
    return status;
}

agdb_status_t agdb__fail_split(agdb__shard_t *shard, agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_SPLIT_BRAIN,
                     "two nodes claim to be the primary with the same timeline: stop one of them");
    agdb__error_place(reterr, shard->name, NULL);
    agdb__error_stage(reterr, AGDB_STAGE_PARK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return AGDB_E_SPLIT_BRAIN;
}
