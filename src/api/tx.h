/* The handle of a transaction. It holds a place in its client's gate: a client that is closed
 * before its transactions lives on until the last of them is ended. */
#ifndef AGDB_API_TX_H
#define AGDB_API_TX_H

#include "api/border.h"
#include "exec/tx_run.h"

#include <stdatomic.h>

struct agdb_tx {
    agdb_t *db;
    unsigned fork_generation;
    atomic_bool busy; /* a call is inside */
    bool is_run;      /* agdb_run ends it */
    agdb__tx_t inner;
};

/* Every call on a handle begins with one of these; on success it must end with agdb__tx_leave. */
agdb_status_t agdb__tx_enter(agdb_tx_t *tx, const agdb_allocator_t **ret_outer,
                             agdb_error_t **reterr);
void agdb__tx_leave(agdb_tx_t *tx, const agdb_allocator_t *outer);

/* Copies and checks the options, and finds the shard. */
agdb_status_t agdb__tx_options(agdb_t *db, const agdb_tx_options_t *theirs, agdb_tx_options_t *ours,
                               agdb__shard_t **ret_shard, agdb_error_t **reterr);
/* A handle, inside the gate already. */
void agdb__tx_begin(agdb_tx_t *tx, agdb_t *db, agdb__shard_t *shard,
                    const agdb_tx_options_t *options, uint64_t start_us);
/* Copies and checks a request with a .tx. */
agdb_status_t agdb__tx_request(agdb_tx_t *tx, const agdb_request_t *theirs, agdb_request_t *ours,
                               agdb_error_t **reterr);

/* agdb_query with a .tx. */
agdb_status_t agdb__tx_query(agdb_t *db, const agdb_request_t *request, agdb_result_t **ret,
                             agdb_error_t **reterr);

/* The request's transaction; NULL: none. The request may be of an older size, or NULL. */
static inline agdb_tx_t *agdb__tx_of(const agdb_request_t *theirs)
{
    return theirs != NULL && theirs->struct_size >= offsetof(agdb_request_t, tx) + sizeof theirs->tx
               ? theirs->tx
               : NULL;
}

#endif
