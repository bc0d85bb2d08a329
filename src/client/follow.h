/* How far nodes have come, from their probes' answers into their shard's marks. */
#ifndef AGDB_CLIENT_FOLLOW_H
#define AGDB_CLIENT_FOLLOW_H

#include "client/client.h"

/* The keeper's, both. */

/* Ahead of the view: true when a replica has joined, or must not yet be trusted. */
bool agdb__follow_joining(agdb__shard_entry_t *entry, uint64_t now_us);
/* Behind it: who is primary and who is replica is known. */
void agdb__follow(agdb_t *db, agdb__shard_entry_t *entry, uint64_t now_us);

#endif
