/* agencydb/log.h */
#include "client/event.h"

agdb_event_type_t agdb_event_type(const agdb_event_t *event)
{
    return event->type;
}

uint64_t agdb_event_sequence(const agdb_event_t *event)
{
    return event->sequence;
}

const char *agdb_event_shard(const agdb_event_t *event)
{
    return event->shard;
}

const char *agdb_event_node(const agdb_event_t *event)
{
    return event->node;
}

const char *agdb_event_text(const agdb_event_t *event)
{
    return event->text;
}

const char *agdb_event_type_name(agdb_event_type_t type)
{
    return agdb__event_name(type);
}
