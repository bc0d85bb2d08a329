/* From what probes and pools have seen to what requests see: recomputes the views of shards whose
 * nodes changed, publishes them, and tells the host. */
#ifndef AGDB_CLIENT_REFRESH_H
#define AGDB_CLIENT_REFRESH_H

#include "client/client.h"

/* The keeper's. */
void agdb__refresh(agdb_t *db);

#endif
