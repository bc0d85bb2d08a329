/* One flush carries all of it, in this order: statements to be dropped [Sync], a change of mode
 * [Sync], preparation, execution, Sync. A change of mode needs its own Sync: a transaction takes
 * its mode when it begins. */
#include "pg/conn_impl.h"

#include "base/clock.h"
#include "base/error.h"
#include "pg/libpq_optional.h"
#include "pg/params.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>

void agdb__conn_begin_work(agdb__conn_t *conn, agdb__work_t work)
{
    agdb__conn_drop_answer(conn);
    conn->work = work;
    conn->nsteps = 0;
    conn->at_step = 0;
    conn->step_has_result = false;
    conn->flushed = false;
    conn->answered = false;
    conn->read_only = work != AGDB__WORK_STATEMENT;
    conn->kind = AGDB__ST_PLAIN;
    conn->max_rows = 0;
    conn->max_bytes = 0;
    conn->arrived = 0;
    conn->reads = 0;
    conn->stmt = NULL;
}

static bool add_step(agdb__conn_t *conn, int queued, agdb__step_kind_t kind)
{
    if (queued != 1 || conn->nsteps == AGDB__STEPS_MAX)
        return false;
    conn->step[conn->nsteps++] = (unsigned char)kind;
    return true;
}

bool agdb__conn_queue_sql(agdb__conn_t *conn, const char *sql, agdb__step_kind_t kind)
{
    return add_step(conn, PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0), kind);
}

bool agdb__conn_queue_sync(agdb__conn_t *conn)
{
    return add_step(conn, agdb__pq_queue_sync(conn->pg), AGDB__STEP_SYNC);
}

/* A failed write shows when the answer is read: libpq keeps what the server said before. */
void agdb__conn_flush(agdb__conn_t *conn)
{
    const int rc = PQflush(conn->pg);

    conn->flushed = rc != 1;
    conn->events = (short)(rc == 1 ? POLLIN | POLLOUT : POLLIN);
}

static bool queue_victims(agdb__conn_t *conn)
{
    size_t i;

    if (conn->nvictims == 0)
        return true;
    for (i = 0; i < conn->nvictims; i++)
        if (!add_step(conn, agdb__pq_queue_close(conn->pg, conn->victim[i]), AGDB__STEP_OPTIONAL) ||
            !agdb__conn_queue_sync(conn))
            return false;
    conn->nvictims = 0;
    return true;
}

/* RESET, not "off": it brings back what the server's administrator has set for the role or the
 * database, who may fence writes that way. */
static bool queue_mode(agdb__conn_t *conn, bool read_only)
{
    char sql[64];

    if (read_only == (conn->mode_set && conn->mode_read_only))
        return true;
    snprintf(sql, sizeof sql, "SET statement_timeout = %u", (unsigned)conn->login->server_ms);
    if (!agdb__conn_queue_sql(conn,
                              read_only ? "SET default_transaction_read_only = on"
                                        : "RESET default_transaction_read_only",
                              AGDB__STEP_REQUIRED) ||
        !agdb__conn_queue_sql(conn, read_only ? sql : "RESET statement_timeout",
                              AGDB__STEP_REQUIRED) ||
        !agdb__conn_queue_sync(conn))
        return false;
    conn->mode_set = true;
    conn->mode_read_only = read_only;
    return true;
}

/* What the text is, decided once for each that is cached. */
static void look_up(agdb__conn_t *conn, const char *sql, const agdb__params_t *p)
{
    const size_t len = strlen(sql);

    conn->stmt = NULL;
    if (len <= AGDB__STMT_SQL_MAX && !conn->login->pgbouncer)
        conn->stmt = agdb__stmt_find(&conn->cache, sql, len, p->types, p->count);
    conn->kind = conn->stmt != NULL ? conn->stmt->kind : agdb__statement_classify(sql);
}

static bool queue_unnamed(agdb__conn_t *conn, const char *sql, const agdb__params_t *p)
{
    return add_step(
        conn,
        PQsendQueryParams(conn->pg, sql, p->count, p->types, p->values, p->lengths, p->formats, 0),
        AGDB__STEP_ANSWER);
}

static bool queue_prepared(agdb__conn_t *conn, const char *sql, const agdb__params_t *p)
{
    const size_t len = strlen(sql);
    agdb__stmt_t *stmt = conn->stmt;

    if (stmt == NULL) {
        /* Others are seldom repeated; and a Sync of its own is all they need. */
        if (conn->kind != AGDB__ST_PLAIN || len > AGDB__STMT_SQL_MAX)
            return queue_unnamed(conn, sql, p);
        stmt = agdb__stmt_new(&conn->cache, sql, len, p->types, p->count, conn->kind);
        if (stmt == NULL)
            return false;
        conn->pending = stmt;
        if (!add_step(conn, PQsendPrepare(conn->pg, stmt->name, sql, p->count, p->types),
                      AGDB__STEP_PARSE))
            return false;
    }
    return add_step(
        conn,
        PQsendQueryPrepared(conn->pg, stmt->name, p->count, p->values, p->lengths, p->formats, 0),
        AGDB__STEP_ANSWER);
}

/* Behind a PgBouncer nothing may stay in the session, so a read is wrapped into a transaction. The
 * COMMIT is behind a Sync of its own: it ends the transaction also after an error. */
static bool queue_through_pgbouncer(agdb__conn_t *conn, const agdb__statement_t *statement,
                                    const agdb__params_t *p)
{
    char sql[64];

    if (!statement->read_only)
        return queue_unnamed(conn, statement->sql, p) && agdb__conn_queue_sync(conn);
    snprintf(sql, sizeof sql, "SET LOCAL statement_timeout = %u", (unsigned)conn->login->server_ms);
    return agdb__conn_queue_sql(conn, "BEGIN READ ONLY", AGDB__STEP_REQUIRED) &&
           agdb__conn_queue_sql(conn, sql, AGDB__STEP_REQUIRED) &&
           queue_unnamed(conn, statement->sql, p) && agdb__conn_queue_sync(conn) &&
           agdb__conn_queue_sql(conn, "COMMIT", AGDB__STEP_REQUIRED) && agdb__conn_queue_sync(conn);
}

static bool queue_all(agdb__conn_t *conn, const agdb__statement_t *statement,
                      const agdb__params_t *p)
{
    if (conn->login->pgbouncer)
        return queue_through_pgbouncer(conn, statement, p);
    return queue_victims(conn) && queue_mode(conn, statement->read_only) &&
           queue_prepared(conn, statement->sql, p) && agdb__conn_queue_sync(conn);
}

/* Without its Sync nothing that was sent is ever committed. */
static agdb_status_t fail_unsent(agdb__conn_t *conn, agdb_error_t **reterr)
{
    const bool lost = PQstatus(conn->pg) != CONNECTION_OK;
    char text[256];

    if (lost)
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_EXECUTE, "%s",
                       agdb__conn_pq_message(conn, text, sizeof text));
    else
        agdb__conn_die(conn, AGDB_E_NOMEM, AGDB_STAGE_EXECUTE, "out of memory");
    agdb__error_move(reterr, agdb__error_dup(conn->error));
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    agdb__error_retriable(reterr, lost, 0);
    return lost ? AGDB_E_LOST : AGDB_E_NOMEM;
}

static agdb_status_t not_sent(agdb_status_t st, agdb_stage_t stage, agdb_error_t **reterr)
{
    agdb__error_stage(reterr, stage);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}

agdb_status_t agdb__conn_send(agdb__conn_t *conn, const agdb__statement_t *statement,
                              agdb_error_t **reterr)
{
    agdb__params_t params;
    agdb_status_t st;
    bool queued;

    if (conn->state != AGDB__CONN_READY || conn->dirty)
        return not_sent(agdb__fail(reterr, AGDB_E_LOST, "the connection is not usable (%s)",
                                   agdb__conn_state_name(conn->state)),
                        AGDB_STAGE_EXECUTE, reterr);
    st = agdb__params_init(&params, statement->params, statement->nparams, reterr);
    if (st != AGDB_OK)
        return not_sent(st, AGDB_STAGE_CHECK, reterr);
    agdb__conn_begin_work(conn, AGDB__WORK_STATEMENT);
    conn->read_only = statement->read_only;
    conn->max_rows = statement->max_rows;
    conn->max_bytes = statement->max_bytes;
    look_up(conn, statement->sql, &params);
    if (conn->kind == AGDB__ST_REFUSED) {
        agdb__params_fini(&params);
        return not_sent(
            agdb__fail(reterr, AGDB_E_UNSUPPORTED, "%s", agdb__statement_refusal(statement->sql)),
            AGDB_STAGE_CHECK, reterr);
    }
    queued = queue_all(conn, statement, &params);
    agdb__params_fini(&params);
    if (!queued)
        return fail_unsent(conn, reterr);
    if (conn->kind == AGDB__ST_SESSION)
        conn->tainted = true;
    agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
    conn->deadline_us = AGDB__NEVER;
    agdb__conn_flush(conn);
    return AGDB_OK;
}

agdb_status_t agdb__conn_probe(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us)
{
    (void)now_us;
    if (conn->state != AGDB__CONN_READY || conn->dirty)
        return AGDB_E_LOST;
    if (!agdb__conn_queue_hello(conn)) {
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_CONNECT, "the connection is not usable");
        return AGDB_E_LOST;
    }
    conn->deadline_us = deadline_us;
    agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
    return AGDB_OK;
}
