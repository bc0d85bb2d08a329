/* Streams from a replica: which node may answer, what a paused replay and a conflict do to them,
 * and a replica that stands still or dies in the middle, behind whose rows another node goes on. */
#include "base/clock.h"
#include "cluster.h"
#include "direct.h"
#include "numbers.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, CALL_MS = 1000, BOUND_MS = 2000, JOIN_US = 2500000 };

#define EAST    .shard = "east-1", .timeout_ms = PATIENCE_MS
#define REPLICA EAST, .access = AGDB_READ_REPLICA_OK
#define PRIMARY EAST, .access = AGDB_READ
#define SERVICE "stream replica test"

static cluster_node_t g_node; /* the replica */
static PGconn *g_replica;     /* of it, as superuser */
static PGconn *g_primary;
static agdb_t *g_db;

static void wait_until(const char *condition)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    while (direct_number(g_replica, "SELECT (%s)::int", condition) != 1) {
        if (agdb__now_us() > end_us)
            fail_msg("the replica does not say: %s", condition);
        (void)usleep(1000);
    }
}

static void pause_replay(void)
{
    direct_do(g_replica, "SELECT pg_wal_replay_pause()");
    wait_until("pg_get_wal_replay_pause_state() = 'paused'");
}

static void resume_replay(void)
{
    direct_do(g_replica, "SELECT pg_wal_replay_resume()");
}

static agdb_stream_t *open_from(agdb_access_t access, int count)
{
    return numbers_open(
        g_db, AGDB_REQUEST(EAST, .access = access, .sql = NUMBERS, AGDB_PARAMS(agdb_int4(count))));
}

/* Until a replica answers: it may have to be seen caught up first. */
static void wait_for_the_replica(void)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    do {
        numbers_expect_all(open_from(AGDB_READ_REPLICA_OK, 1), 1);
        assert_true(agdb__now_us() < end_us);
    } while (numbers_role() != AGDB_ROLE_REPLICA);
}

static int open_all(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = SERVICE};
    cluster_node_t primary = cluster_node("core", "east-1", "primary");

    (void)state;
    g_node = cluster_node("core", "east-1", "replica");
    g_replica = direct_open_admin(&g_node);
    g_primary = direct_open_admin(&primary);
    g_db = cluster_open(&options);
    direct_do(g_primary, "SET lock_timeout = '20s'"); /* a stream that a failed test left */
    direct_do(g_primary, "DROP TABLE IF EXISTS public.streamed");
    direct_do(g_primary, "CREATE TABLE public.streamed (n int8 PRIMARY KEY)");
    direct_do(g_primary, "GRANT ALL ON public.streamed TO PUBLIC");
    wait_until("to_regclass('public.streamed') IS NOT NULL");
    wait_for_the_replica();
    (void)usleep(JOIN_US); /* from then on lag does not matter */
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    direct_do(g_primary, "DROP TABLE public.streamed");
    PQfinish(g_replica);
    PQfinish(g_primary);
    cluster_close(g_db);
    return 0;
}

/* Also after a test that has failed. */
static int end(void **state)
{
    (void)state;
    resume_replay();
    return 0;
}

#define REPLICA_TEST(test) cmocka_unit_test_teardown(test, end)

/* Row by row: all of the table, or an error. Returns how many. */
static int64_t count_streamed(agdb_access_t access, agdb_session_t *session)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(EAST, .access = access, .session = session,
                                        .max_lag_ms = access == AGDB_READ_BOUNDED ? BOUND_MS : 0,
                                        .sql = "SELECT n FROM public.streamed ORDER BY n"));
    int64_t n = numbers_take_all(stream);

    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    return n;
}

static void write_next(int64_t n, agdb_session_t *session)
{
    cluster_do(g_db, AGDB_REQUEST(EAST, .sql = "INSERT INTO public.streamed VALUES ($1)",
                                  AGDB_PARAMS(agdb_int8(n)), .session = session));
}

/* The processes of the replica that are at work for this client, each signalled. */
static unsigned signal_streaming(int number)
{
    PGresult *rows =
        PQexec(g_replica, "SELECT pid FROM pg_stat_activity WHERE application_name = '" SERVICE
                          "' AND state = 'active' AND query LIKE '%generate_series%'");
    int i;

    for (i = 0; i < PQntuples(rows); i++)
        assert_int_equal(kill(atoi(PQgetvalue(rows, i, 0)), number), 0);
    PQclear(rows);
    return (unsigned)i;
}

/* --- which node --- */

static void rows_come_from_the_replica(void **state)
{
    (void)state;
    numbers_expect_all(open_from(AGDB_READ_REPLICA_OK, 50000), 50000);
    assert_int_equal(numbers_role(), AGDB_ROLE_REPLICA);
    numbers_expect_all(open_from(AGDB_READ, 50000), 50000);
    assert_int_equal(numbers_role(), AGDB_ROLE_PRIMARY);
}

static void a_session_streams_what_it_wrote(void **state)
{
    agdb_session_t *session = NULL;
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    (void)state;
    assert_int_equal(agdb_session_new(&session, NULL), AGDB_OK);
    direct_do(g_primary, "TRUNCATE public.streamed");
    wait_until("NOT EXISTS (SELECT FROM public.streamed)");
    pause_replay();
    write_next(1, session);
    write_next(2, session);
    assert_int_equal(count_streamed(AGDB_READ_SESSION, session), 2);
    assert_int_equal(numbers_role(), AGDB_ROLE_PRIMARY);
    assert_int_equal(count_streamed(AGDB_READ_REPLICA_OK, NULL), 0); /* it is behind indeed */
    resume_replay();
    do { /* and never less */
        assert_int_equal(count_streamed(AGDB_READ_SESSION, session), 2);
        assert_true(agdb__now_us() < end_us);
    } while (numbers_role() != AGDB_ROLE_REPLICA);
    agdb_session_free(session);
}

static void a_token_that_goes_to_another_process_is_obeyed(void **state)
{
    char text[AGDB_SESSION_TEXT_MAX];
    agdb_session_t *here = NULL;
    agdb_session_t *there = NULL;

    (void)state;
    assert_int_equal(agdb_session_new(&here, NULL), AGDB_OK);
    assert_int_equal(agdb_session_new(&there, NULL), AGDB_OK);
    direct_do(g_primary, "TRUNCATE public.streamed");
    wait_until("NOT EXISTS (SELECT FROM public.streamed)");
    pause_replay();
    write_next(1, here);
    assert_true(agdb_session_text(here, text, sizeof text) < sizeof text);
    assert_int_equal(count_streamed(AGDB_READ_SESSION, there), 0);
    assert_int_equal(agdb_session_merge(there, text, strlen(text), NULL), AGDB_OK);
    assert_int_equal(count_streamed(AGDB_READ_SESSION, there), 1);
    resume_replay();
    agdb_session_free(here);
    agdb_session_free(there);
}

static void a_bounded_stream_is_no_older_than_its_bound(void **state)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    (void)state;
    direct_do(g_primary, "TRUNCATE public.streamed");
    wait_until("NOT EXISTS (SELECT FROM public.streamed)");
    pause_replay();
    write_next(1, NULL);
    (void)usleep((BOUND_MS + 300) * 1000);
    assert_int_equal(count_streamed(AGDB_READ_BOUNDED, NULL), 1);
    assert_int_equal(numbers_role(), AGDB_ROLE_PRIMARY);
    resume_replay();
    do {
        assert_int_equal(count_streamed(AGDB_READ_BOUNDED, NULL), 1);
        assert_true(agdb__now_us() < end_us);
    } while (numbers_role() != AGDB_ROLE_REPLICA);
}

/* --- in the middle --- */

static agdb_stream_t *open_and_take(uint32_t timeout_ms, int64_t *ret_n)
{
    agdb_stream_t *stream = numbers_open_behind(
        g_db,
        AGDB_REQUEST(.shard = "east-1", .access = AGDB_READ_REPLICA_OK, .timeout_ms = timeout_ms),
        "", NUMBERS_MANY);
    agdb_error_t *error = NULL;

    *ret_n = numbers_take(stream, 0, 1, &error);
    assert_null(error);
    assert_int_equal(numbers_role(), AGDB_ROLE_REPLICA);
    return stream;
}

/* The rows that came are those before the error, and not all. */
static void expect_cut(agdb_stream_t *stream, int64_t *n, agdb_status_t status, const char *part)
{
    agdb_error_t *error = NULL;

    *n = numbers_take(stream, *n, INT64_MAX, &error);
    assert_in_range(*n, 1, NUMBERS_MANY - 1);
    if (agdb_error_status(error) != status || strstr(agdb_error_message(error), part) == NULL)
        fail_msg("%s", agdb_error_message(error));
    assert_string_equal(agdb_error_shard(error), "east-1");
    assert_string_equal(agdb_error_node(error), g_node.name);
    agdb_error_free(error);
}

/* The wait for the server's process is not its replay's. */
static void a_replica_that_stands_still_ends_it_in_time_and_the_primary_goes_on(void **state)
{
    int64_t n;
    agdb_stream_t *stream = open_and_take(CALL_MS, &n);

    (void)state;
    assert_int_equal(signal_streaming(SIGSTOP), 1);
    expect_cut(stream, &n, AGDB_E_TIMEOUT, " rows: ");
    numbers_expect_rest(g_db, AGDB_REQUEST(PRIMARY), stream, n, NUMBERS_MANY);
    assert_int_equal(numbers_role(), AGDB_ROLE_PRIMARY);
    assert_int_equal(signal_streaming(SIGCONT), 1);
    wait_for_the_replica();
}

static void a_session_that_is_ended_in_the_middle_is_an_error(void **state)
{
    int64_t n;
    agdb_stream_t *stream = open_and_take(PATIENCE_MS, &n);

    (void)state;
    assert_int_equal(signal_streaming(SIGTERM), 1);
    expect_cut(stream, &n, AGDB_E_LOST, " rows: ");
    numbers_expect_rest(g_db, AGDB_REQUEST(REPLICA), stream, n, NUMBERS_MANY);
}

static void one_ended_before_the_first_row_is_not_noticed(void **state)
{
    agdb_stream_t *stream = numbers_open(
        g_db, AGDB_REQUEST(REPLICA, .sql = "SELECT g FROM (SELECT pg_sleep(0.3) OFFSET 0) s,"
                                           " generate_series(1, 3000) g"));
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    (void)state;
    while (signal_streaming(SIGTERM) == 0)
        assert_true(agdb__now_us() < end_us);
    numbers_expect_all(stream, 3000);
}

/* What a stream that stands still has to expect on a replica, as agencydb/stream.h says. */
static void a_conflict_with_replay_is_an_error_and_not_the_end(void **state)
{
    agdb_stream_t *stream;
    agdb_error_t *error = NULL;
    int64_t n;

    (void)state;
    direct_do(g_replica, "ALTER SYSTEM SET max_standby_streaming_delay = 0");
    direct_do(g_replica, "SELECT pg_reload_conf()");
    wait_until("current_setting('max_standby_streaming_delay') = '0'");
    direct_do(g_primary,
              "TRUNCATE public.streamed; INSERT INTO public.streamed SELECT"
              " generate_series(1, %d)",
              NUMBERS_MANY);
    wait_until("(SELECT count(*) FROM public.streamed) = 60000");
    stream = numbers_open(g_db, AGDB_REQUEST(REPLICA, .sql = "SELECT n, repeat('x', 600) FROM"
                                                             " public.streamed ORDER BY n"));
    n = numbers_take(stream, 0, 1, &error);
    assert_null(error);
    assert_int_equal(numbers_role(), AGDB_ROLE_REPLICA);
    direct_do(g_primary, "TRUNCATE public.streamed"); /* needs the lock that the stream has */
    n = numbers_take(stream, n, INT64_MAX, &error);
    assert_in_range(n, 1, NUMBERS_MANY - 1);
    if (error == NULL)
        fail_msg("a short result of %lld rows", (long long)n);
    assert_string_equal(agdb_error_sqlstate(error), "40001");
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    direct_do(g_replica, "ALTER SYSTEM RESET max_standby_streaming_delay");
    direct_do(g_replica, "SELECT pg_reload_conf()");
}

/* All of its processes at once; it comes back for the tests behind this one. */
static void a_replica_that_dies_in_the_middle_is_an_error_and_the_primary_goes_on(void **state)
{
    int64_t n;
    agdb_stream_t *stream = open_and_take(PATIENCE_MS, &n);

    (void)state;
    cluster_signal(&g_node, SIGQUIT);
    expect_cut(stream, &n, AGDB_E_LOST, " rows: ");
    numbers_expect_rest(g_db, AGDB_REQUEST(REPLICA), stream, n, NUMBERS_MANY);
    assert_int_equal(numbers_role(), AGDB_ROLE_PRIMARY);
    while (cluster_is_running(&g_node))
        (void)usleep(10000);
    cluster_start(&g_node);
    PQfinish(g_replica);
    g_replica = direct_open_admin(&g_node);
    wait_for_the_replica();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLICA_TEST(rows_come_from_the_replica),
        REPLICA_TEST(a_session_streams_what_it_wrote),
        REPLICA_TEST(a_token_that_goes_to_another_process_is_obeyed),
        REPLICA_TEST(a_bounded_stream_is_no_older_than_its_bound),
        REPLICA_TEST(a_replica_that_stands_still_ends_it_in_time_and_the_primary_goes_on),
        REPLICA_TEST(a_session_that_is_ended_in_the_middle_is_an_error),
        REPLICA_TEST(one_ended_before_the_first_row_is_not_noticed),
        REPLICA_TEST(a_conflict_with_replay_is_an_error_and_not_the_end),
        REPLICA_TEST(a_replica_that_dies_in_the_middle_is_an_error_and_the_primary_goes_on),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
