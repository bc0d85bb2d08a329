/* What is put into the connection's buffers, in the order in which one flush carries it: statements
 * to be dropped [Sync], a change of mode [Sync], preparation and execution of each member, Sync. A
 * change of mode needs its own Sync: a transaction takes its mode when it begins. */
#include "pg/conn_impl.h"

#include "base/buf.h"
#include "pg/comment.h"
#include "pg/libpq_optional.h"

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
    conn->has_tail = false;
    conn->wants_position = false;
    conn->guard_queued = false;
    conn->guarded = 0;
    conn->behind = 0;
    conn->replayed = false;
    conn->reused = false;
    conn->position = (agdb__position_t){0, 0, 0};
    conn->read_only = work != AGDB__WORK_STATEMENT;
    conn->streaming = false;
    conn->single_rows = false;
    conn->dropping = false;
    conn->kind = AGDB__ST_PLAIN;
    conn->arrived = 0;
    conn->reads = 0;
    conn->rolling_back = false;
    if (work != AGDB__WORK_GROUP)
        (void)agdb__conn_add_member(conn, 0, 0);
}

bool agdb__conn_add_step(agdb__conn_t *conn, int queued, agdb__step_kind_t kind, size_t of)
{
    if (queued != 1 || conn->nsteps == AGDB__STEPS_MAX)
        return false;
    conn->step[conn->nsteps++] = (agdb__step_t){(unsigned char)kind, (unsigned char)of};
    return true;
}

/* What is queued for a member is for the last one; `of` means nothing in other steps. */
static bool add_member_step(agdb__conn_t *conn, int queued, agdb__step_kind_t kind)
{
    return agdb__conn_add_step(conn, queued, kind, conn->nmembers - 1);
}

bool agdb__conn_queue_sql(agdb__conn_t *conn, const char *sql, agdb__step_kind_t kind)
{
    return add_member_step(conn, PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0),
                           kind);
}

bool agdb__conn_queue_sync(agdb__conn_t *conn)
{
    return agdb__conn_add_step(conn, agdb__pq_queue_sync(conn->pg), AGDB__STEP_SYNC, 0);
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
        if (!agdb__conn_add_step(conn, agdb__pq_queue_close(conn->pg, name), AGDB__STEP_DROP, i))
            return false;
    }
    return conn->nvictims == 0 || agdb__conn_queue_sync(conn);
}

/* A stream lasts as long as its caller takes. */
static unsigned timeout_ms(const agdb__conn_t *conn)
{
    return conn->streaming ? 0 : (unsigned)conn->login->server_ms;
}

/* RESET, not "off": it brings back what the server's administrator has set for the role or the
 * database, who may fence writes that way. */
static bool queue_access(agdb__conn_t *conn, bool read_only)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SET statement_timeout = %u", timeout_ms(conn));
    conn->mode_read_only = read_only;
    conn->mode_unhurried = conn->streaming;
    return agdb__conn_queue_sql(conn,
                                read_only ? "SET default_transaction_read_only = on"
                                          : "RESET default_transaction_read_only",
                                AGDB__STEP_REQUIRED) &&
           agdb__conn_queue_sql(conn, read_only ? sql : "RESET statement_timeout",
                                AGDB__STEP_REQUIRED);
}

static bool queue_lock_timeout(agdb__conn_t *conn, uint32_t lock_ms)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SET lock_timeout = %u", (unsigned)lock_ms);
    conn->mode_lock_ms = lock_ms;
    return agdb__conn_queue_sql(conn, lock_ms != 0 ? sql : "RESET lock_timeout",
                                AGDB__STEP_REQUIRED);
}

static bool queue_mode(agdb__conn_t *conn, bool read_only, uint32_t lock_ms)
{
    const bool access =
        read_only != conn->mode_read_only || (read_only && conn->streaming != conn->mode_unhurried);
    const bool lock = lock_ms != conn->mode_lock_ms;

    if (!access && !lock)
        return true;
    return (!access || queue_access(conn, read_only)) &&
           (!lock || queue_lock_timeout(conn, lock_ms)) && agdb__conn_queue_sync(conn);
}

bool agdb__conn_queue_head(agdb__conn_t *conn, bool read_only, uint32_t lock_ms)
{
    return conn->login->pgbouncer || (queue_victims(conn) && queue_mode(conn, read_only, lock_ms));
}

agdb__stmt_key_t agdb__conn_key_of(const agdb__conn_t *conn, const agdb__statement_t *statement,
                                   const agdb__params_t *p)
{
    return (agdb__stmt_key_t){statement->sql,  strlen(statement->sql),
                              statement->hash, p->types,
                              p->count,        conn->login->comments ? statement->tag : NULL};
}

agdb__statement_class_t agdb__conn_look_up(agdb__conn_t *conn, const agdb__stmt_key_t *key,
                                           agdb__stmt_t **ret)
{
    *ret = NULL;
    if (key->sql_len <= AGDB__STMT_SQL_MAX && !conn->login->pgbouncer)
        *ret = agdb__conn_find_stmt(conn, key);
    return *ret != NULL ? (*ret)->kind : agdb__statement_classify(key->sql);
}

/* The text as it is sent: with its comment, if it is to have one. NULL: no memory. */
static const char *text_to_send(const agdb__conn_t *conn, const char *sql, const char *tag,
                                agdb__buf_t *commented)
{
    agdb__buf_init(commented, SIZE_MAX / 2);
    if (tag == NULL)
        return sql;
    agdb__comment(commented, sql, tag, conn->login->service);
    return commented->failed ? NULL : commented->data;
}

static bool queue_unnamed(agdb__conn_t *conn, const agdb__stmt_key_t *key, const agdb__params_t *p)
{
    agdb__buf_t commented;
    const char *sql = text_to_send(conn, key->sql, key->tag, &commented);
    const bool queued =
        sql != NULL && add_member_step(conn,
                                       PQsendQueryParams(conn->pg, sql, p->count, p->types,
                                                         p->values, p->lengths, p->formats, 0),
                                       AGDB__STEP_ANSWER);

    agdb__buf_fini(&commented);
    return queued;
}

static bool queue_parse(agdb__conn_t *conn, agdb__member_t *member, const agdb__stmt_key_t *key)
{
    agdb__stmt_t *stmt = agdb__stmt_new(&conn->cache, key, conn->kind);
    agdb__buf_t commented;
    const char *sql;
    bool queued;

    if (stmt == NULL)
        return false;
    member->pending = stmt;
    member->stmt = stmt;
    sql = text_to_send(conn, stmt->sql, stmt->tag, &commented);
    queued =
        sql != NULL &&
        add_member_step(conn, PQsendPrepare(conn->pg, stmt->name, sql, stmt->nparams, stmt->types),
                        AGDB__STEP_PARSE);
    agdb__buf_fini(&commented);
    return queued;
}

bool agdb__conn_queue_member(agdb__conn_t *conn, const agdb__stmt_key_t *key,
                             const agdb__params_t *p)
{
    agdb__member_t *member = &conn->member[conn->nmembers - 1];

    if (member->stmt == NULL) {
        /* Others are seldom repeated; and a Sync of its own is all they need. */
        if (conn->kind != AGDB__ST_PLAIN || key->sql_len > AGDB__STMT_SQL_MAX ||
            conn->login->pgbouncer)
            return queue_unnamed(conn, key, p);
        if (!queue_parse(conn, member, key))
            return false;
    }
    return add_member_step(conn,
                           PQsendQueryPrepared(conn->pg, member->stmt->name, p->count, p->values,
                                               p->lengths, p->formats, 0),
                           AGDB__STEP_ANSWER);
}

/* The COMMIT is behind a Sync of its own: it ends the transaction also after an error. */
bool agdb__conn_queue_read_begin(agdb__conn_t *conn)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SET LOCAL statement_timeout = %u", timeout_ms(conn));
    return agdb__conn_queue_sql(conn, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
                                AGDB__STEP_REQUIRED) &&
           agdb__conn_queue_sql(conn, sql, AGDB__STEP_REQUIRED);
}

bool agdb__conn_queue_read_end(agdb__conn_t *conn)
{
    return agdb__conn_queue_sync(conn) &&
           agdb__conn_queue_sql(conn, "COMMIT", AGDB__STEP_REQUIRED) && agdb__conn_queue_sync(conn);
}
