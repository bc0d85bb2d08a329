/* Streams behind a PgBouncer (`via: pgbouncer`) with fewer servers than callers, in both of its
 * modes: ends, early ends, servers and PgBouncers that go away in the middle. */
#include "base/clock.h"
#include "bouncer.h"
#include "direct.h"
#include "numbers.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SERVERS = 2, PATIENCE_MS = 30000 };

#define EAST .shard = "east-1", .access = AGDB_READ, .timeout_ms = PATIENCE_MS

static cluster_node_t s_node;
static bouncer_t s_bouncer;
static PGconn *s_direct; /* past the PgBouncer, as the superuser */
static agdb_t *s_db;

/* The probe is one of the PgBouncer's callers; in session mode it has a server to itself, and for a
 * moment two. */
static int begin(const char *mode, int servers, int max)
{
    char text[1024];
    agdb_error_t *error = NULL;

    s_node = cluster_node("core", "east-1", "primary");
    s_direct = direct_open_admin(&s_node);
    s_bouncer = bouncer_start_mode(&s_node, servers, mode);
    snprintf(text, sizeof text,
             "agencydb: 1\n"
             "defaults:\n  connection: { user: %s, dbname: %s, sslmode: disable }\n"
             "  pool: { min: 1, max: %d }\n  timeouts: { server: 20s }\n"
             "keyspaces:\n  core:\n    via: pgbouncer\n"
             "    shards: { east-1: { nodes: [ \"127.0.0.1:%d\" ] } }\n",
             cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"), max, s_bouncer.port);
    if (agdb_open_text(text, strlen(text), NULL, &s_db, &error) != AGDB_OK ||
        agdb_wait_ready(s_db, AGDB_READY_PRIMARIES, PATIENCE_MS, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return 0;
}

static int begin_transaction_mode(void **state)
{
    (void)state;
    return begin("transaction", SERVERS, SERVERS);
}

static int begin_session_mode(void **state)
{
    (void)state;
    return begin("session", SERVERS + 1, SERVERS - 1);
}

static int finish(void **state)
{
    (void)state;
    cluster_close(s_db);
    bouncer_stop(&s_bouncer);
    PQfinish(s_direct);
    return 0;
}

#define AT_WORK                                                                                    \
    "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%%generate_series%%'"     \
    " AND (state = 'active' OR state LIKE 'idle in transaction%%')"

/* The servers that the streams had are with nobody. */
static void wait_until_nothing_is_left_open(void)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    while (direct_number(s_direct, "SELECT count(*) " AT_WORK) != 0) {
        assert_true(agdb__now_us() < end_us);
        (void)usleep(2000);
    }
}

static agdb_stream_t *open_numbers(int count)
{
    return numbers_open(s_db, AGDB_REQUEST(EAST, .sql = NUMBERS, AGDB_PARAMS(agdb_int4(count))));
}

/* In the middle of many. */
static agdb_stream_t *open_and_take(int64_t *ret_n)
{
    agdb_stream_t *stream = numbers_open_behind(s_db, AGDB_REQUEST(EAST), "", NUMBERS_MANY);
    agdb_error_t *error = NULL;

    *ret_n = numbers_take(stream, 0, 1, &error);
    assert_null(error);
    return stream;
}

static void all_rows_come_and_the_server_is_given_back(void **state)
{
    static const int counts[] = {0, 1, 1000, 1001, 50000, 7};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(counts); i++) {
        numbers_expect_all(open_numbers(counts[i]), counts[i]);
        wait_until_nothing_is_left_open();
    }
}

/* What a stream's transaction has set is over with it. */
static void nothing_of_a_stream_stays_in_the_sessions(void **state)
{
    static const char look[] = "SELECT current_setting('statement_timeout') || ' ' ||"
                               " current_setting('transaction_read_only') || ' ' ||"
                               " (SELECT count(*) FROM pg_prepared_statements)";
    int i;

    (void)state;
    for (i = 0; i < 2 * SERVERS; i++) {
        char *value;

        numbers_expect_all(open_numbers(100), 100);
        value = cluster_value(
            s_db, AGDB_REQUEST(.shard = "east-1", .sql = look, .timeout_ms = PATIENCE_MS));
        assert_string_equal(value, "0 off 0");
        free(value);
    }
}

/* PgBouncer has no server left that would be another's. */
static void closed_early_the_next_caller_gets_her_own(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 6; i++) {
        agdb_stream_t *stream = numbers_open_behind(s_db, AGDB_REQUEST(EAST), "", NUMBERS_MANY);
        agdb_error_t *error = NULL;

        (void)numbers_take(stream, 0, i * 1000, &error);
        assert_null(error);
        assert_int_equal(agdb_stream_close(stream), AGDB_OK);
        numbers_expect_all(open_numbers(10), 10);
    }
    wait_until_nothing_is_left_open();
}

static void an_error_in_the_middle_is_an_error(void **state)
{
    agdb_stream_t *stream = numbers_open(
        s_db,
        AGDB_REQUEST(EAST, .sql = "SELECT g, 1 / (g - 5000) FROM generate_series(1, 5000) g"));
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(numbers_take(stream, 0, INT64_MAX, &error), 4999);
    assert_string_equal(agdb_error_sqlstate(error), "22012");
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    wait_until_nothing_is_left_open();
    numbers_expect_all(open_numbers(10), 10);
}

/* The PgBouncer says so, or closes: not short in either case. */
static void a_server_lost_behind_it_in_the_middle_is_an_error(void **state)
{
    agdb_error_t *error = NULL;
    int64_t n;
    agdb_stream_t *stream = open_and_take(&n);

    (void)state;
    assert_int_equal(direct_number(s_direct, "SELECT count(pg_terminate_backend(pid)) " AT_WORK),
                     1);
    n = numbers_take(stream, n, INT64_MAX, &error);
    assert_in_range(n, 1, NUMBERS_MANY - 1);
    if (error == NULL || agdb_error_status(error) != AGDB_E_LOST)
        fail_msg("%s", agdb_error_message(error));
    assert_non_null(strstr(agdb_error_message(error), "after "));
    agdb_error_free(error);
    numbers_expect_rest(s_db, AGDB_REQUEST(EAST), stream, n, NUMBERS_MANY);
}

static void one_lost_before_the_first_row_is_not_noticed(void **state)
{
    agdb_stream_t *stream = numbers_open(
        s_db, AGDB_REQUEST(EAST, .sql = "SELECT g FROM (SELECT pg_sleep(0.3) OFFSET 0) s,"
                                        " generate_series(1, 3000) g"));
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), PATIENCE_MS);

    (void)state;
    while (direct_number(s_direct, "SELECT count(pg_terminate_backend(pid)) " AT_WORK) == 0)
        assert_true(agdb__now_us() < end_us);
    numbers_expect_all(stream, 3000);
}

static void a_pgbouncer_that_is_killed_in_the_middle_is_an_error(void **state)
{
    agdb_error_t *error = NULL;
    int64_t n;
    agdb_stream_t *stream = open_and_take(&n);

    (void)state;
    bouncer_kill(&s_bouncer);
    n = numbers_take(stream, n, INT64_MAX, &error);
    assert_in_range(n, 1, NUMBERS_MANY - 1);
    assert_int_equal(agdb_error_status(error), AGDB_E_LOST);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    assert_non_null(strstr(agdb_error_message(error), " rows: shard 'east-1' node"));
    agdb_error_free(error);
    bouncer_restart(&s_bouncer);
    numbers_expect_rest(s_db, AGDB_REQUEST(EAST), stream, n, NUMBERS_MANY);
    wait_until_nothing_is_left_open();
}

/* It stands still with the rows that it has. */
static void a_pgbouncer_that_stands_still_ends_it_in_time(void **state)
{
    agdb_stream_t *stream = numbers_open_behind(
        s_db, AGDB_REQUEST(.shard = "east-1", .access = AGDB_READ, .timeout_ms = 1000), "",
        NUMBERS_MANY);
    agdb_error_t *error = NULL;
    int64_t n = numbers_take(stream, 0, 1, &error);

    (void)state;
    assert_null(error);
    assert_int_equal(kill(s_bouncer.pid, SIGSTOP), 0);
    n = numbers_take(stream, n, INT64_MAX, &error);
    assert_int_equal(kill(s_bouncer.pid, SIGCONT), 0);
    assert_in_range(n, 1, NUMBERS_MANY - 1);
    assert_int_equal(agdb_error_status(error), AGDB_E_TIMEOUT);
    agdb_error_free(error);
    numbers_expect_rest(s_db, AGDB_REQUEST(EAST), stream, n, NUMBERS_MANY);
    wait_until_nothing_is_left_open();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_come_and_the_server_is_given_back),
        cmocka_unit_test(nothing_of_a_stream_stays_in_the_sessions),
        cmocka_unit_test(closed_early_the_next_caller_gets_her_own),
        cmocka_unit_test(an_error_in_the_middle_is_an_error),
        cmocka_unit_test(a_server_lost_behind_it_in_the_middle_is_an_error),
        cmocka_unit_test(one_lost_before_the_first_row_is_not_noticed),
        cmocka_unit_test(a_pgbouncer_that_is_killed_in_the_middle_is_an_error),
        cmocka_unit_test(a_pgbouncer_that_stands_still_ends_it_in_time),
    };
    int failed =
        cmocka_run_group_tests_name("transaction mode", tests, begin_transaction_mode, finish);

    return failed + cmocka_run_group_tests_name("session mode", tests, begin_session_mode, finish);
}
