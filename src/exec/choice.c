#include "exec/choice.h"

/* What a replica must have so that it will do. */
static agdb__need_kind_t need(agdb__call_t *call, uint64_t now_us, agdb__position_t *ret)
{
    switch (call->access) {
    case AGDB_READ_REPLICA_OK:
        return AGDB__NEED_NOTHING;
    case AGDB_READ_SESSION:
        return agdb__session_need(call->session, call->shard->id, ret);
    case AGDB_READ_BOUNDED:
        return agdb__marks_bound(&call->shard->marks, call->age_us, now_us, ret)
                   ? AGDB__NEED_POSITION
                   : AGDB__NEED_PRIMARY;
    case AGDB_WRITE:
    case AGDB_READ:
        break;
    }
    return AGDB__NEED_PRIMARY;
}

/* The replicas that will do. When none is known to have what is needed, one that may have it is
 * asked: the guard then travels ahead of the statement. */
static uint32_t replicas_for(agdb__call_t *call, agdb__view_t view, uint64_t now_us)
{
    agdb__position_t at = {0, 0, 0};
    agdb__need_kind_t kind = need(call, now_us, &at);
    agdb__fresh_t fresh;

    call->need = at;
    call->is_ahead = false;
    call->statement.at_least = (agdb__position_t){0, 0, 0};
    if (kind == AGDB__NEED_NOTHING)
        return view.replicas;
    if (kind == AGDB__NEED_PRIMARY)
        return 0;
    fresh = agdb__marks_fresh(&call->shard->marks, &at,
                              view.replicas & ~(call->tried | call->avoid), now_us);
    call->is_ahead = fresh.ahead;
    if (call->was_behind)
        return 0;
    if (fresh.sure == 0)
        call->statement.at_least = at;
    return fresh.sure != 0 ? fresh.sure : fresh.maybe;
}

/* Without those that have failed too often, unless that leaves none; those of the own zone, if
 * there are any. */
static uint32_t best_of(const agdb__call_t *call, uint32_t replicas, uint64_t now_us,
                        uint64_t *ret_cost)
{
    const agdb__shard_t *shard = call->shard;
    uint32_t in = replicas;
    uint32_t rest;

    if ((replicas & (replicas - 1)) == 0)
        return replicas; /* one, or none */
    for (rest = replicas; rest != 0; rest &= rest - 1) {
        const unsigned i = (unsigned)__builtin_ctz(rest);

        if (agdb__grade_is_out(&shard->nodes[i].grade, now_us))
            in &= ~((uint32_t)1 << i);
        ret_cost[i] = agdb__grade_cost(&shard->nodes[i].grade,
                                       agdb__pool_waiting(shard->nodes[i].pool), now_us);
    }
    if (in == 0)
        in = replicas;
    return (in & shard->near) != 0 ? in & shard->near : in;
}

/* The session has written on a timeline that the keeper has not seen yet: what it has for the
 * primary is none any more. */
static void ask_all(agdb__shard_t *shard, uint64_t now_us)
{
    uint32_t i;

    if (now_us <
        atomic_load_explicit(&shard->asked_us, memory_order_relaxed) + AGDB__LOOK_AGAIN_US / 2)
        return; /* a token may be made up, and many may wait with it */
    atomic_store_explicit(&shard->asked_us, now_us, memory_order_relaxed);
    for (i = 0; i < shard->nnodes; i++)
        agdb__pool_doubt(shard->nodes[i].pool);
}

agdb__choice_t agdb__call_choose(agdb__call_t *call, agdb__view_t view, uint64_t now_us)
{
    uint64_t cost[AGDB__VIEW_NODES_MAX];
    const uint32_t tried = call->tried | call->avoid;
    uint32_t replicas = best_of(call, replicas_for(call, view, now_us) & ~tried, now_us, cost);
    agdb__choice_t choice;

    if (call->is_ahead) {
        ask_all(call->shard, now_us);
        return (agdb__choice_t){.kind = AGDB__CHOOSE_PARK};
    }
    choice = agdb__choose(view, replicas, tried, cost, now_us + call->salt);
    if (choice.kind != AGDB__CHOOSE_NODE)
        return choice;
    call->node = choice.node;
    call->on_primary = choice.node == view.primary;
    if (call->on_primary)
        call->statement.at_least = (agdb__position_t){0, 0, 0};
    return choice;
}
