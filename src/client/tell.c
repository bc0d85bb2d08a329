#include "client/tell.h"

#include "base/error.h"
#include "client/event.h"
#include "map/quote.h"
#include "map/route.h"

#include <stdio.h>

/* Why a node that answers is neither primary nor replica; NULL: it is. */
static agdb_error_t *why_no_place(const agdb__observation_t *node,
                                  const agdb__view_memory_t *memory)
{
    agdb_error_t *error = NULL;

    if (node->out)
        (void)agdb__fail(&error, AGDB_E_NO_PRIMARY, "is out of service (state: out in the map)");
    else if (agdb__view_is_foreign(node, memory))
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

agdb_error_t *agdb__tell_why_unused(const agdb__shard_entry_t *entry, uint32_t i,
                                    const agdb__observation_t *seen)
{
    agdb_error_t *why = NULL;

    if (seen->health != AGDB__HEALTH_UP)
        return NULL;
    why = why_no_place(seen, &entry->view_memory);
    return why != NULL ? why : why_unread(entry, i, seen);
}

void agdb__tell_node(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
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

void agdb__tell_place(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
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
        agdb_error_t *why = why_no_place(now, &entry->view_memory);

        agdb__event_tell(db, AGDB_EVENT_NODE_STALE, shard, node, why != NULL ? why->message : "");
        agdb__error_free(why);
    }
    if (memory->away && up && !away && now->in_recovery)
        agdb__event_tell(db, AGDB_EVENT_NODE_JOINED, shard, node, "");
    memory->stale = stale;
    memory->away = away;
}

void agdb__tell_lag(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i, uint64_t lag_us,
                    uint64_t now_us)
{
    agdb__lateness_t *lateness = &entry->memory[i].lateness;
    const bool before = lateness->late;
    const uint64_t ms =
        agdb__lateness_see(lateness, lag_us, entry->max_lag_ms * 1000, now_us) / 1000;
    char text[128];

    if (lateness->late == before)
        return;
    snprintf(text, sizeof text,
             lag_us != AGDB__LAG_UNKNOWN
                 ? "%llu ms behind (replicas.max_lag is %llu ms)"
                 : "it may be %llu ms behind, nobody knows (replicas.max_lag is %llu ms)",
             (unsigned long long)ms, (unsigned long long)entry->max_lag_ms);
    agdb__event_tell(db, lateness->late ? AGDB_EVENT_NODE_LAGS : AGDB_EVENT_NODE_CAUGHT_UP,
                     entry->shard.name, entry->shard.nodes[i].name, text);
}

void agdb__tell_shard(agdb_t *db, agdb__shard_entry_t *entry, agdb__view_t view)
{
    if (view.state == AGDB__SHARD_SPLIT && !entry->was_split)
        agdb__event_tell(db, AGDB_EVENT_SPLIT_BRAIN, entry->shard.name, "",
                         "two nodes claim to be the primary with the same timeline");
    if (entry->was_split && view.state == AGDB__SHARD_READY)
        agdb__event_tell(db, AGDB_EVENT_SPLIT_ENDED, entry->shard.name,
                         entry->shard.nodes[view.primary].name, "");
    if (view.state == AGDB__SHARD_SPLIT || view.state == AGDB__SHARD_READY)
        entry->was_split = view.state == AGDB__SHARD_SPLIT;
}

void agdb__tell_frozen(agdb_t *db)
{
    const agdb_map_t *map = db->map;
    char key[AGDB__KEY_TEXT];
    char text[AGDB__KEY_TEXT + 64];
    size_t a;
    size_t k;

    for (a = 0; a < map->nagencies; a++) {
        const agdb__map_agency_t *agency = &map->agencies[a];

        for (k = 0; agency->frozen && k < map->nkeyspaces; k++) {
            const agdb_bytes_t bytes = {agency->key, agency->key_len};
            const agdb__route_t route = agdb__map_route(map, k, bytes);

            snprintf(text, sizeof text, "agency '%s' (writes: refuse in the map)",
                     agdb__key_text(agency, key));
            agdb__event_tell(db, AGDB_EVENT_FROZEN, map->keyspaces[k].shards[route.shard].name, "",
                             text);
        }
    }
}
