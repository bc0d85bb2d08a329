/* `via: pgbouncer`: a client whose node is a real PgBouncer in transaction mode, with four servers
 * for all callers. What is private to a session must not get from one caller to another. */
#include "base/clock.h"
#include "base/sync.h"
#include "bouncer.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVERS = 4, THREADS = 24, CALLS = 200 };

static cluster_node_t s_node;
static bouncer_t s_bouncer;
static agdb_t *s_direct; /* past the PgBouncer */

#define EAST .shard = "east-1", .keyspace = "core"

/* A client on a map of one shard, whose only node is the PgBouncer. */
static agdb_t *open_client(int max)
{
    static const char format[] = "agencydb: 1\n"
                                 "epoch: 1\n"
                                 "hash: { algorithm: xxh3_64, slots: 4096 }\n"
                                 "defaults:\n"
                                 "  connection: { user: %s, dbname: %s, sslmode: disable }\n"
                                 "  pool: { min: 1, max: %d }\n"
                                 "  timeouts: { server: 700ms }\n"
                                 "keyspaces:\n"
                                 "  core:\n"
                                 "    via: pgbouncer\n"
                                 "    shards: { east-1: { nodes: [ \"127.0.0.1:%d\" ] } }\n";
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    char map[1024];
    int len = snprintf(map, sizeof map, format, cluster_env("AGDB_TEST_USER"),
                       cluster_env("AGDB_TEST_DBNAME"), max, s_bouncer.port);

    if (agdb_open_text(map, (size_t)len, NULL, &db, &error) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_PRIMARIES, 20000, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static void expect_says(agdb_t *db, const char *sql, agdb_access_t access, const char *want)
{
    char *value =
        cluster_value(db, AGDB_REQUEST(EAST, .sql = sql, .access = access, .timeout_ms = 10000));

    if (strcmp(value, want) != 0)
        fail_msg("%s: '%s', not '%s'", sql, value, want);
    free(value);
}

/* The caller frees the error. */
static agdb_error_t *expect_failure(agdb_t *db, const agdb_request_t *request, agdb_status_t status)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    agdb_status_t st = agdb_query(db, request, &res, &error);

    agdb_result_free(res);
    if (st != status)
        fail_msg("%s: %s: %s", request->sql, agdb_status_name(st), agdb_error_message(error));
    return error;
}

static void expect_no_open_transaction(void)
{
    expect_says(s_direct,
                "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' "
                "AND pid <> pg_backend_pid()",
                AGDB_WRITE, "0");
}

/* --- one caller ------------------------------------------------------------------------------ */

static void reads_and_writes_work(void **state)
{
    agdb_t *db = open_client(2);
    agdb_error_t *error;

    (void)state;
    expect_says(db, "INSERT INTO public.bounced VALUES (1, 'one') RETURNING nonce", AGDB_WRITE,
                "one");
    expect_says(db, "SELECT nonce FROM public.bounced WHERE id = 1", AGDB_READ, "one");
    expect_says(db, "SELECT nonce FROM public.bounced WHERE id = 1", AGDB_READ_REPLICA_OK, "one");
    error = expect_failure(
        db, AGDB_REQUEST(EAST, .sql = "INSERT INTO public.bounced VALUES (1, 'x')"), AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(error), "23505");
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_clear(&error);
    error = expect_failure(
        db, AGDB_REQUEST(EAST, .sql = "DELETE FROM public.bounced", .access = AGDB_READ),
        AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(error), "25006");
    agdb_error_clear(&error);
    expect_says(db, "DELETE FROM public.bounced WHERE id = 1 RETURNING id", AGDB_WRITE, "1");
    expect_no_open_transaction();
    cluster_close(db);
}

static void keys_and_sessions_work(void **state)
{
    agdb_t *db = open_client(4);
    agdb_session_t *session = NULL;
    char text[AGDB_SESSION_TEXT_MAX];
    int i;

    (void)state;
    assert_int_equal(agdb_session_new(&session, NULL), AGDB_OK);
    for (i = 0; i < 2; i++) {
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;

        if (agdb_query(db,
                       AGDB_REQUEST(EAST, .sql = "INSERT INTO public.bounced VALUES (777, 'once')",
                                    .idempotency_key = "bounced", .session = session),
                       &res, &error) != AGDB_OK)
            fail_msg("%s", agdb_error_message(error));
        assert_int_equal(agdb_result_replayed(res), i == 1);
        agdb_result_free(res);
    }
    assert_true(agdb_session_text(session, text, sizeof text) > 2);
    assert_null(strchr(text, 'p')); /* its place is known, also of the replayed one */
    agdb_session_free(session);
    expect_says(db, "DELETE FROM public.bounced WHERE id = 777 RETURNING nonce", AGDB_WRITE,
                "once");
    cluster_do(s_direct, AGDB_REQUEST(EAST, .sql = "DELETE FROM agencydb.idempotency"));
    expect_no_open_transaction();
    cluster_close(db);
}

static void nothing_stays_in_the_sessions(void **state)
{
    static const char look[] =
        "SELECT current_setting('statement_timeout') || ' ' || current_setting('lock_timeout') "
        "|| ' ' || current_setting('transaction_read_only') || ' ' || "
        "(SELECT count(*) FROM pg_prepared_statements)";
    agdb_t *db = open_client(SERVERS);
    int i;

    (void)state;
    for (i = 0; i < 20; i++) {
        expect_says(db, look, AGDB_READ, "700ms 0 on 0");
        expect_says(db, look, AGDB_WRITE, "0 0 off 0");
    }
    cluster_close(db);
}

static void statements_that_leave_state_are_refused(void **state)
{
    static const char *const sql[] = {"SET work_mem = '64kB'", "DO 'BEGIN END'",
                                      "SELECT set_config('agdb.bounced', 'poison', false)",
                                      "SELECT pg_advisory_lock(7)",
                                      "CREATE TEMP TABLE bounced_t ()"};
    agdb_t *db = open_client(2);
    agdb_error_t *error;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(sql); i++) {
        error = expect_failure(db, AGDB_REQUEST(EAST, .sql = sql[i]), AGDB_E_UNSUPPORTED);
        assert_non_null(strstr(agdb_error_message(error), "PgBouncer"));
        assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
        agdb_error_clear(&error);
    }
    expect_says(db, "SELECT 1", AGDB_READ, "1");
    cluster_close(db);
}

static void statement_over_its_deadline_ends_there(void **state)
{
    agdb_t *db = open_client(2);
    agdb_error_t *error;
    uint64_t start_us = agdb__now_us();

    (void)state;
    error = expect_failure(db, AGDB_REQUEST(EAST, .sql = "SELECT pg_sleep(3)", .timeout_ms = 200),
                           AGDB_E_TIMEOUT);
    assert_in_range(agdb__now_us() - start_us, 200000, 300000);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    agdb_error_clear(&error);
    error = expect_failure(db, AGDB_REQUEST(EAST, .sql = "SELECT pg_sleep(3)", .access = AGDB_READ),
                           AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(error), "57014"); /* SET LOCAL statement_timeout */
    agdb_error_clear(&error);
    expect_says(db, "SELECT 1", AGDB_READ, "1");
    expect_says(db, "SELECT 2", AGDB_WRITE, "2");
    expect_no_open_transaction();
    cluster_close(db);
}

/* --- many callers ---------------------------------------------------------------------------- */

typedef struct caller {
    agdb_t *db;
    unsigned number;
    unsigned seed;
    bool errors;
    char wrong[256];
    pthread_t thread;
} caller_t;

static void note_wrong(caller_t *c, const char *what, const char *detail)
{
    if (c->wrong[0] == '\0')
        snprintf(c->wrong, sizeof c->wrong, "%s: %s", what, detail);
}

static void fail_once(caller_t *c)
{
    agdb_error_t *error = NULL;
    agdb_status_t st =
        agdb_query(c->db,
                   AGDB_REQUEST(EAST, .sql = "SELECT 1 / $1", AGDB_PARAMS(agdb_int4(0)),
                                .access = AGDB_READ, .timeout_ms = 20000),
                   NULL, &error);

    if (st != AGDB_E_SERVER || strcmp(agdb_error_sqlstate(error), "22012") != 0)
        note_wrong(c, "no division by zero", agdb_error_message(error));
    agdb_error_clear(&error);
}

static void carry_nonce(caller_t *c, unsigned i)
{
    const bool write = rand_r(&c->seed) % 5 == 0;
    const char *sql =
        write ? "INSERT INTO public.bounced VALUES ($2, $1) RETURNING nonce"
              : (rand_r(&c->seed) % 2 == 0 ? "SELECT $1 || '' WHERE $2::int >= 0"
                                           : "SELECT $1 || '', count(*) FROM pg_am WHERE $2 > 0");
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    char nonce[32];

    snprintf(nonce, sizeof nonce, "%u-%u", c->number, i);
    if (agdb_query(c->db,
                   AGDB_REQUEST(EAST, .sql = sql,
                                AGDB_PARAMS(agdb_text(nonce),
                                            agdb_int4((int32_t)(c->number * 10000 + i + 10))),
                                .access = write ? AGDB_WRITE : AGDB_READ, .timeout_ms = 20000),
                   &res, &error) != AGDB_OK)
        note_wrong(c, "foreign error", agdb_error_message(error));
    else if (agdb_result_rows(res) != 1 || strcmp(agdb_result_text(res, 0, 0), nonce) != 0)
        note_wrong(c, "foreign row", agdb_result_rows(res) == 1 ? agdb_result_text(res, 0, 0) : "");
    agdb_result_free(res);
    agdb_error_clear(&error);
}

static void *call(void *arg)
{
    caller_t *c = arg;
    unsigned i;

    for (i = 0; i < CALLS; i++)
        if (c->errors && rand_r(&c->seed) % 8 == 0)
            fail_once(c);
        else
            carry_nonce(c, i);
    return NULL;
}

static void run_callers(agdb_t *db, bool errors)
{
    caller_t c[THREADS];
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        c[i] = (caller_t){.db = db, .number = i, .seed = i + 1, .errors = errors};
        assert_true(agdb__thread_start(&c[i].thread, false, call, &c[i]));
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(c[i].thread, NULL);
    for (i = 0; i < THREADS; i++)
        if (c[i].wrong[0] != '\0')
            fail_msg("caller %u: %s", i, c[i].wrong);
    expect_no_open_transaction();
    expect_says(db, "DELETE FROM public.bounced WHERE false RETURNING 1", AGDB_WRITE, "");
    cluster_do(db, AGDB_REQUEST(EAST, .sql = "DELETE FROM public.bounced", .timeout_ms = 10000));
}

static void callers_get_their_own_rows(void **state)
{
    agdb_t *db = open_client(2);

    (void)state;
    run_callers(db, false);
    cluster_close(db);
}

/* More connections than the PgBouncer has servers, too: they wait for one there. */
static void an_error_is_its_callers_alone(void **state)
{
    agdb_t *few = open_client(2);
    agdb_t *many = open_client(2 * SERVERS);

    (void)state;
    run_callers(few, true);
    run_callers(many, true);
    cluster_close(few);
    cluster_close(many);
}

/* --- faults ---------------------------------------------------------------------------------- */

/* One statement in another thread; what became of it. */
typedef struct slow_call {
    agdb_t *db;
    const char *sql;
    agdb_access_t access;
    agdb_status_t status;
    agdb_error_t *error;
    pthread_t thread;
} slow_call_t;

static void *call_slowly(void *arg)
{
    slow_call_t *c = arg;
    agdb_result_t *res = NULL;

    c->status = agdb_query(
        c->db, AGDB_REQUEST(EAST, .sql = c->sql, .access = c->access, .timeout_ms = 15000), &res,
        &c->error);
    agdb_result_free(res);
    return NULL;
}

/* Starts it, and waits until it runs on the server. */
static void start_slow_call(slow_call_t *c)
{
    static const char running[] =
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' "
        "AND pid <> pg_backend_pid()";
    char *count = strdup("0");

    assert_true(agdb__thread_start(&c->thread, false, call_slowly, c));
    while (strcmp(count, "0") == 0) {
        free(count);
        count = cluster_value(s_direct, AGDB_REQUEST(EAST, .sql = running, .timeout_ms = 5000));
    }
    free(count);
}

static void terminate_sleeper(void)
{
    expect_says(s_direct,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
                "query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()",
                AGDB_WRITE, "t");
}

/* The server itself says 57P01: undone, and safe to repeat. */
static void ended_server_connection_is_survived(void **state)
{
    slow_call_t c = {.sql = "INSERT INTO public.bounced SELECT 3, 'slow' FROM pg_sleep(0.6)",
                     .access = AGDB_WRITE};

    (void)state;
    c.db = open_client(2);
    start_slow_call(&c);
    terminate_sleeper();
    pthread_join(c.thread, NULL);
    if (c.status != AGDB_OK)
        fail_msg("%s", agdb_error_message(c.error));
    agdb_error_clear(&c.error);
    expect_says(c.db, "DELETE FROM public.bounced RETURNING nonce", AGDB_WRITE, "slow");
    expect_no_open_transaction();
    cluster_close(c.db);
}

/* Only the PgBouncer says that the server is gone: nobody knows how far it had come. */
static void lost_server_leaves_a_write_unknown(void **state)
{
    slow_call_t c = {.sql = "INSERT INTO public.bounced SELECT 4, 'lost' FROM pg_sleep(30)",
                     .access = AGDB_WRITE};

    (void)state;
    c.db = open_client(2);
    start_slow_call(&c);
    cluster_signal(&s_node, SIGQUIT);
    pthread_join(c.thread, NULL);
    assert_int_equal(c.status, AGDB_E_LOST);
    assert_int_equal(agdb_error_outcome(c.error), AGDB_OUTCOME_UNKNOWN);
    agdb_error_clear(&c.error);
    while (cluster_is_running(&s_node))
        (void)usleep(10000);
    cluster_start(&s_node);
    expect_says(c.db, "SELECT 'again'", AGDB_WRITE, "again");
    cluster_close(c.db);
}

static void killed_pgbouncer_that_comes_back_serves_again(void **state)
{
    slow_call_t c = {.sql = "INSERT INTO public.bounced SELECT 5, 'gone' FROM pg_sleep(30)",
                     .access = AGDB_WRITE};

    (void)state;
    c.db = open_client(2);
    start_slow_call(&c);
    bouncer_kill(&s_bouncer);
    pthread_join(c.thread, NULL);
    assert_int_equal(c.status, AGDB_E_LOST);
    assert_int_equal(agdb_error_outcome(c.error), AGDB_OUTCOME_UNKNOWN);
    agdb_error_clear(&c.error);
    agdb_error_free(expect_failure(
        c.db, AGDB_REQUEST(EAST, .sql = "SELECT 1", .access = AGDB_READ, .timeout_ms = 300),
        AGDB_E_NO_PRIMARY));
    terminate_sleeper(); /* nobody told the server */
    bouncer_restart(&s_bouncer);
    expect_says(c.db, "SELECT 'again'", AGDB_READ, "again");
    run_callers(c.db, true);
    cluster_close(c.db);
}

static int begin(void **state)
{
    (void)state;
    s_node = cluster_node("core", "east-1", "primary");
    s_direct = cluster_open(NULL);
    cluster_do(s_direct, AGDB_REQUEST(EAST, .sql = "DROP TABLE IF EXISTS public.bounced"));
    cluster_do(
        s_direct,
        AGDB_REQUEST(EAST, .sql = "CREATE TABLE public.bounced (id int PRIMARY KEY, nonce text)"));
    s_bouncer = bouncer_start(&s_node, SERVERS);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    bouncer_stop(&s_bouncer);
    cluster_do(s_direct, AGDB_REQUEST(EAST, .sql = "DROP TABLE public.bounced"));
    cluster_close(s_direct);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_work),
        cmocka_unit_test(keys_and_sessions_work),
        cmocka_unit_test(nothing_stays_in_the_sessions),
        cmocka_unit_test(statements_that_leave_state_are_refused),
        cmocka_unit_test(statement_over_its_deadline_ends_there),
        cmocka_unit_test(callers_get_their_own_rows),
        cmocka_unit_test(an_error_is_its_callers_alone),
        cmocka_unit_test(ended_server_connection_is_survived),
        cmocka_unit_test(lost_server_leaves_a_write_unknown),
        cmocka_unit_test(killed_pgbouncer_that_comes_back_serves_again),
    };

    return cmocka_run_group_tests(tests, begin, finish);
}
