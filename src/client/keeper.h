/* The one background thread of a client: probes servers, tends pools, publishes views, tells
 * events. It never blocks on anything but its poll. */
#ifndef AGDB_CLIENT_KEEPER_H
#define AGDB_CLIENT_KEEPER_H

#include "client/client.h"

/* Runs until the gate is closed and everybody is out. */
void agdb__keeper_run(agdb_t *db);
/* `user` is the client. @threads any */
void agdb__keeper_wake(void *user);

#endif
