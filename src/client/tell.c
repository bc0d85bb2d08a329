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
                     entry->place[i].memory.join == AGDB__JOIN_AWAY
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

/* A shard of a map before the one in use is followed for the calls that are there still; what
 * happens to it is told of the one that has taken its place. */
static void tell(agdb_t *db, const agdb__shard_entry_t *entry, agdb_event_type_t type,
                 const char *node, const char *text)
{
    if (entry->is_current)
        agdb__event_tell(db, type, entry->shard.name, node, text);
}

void agdb__tell_node(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
                     const agdb__observation_t *now, const agdb_error_t *error)
{
    agdb__node_memory_t before = entry->place[i].memory;
    const char *node = entry->shard.nodes[i].name;
    const char *text = error != NULL && error->message != NULL ? error->message : "";

    entry->place[i].memory.health = now->health;
    entry->place[i].memory.in_recovery = now->in_recovery;
    if (now->health != before.health) {
        if (now->health == AGDB__HEALTH_UP)
            tell(db, entry, AGDB_EVENT_NODE_UP, node, now->in_recovery ? "replica" : "primary");
        else if (now->health == AGDB__HEALTH_DOWN)
            tell(db, entry, AGDB_EVENT_NODE_DOWN, node, text);
        else if (now->health == AGDB__HEALTH_REFUSED)
            tell(db, entry, AGDB_EVENT_NODE_REFUSED, node, text);
    } else if (now->health == AGDB__HEALTH_UP && now->in_recovery != before.in_recovery) {
        tell(db, entry, now->in_recovery ? AGDB_EVENT_NODE_DEMOTED : AGDB_EVENT_NODE_PROMOTED, node,
             "");
    }
}

void agdb__tell_place(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i,
                      const agdb__observation_t *now)
{
    agdb__node_memory_t *memory = &entry->place[i].memory;
    const bool up = now->health == AGDB__HEALTH_UP;
    const bool stale =
        up && !now->in_recovery && now->timeline < entry->view_memory.timeline && !now->out;
    const bool away = up && now->in_recovery && memory->join == AGDB__JOIN_AWAY;
    const char *node = entry->shard.nodes[i].name;

    if (stale && !memory->stale) {
        agdb_error_t *why = why_no_place(now, &entry->view_memory);

        tell(db, entry, AGDB_EVENT_NODE_STALE, node, why != NULL ? why->message : "");
        agdb__error_free(why);
    }
    if (memory->away && up && !away && now->in_recovery)
        tell(db, entry, AGDB_EVENT_NODE_JOINED, node, "");
    memory->stale = stale;
    memory->away = away;
}

void agdb__tell_lag(agdb_t *db, agdb__shard_entry_t *entry, uint32_t i, uint64_t lag_us,
                    uint64_t now_us)
{
    agdb__lateness_t *lateness = &entry->place[i].memory.lateness;
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
    tell(db, entry, lateness->late ? AGDB_EVENT_NODE_LAGS : AGDB_EVENT_NODE_CAUGHT_UP,
         entry->shard.nodes[i].name, text);
}

void agdb__tell_shard(agdb_t *db, agdb__shard_entry_t *entry, agdb__view_t view)
{
    if (view.state == AGDB__SHARD_SPLIT && !entry->was_split)
        tell(db, entry, AGDB_EVENT_SPLIT_BRAIN, "",
             "two nodes claim to be the primary with the same timeline");
    if (entry->was_split && view.state == AGDB__SHARD_READY)
        tell(db, entry, AGDB_EVENT_SPLIT_ENDED, entry->shard.nodes[view.primary].name, "");
    if (view.state == AGDB__SHARD_SPLIT || view.state == AGDB__SHARD_READY)
        entry->was_split = view.state == AGDB__SHARD_SPLIT;
}

static bool was_frozen(const agdb_map_t *before, const agdb__map_agency_t *agency)
{
    const agdb_bytes_t key = {agency->key, agency->key_len};

    return before != NULL && agdb__map_route(before, 0, key).frozen;
}

void agdb__tell_frozen(agdb_t *db, const agdb_map_t *map, const agdb_map_t *before)
{
    char key[AGDB__KEY_TEXT];
    char text[AGDB__KEY_TEXT + 64];
    size_t a;
    size_t k;

    for (a = 0; a < map->nagencies; a++) {
        const agdb__map_agency_t *agency = &map->agencies[a];

        if (!agency->frozen || was_frozen(before, agency))
            continue;
        snprintf(text, sizeof text, "agency '%s' (writes: refuse in the map)",
                 agdb__key_text(agency, key));
        for (k = 0; k < map->nkeyspaces; k++) {
            const agdb_bytes_t bytes = {agency->key, agency->key_len};
            const agdb__route_t route = agdb__map_route(map, k, bytes);

            agdb__event_tell(db, AGDB_EVENT_FROZEN, map->keyspaces[k].shards[route.shard].name, "",
                             text);
        }
    }
}
