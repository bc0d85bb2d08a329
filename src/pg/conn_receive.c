/* Results are taken against the list of steps that the sender wrote: one result and one NULL per
 * command, one PGRES_PIPELINE_SYNC per Sync. Whatever does not fit ends the connection.
 *
 * A failure stops the server until the next Sync: what comes back as PIPELINE_ABORTED was never
 * executed.
 *
 * libpq has no limit on a result that is still coming, and does not say how much it has read. What
 * has come is estimated from the socket: the bytes that wait before and after a read. A read of
 * which nothing is known took at least what waited before it, less what waits now, and never less
 * than min(before, 16384), libpq's smallest buffer. The first read is not counted: most results
 * come whole in it, and the two system calls are saved. So the estimate is low, by up to the first
 * read and by what arrived during a read; behind TLS it counts encrypted bytes. In a group counting
 * begins anew behind the read that ended a member's answer: all that comes from then on until its
 * end belongs to the next. The exact check (PQresultMemorySize, which counts what libpq holds for
 * the rows) follows at the end. */
#include "pg/conn_impl.h"

#include "base/error.h"
#include "pg/sqlstate.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* Rows that nobody takes are many, and who drops them has other connections, too. */
enum { READS_PER_STEP = 32, DROPS_PER_STEP = 4, LEAST_READ = 16384 };

static agdb_stage_t stage_of(const agdb__conn_t *conn)
{
    return conn->work == AGDB__WORK_STATEMENT || conn->work == AGDB__WORK_GROUP ||
                   conn->work == AGDB__WORK_TX || conn->work == AGDB__WORK_COPY
               ? AGDB_STAGE_EXECUTE
               : AGDB_STAGE_CONNECT;
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

/* The backend is gone with this error; nothing after it was executed. */
static bool is_farewell(const PGresult *rows)
{
    return strcmp(agdb__conn_severity(rows), "ERROR") != 0;
}

/* PgBouncer's own words that it has lost its server: they do not say how far that had come. It says
 * so in the same class when it had none to give, and then nothing was executed. */
static bool is_loss_behind_pgbouncer(const agdb__conn_t *conn, const PGresult *rows)
{
    static const char *const waited[] = {"query_wait_timeout", "server login has been failing"};
    const char *text = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);
    size_t i;

    if (!conn->login->pgbouncer || !is_farewell(rows) ||
        strncmp(agdb__conn_sqlstate(rows), "08", 2) != 0)
        return false;
    for (i = 0; text != NULL && i < sizeof waited / sizeof waited[0]; i++)
        if (strncmp(text, waited[i], strlen(waited[i])) == 0)
            return false;
    return true;
}

/* The plan or the name is of no use any more: prepared again the next time. */
static void forget_if_stale(agdb__conn_t *conn, agdb__member_t *member, const PGresult *rows)
{
    const char *state = agdb__conn_sqlstate(rows);
    const char *text = PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY);

    if (member->stmt != NULL && agdb__sql_classify(state, text) == AGDB__SQL_STALE_STATEMENT)
        agdb__conn_stmt_stale(conn, member, strcmp(state, "26000") != 0);
}

/* Of the statement itself: its result or its error; neither when an earlier failure, of the
 * member's own preparation or of another member, made the server skip it. */
static void take_answer(agdb__conn_t *conn, agdb__member_t *member, PGresult *take_rows)
{
    const ExecStatusType status = PQresultStatus(take_rows);

    if (status == PGRES_PIPELINE_ABORTED) {
        PQclear(take_rows);
        return;
    }
    if (status == PGRES_FATAL_ERROR)
        forget_if_stale(conn, member, take_rows);
    agdb__conn_set_answer(conn, member, take_rows, status == PGRES_FATAL_ERROR);
}

/* Its failure is the member's answer. */
static void take_parse(agdb__conn_t *conn, agdb__member_t *member, PGresult *take_rows)
{
    const ExecStatusType status = PQresultStatus(take_rows);

    if (status == PGRES_FATAL_ERROR || status == PGRES_PIPELINE_ABORTED)
        agdb__conn_stmt_not_prepared(conn, member);
    else
        agdb__conn_stmt_prepared(conn, member);
    if (status == PGRES_FATAL_ERROR)
        agdb__conn_set_answer(conn, member, take_rows, true);
    else
        PQclear(take_rows);
}

/* Of a member's own transaction: only this confirms it. An error of it (a deferred constraint)
 * takes the answer's place. A FATAL one leaves it open whether the commit happened: the answer
 * does not count, and nothing behind it is executed. */
static void take_commit(agdb__conn_t *conn, agdb__member_t *member, PGresult *take_rows)
{
    const ExecStatusType status = PQresultStatus(take_rows);
    const char *tag = PQcmdStatus(take_rows);

    if (status == PGRES_FATAL_ERROR) {
        if (strcmp(agdb__conn_sqlstate(take_rows), "26000") == 0)
            conn->knows_tx = false;
        if (!is_farewell(take_rows)) {
            agdb__conn_set_answer(conn, member, take_rows, true);
            return;
        }
        conn->failed_member = (size_t)(member - conn->member);
    } else if (status != PGRES_PIPELINE_ABORTED) {
        if (strcmp(tag, "COMMIT") == 0)
            member->commit = AGDB__COMMIT_CONFIRMED;
        else if (strcmp(tag, "ROLLBACK") == 0)
            member->commit = AGDB__COMMIT_ROLLED_BACK;
        else
            die_unexpected(conn, "another tag than COMMIT");
    }
    PQclear(take_rows);
}

/* Of what goes ahead of the members, or behind them. */
static void take_other(agdb__conn_t *conn, agdb__step_t step, PGresult *take_rows)
{
    const bool error = PQresultStatus(take_rows) == PGRES_FATAL_ERROR;

    if (error && is_farewell(take_rows) && conn->member[0].answer == NULL) {
        /* the backend ended before it came to the first member */
        agdb__conn_set_answer(conn, &conn->member[0], take_rows, true);
        return;
    }
    if (step.kind == AGDB__STEP_DROP && PQresultStatus(take_rows) != PGRES_PIPELINE_ABORTED)
        conn->victim[step.of] = 0;
    else if (step.kind == AGDB__STEP_REQUIRED && error)
        agdb__conn_die(conn, AGDB_E_LOST, stage_of(conn), "the server refused a setting: %s: %s",
                       agdb__conn_sqlstate(take_rows),
                       PQresultErrorField(take_rows, PG_DIAG_MESSAGE_PRIMARY));
    PQclear(take_rows);
}

/* Whether a command may be answered with this. If not, the connection is DEAD. */
static bool is_expected(agdb__conn_t *conn, const PGresult *rows)
{
    switch (PQresultStatus(rows)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY:
        return true;
    case PGRES_FATAL_ERROR:
        if (is_loss_behind_pgbouncer(conn, rows)) {
            agdb__conn_die(conn, AGDB_E_LOST, stage_of(conn), "PgBouncer: %s",
                           PQresultErrorField(rows, PG_DIAG_MESSAGE_PRIMARY));
            return false;
        }
        if (*agdb__conn_sqlstate(rows) != '\0')
            return true;
        die_lost(conn); /* libpq's own error: the connection */
        return false;
    case PGRES_PIPELINE_ABORTED:
        if (conn->skipping)
            return true;
        die_unexpected(conn, "aborted");
        return false;
    default:
        die_unexpected(conn, PQresStatus(PQresultStatus(rows)));
        return false;
    }
}

/* A result of the command at the current step. */
static void take_result(agdb__conn_t *conn, agdb__step_t step, PGresult *take_rows)
{
    if (!is_expected(conn, take_rows)) {
        PQclear(take_rows);
        return;
    }
    conn->step_has_result = true;
    if (PQresultStatus(take_rows) == PGRES_FATAL_ERROR)
        conn->skipping = true;
    if (step.kind == AGDB__STEP_ANSWER)
        take_answer(conn, &conn->member[step.of], take_rows);
    else if (step.kind == AGDB__STEP_PARSE)
        take_parse(conn, &conn->member[step.of], take_rows);
    else if (step.kind == AGDB__STEP_COMMIT)
        take_commit(conn, &conn->member[step.of], take_rows);
    else if (step.kind == AGDB__STEP_GUARD)
        agdb__conn_take_guard(conn, step.of, take_rows);
    else if (step.kind == AGDB__STEP_POSITION)
        agdb__conn_take_position(conn, take_rows);
    else if (step.kind == AGDB__STEP_ONCE)
        agdb__conn_take_once(conn, take_rows);
    else
        take_other(conn, step, take_rows);
}

/* A transaction of several that does not commit: what they were answered does not count. For reads
 * there is no reason that it should happen. */
static void take_answers_back(agdb__conn_t *conn, const PGresult *rows)
{
    size_t i;

    for (i = 0; i < conn->nmembers; i++) {
        PQclear(conn->member[i].answer);
        conn->member[i].answer = NULL;
    }
    die_unexpected(conn, agdb__conn_sqlstate(rows));
}

/* At a Sync the transaction commits; an error of that (a deferred constraint) comes ahead of it
 * and takes the answer's place. A FATAL one leaves it open whether the commit happened: the
 * answer stays what it was, and the connection ends before its Sync. Behind writes there is nothing
 * left to commit: what they were answered stays. */
static void take_at_sync(agdb__conn_t *conn, PGresult *take_rows)
{
    agdb__member_t *first = &conn->member[0];

    if (PQresultStatus(take_rows) == PGRES_PIPELINE_SYNC) {
        conn->answered = conn->answered || first->answer != NULL;
        conn->skipping = false;
        conn->at_step++;
    } else if (PQresultStatus(take_rows) != PGRES_FATAL_ERROR ||
               *agdb__conn_sqlstate(take_rows) == '\0' || first->answer == NULL) {
        die_lost(conn);
    } else {
        conn->step_has_result = true;
        if (conn->failed_member == AGDB__GROUP_MAX && !is_farewell(take_rows)) {
            if (conn->work == AGDB__WORK_TX ||
                (conn->work == AGDB__WORK_GROUP && !conn->read_only)) {
                die_unexpected(conn, agdb__conn_sqlstate(take_rows));
            } else if (conn->nmembers == 1) {
                agdb__conn_set_answer(conn, first, take_rows, true);
                return;
            } else {
                take_answers_back(conn, take_rows);
            }
        }
    }
    PQclear(take_rows);
}

static void take(agdb__conn_t *conn, PGresult *take_rows)
{
    const agdb__step_t step = conn->step[conn->at_step];

    if (conn->step_has_result) {
        if (take_rows != NULL) {
            die_unexpected(conn, "a second result");
            PQclear(take_rows);
            return;
        }
        conn->step_has_result = false;
        if (step.kind != AGDB__STEP_SYNC)
            conn->at_step++;
    } else if (take_rows == NULL) {
        die_unexpected(conn, "no result");
    } else if (step.kind == AGDB__STEP_SYNC) {
        take_at_sync(conn, take_rows);
    } else if (!agdb__conn_keep_row(conn, step, take_rows)) {
        take_result(conn, step, take_rows);
    }
}

/* Bounded: a step takes two results at most, and only a Sync may take more, or a stream's answer,
 * from input that has come. */
void agdb__conn_drain(agdb__conn_t *conn)
{
    while (conn->pg != NULL && conn->at_step < conn->nsteps && agdb__conn_stream_goes_on(conn) &&
           PQisBusy(conn->pg) == 0)
        take(conn, PQgetResult(conn->pg));
}

static uint64_t waiting_bytes(const agdb__conn_t *conn)
{
    int n = 0;

    return ioctl(PQsocket(conn->pg), FIONREAD, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

static void count_read(agdb__conn_t *conn, const agdb__member_t *member, uint64_t before,
                       uint64_t after)
{
    const uint64_t least = before < LEAST_READ ? before : LEAST_READ;
    const uint64_t gone = before > after ? before - after : 0;

    conn->arrived += gone > least ? gone : least;
    if (member->max_bytes != 0 && conn->arrived > member->max_bytes)
        agdb__conn_die(conn, AGDB_E_TOO_BIG, AGDB_STAGE_EXECUTE,
                       "the result is over max_bytes (%llu) and still coming: ask for fewer rows "
                       "or columns, or raise .max_bytes",
                       (unsigned long long)member->max_bytes);
}

size_t agdb__conn_at_member(const agdb__conn_t *conn)
{
    const agdb__step_t step = conn->step[conn->at_step];

    return step.kind == AGDB__STEP_PARSE || step.kind == AGDB__STEP_ANSWER ||
                   step.kind == AGDB__STEP_COMMIT || step.kind == AGDB__STEP_GUARD
               ? step.of
               : 0;
}

static bool wants_more(const agdb__conn_t *conn)
{
    return conn->pg != NULL && conn->at_step < conn->nsteps && conn->row == NULL;
}

/* One read. False: no more for now. */
static bool read_once(agdb__conn_t *conn)
{
    const bool counted = conn->reads++ != 0;
    const uint64_t before = counted ? waiting_bytes(conn) : 0;
    const size_t member = agdb__conn_at_member(conn);
    uint64_t after = 0;
    int rc;

    rc = PQconsumeInput(conn->pg);
    if (counted && rc == 1)
        after = waiting_bytes(conn);
    agdb__conn_drain(conn);
    if (!wants_more(conn))
        return false;
    if (rc != 1 || PQstatus(conn->pg) != CONNECTION_OK) {
        die_lost(conn);
        return false;
    }
    if (agdb__conn_at_member(conn) != member || conn->dropping)
        conn->arrived = 0;
    else if (counted)
        count_read(conn, &conn->member[member], before, after);
    return conn->pg != NULL && after > 0;
}

bool agdb__conn_read(agdb__conn_t *conn)
{
    const int most = conn->dropping ? DROPS_PER_STEP : READS_PER_STEP;
    int i;

    if (!conn->flushed)
        agdb__conn_flush(conn);
    if (conn->streaming) /* libpq may have a row and the end of the connection behind it */
        agdb__conn_drain(conn);
    for (i = 0; i < most && wants_more(conn) && read_once(conn); i++)
        ;
    return conn->pg != NULL && conn->at_step == conn->nsteps;
}
