/* Events for the host: made by the keeper, numbered without gaps, also written to the log. */
#ifndef AGDB_CLIENT_EVENT_H
#define AGDB_CLIENT_EVENT_H

#include "client/client.h"

struct agdb_event {
    agdb_event_type_t type;
    uint64_t sequence;
    const char *shard; /* or "" */
    const char *node;  /* or "" */
    const char *text;  /* or "" */
};

/* The keeper's; calls the host's callbacks. */
void agdb__event_tell(agdb_t *db, agdb_event_type_t type, const char *shard, const char *node,
                      const char *text);
const char *agdb__event_name(agdb_event_type_t type);

#endif
