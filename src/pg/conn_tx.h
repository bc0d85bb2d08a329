/* A transaction on a connection: its statements go out a few at a time, each time in one flush.
 *
 *   READY, clean -> open, [control...], add..., go  -> IN_FLIGHT -> step... -> READY or DEAD
 *   READY, open  -> more, [control...], add..., go  -> ...
 *
 * then `receive` each and `finish`. The connection is not clean before its transaction is over:
 * committed, failed with its COMMIT, or dropped. */
#ifndef AGDB_PG_CONN_TX_H
#define AGDB_PG_CONN_TX_H

#include "pg/conn.h"

/* In the order of agdb_isolation_t (agencydb/tx.h). */
typedef struct agdb__tx_mode {
    unsigned isolation;
    bool read_only;
    bool deferrable;
    agdb__position_t at_least; /* of a read: only where this much was replayed; lsn 0: anywhere */
    agdb__once_t once;         /* of a write: its key is inserted first */
} agdb__tx_mode_t;

/* BEGIN will go ahead of what is added. `mode` is borrowed until agdb__conn_tx_go. */
agdb_status_t agdb__conn_tx_open(agdb__conn_t *conn, const agdb__tx_mode_t *mode,
                                 agdb_error_t **reterr);
/* Further statements of the transaction that is open. */
agdb_status_t agdb__conn_tx_more(agdb__conn_t *conn, agdb_error_t **reterr);
/* SAVEPOINT and the like, ahead of the next statement: nobody asks for its answer. When the server
 * refuses it the connection ends. At most AGDB__TX_CONTROLS for one flush. */
enum { AGDB__TX_CONTROLS = 16, AGDB__TX_MEMBERS = AGDB__GROUP_MAX - 1 };
agdb_status_t agdb__conn_tx_control(agdb__conn_t *conn, const char *sql, agdb_error_t **reterr);
/* At most AGDB__TX_MEMBERS for one flush. Errors as those of agdb__conn_send: the statement was not
 * sent. READY: nothing was queued before it, agdb__conn_tx_take_back undoes the beginning. DEAD:
 * the transaction is lost with the connection, and was not committed. Who adds several asks first.
 */
agdb_status_t agdb__conn_tx_add(agdb__conn_t *conn, const agdb__statement_t *statement,
                                agdb_error_t **reterr);
/* Whether the statement could be sent there: INVAL, UNSUPPORTED. */
agdb_status_t agdb__conn_tx_check(const agdb__conn_t *conn, const agdb__statement_t *statement,
                                  agdb_error_t **reterr);
/* Nothing was queued yet: forgets that more was to come, or the opening. */
void agdb__conn_tx_take_back(agdb__conn_t *conn);
/* Begins to send; with `commit` the COMMIT goes behind the last, and is not executed when one of
 * them fails: the transaction is rolled back then, ahead of READY. `wants_position`: for
 * agdb__conn_position, behind the COMMIT. */
void agdb__conn_tx_go(agdb__conn_t *conn, bool commit, bool wants_position);

/* READY again, or DEAD: what became of statement `i` of this flush, once for each.
 *  - ANSWERED with rows; they count only with the transaction.
 *  - FAILED: the server's error, TOO_BIG, or NOT_FRESH, not sent: the replica was behind, and
 *    nothing counts.
 *  - NOT_EXECUTED: one ahead of it has failed.
 *  - LOST: the connection is DEAD. Outcome UNKNOWN when the COMMIT may have come through, else
 *    REJECTED: what is not committed is rolled back. */
agdb__member_fate_t agdb__conn_tx_receive(agdb__conn_t *conn, size_t i, struct pg_result **ret_rows,
                                          agdb_error_t **reterr);
/* What became of the flush's end, once. With a COMMIT: ANSWERED, it is confirmed; FAILED, rolled
 * back with this error. Without: ANSWERED, the transaction is open; FAILED, its key could not be
 * inserted. NOT_EXECUTED: a statement has failed, or its key was there; LOST, with the error. */
agdb__member_fate_t agdb__conn_tx_finish(agdb__conn_t *conn, agdb_error_t **reterr);
/* The key of `once` was there already, and all is rolled back: the transaction has happened, or,
 * with an error, the key is another one's. */
bool agdb__conn_tx_was_there(const agdb__conn_t *conn, agdb_error_t **reterr);

/* READY with a transaction open, which may have failed. */
bool agdb__conn_tx_is_open(const agdb__conn_t *conn);
/* Nobody wants it any more: begins to roll back, at once or behind what is in flight. READY and
 * clean, IN_FLIGHT or DEAD afterwards; its answers need not be received. */
void agdb__conn_tx_drop(agdb__conn_t *conn);

#endif
