#include "monitor/view.h"

static bool is_usable(const agdb__observation_t *node, const agdb__view_memory_t *memory)
{
    return node->health == AGDB__HEALTH_UP && !node->out && !agdb__view_is_foreign(node, memory);
}

static bool claims_primary(const agdb__observation_t *node, const agdb__view_memory_t *memory)
{
    return is_usable(node, memory) && !node->in_recovery && node->timeline >= memory->timeline;
}

static agdb__shard_state_t state_without_primary(const agdb__observation_t *nodes, uint32_t count)
{
    bool unseen = false;
    bool may_come = false;
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (nodes[i].out)
            continue;
        unseen = unseen || nodes[i].health == AGDB__HEALTH_UNSEEN;
        may_come = may_come || nodes[i].health != AGDB__HEALTH_REFUSED;
    }
    if (unseen)
        return AGDB__SHARD_UNSEEN;
    return may_come ? AGDB__SHARD_NO_PRIMARY : AGDB__SHARD_REFUSED;
}

/* The claimant with the highest timeline; *ret_tie when two have it. */
static uint8_t best_primary(const agdb__observation_t *nodes, uint32_t count,
                            const agdb__view_memory_t *memory, bool *ret_tie)
{
    uint8_t best = AGDB__NO_NODE;
    uint32_t i;

    *ret_tie = false;
    for (i = 0; i < count; i++) {
        if (!claims_primary(&nodes[i], memory))
            continue;
        if (best == AGDB__NO_NODE || nodes[i].timeline > nodes[best].timeline) {
            best = (uint8_t)i;
            *ret_tie = false;
        } else if (nodes[i].timeline == nodes[best].timeline) {
            *ret_tie = true;
        }
    }
    return best;
}

agdb__view_t agdb__view_compute(const agdb__observation_t *nodes, uint32_t count,
                                agdb__view_memory_t *memory)
{
    agdb__view_t view = {AGDB__SHARD_UNSEEN, AGDB__NO_NODE, 0};
    bool tie;
    uint8_t best = best_primary(nodes, count, memory, &tie);
    uint32_t i;

    if (tie) {
        view.state = AGDB__SHARD_SPLIT;
    } else if (best != AGDB__NO_NODE) {
        view.state = AGDB__SHARD_READY;
        view.primary = best;
        memory->timeline = nodes[best].timeline;
        memory->system_identifier = nodes[best].system_identifier;
    } else {
        view.state = state_without_primary(nodes, count);
    }
    for (i = 0; i < count; i++)
        if (is_usable(&nodes[i], memory) && nodes[i].in_recovery && !nodes[i].no_reads)
            view.replicas |= (uint32_t)1 << i;
    return view;
}

uint32_t agdb__view_leavers(agdb__view_t before, agdb__view_t now)
{
    uint32_t was_primary =
        before.primary != AGDB__NO_NODE ? (uint32_t)1 << before.primary : (uint32_t)0;
    uint32_t is_primary = now.primary != AGDB__NO_NODE ? (uint32_t)1 << now.primary : (uint32_t)0;

    return (was_primary & ~is_primary) | (before.replicas & ~(now.replicas | is_primary));
}

uint64_t agdb__view_pack(agdb__view_t view)
{
    return (uint64_t)view.replicas << 32 | (uint64_t)view.primary << 8 | (uint64_t)view.state;
}

agdb__view_t agdb__view_unpack(uint64_t word)
{
    return (agdb__view_t){(agdb__shard_state_t)(word & 0xFF), (uint8_t)(word >> 8 & 0xFF),
                          (uint32_t)(word >> 32)};
}
