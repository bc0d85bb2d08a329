#include "exec/tx.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>

/* A transaction that must not fail by conflicts with others cannot run on a replica: the server
 * refuses SERIALIZABLE there. */
static agdb_access_t access_of(const agdb_tx_options_t *options)
{
    const bool is_read = options->access != AGDB_WRITE;

    return is_read && options->isolation == AGDB_SERIALIZABLE ? AGDB_READ : options->access;
}

void agdb__tx_init(agdb__tx_t *tx, agdb__shard_t *shard, const agdb_tx_options_t *options,
                   uint64_t start_us, uint64_t salt)
{
    const agdb_request_t as = {
        .struct_size = sizeof as,
        .sql = "",
        .access = access_of(options),
        .session = options->session,
        .max_lag_ms = options->max_lag_ms,
        .timeout_ms = options->timeout_ms,
        .idempotent = options->idempotent || options->idempotency_key != NULL || options->once,
    };

    *tx = (agdb__tx_t){.mode = {.isolation = options->isolation,
                                .read_only = options->access != AGDB_WRITE,
                                .deferrable = options->deferrable}};
    agdb__call_begin(&tx->call, shard, &as, start_us, salt);
    tx->call.agency = agdb_bytes(tx->agency, options->key.len);
    if (options->key.len > 0)
        memcpy(tx->agency, options->key.data, options->key.len);
    if (options->tag != NULL) {
        snprintf(tx->tag, sizeof tx->tag, "%s", options->tag);
        tx->call.tag = tx->tag;
    }
    tx->deadline_us = tx->call.deadline_us;
}

void agdb__tx_fini(agdb__tx_t *tx)
{
    agdb__call_abandon(&tx->call, false);
    agdb__savepoints_clear(&tx->savepoints);
    agdb__error_free(tx->error);
    agdb__error_free(tx->call.error);
    tx->error = NULL;
    tx->call.error = NULL;
}

/* --- before it goes ----------------------------------------------------------------------------
 */

static const char *end_text(agdb__tx_stand_t stand)
{
    switch (stand) {
    case AGDB__TX_BROKEN:
        return "a statement of the transaction has failed: go back to a savepoint, or roll back";
    case AGDB__TX_COMMITTED:
        return "the transaction is committed already";
    case AGDB__TX_IN_DOUBT:
        return "the transaction is over, nobody knows whether it was committed";
    default:
        return "the transaction is over, it was rolled back";
    }
}

agdb_status_t agdb__tx_check(const agdb__tx_t *tx, agdb_error_t **reterr)
{
    if (tx->stand == AGDB__TX_FRESH || tx->stand == AGDB__TX_RUNNING)
        return AGDB_OK;
    (void)agdb__fail(reterr, AGDB_E_MISUSE, "%s%s%s", end_text(tx->stand),
                     tx->error != NULL ? ": " : "", tx->error != NULL ? tx->error->message : "");
    return agdb__not_sent(AGDB_E_MISUSE, AGDB_STAGE_CHECK, reterr);
}

void agdb__tx_skip_empty(agdb__tx_t *tx)
{
    if (tx->stand == AGDB__TX_FRESH && tx->mode.once.key == NULL)
        tx->stand = AGDB__TX_COMMITTED;
}

agdb_status_t agdb__tx_verdict(const agdb__tx_t *tx, agdb_error_t **reterr)
{
    if (tx->stand == AGDB__TX_COMMITTED)
        return AGDB_OK;
    if (tx->error == NULL)
        return agdb__tx_check(tx, reterr);
    agdb__error_move(reterr, agdb__error_dup(tx->error));
    return tx->error->status;
}

/* In a transaction that goes on, its first flight has had the connection. */
static void start_clock(agdb__tx_t *tx, uint64_t now_us)
{
    tx->call.start_us = now_us;
    tx->call.course = (agdb__course_t){0};
    if (tx->pool != NULL)
        agdb__course_hold(&tx->call.course, now_us);
}

void agdb__tx_prepare(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    start_clock(tx, now_us);
    flight->deadline_us =
        agdb__min_us(tx->deadline_us, flight->deadline_us != 0 ? flight->deadline_us : AGDB__NEVER);
    tx->call.deadline_us = flight->deadline_us;
    tx->call.park_end_us = 0; /* an earlier flight's */
    if (tx->call.pause != AGDB__PAUSE_NONE)
        tx->call.until_us = agdb__min_us(tx->call.until_us, flight->deadline_us);
    flight->was_first = tx->stand == AGDB__TX_FRESH;
    flight->again = false;
}

void agdb__tx_take(agdb__tx_t *tx, agdb__lease_t lease)
{
    tx->pool = tx->call.shard->nodes[tx->call.node].pool;
    tx->lease = lease;
}

/* --- its end -----------------------------------------------------------------------------------
 */

void agdb__tx_end(agdb__tx_t *tx, uint64_t now_us)
{
    if (tx->pool == NULL)
        return;
    agdb__conn_tx_drop(tx->lease.conn);
    agdb__pool_release(tx->pool, &tx->lease, now_us);
    tx->pool = NULL;
}

void agdb__tx_mend(agdb__tx_t *tx)
{
    if (tx->stand != AGDB__TX_BROKEN)
        return;
    tx->stand = AGDB__TX_RUNNING;
    tx->may_repeat = false;
    agdb__error_free(tx->error);
    tx->error = NULL;
}

void agdb__tx_restart(agdb__tx_t *tx)
{
    agdb__savepoints_clear(&tx->savepoints);
    agdb__error_free(tx->error);
    tx->error = NULL;
    tx->stand = AGDB__TX_FRESH;
    tx->may_repeat = false;
    tx->mode.at_least = (agdb__position_t){0, 0, 0};
}

/* --- what became of a flight -------------------------------------------------------------------
 */

static void conclude(agdb__tx_t *tx, agdb__flight_t *flight)
{
    flight->status = agdb__call_finish(&tx->call, &flight->error);
    agdb__error_free(tx->error);
    tx->error = agdb__error_dup(flight->error);
    agdb__savepoints_sent(&tx->savepoints);
}

void agdb__tx_give_up(agdb__tx_t *tx, agdb__flight_t *flight)
{
    flight->again = false;
    tx->stand = AGDB__TX_UNDONE;
    tx->may_repeat = false;
    conclude(tx, flight);
}

/* No statement of it holds; the call's error says why. Decides whether it goes again. */
static void fail(agdb__tx_t *tx, agdb__flight_t *flight, agdb__tx_stand_t stand, uint64_t now_us)
{
    agdb__call_t *call = &tx->call;

    call->is_last = !flight->was_first && !tx->is_repeated;
    if (tx->is_repeated)
        call->deadline_us = tx->deadline_us; /* for all of it, not for one statement */
    agdb__call_failed(call, now_us);
    call->deadline_us = flight->deadline_us;
    tx->may_repeat = !call->over;
    flight->again = flight->was_first && !call->over;
    tx->stand = flight->again ? AGDB__TX_FRESH : stand;
    if (!flight->again)
        conclude(tx, flight);
    if (stand != AGDB__TX_BROKEN || flight->again)
        agdb__tx_end(tx, now_us);
}

void agdb__tx_refuse(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    fail(tx, flight, AGDB__TX_UNDONE, now_us);
}

static void take_time(agdb__tx_t *tx, uint64_t now_us, agdb_timing_t *ret)
{
    tx->call.course.trip.ended_us = now_us;
    agdb__course_timing(&tx->call.course, tx->call.start_us, now_us, ret);
}

static void succeed(agdb__tx_t *tx, agdb__flight_t *flight, agdb__tx_stand_t stand, uint64_t now_us)
{
    agdb_timing_t timing;

    take_time(tx, now_us, &timing);
    agdb__call_count(&tx->call, &timing);
    flight->status = AGDB_OK;
    tx->stand = stand;
    tx->may_repeat = false;
    agdb__savepoints_sent(&tx->savepoints);
    agdb__error_free(tx->call.error);
    tx->call.error = NULL;
}

static void free_results(agdb__flight_t *flight)
{
    size_t i;

    for (i = 0; flight->result != NULL && i < flight->count; i++) {
        agdb__result_free(flight->result[i]);
        flight->result[i] = NULL;
    }
}

static agdb_status_t wrap(agdb__tx_t *tx, agdb__flight_t *flight, size_t i,
                          struct pg_result *take_rows, uint64_t now_us)
{
    agdb__call_t *call = &tx->call;
    const char *node = call->shard->nodes[call->node].name;
    agdb_result_t *res;

    if (flight->result == NULL) {
        agdb__rows_free(take_rows);
        return AGDB_OK;
    }
    res = agdb__result_new(take_rows, call->shard->name, node);
    if (res == NULL) {
        (void)agdb__fail(&call->error, AGDB_E_NOMEM, "out of memory for the result");
        agdb__error_outcome(&call->error, AGDB_OUTCOME_REJECTED);
        return AGDB_E_NOMEM;
    }
    res->replayed = tx->replayed;
    res->role = agdb__conn_in_recovery(tx->lease.conn) ? AGDB_ROLE_REPLICA : AGDB_ROLE_PRIMARY;
    take_time(tx, now_us, &res->timing);
    flight->result[i] = res;
    return AGDB_OK;
}

/* Of each statement, up to the first that failed, with the call's error. */
static agdb_status_t take_answers(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    agdb_error_t **error = &tx->call.error;
    size_t i;

    for (i = 0; i < flight->count; i++) {
        struct pg_result *rows = NULL;
        agdb__member_fate_t fate = agdb__conn_tx_receive(tx->lease.conn, i, &rows, error);
        agdb_status_t st = AGDB_OK;

        if (fate == AGDB__MEMBER_ANSWERED)
            st = wrap(tx, flight, i, rows, now_us);
        else
            st = *error != NULL ? (*error)->status : AGDB_E_NOMEM;
        if (st == AGDB_OK)
            continue;
        if (flight->count > 1)
            agdb__error_prefix(error, "statement %zu of %zu: ", i + 1, flight->count);
        return st;
    }
    return AGDB_OK;
}

/* Instead of the rows that the first time had. */
static agdb_status_t replay(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    agdb_status_t st = AGDB_OK;
    size_t i;

    tx->replayed = true;
    for (i = 0; st == AGDB_OK && i < flight->count; i++) {
        struct pg_result *rows = agdb__rows_none();

        if (rows == NULL)
            st = agdb__fail_nomem(&tx->call.error);
        else
            st = wrap(tx, flight, i, rows, now_us);
    }
    if (st != AGDB_OK)
        agdb__error_outcome(&tx->call.error, AGDB_OUTCOME_UNKNOWN);
    return st;
}

static void tell_session(agdb__tx_t *tx)
{
    const agdb__position_t at = agdb__conn_position(tx->lease.conn);

    if (tx->call.statement.wants_position)
        agdb__session_wrote(tx->call.session, tx->call.shard->id, &at);
}

static void land_committed(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    succeed(tx, flight, AGDB__TX_COMMITTED, now_us);
    agdb__tx_end(tx, now_us);
}

static void land_failed(agdb__tx_t *tx, agdb__flight_t *flight, agdb__tx_stand_t stand,
                        uint64_t now_us)
{
    free_results(flight);
    fail(tx, flight, stand, now_us);
}

/* The key was there: the transaction has happened, or (with an error) it is another one's key. */
static void land_known(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    if (tx->call.error == NULL && replay(tx, flight, now_us) == AGDB_OK &&
        agdb__call_check_answer(&tx->call, tx->sent_us) == AGDB_OK) {
        tell_session(tx);
        land_committed(tx, flight, now_us);
    } else {
        tx->replayed = false;
        land_failed(tx, flight, AGDB__TX_UNDONE, now_us);
    }
}

/* What a snapshot of its own has shown was fresh enough when that was taken, or was not: later
 * statements of it show nothing newer. */
static bool sees_anew(const agdb__tx_t *tx, const agdb__flight_t *flight)
{
    return flight->was_first || tx->mode.isolation <= AGDB_READ_COMMITTED;
}

/* Whether the answers can be believed. Of writes only the COMMIT has to be. */
static agdb_status_t check_reads(agdb__tx_t *tx, const agdb__flight_t *flight, uint64_t now_us)
{
    if (!tx->mode.read_only)
        return flight->commit ? agdb__call_check_answer(&tx->call, tx->sent_us) : AGDB_OK;
    if (flight->count == 0 || !sees_anew(tx, flight))
        return AGDB_OK;
    return agdb__call_begun(&tx->call, now_us);
}

/* The COMMIT is confirmed; `st` is what the statements have come to. */
static void land_confirmed(agdb__tx_t *tx, agdb__flight_t *flight, agdb_status_t st,
                           uint64_t now_us)
{
    if (st != AGDB_OK) { /* the rows cannot be given */
        agdb__error_outcome(&tx->call.error, AGDB_OUTCOME_UNKNOWN);
        land_failed(tx, flight, AGDB__TX_COMMITTED, now_us);
        return;
    }
    if (check_reads(tx, flight, now_us) != AGDB_OK) {
        land_failed(tx, flight, tx->mode.read_only ? AGDB__TX_UNDONE : AGDB__TX_IN_DOUBT, now_us);
        return;
    }
    tell_session(tx);
    land_committed(tx, flight, now_us);
}

static bool is_unknown(const agdb_error_t *error)
{
    return error != NULL && error->outcome == AGDB_OUTCOME_UNKNOWN;
}

void agdb__tx_land(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    agdb__conn_t *conn = tx->lease.conn;
    agdb_error_t *error = NULL;
    agdb__member_fate_t end;
    agdb_status_t st;

    if (agdb__conn_tx_was_there(conn, &tx->call.error)) {
        land_known(tx, flight, now_us);
        return;
    }
    st = take_answers(tx, flight, now_us);
    end = agdb__conn_tx_finish(conn, &error);
    if (st == AGDB_OK && error != NULL) { /* that of a statement comes first */
        st = error->status;
        agdb__error_move(&tx->call.error, error);
        error = NULL;
    }
    agdb__error_free(error);
    if (end == AGDB__MEMBER_ANSWERED && flight->commit) {
        land_confirmed(tx, flight, st, now_us);
        return;
    }
    if (st == AGDB_OK)
        st = check_reads(tx, flight, now_us);
    if (st == AGDB_OK)
        succeed(tx, flight, AGDB__TX_RUNNING, now_us);
    else if (agdb__conn_tx_is_open(conn))
        land_failed(tx, flight, AGDB__TX_BROKEN, now_us);
    else
        land_failed(tx, flight, is_unknown(tx->call.error) ? AGDB__TX_IN_DOUBT : AGDB__TX_UNDONE,
                    now_us);
}

void agdb__tx_expire(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    const bool in_doubt = flight->commit && !tx->mode.read_only;

    (void)agdb__fail_unanswered(now_us - tx->sent_us, tx->mode.read_only, &tx->call.error);
    if (!in_doubt)
        agdb__error_outcome(&tx->call.error, AGDB_OUTCOME_REJECTED);
    free_results(flight);
    fail(tx, flight, in_doubt ? AGDB__TX_IN_DOUBT : AGDB__TX_UNDONE, now_us);
}

agdb_outcome_t agdb__tx_withdraw(agdb__tx_t *tx)
{
    agdb__call_abandon(&tx->call, tx->call.may_have_happened);
    return tx->call.may_have_happened ? AGDB_OUTCOME_UNKNOWN : AGDB_OUTCOME_NOT_SENT;
}

agdb_outcome_t agdb__tx_cancel(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    const bool in_doubt = (flight->commit && !tx->mode.read_only) || tx->call.may_have_happened;

    tx->stand = in_doubt ? AGDB__TX_IN_DOUBT : AGDB__TX_UNDONE;
    agdb__call_abandon(&tx->call, in_doubt);
    agdb__error_free(tx->error);
    tx->error = NULL;
    (void)agdb__fail(&tx->error, AGDB_E_CANCELLED, "a request of the transaction was cancelled");
    agdb__error_place(&tx->error, tx->call.shard->name, NULL);
    agdb__error_outcome(&tx->error, in_doubt ? AGDB_OUTCOME_UNKNOWN : AGDB_OUTCOME_REJECTED);
    free_results(flight);
    agdb__tx_end(tx, now_us);
    return in_doubt ? AGDB_OUTCOME_UNKNOWN : AGDB_OUTCOME_REJECTED;
}

void agdb__tx_late(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    (void)agdb__fail(&tx->call.error, AGDB_E_TIMEOUT, "the deadline had passed before sending");
    agdb__error_stage(&tx->call.error, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(&tx->call.error, AGDB_OUTCOME_NOT_SENT);
    fail(tx, flight, AGDB__TX_UNDONE, now_us);
}

/* --- sending -----------------------------------------------------------------------------------
 */

/* A write goes only while the view stands by which the node was chosen. */
static agdb_status_t check_standing(agdb__tx_t *tx)
{
    agdb__call_t *call = &tx->call;

    if (call->access != AGDB_WRITE || agdb__board_version(&call->shard->board) == call->version ||
        agdb__call_stands(call))
        return AGDB_OK;
    return agdb__call_check_chosen(call);
}

static agdb_status_t check_all(const agdb__tx_t *tx, const agdb__flight_t *flight,
                               agdb_error_t **reterr)
{
    agdb_status_t st = AGDB_OK;
    size_t i;

    if (flight->count + tx->savepoints.nwaiting <= 1)
        return AGDB_OK; /* nothing is queued ahead of it */
    for (i = 0; st == AGDB_OK && i < flight->count; i++) {
        st = agdb__conn_tx_check(tx->lease.conn, &flight->statement[i], reterr);
        if (st != AGDB_OK && flight->count > 1)
            agdb__error_prefix(reterr, "statement %zu of %zu: ", i + 1, flight->count);
    }
    return st;
}

static agdb_status_t queue_all(agdb__tx_t *tx, const agdb__flight_t *flight, agdb_error_t **reterr)
{
    agdb__conn_t *conn = tx->lease.conn;
    agdb_status_t st;
    size_t i;

    tx->mode.at_least = tx->call.statement.at_least;
    st = flight->was_first ? agdb__conn_tx_open(conn, &tx->mode, reterr)
                           : agdb__conn_tx_more(conn, reterr);
    for (i = 0; st == AGDB_OK && i < tx->savepoints.nwaiting; i++)
        st = agdb__conn_tx_control(conn, tx->savepoints.waiting[i], reterr);
    for (i = 0; st == AGDB_OK && i < flight->count; i++)
        st = agdb__conn_tx_add(conn, &flight->statement[i], reterr);
    return st;
}

/* It has no place in a transaction, or its parameters cannot be sent: nothing has changed. */
static void turn_down(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    agdb__conn_tx_take_back(tx->lease.conn);
    if (tx->call.may_have_happened)
        agdb__error_outcome(&tx->call.error, AGDB_OUTCOME_UNKNOWN);
    flight->error = tx->call.error;
    flight->status = flight->error != NULL ? flight->error->status : AGDB_E_NOMEM;
    tx->call.error = NULL;
    if (flight->was_first)
        agdb__tx_end(tx, now_us);
}

bool agdb__tx_send(agdb__tx_t *tx, agdb__flight_t *flight, uint64_t now_us)
{
    agdb__conn_t *conn = tx->lease.conn;

    agdb__error_free(tx->call.error);
    tx->call.error = NULL;
    tx->sent_us = now_us;
    if (check_standing(tx) != AGDB_OK) {
        fail(tx, flight, AGDB__TX_UNDONE, now_us);
        return false;
    }
    if (check_all(tx, flight, &tx->call.error) == AGDB_OK &&
        queue_all(tx, flight, &tx->call.error) == AGDB_OK) {
        agdb__conn_tx_go(conn, flight->commit, tx->call.statement.wants_position);
        agdb__call_sent(&tx->call, &tx->lease, now_us,
                        flight->count > 1 ? (unsigned)flight->count : 1);
        return true;
    }
    if (agdb__conn_state(conn) == AGDB__CONN_READY)
        turn_down(tx, flight, now_us);
    else
        fail(tx, flight, AGDB__TX_UNDONE, now_us);
    return false;
}
