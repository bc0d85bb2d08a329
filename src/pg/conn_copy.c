/* A COPY on a connection:
 *
 *   HEAD      in pipeline mode: what the session has to be rid of; out: BEGIN READ ONLY
 *   STARTING  out of pipeline mode, which is idle then; the COPY is sent. In: as a simple query of
 *             two statements, the first of which tells the transaction's number. They are one
 *             implicit transaction, which the server commits before it answers the last one: so
 *             `COPY n` says that it is committed, and no COMMIT of its own is needed
 *   OPEN      in: rows are put into libpq's buffer when the ones before have left it, so that it
 *             does not grow. libpq does not look at what the server says meanwhile, and goes on
 *             sending rows to one that drops them: so whatever comes and is no notice ends the COPY
 *   ENDING    results until there are no more
 *   TAIL      back in pipeline mode; out: COMMIT, which ends a failed transaction, too
 *
 * Then the connection is proven clean as after any statement. */
#include "pg/conn_impl.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "pg/decode.h"
#include "pg/sqlstate.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/socket.h>

enum { SQL_MAX = 1 << 20, RESULTS_MAX = 16 };

static const char k_mark_sql[] =
    "SELECT pg_current_xact_id()::text, " AGDB__INSERT_TIMELINE " FROM " AGDB__INSERT_FROM "; ";

void agdb__conn_copy_drop(agdb__conn_t *conn)
{
    PQclear(conn->copy.failure);
    conn->copy = (agdb__copying_t){.phase = AGDB__COPY_NONE};
}

static void die(agdb__conn_t *conn, const char *what)
{
    char text[256];

    agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_EXECUTE, "%s: %s", what,
                   agdb__conn_pq_message(conn, text, sizeof text));
}

/* --- begin --------------------------------------------------------------------------------------
 */

static bool queue_head(agdb__conn_t *conn)
{
    if (!conn->copy.out)
        return agdb__conn_queue_head(conn, false, 0);
    return agdb__conn_queue_sql(conn, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
                                AGDB__STEP_REQUIRED) &&
           agdb__conn_queue_sql(conn, "SET LOCAL statement_timeout = 0", AGDB__STEP_REQUIRED) &&
           agdb__conn_queue_sync(conn);
}

/* Of a caller's query the server takes one statement only; the other one is our own text. */
static int send_copy(agdb__conn_t *conn)
{
    agdb__buf_t sql;
    int sent = 0;

    if (conn->copy.out)
        return PQsendQueryParams(conn->pg, conn->copy.sql, 0, NULL, NULL, NULL, NULL, 0);
    agdb__buf_init(&sql, SQL_MAX);
    agdb__buf_text(&sql, k_mark_sql);
    agdb__buf_text(&sql, conn->copy.sql);
    if (!sql.failed)
        sent = PQsendQuery(conn->pg, sql.data);
    agdb__buf_fini(&sql);
    return sent;
}

static void start(agdb__conn_t *conn)
{
    if (PQexitPipelineMode(conn->pg) != 1) {
        die(conn, "the connection cannot leave pipeline mode");
    } else if (send_copy(conn) != 1) {
        (void)agdb__conn_die_unsent(conn);
    } else {
        conn->copy.phase = AGDB__COPY_STARTING;
        agdb__conn_flush(conn);
    }
}

agdb_status_t agdb__conn_copy_begin(agdb__conn_t *conn, const char *sql, bool out,
                                    agdb_error_t **reterr)
{
    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering)
        return agdb__conn_fail_unusable(conn, reterr);
    agdb__conn_begin_work(conn, AGDB__WORK_COPY);
    agdb__conn_copy_drop(conn);
    conn->copy.phase = AGDB__COPY_HEAD;
    conn->copy.sql = sql;
    conn->copy.out = out;
    conn->read_only = out;
    conn->dirty = true; /* until it is over */
    if (!queue_head(conn))
        return agdb__conn_fail_unsent(conn, reterr);
    agdb__conn_go_in_flight(conn);
    if (conn->nsteps == 0)
        start(conn);
    return AGDB_OK;
}

/* --- results ------------------------------------------------------------------------------------
 */

static void take_mark(agdb__conn_t *conn, const PGresult *rows)
{
    uint64_t timeline = 0;

    if (PQntuples(rows) != 1 || PQnfields(rows) != 2 ||
        !agdb__decode_uint64(PQgetvalue(rows, 0, 0), &conn->copy.mark.xid) ||
        !agdb__decode_uint64(PQgetvalue(rows, 0, 1), &timeline))
        return;
    conn->copy.mark.timeline = (uint32_t)timeline;
    conn->copy.mark.system_identifier = conn->hello.system_identifier;
}

static void take_count(agdb__conn_t *conn, PGresult *rows)
{
    (void)agdb__decode_uint64(PQcmdTuples(rows), &conn->copy.rows);
    conn->copy.done = true;
}

/* libpq's own errors have no code, and say that the connection is gone. */
static bool take_failure(agdb__conn_t *conn, PGresult *take_rows)
{
    const bool lost = *agdb__conn_sqlstate(take_rows) == '\0';

    if (lost || conn->copy.failure != NULL)
        PQclear(take_rows);
    else
        conn->copy.failure = take_rows;
    return !lost;
}

/* False: there is no sense in going on. */
static bool take(agdb__conn_t *conn, PGresult *take_rows)
{
    const ExecStatusType status = PQresultStatus(take_rows);

    if (status == PGRES_FATAL_ERROR)
        return take_failure(conn, take_rows);
    if (status == PGRES_TUPLES_OK)
        take_mark(conn, take_rows);
    else if (status == PGRES_COMMAND_OK)
        take_count(conn, take_rows);
    else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
        conn->copy.phase = AGDB__COPY_OPEN;
    PQclear(take_rows);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK ||
           (status == (conn->copy.out ? PGRES_COPY_OUT : PGRES_COPY_IN) && !conn->copy.told);
}

/* Bounded. A connection that is gone gives what has come before without waiting. */
static void take_results(agdb__conn_t *conn)
{
    int i;

    for (i = 0; i < RESULTS_MAX && conn->copy.phase != AGDB__COPY_OPEN && !conn->copy.over; i++) {
        PGresult *rows;

        if (PQisBusy(conn->pg) != 0 && PQstatus(conn->pg) == CONNECTION_OK)
            return;
        rows = PQgetResult(conn->pg);
        if (rows == NULL)
            conn->copy.over = true;
        else if (!take(conn, rows))
            break;
    }
    if (PQstatus(conn->pg) != CONNECTION_OK)
        die(conn, "connection lost");
    else if (conn->copy.phase != AGDB__COPY_OPEN && !conn->copy.over)
        die(conn, "unexpected answer of the server to a COPY");
}

/* --- rows in ------------------------------------------------------------------------------------
 */

bool agdb__conn_copy_put(agdb__conn_t *conn, const void *data, size_t len)
{
    if (conn->state != AGDB__CONN_IN_FLIGHT || conn->copy.phase != AGDB__COPY_OPEN ||
        conn->copy.out || !conn->flushed)
        return false;
    if (PQputCopyData(conn->pg, data, (int)len) != 1) {
        (void)agdb__conn_die_unsent(conn);
        return false;
    }
    agdb__conn_flush(conn);
    return true;
}

void agdb__conn_copy_end(agdb__conn_t *conn, const char *why)
{
    if (conn->state != AGDB__CONN_IN_FLIGHT || conn->copy.phase != AGDB__COPY_OPEN ||
        conn->copy.out)
        return;
    conn->copy.phase = AGDB__COPY_ENDING;
    conn->copy.told = true;
    conn->flushed = false;
    if (PQputCopyEnd(conn->pg, why) != 1)
        (void)agdb__conn_die_unsent(conn);
    else
        agdb__conn_flush(conn);
}

/* What the server says amid the rows. */
static void listen_amid(agdb__conn_t *conn)
{
    const unsigned before = conn->copy.notices;
    char byte;
    const ssize_t n = recv(PQsocket(conn->pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    bool lost;

    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    lost = PQconsumeInput(conn->pg) != 1;
    (void)PQisBusy(conn->pg); /* takes notices out */
    if (!lost && conn->copy.notices != before)
        return;
    agdb__conn_copy_end(conn, NULL);
    if (lost)
        conn->copy.told = false; /* nobody heard it */
}

/* --- rows out -----------------------------------------------------------------------------------
 */

char *agdb__conn_copy_get(agdb__conn_t *conn, size_t *ret_len)
{
    char *row = NULL;
    int n;

    if (conn->state != AGDB__CONN_IN_FLIGHT || conn->copy.phase != AGDB__COPY_OPEN ||
        !conn->copy.out)
        return NULL;
    n = PQgetCopyData(conn->pg, &row, 1);
    if (n > 0) {
        *ret_len = (size_t)n;
        return row;
    }
    if (n == -2 || (n == 0 && PQstatus(conn->pg) != CONNECTION_OK))
        die(conn, "connection lost");
    else if (n == -1)
        conn->copy.phase = AGDB__COPY_ENDING;
    return NULL;
}

void agdb__conn_copy_free(char *row)
{
    PQfreemem(row);
}

/* --- steps --------------------------------------------------------------------------------------
 */

static void go_back(agdb__conn_t *conn)
{
    conn->copy.phase = AGDB__COPY_TAIL;
    conn->nsteps = conn->at_step = 0;
    conn->skipping = false;
    if (PQenterPipelineMode(conn->pg) != 1) {
        die(conn, "the connection cannot return to pipeline mode");
    } else if (conn->copy.out) {
        if (!agdb__conn_queue_sql(conn, "COMMIT", AGDB__STEP_REQUIRED) ||
            !agdb__conn_queue_sync(conn))
            (void)agdb__conn_die_unsent(conn);
        else
            agdb__conn_flush(conn);
    }
}

/* Whether to look for results; DEAD, or at the rows: no. */
static bool read_some(agdb__conn_t *conn)
{
    if (!conn->flushed)
        agdb__conn_flush(conn);
    if (conn->copy.phase == AGDB__COPY_OPEN && !conn->copy.out) {
        listen_amid(conn);
        return conn->state != AGDB__CONN_DEAD && conn->copy.phase == AGDB__COPY_ENDING;
    }
    (void)PQconsumeInput(conn->pg); /* what has come before the end is looked at all the same */
    return conn->copy.phase != AGDB__COPY_OPEN;
}

bool agdb__conn_copy_step(agdb__conn_t *conn)
{
    if (conn->copy.phase == AGDB__COPY_HEAD) {
        if (!agdb__conn_read(conn))
            return false;
        start(conn);
        if (conn->state == AGDB__CONN_DEAD)
            return false;
    }
    if (conn->copy.phase != AGDB__COPY_TAIL) {
        if (!read_some(conn))
            return false;
        take_results(conn);
        if (conn->state == AGDB__CONN_DEAD || !conn->copy.over)
            return false;
        go_back(conn);
        if (conn->state == AGDB__CONN_DEAD)
            return false;
    }
    if (conn->at_step < conn->nsteps && !agdb__conn_read(conn))
        return false;
    conn->dirty = false;
    conn->copy.phase = AGDB__COPY_NONE;
    return true;
}

agdb__copy_phase_t agdb__conn_copy_phase(const agdb__conn_t *conn)
{
    return conn->copy.phase;
}

agdb__copy_mark_t agdb__conn_copy_mark(const agdb__conn_t *conn)
{
    return conn->copy.mark;
}

/* --- what became of it --------------------------------------------------------------------------
 */

static agdb_outcome_t outcome_of(const agdb__conn_t *conn)
{
    if (conn->copy.phase == AGDB__COPY_HEAD || conn->copy.phase == AGDB__COPY_STARTING)
        return AGDB_OUTCOME_NOT_SENT;
    return conn->copy.out || !conn->copy.told || !conn->flushed ? AGDB_OUTCOME_REJECTED
                                                                : AGDB_OUTCOME_UNKNOWN;
}

static agdb_status_t fail_lost(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    const agdb_status_t st = conn->error != NULL ? conn->error->status : AGDB_E_LOST;

    if (conn->error != NULL)
        agdb__error_move(reterr, agdb__error_dup(conn->error));
    else
        (void)agdb__fail(reterr, AGDB_E_LOST, "the COPY came to no end");
    agdb__error_outcome(reterr, outcome_of(conn));
    return st;
}

agdb_status_t agdb__conn_copy_receive(agdb__conn_t *conn, uint64_t *ret_rows, agdb_error_t **reterr)
{
    agdb_status_t st = AGDB_OK;

    *ret_rows = conn->copy.rows;
    if (conn->copy.failure != NULL)
        st = agdb__conn_server_error(conn, conn->copy.failure, reterr);
    else if (!conn->copy.done)
        st = fail_lost(conn, reterr);
    PQclear(conn->copy.failure);
    conn->copy.failure = NULL;
    return st;
}

/* "COPY t, line 7, column n". */
uint64_t agdb__conn_copy_line(const agdb__conn_t *conn)
{
    static const char word[] = ", line ";
    const char *text = PQresultErrorField(conn->copy.failure, PG_DIAG_CONTEXT);
    const char *at = text != NULL && strncmp(text, "COPY ", 5) == 0 ? strstr(text, word) : NULL;
    char number[24];
    uint64_t line = 0;

    if (at == NULL)
        return 0;
    at += sizeof word - 1;
    snprintf(number, sizeof number, "%.*s", (int)strspn(at, "0123456789"), at);
    return agdb__decode_uint64(number, &line) ? line : 0;
}

/* --- asking later -------------------------------------------------------------------------------
 */

static const char k_ask_sql[] = "SELECT CASE WHEN " AGDB__INSERT_TIMELINE " = $2 AND"
                                " (SELECT system_identifier FROM pg_control_system()) = $3"
                                " THEN pg_xact_status($1::text::xid8) END FROM " AGDB__INSERT_FROM;

agdb_status_t agdb__conn_copy_ask(agdb__conn_t *conn, const agdb__copy_mark_t *mark,
                                  agdb_error_t **reterr)
{
    agdb_value_t params[3] = {agdb_null(), agdb_int8(mark->timeline),
                              agdb_int8((int64_t)mark->system_identifier)};
    const agdb__statement_t statement = {.sql = k_ask_sql,
                                         .params = params,
                                         .nparams = sizeof params / sizeof params[0],
                                         .max_bytes = AGDB_MAX_BYTES_DEFAULT};
    char xid[24];

    snprintf(xid, sizeof xid, "%llu", (unsigned long long)mark->xid);
    params[0] = agdb_text(xid);
    return agdb__conn_send(conn, &statement, reterr);
}

static agdb__copy_fate_t read_fate(const PGresult *rows)
{
    static const char *const words[] = {"", "committed", "aborted", "in progress"};
    unsigned i;

    for (i = AGDB__FATE_COMMITTED; PQntuples(rows) == 1 && i <= AGDB__FATE_IN_PROGRESS; i++)
        if (strcmp(PQgetvalue(rows, 0, 0), words[i]) == 0)
            return (agdb__copy_fate_t)i;
    return AGDB__FATE_UNKNOWN;
}

agdb_status_t agdb__conn_copy_asked(agdb__conn_t *conn, agdb__copy_fate_t *ret,
                                    agdb_error_t **reterr)
{
    PGresult *rows = NULL;
    agdb_status_t st = agdb__conn_receive(conn, &rows, reterr);

    *ret = st == AGDB_OK ? read_fate(rows) : AGDB__FATE_UNKNOWN;
    PQclear(rows);
    return st;
}
