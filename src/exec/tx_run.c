#include "exec/tx_run.h"

#include "base/clock.h"
#include "base/error.h"

/* Who rolls back waits so long for the answer; then the keeper does. It takes a round trip. */
enum { UNDO_MS = 50 };

/* --- a flight ----------------------------------------------------------------------------------
 */

/* Waits for a node, and a connection of it, until *ret_us. False: the flight has ended, or goes
 * again. */
static bool board(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us, uint64_t *ret_us)
{
    agdb__call_t *call = &tx->call;
    agdb__next_t next = agdb__call_next(call, now_us);
    agdb__lease_t lease;

    while (next.kind == AGDB__NEXT_WAIT) {
        (void)agdb__board_wait(&call->shard->board, call->version, next.until_us);
        now_us = agdb__now_us();
        next = agdb__call_next(call, now_us);
    }
    if (next.kind == AGDB__NEXT_OVER) {
        agdb__tx_give_up(tx, flight);
        return false;
    }
    if (agdb__pool_claim(call->shard->nodes[call->node].pool, tx->mode.read_only, now_us,
                         call->deadline_us, &lease, &call->error) != AGDB_OK) {
        agdb__tx_refuse(tx, flight, agdb__now_us());
        return false;
    }
    agdb__tx_take(tx, lease);
    *ret_us = lease.since_us;
    return true;
}

static void cross(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    if (now_us >= flight->deadline_us) {
        agdb__tx_late(tx, flight, now_us);
        return;
    }
    if (!agdb__tx_send(tx, flight, now_us))
        return;
    if (agdb__conn_wait(tx->lease.conn, now_us, flight->deadline_us))
        agdb__tx_land(tx, flight, agdb__now_us());
    else
        agdb__tx_expire(tx, flight, agdb__now_us());
}

agdb_status_t agdb__tx_fly(agdb__tx_t *tx, agdb__flight_t *flight)
{
    uint64_t now_us;

    flight->status = agdb__tx_check(tx, &flight->error);
    if (flight->status != AGDB_OK)
        return flight->status;
    now_us = agdb__now_us();
    agdb__tx_prepare(tx, flight, now_us);
    do {
        if (flight->again)
            now_us = agdb__now_us();
        flight->again = false;
        if (tx->pool != NULL || board(tx, flight, now_us, &now_us))
            cross(tx, flight, now_us);
    } while (flight->again);
    return flight->status;
}

/* --- its end -----------------------------------------------------------------------------------
 */

agdb_status_t agdb__tx_commit(agdb__tx_t *tx, agdb_error_t **reterr)
{
    agdb__flight_t flight = {.commit = true};

    agdb__tx_skip_empty(tx);
    if (tx->stand != AGDB__TX_FRESH && tx->stand != AGDB__TX_RUNNING)
        return agdb__tx_verdict(tx, reterr);
    (void)agdb__tx_fly(tx, &flight);
    agdb__error_move(reterr, flight.error);
    return flight.status;
}

void agdb__tx_undo(agdb__tx_t *tx, bool wait)
{
    const uint64_t now_us = agdb__now_us();

    if (tx->stand == AGDB__TX_FRESH || tx->stand == AGDB__TX_RUNNING ||
        tx->stand == AGDB__TX_BROKEN)
        tx->stand = AGDB__TX_UNDONE;
    if (tx->pool == NULL)
        return;
    agdb__conn_tx_drop(tx->lease.conn);
    if (wait)
        (void)agdb__conn_wait(tx->lease.conn, now_us, agdb__after_ms(now_us, UNDO_MS));
    agdb__tx_end(tx, agdb__now_us());
}

/* --- again and again ---------------------------------------------------------------------------
 */

/* The key goes first, in a round trip of its own: when it is there, nothing is run. True: go on. */
static bool put_key(agdb__tx_t *tx, agdb_status_t *ret, agdb_error_t **reterr)
{
    agdb__flight_t flight = {.commit = false};

    if (tx->mode.once.key == NULL)
        return true;
    *ret = agdb__tx_fly(tx, &flight);
    agdb__error_move(reterr, flight.error);
    return *ret == AGDB_OK && tx->stand == AGDB__TX_RUNNING;
}

/* Whether something of it may be there although its function wants it undone, or has failed. A key
 * would have told. */
static bool may_be_done(const agdb__tx_t *tx)
{
    return tx->stand == AGDB__TX_COMMITTED || tx->stand == AGDB__TX_IN_DOUBT ||
           (tx->call.may_have_happened && tx->mode.once.key == NULL);
}

static agdb_status_t fail_if_done(const agdb__tx_t *tx, agdb_error_t **reterr)
{
    if (!may_be_done(tx))
        return AGDB_OK;
    if (tx->stand == AGDB__TX_IN_DOUBT)
        return agdb__tx_verdict(tx, reterr);
    return agdb__fail(reterr, AGDB_E_MISUSE,
                      tx->stand == AGDB__TX_COMMITTED
                          ? "AGDB_ROLLBACK behind a statement with .commit: it is committed"
                          : "AGDB_ROLLBACK, but an earlier attempt may have been committed");
}

/* One attempt to its end. */
static agdb_status_t attempt(agdb__tx_t *tx, agdb_tx_fn fn, agdb_tx_t *handle, unsigned number,
                             void *user, agdb_error_t **reterr)
{
    agdb_status_t st = AGDB_OK;

    if (!put_key(tx, &st, reterr)) {
        agdb__tx_undo(tx, true);
        return st;
    }
    st = fn(handle, number, user, reterr);
    if (st == AGDB_OK && tx->stand == AGDB__TX_UNDONE && tx->error == NULL)
        return AGDB_OK; /* it has rolled back itself */
    if (st == AGDB_OK)
        st = agdb__tx_commit(tx, reterr);
    else if (st == AGDB_ROLLBACK)
        st = fail_if_done(tx, reterr);
    agdb__tx_undo(tx, true);
    return st;
}

static agdb_status_t check_told(agdb_status_t st, agdb_error_t **reterr)
{
    if (st != AGDB_OK && *reterr == NULL) {
        (void)agdb__fail(reterr, st, "the transaction's function returned %d without an error",
                         (int)st);
        agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    }
    return st;
}

agdb_status_t agdb__tx_repeat(agdb__tx_t *tx, agdb_tx_fn fn, agdb_tx_t *handle, void *user,
                              agdb_error_t **reterr)
{
    agdb_error_t *error = NULL;
    unsigned number = 1;
    agdb_status_t st;

    tx->is_repeated = true;
    tx->call.patient = true;
    st = attempt(tx, fn, handle, number, user, &error);
    while (st != AGDB_OK && tx->may_repeat) {
        agdb__error_free(error);
        error = NULL;
        agdb__tx_restart(tx);
        st = attempt(tx, fn, handle, ++number, user, &error);
    }
    (void)check_told(st, &error);
    if (st != AGDB_OK && may_be_done(tx))
        agdb__error_outcome(&error, AGDB_OUTCOME_UNKNOWN);
    if (st == AGDB_OK) {
        agdb__error_free(error);
        error = NULL;
    }
    agdb__error_move(reterr, error);
    return st;
}
