/* The introduction: role, position, identity, and output settings that the environment got at. */
#include "pg/conn_impl.h"

#include "base/clock.h"
#include "base/error.h"
#include "pg/comment.h"
#include "pg/decode.h"

#include <libpq-fe.h>
#include <stdio.h>

/* Columns of the two questions. */
enum {
    HELLO_RECOVERY,
    HELLO_SYSTEM,
    HELLO_TIMELINE,
    HELLO_LSN,
    HELLO_STAMPED,
    HELLO_COMMITS_WAIT,
    HELLO_PROCESS,
    HELLO_STARTED,
    HELLO_COLUMNS
};
enum { IDENTITY_KEYSPACE, IDENTITY_SHARD, IDENTITY_HASH, IDENTITY_SLOTS, IDENTITY_COLUMNS };

/* The timeline of a primary is in the name of the WAL file that it writes: at once right after a
 * promotion, unlike the last checkpoint's. A replica's is the newest it has replayed into. */
static const char k_hello_sql[] =
    "SELECT r.in_recovery, (SELECT system_identifier FROM pg_control_system()),"
    " CASE WHEN r.in_recovery THEN"
    " greatest((SELECT timeline_id FROM pg_control_checkpoint()),"
    " (SELECT min_recovery_end_timeline FROM pg_control_recovery()))::bigint"
    " ELSE ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint"
    " END,"
    " coalesce(CASE WHEN r.in_recovery THEN pg_last_wal_replay_lsn() - '0/0'::pg_lsn"
    " ELSE (SELECT " AGDB__INSERT_LSN " FROM " AGDB__INSERT_FROM ") END, 0),"
    " to_regclass('agencydb.identity') IS NOT NULL,"
    " current_setting('synchronous_commit') <> 'off' AND (current_setting('fsync') = 'on'"
    " OR current_setting('synchronous_standby_names') <> ''),"
    " pg_backend_pid(), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint"
    " FROM (SELECT pg_is_in_recovery() AS in_recovery OFFSET 0) r";

static const char k_identity_sql[] = "SELECT keyspace, shard, hash, slots FROM agencydb.identity";

static const char k_hash[] = "xxh3_64";

/* PGTZ and PGDATESTYLE travel as start-up parameters of their own and win over `options`; behind a
 * PgBouncer there are no options at all. What the server reports shows it. */
static bool queue_settings(agdb__conn_t *conn)
{
    static const char *const want[][3] = {
        {"TimeZone", "UTC", "SET TimeZone = 'UTC'"},
        {"DateStyle", "ISO, MDY", "SET DateStyle = 'ISO, MDY'"},
        {"IntervalStyle", "postgres", "SET IntervalStyle = 'postgres'"},
        {"standard_conforming_strings", "on", "SET standard_conforming_strings = on"},
    };
    size_t i;

    for (i = 0; i < sizeof want / sizeof want[0]; i++) {
        const char *is = PQparameterStatus(conn->pg, want[i][0]);
        if (is != NULL && strcmp(is, want[i][1]) != 0 &&
            !agdb__conn_queue_sql(conn, want[i][2], AGDB__STEP_REQUIRED))
            return false;
    }
    return true;
}

static bool queue_question(agdb__conn_t *conn)
{
    const char *comment = conn->login->hello_comment;
    char sql[sizeof k_hello_sql + AGDB__COMMENT_EPOCH];

    snprintf(sql, sizeof sql, "%s%s", comment != NULL ? comment : "", k_hello_sql);
    return agdb__conn_queue_sql(conn, sql, AGDB__STEP_ANSWER);
}

bool agdb__conn_queue_hello(agdb__conn_t *conn)
{
    agdb__conn_begin_work(conn, AGDB__WORK_HELLO);
    if (conn->state == AGDB__CONN_INTRODUCING && !queue_settings(conn))
        return false;
    if (!queue_question(conn) || !agdb__conn_queue_sync(conn))
        return false;
    agdb__conn_flush(conn);
    return true;
}

static bool queue_identity(agdb__conn_t *conn)
{
    agdb__conn_begin_work(conn, AGDB__WORK_IDENTITY);
    if (!agdb__conn_queue_sql(conn, k_identity_sql, AGDB__STEP_ANSWER) ||
        !agdb__conn_queue_sync(conn))
        return false;
    agdb__conn_flush(conn);
    return true;
}

static void die_of_answer(agdb__conn_t *conn, const char *asking)
{
    agdb_error_t *error = NULL;

    (void)agdb__conn_server_error(conn, conn->member[0].answer, &error);
    agdb__error_prefix(&error, "%s: ", asking);
    if (error != NULL && !error->is_static) {
        error->status = AGDB_E_CONNECT;
        error->outcome = AGDB_OUTCOME_NONE;
        error->stage = AGDB_STAGE_CONNECT;
    }
    agdb__conn_die_of(conn, error);
}

static bool read_hello(agdb__hello_t *hello, const PGresult *rows)
{
    uint64_t timeline;
    uint64_t process;
    int64_t system;

    if (PQntuples(rows) != 1 || PQnfields(rows) != HELLO_COLUMNS ||
        !agdb__decode_bool(PQgetvalue(rows, 0, HELLO_RECOVERY), &hello->in_recovery) ||
        !agdb__decode_int64(PQgetvalue(rows, 0, HELLO_SYSTEM), &system) ||
        !agdb__decode_uint64(PQgetvalue(rows, 0, HELLO_TIMELINE), &timeline) ||
        !agdb__decode_uint64(PQgetvalue(rows, 0, HELLO_LSN), &hello->lsn) ||
        !agdb__decode_bool(PQgetvalue(rows, 0, HELLO_STAMPED), &hello->stamped) ||
        !agdb__decode_bool(PQgetvalue(rows, 0, HELLO_COMMITS_WAIT), &hello->commits_wait) ||
        !agdb__decode_uint64(PQgetvalue(rows, 0, HELLO_PROCESS), &process) ||
        !agdb__decode_uint64(PQgetvalue(rows, 0, HELLO_STARTED), &hello->started_us))
        return false;
    hello->process = (int)process;
    hello->system_identifier = (uint64_t)system;
    hello->timeline = (uint32_t)timeline;
    return true;
}

/* No stamp for an expected keyspace. False: that is not allowed, DEAD. */
static bool accept_unstamped(agdb__conn_t *conn, const agdb__identity_t *expect)
{
    conn->hello.stamped = false;
    if (!expect->required)
        return true;
    agdb__conn_die(conn, AGDB_E_WRONG_SHARD, AGDB_STAGE_CONNECT,
                   "node %s:%u has no identity for keyspace '%s', run: agencydb init MAP",
                   conn->login->host, conn->login->port, expect->keyspace);
    return false;
}

static bool accept_no_stamp_at_all(agdb__conn_t *conn)
{
    size_t i;

    for (i = 0; i < conn->login->nexpect; i++)
        if (!accept_unstamped(conn, &conn->login->expect[i]))
            return false;
    return true;
}

static bool check_row(agdb__conn_t *conn, const agdb__identity_t *expect, int row)
{
    const char *shard = PQgetvalue(conn->member[0].answer, row, IDENTITY_SHARD);
    const char *hash = PQgetvalue(conn->member[0].answer, row, IDENTITY_HASH);
    const char *slots = PQgetvalue(conn->member[0].answer, row, IDENTITY_SLOTS);
    char want[16];

    snprintf(want, sizeof want, "%u", (unsigned)expect->slots);
    if (strcmp(shard, expect->shard) != 0)
        agdb__conn_die(conn, AGDB_E_WRONG_SHARD, AGDB_STAGE_CONNECT,
                       "node %s:%u says it is '%s', map says '%s' (keyspace '%s'): correct the "
                       "host in the map; nothing was read or written",
                       conn->login->host, conn->login->port, shard, expect->shard,
                       expect->keyspace);
    else if (strcmp(hash, k_hash) != 0 || strcmp(slots, want) != 0)
        agdb__conn_die(conn, AGDB_E_WRONG_SHARD, AGDB_STAGE_CONNECT,
                       "node %s:%u is stamped for hash %s with %s slots, map says %s with %s "
                       "(keyspace '%s'): correct `hash` in the map",
                       conn->login->host, conn->login->port, hash, slots, k_hash, want,
                       expect->keyspace);
    return conn->state != AGDB__CONN_DEAD;
}

static bool check_identity(agdb__conn_t *conn)
{
    const PGresult *rows = conn->member[0].answer;
    size_t i;
    int row;

    if (PQnfields(rows) != IDENTITY_COLUMNS) {
        agdb__conn_die(conn, AGDB_E_CONNECT, AGDB_STAGE_CONNECT,
                       "the server's answer about its identity is not understood");
        return false;
    }
    for (i = 0; i < conn->login->nexpect; i++) {
        const agdb__identity_t *expect = &conn->login->expect[i];
        for (row = 0; row < PQntuples(rows); row++)
            if (strcmp(PQgetvalue(rows, row, IDENTITY_KEYSPACE), expect->keyspace) == 0)
                break;
        if (row == PQntuples(rows)) {
            if (!accept_unstamped(conn, expect))
                return false;
        } else if (!check_row(conn, expect, row)) {
            return false;
        }
    }
    return true;
}

bool agdb__conn_take_hello(agdb__conn_t *conn)
{
    const bool identity = conn->work == AGDB__WORK_IDENTITY;
    agdb__hello_t hello = conn->hello;
    bool done = false;

    if (conn->member[0].answer_is_error) {
        die_of_answer(conn, identity ? "asking for its identity" : "asking for its role");
    } else if (identity) {
        done = check_identity(conn);
    } else if (!read_hello(&hello, conn->member[0].answer)) {
        agdb__conn_die(conn, AGDB_E_CONNECT, AGDB_STAGE_CONNECT,
                       "the server's answer about its role is not understood");
    } else {
        conn->hello = hello;
        if (conn->login->nexpect == 0)
            done = true;
        else if (!hello.stamped)
            done = accept_no_stamp_at_all(conn);
        else if (!queue_identity(conn))
            agdb__conn_die(conn, AGDB_E_NOMEM, AGDB_STAGE_CONNECT, "out of memory");
        else
            return false;
    }
    agdb__conn_drop_members(conn);
    return done;
}

bool agdb__conn_queue_way(agdb__conn_t *conn)
{
    agdb__conn_begin_work(conn, AGDB__WORK_WAY);
    if (!agdb__conn_queue_sync(conn)) {
        agdb__conn_die(conn, AGDB_E_NOMEM, AGDB_STAGE_CONNECT, "out of memory");
        return false;
    }
    conn->way_from_us = agdb__now_us();
    agdb__conn_flush(conn);
    return true;
}

void agdb__conn_take_way(agdb__conn_t *conn)
{
    conn->way_us = agdb__now_us() - conn->way_from_us;
    agdb__conn_drop_members(conn);
}
