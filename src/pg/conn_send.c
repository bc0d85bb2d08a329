/* Statements that run alone, probes, and what may go wrong before anything has left. */
#include "pg/conn_impl.h"

#include "base/clock.h"
#include "base/error.h"
#include "pg/params.h"

#include <libpq-fe.h>
#include <stdio.h>

static bool queue_all(agdb__conn_t *conn, const agdb__statement_t *statement,
                      const agdb__stmt_key_t *key, const agdb__params_t *p)
{
    const bool guarded = statement->at_least.lsn != 0;

    if (statement->once.key != NULL)
        return agdb__conn_queue_once(conn, statement, key, p) &&
               (!statement->wants_position || agdb__conn_queue_position(conn));
    if (conn->login->pgbouncer && statement->read_only)
        return agdb__conn_queue_read_begin(conn) &&
               (!guarded || agdb__conn_queue_guard(conn, &statement->at_least)) &&
               agdb__conn_queue_member(conn, key, p) && agdb__conn_queue_read_end(conn);
    return agdb__conn_queue_head(conn, statement->read_only, 0) &&
           (!guarded || agdb__conn_queue_guard(conn, &statement->at_least)) &&
           agdb__conn_queue_member(conn, key, p) && agdb__conn_queue_sync(conn) &&
           (!statement->wants_position || agdb__conn_queue_position(conn));
}

agdb_status_t agdb__conn_die_unsent(agdb__conn_t *conn)
{
    const bool lost = PQstatus(conn->pg) != CONNECTION_OK;
    char text[256];

    if (lost)
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_EXECUTE, "%s",
                       agdb__conn_pq_message(conn, text, sizeof text));
    else
        agdb__conn_die(conn, AGDB_E_NOMEM, AGDB_STAGE_EXECUTE, "out of memory");
    return lost ? AGDB_E_LOST : AGDB_E_NOMEM;
}

agdb_status_t agdb__conn_fail_unsent(agdb__conn_t *conn, agdb_error_t **reterr)
{
    const agdb_status_t st = agdb__conn_die_unsent(conn);

    agdb__error_move(reterr, agdb__error_dup(conn->error));
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    agdb__error_retriable(reterr, st == AGDB_E_LOST, 0);
    return st;
}

agdb_status_t agdb__conn_fail_unusable(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_LOST, "the connection is not usable (%s)",
                                     agdb__conn_state_name(conn->state)),
                          AGDB_STAGE_EXECUTE, reterr);
}

void agdb__conn_go_in_flight(agdb__conn_t *conn)
{
    agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
    conn->deadline_us = AGDB__NEVER;
    agdb__conn_flush(conn);
}

/* What PgBouncer lets out of the session of one caller, it hands to another. */
agdb_status_t agdb__conn_check_class(const agdb__conn_t *conn, agdb__statement_class_t kind,
                                     const char *sql, agdb_error_t **reterr)
{
    const char *why;

    if (kind == AGDB__ST_REFUSED)
        why = agdb__statement_refusal(sql);
    else if (kind == AGDB__ST_SESSION && conn->login->pgbouncer)
        why = "this statement may leave session state, which a PgBouncer would hand to other "
              "callers: run it in a keyspace without `via: pgbouncer`";
    else
        return AGDB_OK;
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_UNSUPPORTED, "%s", why), AGDB_STAGE_CHECK,
                          reterr);
}

/* Its commit may be among what has left already. */
static agdb_status_t fail_half_queued(agdb__conn_t *conn, agdb_error_t **reterr)
{
    const bool committing = conn->has_tail || conn->member[0].commit != AGDB__COMMIT_NOT_QUEUED;
    const agdb_status_t st = agdb__conn_fail_unsent(conn, reterr);

    if (committing) {
        agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
        agdb__error_retriable(reterr, false, 0);
    }
    return st;
}

agdb_status_t agdb__conn_send(agdb__conn_t *conn, const agdb__statement_t *statement,
                              agdb_error_t **reterr)
{
    agdb__params_t params;
    agdb__stmt_key_t key;
    agdb__member_t *member;
    agdb_status_t st;
    bool queued;

    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering ||
        conn->tx != AGDB__TX_NONE)
        return agdb__conn_fail_unusable(conn, reterr);
    st = agdb__params_init(&params, statement->params, statement->nparams, reterr);
    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    agdb__conn_begin_work(conn, AGDB__WORK_STATEMENT);
    if (statement->once.key != NULL)
        conn->work = AGDB__WORK_GROUP; /* of one, with a COMMIT of its own */
    conn->read_only = statement->read_only;
    conn->wants_position = statement->wants_position;
    conn->streaming = statement->streamed;
    member = &conn->member[0];
    member->max_rows = statement->max_rows;
    member->max_bytes = statement->max_bytes;
    key = agdb__conn_key_of(conn, statement, &params);
    conn->kind = agdb__conn_look_up(conn, &key, &member->stmt);
    st = agdb__conn_check_class(conn, conn->kind, statement->sql, reterr);
    if (st != AGDB_OK) {
        agdb__params_fini(&params);
        return st;
    }
    queued = queue_all(conn, statement, &key, &params);
    agdb__params_fini(&params);
    if (!queued)
        return fail_half_queued(conn, reterr);
    if (conn->kind == AGDB__ST_SESSION)
        conn->tainted = true;
    agdb__conn_go_in_flight(conn);
    return AGDB_OK;
}

agdb_status_t agdb__conn_probe(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us)
{
    (void)now_us;
    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering ||
        conn->tx != AGDB__TX_NONE)
        return AGDB_E_LOST;
    if (!agdb__conn_queue_hello(conn)) {
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_CONNECT, "the connection is not usable");
        return AGDB_E_LOST;
    }
    conn->deadline_us = deadline_us;
    agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
    return AGDB_OK;
}
