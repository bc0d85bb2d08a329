#include "client/event.h"

#include <stdio.h>

const char *agdb__event_name(agdb_event_type_t type)
{
    switch (type) {
    case AGDB_EVENT_NODE_UP:
        return "node up";
    case AGDB_EVENT_NODE_DOWN:
        return "node down";
    case AGDB_EVENT_NODE_PROMOTED:
        return "node promoted";
    case AGDB_EVENT_NODE_DEMOTED:
        return "node demoted";
    case AGDB_EVENT_NODE_REFUSED:
        return "node refused";
    case AGDB_EVENT_SPLIT_BRAIN:
        return "split brain";
    case AGDB_EVENT_SPLIT_ENDED:
        return "split brain ended";
    case AGDB_EVENT_NODE_STALE:
        return "node stale";
    case AGDB_EVENT_NODE_JOINED:
        return "node joined";
    case AGDB_EVENT_NODE_LAGS:
        return "node lags";
    case AGDB_EVENT_NODE_CAUGHT_UP:
        return "node caught up";
    case AGDB_EVENT_FROZEN:
        return "frozen";
    case AGDB_EVENT_MAP_IN_USE:
        return "map in use";
    case AGDB_EVENT_MAP_REFUSED:
        return "map refused";
    }
    return "";
}

static agdb_log_level_t level_of(agdb_event_type_t type)
{
    switch (type) {
    case AGDB_EVENT_NODE_UP:
    case AGDB_EVENT_NODE_PROMOTED:
    case AGDB_EVENT_NODE_JOINED:
    case AGDB_EVENT_NODE_CAUGHT_UP:
    case AGDB_EVENT_SPLIT_ENDED:
    case AGDB_EVENT_MAP_IN_USE:
        return AGDB_LOG_INFO;
    case AGDB_EVENT_NODE_LAGS:
    case AGDB_EVENT_FROZEN:
    case AGDB_EVENT_NODE_DOWN:
    case AGDB_EVENT_NODE_DEMOTED:
        return AGDB_LOG_WARN;
    case AGDB_EVENT_NODE_REFUSED:
    case AGDB_EVENT_NODE_STALE:
    case AGDB_EVENT_SPLIT_BRAIN:
    case AGDB_EVENT_MAP_REFUSED:
        break;
    }
    return AGDB_LOG_ERROR;
}

/* The line that stands for the event. */
static void log_event(const agdb_t *db, const agdb_event_t *e)
{
    agdb_log_record_t record = {.struct_size = sizeof record,
                                .level = level_of(e->type),
                                .kind = AGDB_LOG_EVENT,
                                .shard = e->shard,
                                .node = e->node,
                                .tag = ""};
    char line[1024];

    snprintf(line, sizeof line, "%s%s%s%s%s%s%s%s%s", e->shard[0] != '\0' ? "shard '" : "",
             e->shard, e->shard[0] != '\0' ? "'" : "", e->node[0] != '\0' ? " node '" : "", e->node,
             e->node[0] != '\0' ? "': " : (e->shard[0] != '\0' ? ": " : ""),
             agdb__event_name(e->type), e->text[0] != '\0' ? ": " : "", e->text);
    record.message = line;
    agdb__log_record(&db->logger, &record);
}

void agdb__event_tell(agdb_t *db, agdb_event_type_t type, const char *shard, const char *node,
                      const char *text)
{
    agdb_event_t event = {type, ++db->event_sequence, shard, node, text};

    log_event(db, &event);
    if (db->event != NULL)
        db->event(&event, db->event_user);
}
