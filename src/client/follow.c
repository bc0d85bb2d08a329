#include "client/follow.h"

#include "client/tell.h"

/* A replica that shows the shard as it was so long ago has caught up: two questions to the primary,
 * and the time between them. */
enum { JOIN_LAG_US = 3000000 };

static const agdb__probe_t *probe_of(const agdb__shard_entry_t *entry, uint32_t i)
{
    return &entry->place[i].endpoint->server->probe;
}

bool agdb__follow_joining(agdb__shard_entry_t *entry, uint64_t now_us)
{
    bool changed = false;
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__probe_t *probe = probe_of(entry, i);
        agdb__node_memory_t *memory = &entry->place[i].memory;
        agdb__join_t before = memory->join;

        if (probe->health != AGDB__HEALTH_UP || before == AGDB__JOIN_DONE)
            continue;
        memory->join =
            agdb__marks_join(&entry->shard.marks, before, probe->hello.lsn, now_us, JOIN_LAG_US);
        changed = changed || (memory->join == AGDB__JOIN_AWAY) != (before == AGDB__JOIN_AWAY);
    }
    return changed;
}

/* Takes in where the node is, if it has a place in the shard: else as soon as it has one. */
static void mark_node(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
                      const agdb__probe_t *probe, uint64_t now_us)
{
    const agdb__view_t view = agdb__board_view(&entry->shard.board);
    const agdb__hello_t *hello = &probe->hello;
    agdb__marks_t *marks = &entry->shard.marks;
    bool primary = view.state == AGDB__SHARD_READY && view.primary == i;

    if (!primary && (view.replicas >> i & 1) == 0) {
        agdb__marks_set_node(marks, i, 0, 0);
        entry->place[i].memory.lateness = (agdb__lateness_t){0};
        return;
    }
    entry->place[i].memory.answers = probe->answers;
    agdb__marks_set_node(marks, i, hello->timeline, hello->lsn);
    if (primary) {
        agdb__marks_add_sample(marks, hello->timeline, hello->lsn, probe->asked_us);
        entry->place[i].memory.lateness = (agdb__lateness_t){0};
    } else {
        agdb__tell_lag(db, entry, i, agdb__marks_lag_us(marks, i, now_us), now_us);
    }
}

void agdb__follow(agdb_t *db, agdb__shard_entry_t *entry, uint64_t now_us)
{
    uint32_t i;

    for (i = 0; i < entry->shard.nnodes; i++) {
        const agdb__probe_t *probe = probe_of(entry, i);

        if (probe->health != AGDB__HEALTH_UP) {
            agdb__marks_set_node(&entry->shard.marks, i, 0, 0);
            entry->place[i].memory.join = AGDB__JOIN_AWAY;
            entry->place[i].memory.lateness = (agdb__lateness_t){0};
        } else if (probe->answers != entry->place[i].memory.answers) {
            mark_node(db, entry, i, probe, now_us);
        }
    }
}
