/* A transaction on its way, without any waiting: what goes out next, and what becomes of it. Its
 * statements travel in flights: several at once, BEGIN with the first flight, COMMIT with the last.
 * Whoever drives it (exec/tx_run.c, exec/carrier.c) does the sending and the waiting:
 *
 *   no connection yet   agdb__call_next(&tx->call): claim one, then `take`; or it is OVER
 *   a connection        `send`, step the connection, then `land`, or `expire` when time is over
 *
 * A flight's `again`: its transaction was certainly undone, or was not sent, for a reason that
 * passes, and held nothing but this flight: from the beginning. */
#ifndef AGDB_EXEC_TX_H
#define AGDB_EXEC_TX_H

#include "agencydb/tx.h"
#include "exec/call.h"
#include "exec/savepoints.h"
#include "pg/conn_tx.h"

typedef enum agdb__tx_stand {
    AGDB__TX_FRESH = 0, /* nothing was sent */
    AGDB__TX_RUNNING,
    AGDB__TX_BROKEN, /* a statement has failed: back to a savepoint, or undone */
    AGDB__TX_COMMITTED,
    AGDB__TX_UNDONE,
    AGDB__TX_IN_DOUBT /* its COMMIT's answer was lost */
} agdb__tx_stand_t;

typedef struct agdb__tx {
    agdb__call_t call; /* where it goes, how often, until when */
    agdb__tx_mode_t mode;
    agdb__tx_stand_t stand;
    agdb__pool_t *pool; /* of the lease; NULL: none */
    agdb__lease_t lease;
    agdb__savepoints_t savepoints;
    uint64_t deadline_us; /* of all of it */
    bool is_repeated;     /* its owner can repeat it from the beginning */
    bool may_repeat;      /* and that makes sense after what has failed */
    bool replayed;        /* it had happened before */
    uint64_t sent_us;
    unsigned char agency[AGDB_KEY_MAX]; /* of its options, which do not live as long */
    char tag[AGDB__RANK_TAG + 1];
    agdb_error_t *error; /* why it is not RUNNING any more */
} agdb__tx_t;

typedef struct agdb__flight {
    const agdb__statement_t *statement; /* borrowed; in order */
    size_t count;                       /* at most AGDB__TX_MEMBERS; 0: the beginning or the end */
    bool commit;
    uint64_t deadline_us;
    agdb_result_t **result; /* of each; NULL: nobody wants them */

    /* what came of it */
    bool was_first;
    bool again;
    agdb_status_t status;
    agdb_error_t *error; /* its owner frees it */
} agdb__flight_t;

/* `options` and its target are checked already. Times count from `start_us`. */
void agdb__tx_init(agdb__tx_t *tx, agdb__shard_t *shard, const agdb_tx_options_t *options,
                   uint64_t start_us, uint64_t salt);
/* Without a lease. */
void agdb__tx_fini(agdb__tx_t *tx);

/* Whether a flight may begin. If not, the error says why. */
agdb_status_t agdb__tx_check(const agdb__tx_t *tx, agdb_error_t **reterr);
/* Of one that is neither FRESH nor RUNNING: what its commit has come to, or why it cannot be. */
agdb_status_t agdb__tx_verdict(const agdb__tx_t *tx, agdb_error_t **reterr);
/* Ahead of a COMMIT alone: nothing to commit needs no server. */
void agdb__tx_skip_empty(agdb__tx_t *tx);
/* Before a flight that needs a connection is driven. Its time counts from now: what passed since
 * the one before it is the caller's own. */
void agdb__tx_prepare(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us);
/* The connection is the transaction's. */
void agdb__tx_take(agdb__tx_t *tx, agdb__lease_t lease);
/* None could be had, because of the call's error: the flight has ended, or goes again. */
void agdb__tx_refuse(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us);
/* agdb__call_next says OVER: the flight has ended, and the transaction with it. */
void agdb__tx_give_up(agdb__tx_t *tx, agdb__flight_t *flight);
/* True: in flight. False: it has landed. */
bool agdb__tx_send(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us);
/* The connection is READY or DEAD. */
void agdb__tx_land(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us);
/* Its time is over before it could be sent. */
void agdb__tx_late(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us);
/* Its time is over; the connection is IN_FLIGHT still, or DEAD of it. */
void agdb__tx_expire(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us);

/* Nobody waits any more for what is in flight: it is rolled back, if it can be. The outcome. */
agdb_outcome_t agdb__tx_cancel(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us);
/* The same when nothing of it is in flight: it may be sent again later. */
agdb_outcome_t agdb__tx_withdraw(agdb__tx_t *tx);
/* A savepoint will be gone back to ahead of the next statement: what had failed is forgotten. */
void agdb__tx_mend(agdb__tx_t *tx);
/* What is not committed begins to be rolled back, and the connection goes back, to the keeper when
 * that is not answered yet. */
void agdb__tx_end(agdb__tx_t *tx, uint64_t now_us);
/* From the beginning: nothing was sent. Without a lease. */
void agdb__tx_restart(agdb__tx_t *tx);

#endif
