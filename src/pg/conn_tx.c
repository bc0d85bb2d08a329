/* Transactions of one caller, flush by flush:
 *
 *   [guard; Sync;] BEGIN; [key;] s1; s2; ...; Sync            the first
 *   s3; s4; ...; Sync                                         a later one
 *   s5; ...; COMMIT; Sync; [position; Sync]                   the last
 *
 * BEGIN travels with the first statement and COMMIT with the last: n statements are n round trips,
 * or one when they are known beforehand. After an error the server skips the rest up to the Sync,
 * the COMMIT as well; then a ROLLBACK follows ahead of READY. Without a COMMIT the failed
 * transaction stays open, for a savepoint may be gone back to.
 *
 * The guard has a Sync of its own: in REPEATABLE READ its snapshot would be the read's. When it
 * fails, what the transaction has read does not count, and it is rolled back.
 *
 * Behind the statements there is one member more, the tail, which is the COMMIT's. */
#include "pg/conn_tx.h"

#include "agencydb/tx.h"
#include "base/error.h"
#include "pg/conn_impl.h"

#include <libpq-fe.h>
#include <stdio.h>

static agdb__member_t *tail_of(agdb__conn_t *conn)
{
    return &conn->member[conn->nmembers - 1];
}

/* --- what goes ahead -------------------------------------------------------------------------- */

static const char *isolation_text(unsigned isolation)
{
    switch (isolation) {
    case AGDB_READ_COMMITTED:
        return " ISOLATION LEVEL READ COMMITTED";
    case AGDB_REPEATABLE_READ:
        return " ISOLATION LEVEL REPEATABLE READ";
    case AGDB_SERIALIZABLE:
        return " ISOLATION LEVEL SERIALIZABLE";
    default:
        return "";
    }
}

/* Never READ WRITE: it would get around what the server's administrator has set for the role. */
static bool queue_begin(agdb__conn_t *conn, const agdb__tx_mode_t *mode)
{
    char sql[128];

    if (mode->isolation == AGDB_ISOLATION_DEFAULT && !mode->read_only)
        return agdb__conn_queue_begin(conn);
    snprintf(sql, sizeof sql, "BEGIN%s%s%s", isolation_text(mode->isolation),
             mode->read_only ? " READ ONLY" : "", mode->deferrable ? " DEFERRABLE" : "");
    return agdb__conn_queue_sql(conn, sql, AGDB__STEP_REQUIRED);
}

/* Behind a PgBouncer the session's mode is not ours. */
static bool queue_limit(agdb__conn_t *conn, const agdb__tx_mode_t *mode)
{
    char sql[64];

    if (!conn->login->pgbouncer || !mode->read_only)
        return true;
    snprintf(sql, sizeof sql, "SET LOCAL statement_timeout = %u", (unsigned)conn->login->server_ms);
    return agdb__conn_queue_sql(conn, sql, AGDB__STEP_REQUIRED);
}

static bool queue_opening(agdb__conn_t *conn)
{
    const agdb__tx_mode_t *mode = conn->opening;

    if (mode == NULL)
        return true;
    conn->opening = NULL;
    return agdb__conn_queue_head(conn, mode->read_only, 0) &&
           (mode->at_least.lsn == 0 ||
            (agdb__conn_queue_guard(conn, &mode->at_least) && agdb__conn_queue_sync(conn))) &&
           agdb__conn_prepare_tx(conn) && queue_begin(conn, mode) && queue_limit(conn, mode) &&
           (mode->once.key == NULL || agdb__conn_queue_key(conn, &mode->once));
}

/* --- gathering -------------------------------------------------------------------------------- */

static void begin_flush(agdb__conn_t *conn, bool read_only)
{
    agdb__conn_begin_work(conn, AGDB__WORK_TX); /* with the tail as its only member so far */
    conn->read_only = read_only;
    conn->gathering = true;
}

agdb_status_t agdb__conn_tx_open(agdb__conn_t *conn, const agdb__tx_mode_t *mode,
                                 agdb_error_t **reterr)
{
    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering ||
        conn->tx != AGDB__TX_NONE)
        return agdb__conn_fail_unusable(conn, reterr);
    begin_flush(conn, mode->read_only);
    conn->opening = mode;
    return AGDB_OK;
}

agdb_status_t agdb__conn_tx_more(agdb__conn_t *conn, agdb_error_t **reterr)
{
    if (!agdb__conn_tx_is_open(conn) || conn->dirty || conn->gathering)
        return agdb__conn_fail_unusable(conn, reterr);
    begin_flush(conn, conn->read_only);
    return AGDB_OK;
}

static agdb_status_t check_gathering(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    if (conn->state == AGDB__CONN_READY && conn->gathering && conn->work == AGDB__WORK_TX)
        return AGDB_OK;
    return agdb__conn_fail_unusable(conn, reterr);
}

/* The server may have got a part of it: nothing of which can have been committed. */
static agdb_status_t fail_queued(agdb__conn_t *conn, agdb_error_t **reterr)
{
    agdb__conn_tx_take_back(conn);
    return agdb__conn_fail_unsent(conn, reterr);
}

agdb_status_t agdb__conn_tx_control(agdb__conn_t *conn, const char *sql, agdb_error_t **reterr)
{
    agdb_status_t st = check_gathering(conn, reterr);

    if (st != AGDB_OK)
        return st;
    if (!queue_opening(conn) || !agdb__conn_queue_sql(conn, sql, AGDB__STEP_REQUIRED))
        return fail_queued(conn, reterr);
    return AGDB_OK;
}

/* The tail becomes the statement's, with what was queued ahead of it: a guard, a key. */
static bool queue_statement(agdb__conn_t *conn, const agdb__statement_t *statement,
                            agdb__stmt_t *stmt, const agdb__stmt_key_t *key,
                            const agdb__params_t *p)
{
    agdb__member_t *member = tail_of(conn);

    member->max_rows = statement->max_rows;
    member->max_bytes = statement->max_bytes;
    member->stmt = stmt;
    conn->tainted = conn->tainted || conn->kind == AGDB__ST_SESSION;
    if (!queue_opening(conn) || !agdb__conn_queue_member(conn, key, p))
        return false;
    (void)agdb__conn_add_member(conn, 0, 0); /* the new tail */
    return true;
}

/* What was queued before it has no end: it cannot be taken back. */
static agdb_status_t fail_add(agdb__conn_t *conn, agdb_status_t st)
{
    if (conn->nsteps > 0)
        agdb__conn_abort(conn, "a statement behind others of its flush could not be sent");
    return st;
}

/* What would end the transaction, or let it write, behind the library's back: EXECUTE runs what is
 * prepared, BEGIN and COMMIT among it. */
static agdb_status_t check_class(const agdb__conn_t *conn, agdb__statement_class_t kind,
                                 const agdb__statement_t *statement, agdb_error_t **reterr)
{
    const char *why = kind == AGDB__ST_SESSION
                          ? agdb__statement_refusal_in_tx(statement->sql, statement->read_only)
                          : NULL;

    if (why == NULL)
        return agdb__conn_check_class(conn, kind, statement->sql, reterr);
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_UNSUPPORTED, "%s", why), AGDB_STAGE_CHECK,
                          reterr);
}

agdb_status_t agdb__conn_tx_add(agdb__conn_t *conn, const agdb__statement_t *statement,
                                agdb_error_t **reterr)
{
    agdb__params_t params;
    agdb__stmt_key_t key;
    agdb__stmt_t *stmt = NULL;
    agdb_status_t st = check_gathering(conn, reterr);

    if (st != AGDB_OK)
        return st;
    if (conn->nmembers > AGDB__TX_MEMBERS)
        return fail_add(conn, agdb__fail(reterr, AGDB_E_MISUSE, "the flush is full"));
    st = agdb__params_init(&params, statement->params, statement->nparams, reterr);
    if (st != AGDB_OK)
        return fail_add(conn, agdb__not_sent(st, AGDB_STAGE_CHECK, reterr));
    key = agdb__conn_key_of(conn, statement, &params);
    conn->kind = agdb__conn_look_up(conn, &key, &stmt);
    st = check_class(conn, conn->kind, statement, reterr);
    if (st != AGDB_OK)
        st = fail_add(conn, st);
    else if (!queue_statement(conn, statement, stmt, &key, &params))
        st = fail_queued(conn, reterr);
    agdb__params_fini(&params);
    return st;
}

agdb_status_t agdb__conn_tx_check(const agdb__conn_t *conn, const agdb__statement_t *statement,
                                  agdb_error_t **reterr)
{
    size_t scratch;
    agdb_status_t st = agdb__params_check(statement->params, statement->nparams, &scratch, reterr);

    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    return check_class(conn, agdb__statement_classify(statement->sql), statement, reterr);
}

void agdb__conn_tx_take_back(agdb__conn_t *conn)
{
    conn->gathering = false;
    conn->opening = NULL;
}

static bool queue_end(agdb__conn_t *conn, bool commit, bool wants_position)
{
    if (!queue_opening(conn))
        return false;
    if (!commit)
        return agdb__conn_queue_sync(conn);
    return agdb__conn_queue_commit(conn, conn->nmembers - 1) &&
           (!wants_position || agdb__conn_queue_position(conn));
}

void agdb__conn_tx_go(agdb__conn_t *conn, bool commit, bool wants_position)
{
    if (conn->state != AGDB__CONN_READY || !conn->gathering)
        return;
    conn->gathering = false;
    conn->tx = commit ? AGDB__TX_ENDING : AGDB__TX_OPEN;
    conn->wants_position = commit && wants_position;
    if (queue_end(conn, commit, wants_position))
        agdb__conn_go_in_flight(conn);
    else
        (void)agdb__conn_die_unsent(conn);
    conn->opening = NULL;
}

/* --- what came of it -------------------------------------------------------------------------- */

static bool was_behind(const agdb__conn_t *conn)
{
    return conn->behind != 0;
}

/* Not committed, so rolled back, whatever became of the connection. */
static agdb_outcome_t outcome_when_dead(agdb__conn_t *conn)
{
    const agdb__member_t *tail = tail_of(conn);

    if (conn->failed_member < conn->nmembers - 1 || conn->read_only ||
        tail->commit == AGDB__COMMIT_NOT_QUEUED)
        return AGDB_OUTCOME_REJECTED;
    return AGDB_OUTCOME_UNKNOWN;
}

static agdb__member_fate_t fail_lost(agdb__conn_t *conn, agdb_error_t **reterr)
{
    const agdb_outcome_t outcome = outcome_when_dead(conn);

    if (conn->error == NULL) { /* READY, but not in the state that it must be in */
        (void)agdb__fail(reterr, AGDB_E_LOST, "the transaction has ended by itself");
        agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
        agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
        return AGDB__MEMBER_LOST;
    }
    agdb__conn_fail_dead(conn, outcome, reterr);
    agdb__error_retriable(
        reterr, conn->error->status == AGDB_E_LOST && outcome == AGDB_OUTCOME_REJECTED, 0);
    return AGDB__MEMBER_LOST;
}

static agdb__member_fate_t take(agdb__conn_t *conn, agdb__member_t *member,
                                struct pg_result **ret_rows, agdb_error_t **reterr)
{
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb__conn_take_out(conn, member, ret_rows, &error);

    if (st == AGDB_OK)
        return AGDB__MEMBER_ANSWERED;
    if (st == AGDB_E_TOO_BIG)
        agdb__error_outcome(&error, tail_of(conn)->commit == AGDB__COMMIT_CONFIRMED
                                        ? AGDB_OUTCOME_UNKNOWN
                                        : AGDB_OUTCOME_REJECTED);
    agdb__conn_explain_once(&error);
    agdb__error_move(reterr, error);
    return AGDB__MEMBER_FAILED;
}

static bool is_receivable(const agdb__conn_t *conn, size_t i)
{
    return agdb__conn_is_over(conn) && conn->work == AGDB__WORK_TX && i < conn->nmembers &&
           !conn->member[i].received;
}

agdb__member_fate_t agdb__conn_tx_receive(agdb__conn_t *conn, size_t i, struct pg_result **ret_rows,
                                          agdb_error_t **reterr)
{
    agdb__member_t *member = &conn->member[i];
    bool counts;

    if (!is_receivable(conn, i)) {
        (void)agdb__fail(reterr, AGDB_E_MISUSE, "there is no answer to receive");
        return AGDB__MEMBER_LOST;
    }
    if (was_behind(conn)) {
        (void)agdb__conn_fail_behind(member, reterr);
        return AGDB__MEMBER_FAILED;
    }
    counts = conn->state == AGDB__CONN_READY || tail_of(conn)->commit == AGDB__COMMIT_CONFIRMED;
    if (member->answer != NULL && (counts || member->answer_is_error))
        return take(conn, member, ret_rows, reterr);
    member->received = true;
    if (i > conn->failed_member || conn->replayed || conn->reused)
        return AGDB__MEMBER_NOT_EXECUTED;
    return fail_lost(conn, reterr);
}

agdb__member_fate_t agdb__conn_tx_finish(agdb__conn_t *conn, agdb_error_t **reterr)
{
    const size_t last = conn->nmembers - 1;
    agdb__member_t *tail;

    if (conn->nmembers == 0 || !is_receivable(conn, last)) {
        (void)agdb__fail(reterr, AGDB_E_MISUSE, "there is no answer to receive");
        return AGDB__MEMBER_LOST;
    }
    tail = &conn->member[last];
    if (tail->answer != NULL)
        return take(conn, tail, NULL, reterr);
    tail->received = true;
    if (was_behind(conn))
        return AGDB__MEMBER_NOT_EXECUTED;
    if (tail->commit == AGDB__COMMIT_CONFIRMED)
        return AGDB__MEMBER_ANSWERED;
    if (tail->commit == AGDB__COMMIT_ROLLED_BACK) {
        agdb__conn_fail_rolled_back(reterr);
        return AGDB__MEMBER_FAILED;
    }
    if (conn->failed_member < last || conn->replayed || conn->reused)
        return AGDB__MEMBER_NOT_EXECUTED;
    if (agdb__conn_tx_is_open(conn))
        return AGDB__MEMBER_ANSWERED;
    return fail_lost(conn, reterr);
}

bool agdb__conn_tx_was_there(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    if (conn->reused)
        (void)agdb__conn_fail_reused(reterr);
    return conn->replayed || conn->reused;
}

/* --- its end ---------------------------------------------------------------------------------- */

bool agdb__conn_tx_is_open(const agdb__conn_t *conn)
{
    return conn->state == AGDB__CONN_READY && conn->tx == AGDB__TX_OPEN;
}

bool agdb__conn_tx_must_roll_back(const agdb__conn_t *conn)
{
    const bool of_no_use =
        conn->tx == AGDB__TX_ENDING || was_behind(conn) || conn->replayed || conn->reused;

    return of_no_use && PQtransactionStatus(conn->pg) != PQTRANS_IDLE;
}

bool agdb__conn_tx_is_sound(agdb__conn_t *conn)
{
    const PGTransactionStatusType status = PQtransactionStatus(conn->pg);

    if (conn->work != AGDB__WORK_TX || conn->tx == AGDB__TX_NONE)
        return status == PQTRANS_IDLE;
    if (status == PQTRANS_IDLE) {
        const bool as_said = conn->tx == AGDB__TX_ENDING || conn->rolling_back;

        conn->tx = AGDB__TX_NONE;
        return as_said;
    }
    return conn->tx == AGDB__TX_OPEN && !conn->rolling_back &&
           (status == PQTRANS_INTRANS || status == PQTRANS_INERROR);
}

void agdb__conn_tx_drop(agdb__conn_t *conn)
{
    if (conn->state == AGDB__CONN_DEAD || conn->tx == AGDB__TX_NONE)
        return;
    conn->tx = AGDB__TX_ENDING;
    if (conn->state != AGDB__CONN_READY)
        return; /* behind what is in flight */
    agdb__conn_tx_take_back(conn);
    if (agdb__conn_roll_back(conn) && conn->state == AGDB__CONN_READY)
        agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
}
