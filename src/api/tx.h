/* The handle of a transaction. It is inside the edition of the map that it began on: a client that
 * is closed before its transactions lives on until the last of them is ended. */
#ifndef AGDB_API_TX_H
#define AGDB_API_TX_H

#include "agencydb/loop.h"
#include "api/border.h"
#include "exec/tx_run.h"

#include <stdatomic.h>

struct agdb_tx {
    agdb_t *db;
    agdb__edition_t *edition;
    unsigned fork_generation;
    atomic_bool busy;  /* a call is inside */
    bool is_run;       /* agdb_run ends it */
    bool is_over;      /* gone with the end of what it has submitted */
    agdb_loop_t *loop; /* which has something of it under way; NULL: none has */
    uint64_t id;
    char *key; /* owned: its idempotency key and, behind it, the agency; or NULL */
    agdb__tx_t inner;
};

/* Every call on a handle begins with one of these; on success it must end with agdb__tx_leave. */
agdb_status_t agdb__tx_enter(agdb_tx_t *tx, const agdb_allocator_t **ret_outer,
                             agdb_error_t **reterr);
void agdb__tx_leave(agdb_tx_t *tx, const agdb_allocator_t *outer);

/* Copies and checks the options, and finds the shard. */
agdb_status_t agdb__tx_options(const agdb__edition_t *edition, const agdb_tx_options_t *theirs,
                               agdb_tx_options_t *ours, agdb__shard_t **ret_shard,
                               agdb_error_t **reterr);
/* Gives the transaction an idempotency key, if the options say so. `own` (AGDB__OWN_KEY bytes) has
 * room for one that is made, and what they point to is borrowed as long as the transaction. */
enum { AGDB__OWN_KEY = 33 };
agdb_status_t agdb__tx_set_key(agdb_tx_t *tx, const agdb_tx_options_t *options, char *own,
                               uint64_t fingerprint, agdb_error_t **reterr);
/* Of an array of statements. */
typedef struct agdb__tx_batch {
    agdb_request_t request[AGDB_TX_STATEMENTS];
    size_t count;
} agdb__tx_batch_t;
agdb_status_t agdb__tx_check_array(const agdb_request_t *const *requests, size_t count,
                                   agdb_error_t **reterr);
agdb_status_t agdb__tx_take_array(agdb_tx_t *tx, const agdb_request_t *const *requests,
                                  size_t count, agdb__tx_batch_t *ret, agdb_error_t **reterr);

/* Where a transaction begins. */
typedef struct agdb__tx_start {
    agdb_t *db;
    agdb__edition_t *edition; /* the caller is inside */
    agdb__shard_t *shard;
    uint64_t us;
} agdb__tx_start_t;

/* A handle. */
void agdb__tx_begin(agdb_tx_t *tx, const agdb__tx_start_t *start, const agdb_tx_options_t *options);
/* Copies and checks a request with a .tx. */
agdb_status_t agdb__tx_request(agdb_tx_t *tx, const agdb_request_t *theirs, agdb_request_t *ours,
                               agdb_error_t **reterr);

/* Allocates one and fills it. On success the handle is inside the edition instead of the caller. */
agdb_status_t agdb__tx_new(const agdb__tx_start_t *start, const agdb_tx_options_t *options,
                           agdb_tx_t **ret, agdb_error_t **reterr);
/* Frees it; the edition is not left. */
void agdb__tx_free(agdb_tx_t *tx);

/* agdb_query with a .tx. */
agdb_status_t agdb__tx_query(agdb_t *db, const agdb_request_t *request, agdb_result_t **ret,
                             agdb_error_t **reterr);

/* What it has submitted has ended: it may be gone afterwards. */
void agdb__tx_landed(agdb_tx_t *tx);

/* The request's transaction; NULL: none. The request may be of an older size, or NULL. */
static inline agdb_tx_t *agdb__tx_of(const agdb_request_t *theirs)
{
    return theirs != NULL && theirs->struct_size >= offsetof(agdb_request_t, tx) + sizeof theirs->tx
               ? theirs->tx
               : NULL;
}

#endif
