/* Transactions on one shard.
 *
 *     agdb_tx_t *tx = NULL;
 *     if (agdb_begin(db, AGDB_TX(.key = agdb_key("epa")), &tx, &err) == AGDB_OK &&
 *         agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "UPDATE ..."), NULL, &err) == AGDB_OK &&
 *         agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "INSERT ...", .commit = true), NULL, &err)
 *             == AGDB_OK)
 *         st = agdb_commit(tx, &err);        // says again what became of it, frees the handle
 *     else
 *         agdb_rollback(tx);                 // NULL is fine
 *
 * BEGIN travels with the first statement, COMMIT with the last one when that says `.commit`: a
 * transaction of n statements costs n round trips, agdb_query_tx one. A handle is ended by exactly
 * one agdb_commit or agdb_rollback, which frees it in any case. agdb_run repeats a whole
 * transaction when that is safe. */
#ifndef AGENCYDB_TX_H
#define AGENCYDB_TX_H

#include "agencydb/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a transaction sees of others, as the server's SET TRANSACTION says. */
typedef enum agdb_isolation {
    AGDB_ISOLATION_DEFAULT = 0, /* the server's: READ COMMITTED, unless it is set otherwise */
    AGDB_READ_COMMITTED = 1,
    AGDB_REPEATABLE_READ = 2,
    AGDB_SERIALIZABLE = 3
} agdb_isolation_t;

/* What a transaction is. All pointers are borrowed until the call returns, but for `session`, which
 * lives until the transaction's end. The target is as in a request: one shard. */
typedef struct agdb_tx_options {
    size_t struct_size; /* set by AGDB_TX / AGDB_TX_INIT */
    agdb_bytes_t key;
    const char *shard;
    const char *keyspace;
    agdb_access_t access; /* AGDB_WRITE, or one of the reads: READ ONLY, on the node that it says */
    agdb_isolation_t isolation;
    bool deferrable;     /* of AGDB_SERIALIZABLE reads: waits for a snapshot that cannot fail */
    uint32_t timeout_ms; /* from the beginning to the end; 0: timeouts.call of the map */
    bool idempotent;     /* agdb_run, agdb_query_tx: running it twice does no harm */
    bool once;           /* agdb_run: with an idempotency key that it makes itself */
    const char *idempotency_key; /* agdb_run, agdb_query_tx: as in a request, for all of it */
    bool *replayed;              /* agdb_run with a key: set to whether it had happened before */
    agdb_session_t *session;     /* advanced by its commit, obeyed by AGDB_READ_SESSION */
    uint32_t max_lag_ms;         /* of AGDB_READ_BOUNDED */
    const char *tag; /* name of the call site, for logs; never a value. A key of agdb_run
                        belongs to it: with another tag it is another transaction's */
} agdb_tx_options_t;

/* An empty set of options with its size set.
 * @return the options
 * @threads any */
static inline agdb_tx_options_t agdb_tx_options_init(void)
{
    agdb_tx_options_t options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    return options;
}
#define AGDB_TX_INIT agdb_tx_options_init()

#ifndef __cplusplus
/* Options written in place, for use inside a call only. */
#define AGDB_TX(...)                                                                               \
    (&(const agdb_tx_options_t){.struct_size = sizeof(agdb_tx_options_t), __VA_ARGS__})
#endif

/* Begins a transaction: nothing is sent before its first statement, which chooses the node, waits
 * for a connection, and is repeated as a request would be. From then on the transaction holds that
 * connection. A statement that fails at the server leaves nothing but agdb_rollback, or
 * agdb_rollback_to a savepoint; one that runs out of time (`timeout_ms` of either) or loses its
 * connection ends the transaction, which is rolled back. One that was not sent because of what it
 * is (AGDB_E_INVAL, CROSS_SHARD, UNSUPPORTED, NOMEM) changes nothing. Between two calls nobody
 * looks at the clock: a transaction that is left lying holds its locks and its connection.
 *
 * A read-only one (`access`) on a replica shows at its first statement what its session wrote
 * before, or is not older than `max_lag_ms` then; at READ COMMITTED that bound holds for each.
 *
 * Inside: agdb_query with `.tx`, without a target or with a `.key` of the same shard (another
 * shard's is AGDB_E_CROSS_SHARD), without `.access` and `.session`, which are the transaction's.
 * @param db       the client; it lives until the transaction's end, also when it is closed
 * @param options  see agdb_tx_options_t
 * @param ret      set on success
 * @param reterr   may be NULL
 * @return AGDB_OK, AGDB_E_INVAL, AGDB_E_NO_TARGET, AGDB_E_FROZEN, AGDB_E_NOMEM, AGDB_E_CLOSING,
 *         AGDB_E_FORKED, AGDB_E_MISUSE
 * @threads any; the handle: one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_begin(agdb_t *db, const agdb_tx_options_t *options,
                                               agdb_tx_t **ret, agdb_error_t **reterr);

/* Commits and frees the handle, whatever comes of it but FORKED and MISUSE. AGDB_OK: the server has
 * confirmed it, now or with the last statement. Outcomes of errors: REJECTED, it is rolled back;
 * UNKNOWN, the answer was lost and it may have happened.
 * @param tx      NULL is MISUSE
 * @param reterr  may be NULL
 * @return AGDB_OK; the error of an earlier statement that was not gone back from; AGDB_E_SERVER (a
 *         deferred constraint), AGDB_E_LOST, AGDB_E_TIMEOUT, AGDB_E_NO_PRIMARY, AGDB_E_FORKED,
 *         AGDB_E_MISUSE (nothing was done: inside of agdb_run, a callback, or another thread's
 * call)
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_commit(agdb_tx_t *tx, agdb_error_t **reterr);

/* Rolls back what is not committed and frees the handle. Waits for the server a moment at most;
 * inside of a loop's callback not at all.
 * @param tx  NULL is fine. Inside of agdb_run it is freed there; the transaction is rolled back
 * @threads one */
AGDB_API void agdb_rollback(agdb_tx_t *tx);

/* Sets a savepoint. Travels with the next statement, as the two below.
 * @param tx      the transaction
 * @param name    1 to 63 bytes of UTF-8; a name that is set already is set anew
 * @param reterr  may be NULL
 * @return AGDB_OK, AGDB_E_INVAL, AGDB_E_MISUSE (it is over, or a statement has failed),
 *         AGDB_E_TOO_BIG (AGDB_SAVEPOINTS are set, or 16 such commands wait for a statement),
 *         AGDB_E_NOMEM, AGDB_E_FORKED
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_savepoint(agdb_tx_t *tx, const char *name,
                                                   agdb_error_t **reterr);

/* Undoes what was done since the savepoint, which stays set; also after a statement that failed.
 * @param tx      the transaction
 * @param name    of a savepoint that is set
 * @param reterr  may be NULL
 * @return as agdb_savepoint; AGDB_E_INVAL: it is not set
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_rollback_to(agdb_tx_t *tx, const char *name,
                                                     agdb_error_t **reterr);

/* Forgets the savepoint and those set after it; what was done since stays.
 * @param tx      the transaction
 * @param name    of a savepoint that is set
 * @param reterr  may be NULL
 * @return as agdb_rollback_to
 * @threads one */
AGDB_API AGDB_CHECKED agdb_status_t agdb_release(agdb_tx_t *tx, const char *name,
                                                 agdb_error_t **reterr);

#define AGDB_SAVEPOINTS 64 /* at a time */

/* What agdb_run runs as a transaction, perhaps several times, each time from the beginning: what it
 * has changed outside of the database it must be able to change again.
 * @param tx       the transaction; it is not ended here, but a last statement may say `.commit`
 * @param attempt  from 1
 * @param user     as given to agdb_run
 * @param reterr   never NULL: for its own errors, and to pass to the calls it makes
 * @return AGDB_OK: commit; AGDB_ROLLBACK: undo it, which is no error; any other status: undo it,
 * and agdb_run returns it, unless a statement has failed in a way that lets it be repeated */
typedef agdb_status_t (*agdb_tx_fn)(agdb_tx_t *tx, unsigned attempt, void *user,
                                    agdb_error_t **reterr);

/* Runs a transaction to its end and repeats it, with growing and random pauses, when it was
 * certainly rolled back for a reason that passes (serialization failure, deadlock, a primary that
 * is going away), until its deadline. With `idempotent`, `once` or `idempotency_key` also when
 * nobody knows what became of it; with a key it happens once even so, for its key is in the same
 * transaction: when that is there already, nothing is run, and `*replayed` says so.
 * @param db       the client
 * @param options  see agdb_tx_options_t
 * @param fn       the transaction
 * @param user     for fn
 * @param reterr   may be NULL
 * @return AGDB_OK: committed, or undone because fn said so; else the error of the last attempt
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_run(agdb_t *db, const agdb_tx_options_t *options,
                                             agdb_tx_fn fn, void *user, agdb_error_t **reterr);

/* Runs several statements as one transaction in one round trip: BEGIN, all of them, COMMIT.
 * Repeated by the rules of agdb_run. Nothing of the caller's is referenced after its return.
 * @param db        the client
 * @param options   see agdb_tx_options_t
 * @param requests  array of `count` pointers; of each count sql, params, nparams, max_rows,
 *                  max_bytes, and a key that must be of the same shard; its time is the options'
 * @param count     1 to AGDB_TX_STATEMENTS
 * @param results   array of `count`, or NULL; each is set to its statement's result when all is
 *                  committed, else to NULL; free each. Without rows when it had happened before
 *                  (agdb_result_replayed)
 * @param reterr    may be NULL; says which statement failed
 * @return AGDB_OK or any other status
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_query_tx(agdb_t *db, const agdb_tx_options_t *options,
                                                  const agdb_request_t *const *requests,
                                                  size_t count, agdb_result_t **results,
                                                  agdb_error_t **reterr);

#define AGDB_TX_STATEMENTS 63

/* @param tx  may be NULL
 * @return the client that it is of; NULL for NULL
 * @threads any */
AGDB_API agdb_t *agdb_tx_client(const agdb_tx_t *tx);

#ifdef __cplusplus
}
#endif
#endif
