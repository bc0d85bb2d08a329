/* The control socket of a client: the keeper answers there what its process is doing, and reads the
 * map's file again when it is asked. Nobody at the other end can hold the keeper up: nothing is
 * waited for, and everything is bounded. */
#ifndef AGDB_CLIENT_CONTROL_H
#define AGDB_CLIENT_CONTROL_H

#include "agencydb/client.h"
#include "base/pollset.h"
#include "client/control_talk.h"

/* Adds the text that is asked for; the floor above makes it. */
typedef void (*agdb__control_show_fn)(agdb_t *db, agdb__control_ask_t what, agdb__buf_t *out);

typedef struct agdb__control agdb__control_t;

/* Listens at that path: see control_file.h. AGDB_E_INVAL, AGDB_E_NOMEM. */
agdb_status_t agdb__control_open(const char *path, agdb__control_show_fn show,
                                 agdb__control_t **ret, agdb_error_t **reterr);
/* NULL is fine. Not in a forked child. */
void agdb__control_free(agdb__control_t *control);

/* --- the keeper's --- */

/* Goes on with all connections. Once the client closes, ends them and the socket. */
void agdb__control_step(agdb_t *db, uint64_t now_us);
void agdb__control_poll(const agdb__control_t *control, agdb__pollset_t *set);

#endif
