/* One flush carries all of it, in this order: statements to be dropped [Sync], a change of mode
 * [Sync], preparation and execution of each member, Sync. A change of mode needs its own Sync: a
 * transaction takes its mode when it begins. */
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
    agdb__conn_drop_members(conn);
    conn->work = work;
    conn->nsteps = 0;
    conn->at_step = 0;
    conn->gathering = false;
    conn->step_has_result = false;
    conn->skipping = false;
    conn->flushed = false;
    conn->answered = false;
    conn->read_only = work != AGDB__WORK_STATEMENT;
    conn->kind = AGDB__ST_PLAIN;
    conn->arrived = 0;
    conn->reads = 0;
    if (work != AGDB__WORK_GROUP)
        (void)agdb__conn_add_member(conn, 0, 0);
}

static bool add_step(agdb__conn_t *conn, int queued, agdb__step_kind_t kind, size_t of)
{
    if (queued != 1 || conn->nsteps == AGDB__STEPS_MAX)
        return false;
    conn->step[conn->nsteps++] = (agdb__step_t){(unsigned char)kind, (unsigned char)of};
    return true;
}

/* What is queued for a member is for the last one; `of` means nothing in other steps. */
static bool add_member_step(agdb__conn_t *conn, int queued, agdb__step_kind_t kind)
{
    return add_step(conn, queued, kind, conn->nmembers - 1);
}

bool agdb__conn_queue_sql(agdb__conn_t *conn, const char *sql, agdb__step_kind_t kind)
{
    return add_member_step(conn, PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0),
                           kind);
}

bool agdb__conn_queue_sync(agdb__conn_t *conn)
{
    return add_step(conn, agdb__pq_queue_sync(conn->pg), AGDB__STEP_SYNC, 0);
}

/* A failed write shows when the answer is read: libpq keeps what the server said before. */
void agdb__conn_flush(agdb__conn_t *conn)
{
    const int rc = PQflush(conn->pg);

    conn->flushed = rc != 1;
    conn->events = (short)(rc == 1 ? POLLIN | POLLOUT : POLLIN);
}

/* Under one Sync: when one fails, which is not expected, the later ones are tried the next time. */
static bool queue_victims(agdb__conn_t *conn)
{
    char name[AGDB__STMT_NAME_SIZE];
    size_t i;

    if (conn->nvictims == 0)
        return true;
    agdb__conn_pack_victims(conn);
    for (i = 0; i < conn->nvictims; i++) {
        agdb__stmt_name(conn->victim[i], name);
        if (!add_step(conn, agdb__pq_queue_close(conn->pg, name), AGDB__STEP_DROP, i))
            return false;
    }
    return conn->nvictims == 0 || agdb__conn_queue_sync(conn);
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

/* Ahead of the first statement. */
static bool queue_head(agdb__conn_t *conn, bool read_only)
{
    return queue_victims(conn) && queue_mode(conn, read_only);
}

static agdb__stmt_key_t key_of(const agdb__statement_t *statement, const agdb__params_t *p)
{
    return (agdb__stmt_key_t){statement->sql, strlen(statement->sql), statement->hash, p->types,
                              p->count};
}

/* What the text is, decided once for each that is cached. */
static agdb__statement_class_t look_up(agdb__conn_t *conn, const agdb__stmt_key_t *key,
                                       agdb__stmt_t **ret)
{
    *ret = NULL;
    if (key->sql_len <= AGDB__STMT_SQL_MAX && !conn->login->pgbouncer)
        *ret = agdb__conn_find_stmt(conn, key);
    return *ret != NULL ? (*ret)->kind : agdb__statement_classify(key->sql);
}

static bool queue_unnamed(agdb__conn_t *conn, const char *sql, const agdb__params_t *p)
{
    return add_member_step(
        conn,
        PQsendQueryParams(conn->pg, sql, p->count, p->types, p->values, p->lengths, p->formats, 0),
        AGDB__STEP_ANSWER);
}

static bool queue_parse(agdb__conn_t *conn, agdb__member_t *member, const agdb__stmt_key_t *key)
{
    agdb__stmt_t *stmt = agdb__stmt_new(&conn->cache, key, conn->kind);

    if (stmt == NULL)
        return false;
    member->pending = stmt;
    member->stmt = stmt;
    return add_member_step(
        conn, PQsendPrepare(conn->pg, stmt->name, stmt->sql, stmt->nparams, stmt->types),
        AGDB__STEP_PARSE);
}

/* Of the last member. */
static bool queue_prepared(agdb__conn_t *conn, const agdb__stmt_key_t *key, const agdb__params_t *p)
{
    agdb__member_t *member = &conn->member[conn->nmembers - 1];

    if (member->stmt == NULL) {
        /* Others are seldom repeated; and a Sync of its own is all they need. */
        if (conn->kind != AGDB__ST_PLAIN || key->sql_len > AGDB__STMT_SQL_MAX)
            return queue_unnamed(conn, key->sql, p);
        if (!queue_parse(conn, member, key))
            return false;
    }
    return add_member_step(conn,
                           PQsendQueryPrepared(conn->pg, member->stmt->name, p->count, p->values,
                                               p->lengths, p->formats, 0),
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
                      const agdb__stmt_key_t *key, const agdb__params_t *p)
{
    if (conn->login->pgbouncer)
        return queue_through_pgbouncer(conn, statement, p);
    return queue_head(conn, statement->read_only) && queue_prepared(conn, key, p) &&
           agdb__conn_queue_sync(conn);
}

/* Without its Sync nothing that was sent is ever committed. */
static agdb_status_t die_unsent(agdb__conn_t *conn)
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

static agdb_status_t fail_unsent(agdb__conn_t *conn, agdb_error_t **reterr)
{
    const agdb_status_t st = die_unsent(conn);

    agdb__error_move(reterr, agdb__error_dup(conn->error));
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    agdb__error_retriable(reterr, st == AGDB_E_LOST, 0);
    return st;
}

static agdb_status_t not_sent(agdb_status_t st, agdb_stage_t stage, agdb_error_t **reterr)
{
    agdb__error_stage(reterr, stage);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}

static agdb_status_t fail_unusable(const agdb__conn_t *conn, agdb_error_t **reterr)
{
    return not_sent(agdb__fail(reterr, AGDB_E_LOST, "the connection is not usable (%s)",
                               agdb__conn_state_name(conn->state)),
                    AGDB_STAGE_EXECUTE, reterr);
}

static void go_in_flight(agdb__conn_t *conn)
{
    agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
    conn->deadline_us = AGDB__NEVER;
    agdb__conn_flush(conn);
}

agdb_status_t agdb__conn_send(agdb__conn_t *conn, const agdb__statement_t *statement,
                              agdb_error_t **reterr)
{
    agdb__params_t params;
    agdb__stmt_key_t key;
    agdb__member_t *member;
    agdb_status_t st;
    bool queued;

    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering)
        return fail_unusable(conn, reterr);
    st = agdb__params_init(&params, statement->params, statement->nparams, reterr);
    if (st != AGDB_OK)
        return not_sent(st, AGDB_STAGE_CHECK, reterr);
    agdb__conn_begin_work(conn, AGDB__WORK_STATEMENT);
    conn->read_only = statement->read_only;
    member = &conn->member[0];
    member->max_rows = statement->max_rows;
    member->max_bytes = statement->max_bytes;
    key = key_of(statement, &params);
    conn->kind = look_up(conn, &key, &member->stmt);
    if (conn->kind == AGDB__ST_REFUSED) {
        agdb__params_fini(&params);
        return not_sent(
            agdb__fail(reterr, AGDB_E_UNSUPPORTED, "%s", agdb__statement_refusal(statement->sql)),
            AGDB_STAGE_CHECK, reterr);
    }
    queued = queue_all(conn, statement, &key, &params);
    agdb__params_fini(&params);
    if (!queued)
        return fail_unsent(conn, reterr);
    if (conn->kind == AGDB__ST_SESSION)
        conn->tainted = true;
    go_in_flight(conn);
    return AGDB_OK;
}

/* --- groups ---------------------------------------------------------------------------------- */

bool agdb__conn_can_group(const agdb__conn_t *conn)
{
    return !conn->login->pgbouncer;
}

void agdb__conn_group_begin(agdb__conn_t *conn)
{
    if (conn->state != AGDB__CONN_READY)
        return; /* nothing can be added to it */
    agdb__conn_begin_work(conn, AGDB__WORK_GROUP);
    conn->gathering = true;
}

static agdb_status_t fail_member(agdb_error_t **reterr, agdb_status_t status, const char *why)
{
    return not_sent(agdb__fail(reterr, status, "%s", why), AGDB_STAGE_CHECK, reterr);
}

static agdb_status_t check_member(const agdb__conn_t *conn, const agdb__statement_t *statement,
                                  agdb_error_t **reterr)
{
    if (conn->state != AGDB__CONN_READY || conn->dirty)
        return fail_unusable(conn, reterr);
    if (!conn->gathering)
        return fail_member(reterr, AGDB_E_MISUSE, "no group was begun");
    if (!agdb__conn_can_group(conn))
        return fail_member(reterr, AGDB_E_UNSUPPORTED, "there are no groups behind a PgBouncer");
    if (conn->nmembers == AGDB__GROUP_MAX)
        return fail_member(reterr, AGDB_E_MISUSE, "the group is full");
    if (!statement->read_only)
        return fail_member(reterr, AGDB_E_UNSUPPORTED, "only reads may ride in a group");
    return AGDB_OK;
}

static agdb_status_t check_kind(agdb__statement_class_t kind, const char *sql,
                                agdb_error_t **reterr)
{
    if (kind == AGDB__ST_PLAIN)
        return AGDB_OK;
    return fail_member(reterr, AGDB_E_UNSUPPORTED,
                       kind == AGDB__ST_REFUSED ? agdb__statement_refusal(sql)
                                                : "this statement may not ride in a group");
}

agdb_status_t agdb__conn_group_add(agdb__conn_t *conn, const agdb__statement_t *statement,
                                   agdb_error_t **reterr)
{
    agdb__stmt_t *stmt = NULL;
    agdb__params_t params;
    agdb__stmt_key_t key;
    agdb_status_t st = check_member(conn, statement, reterr);

    if (st != AGDB_OK)
        return st;
    st = agdb__params_init(&params, statement->params, statement->nparams, reterr);
    if (st != AGDB_OK)
        return not_sent(st, AGDB_STAGE_CHECK, reterr);
    key = key_of(statement, &params);
    st = check_kind(look_up(conn, &key, &stmt), statement->sql, reterr);
    if (st != AGDB_OK)
        goto out;
    agdb__conn_add_member(conn, statement->max_rows, statement->max_bytes)->stmt = stmt;
    if ((conn->nsteps == 0 && !queue_head(conn, true)) || !queue_prepared(conn, &key, &params)) {
        agdb__conn_remove_member(conn);
        st = fail_unsent(conn, reterr);
    }
out:
    agdb__params_fini(&params);
    return st;
}

size_t agdb__conn_group_end(agdb__conn_t *conn)
{
    if (!conn->gathering)
        return 0;
    conn->gathering = false;
    if (conn->nmembers == 0 || conn->state != AGDB__CONN_READY)
        return conn->nmembers;
    if (agdb__conn_queue_sync(conn))
        go_in_flight(conn);
    else
        (void)die_unsent(conn);
    return conn->nmembers;
}

agdb_status_t agdb__conn_probe(agdb__conn_t *conn, uint64_t now_us, uint64_t deadline_us)
{
    (void)now_us;
    if (conn->state != AGDB__CONN_READY || conn->dirty || conn->gathering)
        return AGDB_E_LOST;
    if (!agdb__conn_queue_hello(conn)) {
        agdb__conn_die(conn, AGDB_E_LOST, AGDB_STAGE_CONNECT, "the connection is not usable");
        return AGDB_E_LOST;
    }
    conn->deadline_us = deadline_us;
    agdb__conn_go(&conn->state, AGDB__CONN_IN_FLIGHT);
    return AGDB_OK;
}
