/* A loop. It holds a place in its client's gate: a client that is closed before its loops lives on
 * until the last of them is closed. */
#ifndef AGDB_API_LOOP_H
#define AGDB_API_LOOP_H

#include "client/client.h"
#include "exec/loop.h"

struct agdb_loop {
    agdb_t *db;
    unsigned fork_generation;
    bool closed;
    agdb__watcher_t closing; /* of the client */
    agdb__loop_t inner;
};

/* Whether something may be submitted. */
agdb_status_t agdb__loop_check_submit(agdb_loop_t *loop, bool has_done, agdb_error_t **reterr);
/* agdb_submit with a .tx; checked. */
agdb_status_t agdb__tx_submit(agdb_loop_t *loop, const agdb_request_t *request, agdb_done_fn done,
                              void *user, uint64_t *ret_id, agdb_error_t **reterr);

#endif
