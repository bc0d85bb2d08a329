/* Results are taken against the list of steps that the sender wrote: one result and one NULL per
 * command, one PGRES_PIPELINE_SYNC per Sync. Whatever does not fit ends the connection.
 *
 * libpq has no limit on a result that is still coming, and does not say how much it has read. What
 * has come is estimated from the socket: the bytes that wait before and after a read. A read of
 * which nothing is known took at least what waited before it, less what waits now, and never less
 * than min(before, 16384), libpq's smallest buffer. The first read is not counted: most results
 * come whole in it, and the two system calls are saved. So the estimate is low, by up to the first
 * read and by what arrived during a read; behind TLS it counts encrypted bytes. The exact check
 * (PQresultMemorySize, which counts what libpq holds for the rows) follows at the end. */
#include "pg/conn_impl.h"

#include "base/clock.h"
#include "base/error.h"
#include "pg/sqlstate.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

enum { READS_PER_STEP = 32, LEAST_READ = 16384 };

void agdb__conn_drop_answer(agdb__conn_t *conn)
{
    PQclear(conn->answer);
    conn->answer = NULL;
    conn->answer_is_error = false;
}

static agdb_stage_t stage_of(const agdb__conn_t *conn)
{
    return conn->work == AGDB__WORK_STATEMENT ? AGDB_STAGE_EXECUTE : AGDB_STAGE_CONNECT;
}

static void die_unexpected(agdb__conn_t *conn, const char *what)
{
    agdb__conn_die(conn, AGDB_E_LOST, stage_of(conn), "unexpected answer of the server: %s", what);
}

static void die_lost(agdb__conn_t *conn)
{
    char text[256];

    agdb__conn_die(conn, AGDB_E_LOST, stage_of(conn), "connection lost: %s",
                   agdb__conn_pq_message(conn, text, sizeof text));
}

static const char *state_of(const PGresult *rows)
{
    const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);

    return state != NULL ? state : "";
}

/* The backend is gone with this error; nothing after it was executed. */
static bool is_farewell(const PGresult *rows)
{
    const char *severity = PQresultErrorField(rows, PG_DIAG_SEVERITY_NONLOCALIZED);

    return severity != NULL && strcmp(severity, "ERROR") != 0;
}

static void set_answer(agdb__conn_t *conn, PGresult *take_rows, bool is_error)
{
    PQclear(conn->answer);
    conn->answer = take_rows;
    conn->answer_is_error = is_error;
}

static void add_victim(agdb__conn_t *conn, const agdb__stmt_t *stmt)
{
    if (conn->nvictims == AGDB__VICTIMS_MAX) {
        conn->dirty = true; /* cannot keep the books any more; two per statement is the most */
        return;
    }
    memcpy(conn->victim[conn->nvictims++], stmt->name, sizeof stmt->name);
}

static void prepared(agdb__conn_t *conn)
{
    agdb__stmt_t *victim = agdb__stmt_add(&conn->cache, conn->pending);

    conn->pending = NULL;
    if (victim == NULL)
        return;
    add_victim(conn, victim);
    agdb__stmt_free(victim);
}

/* The plan or the name is of no use any more: prepared again the next time. */
static void forget_if_stale(agdb__conn_t *conn, const PGresult *rows)
{
    const char *state = state_of(rows);
    const char *text = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);

    if (conn->stmt == NULL || agdb__sql_classify(state, text) != AGDB__SQL_STALE_STATEMENT)
        return;
    agdb__stmt_remove(&conn->cache, conn->stmt);
    if (strcmp(state, "26000") != 0) /* it is still there */
        add_victim(conn, conn->stmt);
    agdb__stmt_free(conn->stmt);
    conn->stmt = NULL;
}

/* A result of the command at the current step. Takes it. */
static void take_result(agdb__conn_t *conn, agdb__step_kind_t kind, PGresult *take_rows)
{
    const ExecStatusType status = PQresultStatus(take_rows);
    const bool aborted = status == PGRES_PIPELINE_ABORTED;
    const bool error = status == PGRES_FATAL_ERROR;

    if (error && *state_of(take_rows) == '\0') {
        PQclear(take_rows); /* libpq's own error: the connection */
        die_lost(conn);
        return;
    }
    if (!error && !aborted && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK &&
        status != PGRES_EMPTY_QUERY) {
        die_unexpected(conn, PQresStatus(status));
        PQclear(take_rows);
        return;
    }
    conn->step_has_result = true;
    if (kind == AGDB__STEP_ANSWER && !aborted) {
        if (error)
            forget_if_stale(conn, take_rows);
        set_answer(conn, take_rows, error);
        return;
    }
    if (kind == AGDB__STEP_PARSE && error) {
        agdb__stmt_free(conn->pending);
        conn->pending = NULL;
        set_answer(conn, take_rows, true);
        return;
    }
    if (error && is_farewell(take_rows) && conn->answer == NULL) {
        set_answer(conn, take_rows, true); /* the backend ended before it came to the statement */
        return;
    }
    if (kind == AGDB__STEP_PARSE && !aborted)
        prepared(conn);
    else if (kind == AGDB__STEP_REQUIRED && error)
        agdb__conn_die(conn, AGDB_E_LOST, stage_of(conn), "the server refused a setting: %s: %s",
                       state_of(take_rows), PQresultErrorField(take_rows, PG_DIAG_MESSAGE_PRIMARY));
    else if (aborted && !conn->answer_is_error)
        die_unexpected(conn, "aborted");
    PQclear(take_rows);
}

/* At a Sync the transaction commits; an error of that (a deferred constraint) comes ahead of it
 * and takes the answer's place. A FATAL one leaves it open whether the commit happened: the
 * answer stays what it was, and the connection ends before its Sync. */
static void take_at_sync(agdb__conn_t *conn, PGresult *take_rows)
{
    if (PQresultStatus(take_rows) == PGRES_PIPELINE_SYNC) {
        PQclear(take_rows);
        conn->answered = conn->answered || conn->answer != NULL;
        conn->at_step++;
        return;
    }
    if (PQresultStatus(take_rows) != PGRES_FATAL_ERROR || *state_of(take_rows) == '\0' ||
        conn->answer == NULL) {
        PQclear(take_rows);
        die_lost(conn);
        return;
    }
    conn->step_has_result = true;
    if (conn->answer_is_error || is_farewell(take_rows))
        PQclear(take_rows);
    else
        set_answer(conn, take_rows, true);
}

static void take(agdb__conn_t *conn, PGresult *take_rows)
{
    const agdb__step_kind_t kind = (agdb__step_kind_t)conn->step[conn->at_step];

    if (conn->step_has_result) {
        if (take_rows != NULL) {
            die_unexpected(conn, "a second result");
            PQclear(take_rows);
            return;
        }
        conn->step_has_result = false;
        if (kind != AGDB__STEP_SYNC)
            conn->at_step++;
    } else if (take_rows == NULL) {
        die_unexpected(conn, "no result");
    } else if (kind == AGDB__STEP_SYNC) {
        take_at_sync(conn, take_rows);
    } else {
        take_result(conn, kind, take_rows);
    }
}

/* Bounded: a step takes two results at most, and only a Sync may take more, from input that has
 * come. */
static void drain(agdb__conn_t *conn)
{
    while (conn->pg != NULL && conn->at_step < conn->nsteps && PQisBusy(conn->pg) == 0)
        take(conn, PQgetResult(conn->pg));
}

static uint64_t waiting_bytes(const agdb__conn_t *conn)
{
    int n = 0;

    return ioctl(PQsocket(conn->pg), FIONREAD, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

static void count_read(agdb__conn_t *conn, uint64_t before, uint64_t after)
{
    const uint64_t least = before < LEAST_READ ? before : LEAST_READ;
    const uint64_t gone = before > after ? before - after : 0;

    conn->arrived += gone > least ? gone : least;
    if (conn->max_bytes != 0 && conn->arrived > conn->max_bytes)
        agdb__conn_die(conn, AGDB_E_TOO_BIG, AGDB_STAGE_EXECUTE,
                       "the result is over max_bytes (%llu) and still coming: ask for fewer rows "
                       "or columns, or raise .max_bytes",
                       (unsigned long long)conn->max_bytes);
}

/* One read. False: no more for now. */
static bool read_once(agdb__conn_t *conn)
{
    const bool counted = conn->reads++ != 0;
    const uint64_t before = counted ? waiting_bytes(conn) : 0;
    uint64_t after = 0;
    int rc;

    rc = PQconsumeInput(conn->pg);
    if (counted && rc == 1)
        after = waiting_bytes(conn);
    drain(conn);
    if (conn->pg == NULL || conn->at_step == conn->nsteps)
        return false;
    if (rc != 1 || PQstatus(conn->pg) != CONNECTION_OK) {
        die_lost(conn);
        return false;
    }
    if (counted)
        count_read(conn, before, after);
    return conn->pg != NULL && after > 0;
}

bool agdb__conn_read(agdb__conn_t *conn)
{
    int i;

    if (!conn->flushed)
        agdb__conn_flush(conn);
    for (i = 0; i < READS_PER_STEP && read_once(conn); i++)
        ;
    if (conn->pg == NULL || conn->at_step < conn->nsteps)
        return false;
    if (PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        conn->dirty = true;
    return true;
}

/* --- the statement's end --------------------------------------------------------------------- */

/* It was executed; the caller asked not to be given so much. */
static agdb_status_t check_size(const agdb__conn_t *conn, const PGresult *rows,
                                agdb_error_t **reterr)
{
    const uint64_t count = (uint64_t)PQntuples(rows);
    const uint64_t bytes = PQresultMemorySize(rows);

    if (PQresultStatus(rows) != PGRES_TUPLES_OK)
        return AGDB_OK;
    if (conn->max_rows != 0 && count > conn->max_rows)
        (void)agdb__fail(reterr, AGDB_E_TOO_BIG,
                         "the statement was executed, its result of %llu rows is over max_rows "
                         "(%llu)",
                         (unsigned long long)count, (unsigned long long)conn->max_rows);
    else if (conn->max_bytes != 0 && count != 0 && bytes > conn->max_bytes)
        (void)agdb__fail(reterr, AGDB_E_TOO_BIG,
                         "the statement was executed, its result of %llu bytes is over max_bytes "
                         "(%llu)",
                         (unsigned long long)bytes, (unsigned long long)conn->max_bytes);
    else
        return AGDB_OK;
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, conn->read_only ? AGDB_OUTCOME_REJECTED : AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_TOO_BIG;
}

/* An unsent rest holds the end of the Sync without which nothing commits; but statements such as
 * VACUUM or CALL commit by themselves, before their Sync. */
static agdb_outcome_t outcome_when_dead(const agdb__conn_t *conn)
{
    if (!conn->flushed && conn->kind == AGDB__ST_PLAIN)
        return AGDB_OUTCOME_NOT_SENT;
    if (conn->error->status == AGDB_E_TOO_BIG && conn->read_only)
        return AGDB_OUTCOME_REJECTED;
    return AGDB_OUTCOME_UNKNOWN;
}

static agdb_status_t fail_dead(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    const agdb_outcome_t outcome = outcome_when_dead(conn);

    agdb__error_move(reterr, agdb__error_dup(conn->error));
    agdb__error_outcome(reterr, outcome);
    agdb__error_retriable(reterr,
                          conn->error->status != AGDB_E_TOO_BIG &&
                              (outcome == AGDB_OUTCOME_NOT_SENT || conn->read_only),
                          0);
    return conn->error->status;
}

agdb_status_t agdb__conn_receive(agdb__conn_t *conn, struct pg_result **ret_rows,
                                 agdb_error_t **reterr)
{
    const bool complete = conn->state == AGDB__CONN_READY || conn->answered;
    agdb_status_t st = AGDB_OK;

    if ((conn->state != AGDB__CONN_READY && conn->state != AGDB__CONN_DEAD) ||
        (conn->state == AGDB__CONN_READY && conn->answer == NULL))
        return agdb__fail(reterr, AGDB_E_MISUSE, "there is no answer to receive");
    if (conn->answer != NULL && conn->answer_is_error)
        st = agdb__conn_server_error(conn, conn->answer, reterr);
    else if (complete && conn->answer != NULL)
        st = check_size(conn, conn->answer, reterr);
    else
        st = fail_dead(conn, reterr);
    if (st == AGDB_OK) {
        *ret_rows = conn->answer;
        conn->answer = NULL;
    }
    agdb__conn_drop_answer(conn);
    return st;
}

static void wait_for_answer(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us)
{
    const uint64_t start_us = now_us;

    while (conn->state == AGDB__CONN_IN_FLIGHT) {
        struct pollfd p = {.fd = agdb__conn_fd(conn), .events = conn->events};
        int rc = poll(&p, 1, agdb__poll_ms(now_us, deadline_us));

        now_us = agdb__now_us();
        if (rc > 0)
            (void)agdb__conn_step(conn, now_us);
        if (conn->state == AGDB__CONN_IN_FLIGHT && now_us >= deadline_us)
            agdb__conn_die(conn, AGDB_E_TIMEOUT, AGDB_STAGE_EXECUTE, "no answer within %llu ms",
                           (unsigned long long)((deadline_us - start_us + 999) / 1000));
    }
}

agdb_status_t agdb__conn_run(agdb__conn_t *conn, const agdb__statement_t *statement,
                             uint64_t deadline_us, struct pg_result **ret_rows,
                             agdb_error_t **reterr)
{
    const uint64_t now_us = agdb__now_us();
    agdb_status_t st;

    if (now_us >= deadline_us) {
        st = agdb__fail(reterr, AGDB_E_TIMEOUT, "the deadline had passed before sending");
        agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
        agdb__error_retriable(reterr, true, 0);
        return st;
    }
    st = agdb__conn_send(conn, statement, reterr);
    if (st != AGDB_OK)
        return st;
    wait_for_answer(conn, now_us, deadline_us);
    return agdb__conn_receive(conn, ret_rows, reterr);
}
