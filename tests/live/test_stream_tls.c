/* Streams over TLS, with servers that are verified: rows of all lengths, records that end in the
 * middle of a row, early ends, failures. */
#include "base/clock.h"
#include "cluster.h"
#include "direct.h"
#include "numbers.h"
#include "tls.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 30000, CALL_MS = 1000 };

#define SHARD   .shard = "east-1"
#define IN_TIME .timeout_ms = PATIENCE_MS
#define EAST    SHARD, .access = AGDB_READ, IN_TIME

static tls_t g_tls[2];
static PGconn *g_admin; /* of east-1, past the library */
static agdb_t *g_db;    /* has one connection to each node */

/* The primaries of core's shards by that name, each with its authority. */
static agdb_t *open_as(const char *host, const char *east_ca)
{
    char text[2048];
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    snprintf(text, sizeof text,
             "agencydb: 1\n"
             "defaults:\n"
             "  connection: { user: %s, dbname: %s, password_file: %s, sslmode: verify-full }\n"
             "  pool: { min: 1, max: 1 }\n  timeouts: { queue: 30s }\n"
             "keyspaces:\n  core:\n    shards:\n"
             "      east-1: { slots: [0-2047], connection: { sslrootcert: %s },"
             " nodes: [ \"%s:%d\" ] }\n"
             "      west-1: { slots: [2048-4095], connection: { sslrootcert: %s },"
             " nodes: [ \"localhost:%d\" ] }\n",
             cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), east_ca, host, g_tls[0].node.port, g_tls[1].ca,
             g_tls[1].node.port);
    if (agdb_open_text(text, strlen(text), NULL, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static int open_all(void **state)
{
    cluster_node_t east = cluster_node("core", "east-1", "primary");
    cluster_node_t west = cluster_node("core", "west-1", "primary");
    agdb_error_t *error = NULL;

    (void)state;
    g_tls[0] = tls_start(&east);
    g_tls[1] = tls_start(&west);
    g_admin = direct_open_admin(&east);
    g_db = open_as("localhost", g_tls[0].ca);
    if (agdb_wait_ready(g_db, AGDB_READY_ALL, PATIENCE_MS, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_close(g_db);
    PQfinish(g_admin);
    tls_stop(&g_tls[0]);
    tls_stop(&g_tls[1]);
    return 0;
}

/* The process that serves the client's only connection. */
static int serving(void)
{
    char *pid = cluster_value(g_db, AGDB_REQUEST(SHARD, .sql = "SELECT pg_backend_pid()", IN_TIME));
    int n = atoi(pid);

    free(pid);
    return n;
}

static void the_connection_is_encrypted_and_the_server_verified(void **state)
{
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;
    agdb_t *wrong[2] = {open_as("127.0.0.1", g_tls[0].ca), open_as("localhost", g_tls[0].other)};
    size_t i;

    (void)state;
    cluster_expect(g_db, "east-1", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "t");
    cluster_expect(g_db, "west-1", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", "t");
    for (i = 0; i < AGDB_COUNT(wrong); i++) { /* another name, another authority */
        assert_int_equal(
            agdb_stream_open(wrong[i], AGDB_REQUEST(EAST, .sql = "SELECT 1"), &stream, &error),
            AGDB_E_TLS);
        assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
        agdb_error_clear(&error);
        cluster_close(wrong[i]);
    }
}

static void all_rows_come_in_batches_and_the_connection_is_used_again(void **state)
{
    static const int counts[] = {0, 1, 999, 1000, 1001, 50000};
    const int pid = serving();
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(counts); i++)
        numbers_expect_all(numbers_open(g_db, AGDB_REQUEST(EAST, .sql = NUMBERS,
                                                           AGDB_PARAMS(agdb_int4(counts[i])))),
                           counts[i]);
    assert_int_equal(serving(), pid);
}

/* Around the size of a record, which is 16 KiB. */
static void rows_of_all_lengths_come_whole(void **state)
{
    agdb_stream_t *stream = numbers_open(
        g_db, AGDB_REQUEST(EAST, .sql = "SELECT g, repeat('x', g * 7 % 40000) AS pad, g * 7 % 40000"
                                        " FROM generate_series(1, 6000) g"));
    agdb_result_t *batch;
    int64_t n = 0;

    (void)state;
    while ((batch = numbers_next(stream, 0)) != NULL) {
        size_t i;

        for (i = 0; i < agdb_result_rows(batch); i++) {
            int64_t got = 0;
            int64_t want = 0;

            assert_int_equal(agdb_result_int64(batch, i, 0, &got, NULL), AGDB_OK);
            assert_int_equal(agdb_result_int64(batch, i, 2, &want, NULL), AGDB_OK);
            assert_int_equal(got, ++n);
            assert_int_equal(strlen(agdb_result_text(batch, i, 1)), want);
        }
        agdb_result_free(batch);
    }
    assert_int_equal(n, 6000);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

/* Records are not rows: those that have come must not wait for the ones behind them. Where a server
 * sends longer records than libpq reads at once (none up to 15 does), the rest of one is with
 * libpq, and nothing that poll() would see. */
static void rows_that_have_come_are_given_at_once(void **state)
{
    agdb_stream_t *stream = numbers_open(
        g_db,
        AGDB_REQUEST(EAST, .sql = "SELECT g, repeat('x', 10000), CASE WHEN g > 6 THEN pg_sleep(2)"
                                  " END FROM generate_series(1, 7) g"));
    const uint64_t start_us = agdb__now_us();
    agdb_error_t *error = NULL;
    int64_t n = 0;

    (void)state;
    while (n < 5) /* what fills the server's buffer is with the client */
        n = numbers_take(stream, n, n + 1, &error);
    assert_null(error);
    assert_in_range(agdb__now_us() - start_us, 0, 1900000);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void two_shards_are_merged_in_order(void **state)
{
    static const agdb_order_by_t by_g[] = {{.name = "g"}};
    static const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = by_g, .norder = 1};
    agdb_stream_t *stream = numbers_open(
        g_db, AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, IN_TIME, .merge = &merge,
                           .sql = "SELECT g, repeat('x', g % 3000) FROM generate_series(1, 20000) g"
                                  " WHERE (g % 2 = 0) = (SELECT shard = 'east-1' FROM"
                                  " agencydb.identity WHERE keyspace = 'core')"));

    (void)state;
    numbers_expect_all(stream, 20000);
}

static void closed_early_the_next_caller_gets_her_own(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 6; i++) {
        agdb_stream_t *stream =
            numbers_open(g_db, AGDB_REQUEST(EAST, .sql = NUMBERS, AGDB_PARAMS(agdb_int4(9999999))));
        agdb_error_t *error = NULL;

        (void)numbers_take(stream, 0, i * 2000, &error);
        assert_null(error);
        assert_int_equal(agdb_stream_close(stream), AGDB_OK);
        numbers_expect_all(
            numbers_open(g_db, AGDB_REQUEST(EAST, .sql = NUMBERS, AGDB_PARAMS(agdb_int4(10)))), 10);
    }
}

static void a_server_that_stands_still_ends_it_in_time(void **state)
{
    const int pid = serving();
    agdb_stream_t *stream = numbers_open_behind(
        g_db, AGDB_REQUEST(SHARD, .access = AGDB_READ, .timeout_ms = CALL_MS), "", NUMBERS_MANY);
    agdb_error_t *error = NULL;
    int64_t n = numbers_take(stream, 0, 1, &error);

    (void)state;
    assert_null(error);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    n = numbers_take(stream, n, INT64_MAX, &error);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(agdb_error_status(error), AGDB_E_TIMEOUT);
    assert_in_range(n, 1, NUMBERS_MANY - 1);
    agdb_error_free(error);
    numbers_expect_rest(g_db, AGDB_REQUEST(EAST), stream, n, NUMBERS_MANY);
}

static void a_session_that_is_ended_in_the_middle_is_an_error(void **state)
{
    const int pid = serving();
    agdb_stream_t *stream = numbers_open_behind(g_db, AGDB_REQUEST(EAST), "", NUMBERS_MANY);
    agdb_error_t *error = NULL;
    int64_t n = numbers_take(stream, 0, 1, &error);

    (void)state;
    direct_do(g_admin, "SELECT pg_terminate_backend(%d)", pid);
    n = numbers_take(stream, n, INT64_MAX, &error);
    assert_in_range(n, 1, NUMBERS_MANY - 1);
    assert_int_equal(agdb_error_status(error), AGDB_E_LOST);
    assert_non_null(strstr(agdb_error_message(error), " rows: shard 'east-1' node"));
    agdb_error_free(error);
    numbers_expect_rest(g_db, AGDB_REQUEST(EAST), stream, n, NUMBERS_MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_connection_is_encrypted_and_the_server_verified),
        cmocka_unit_test(all_rows_come_in_batches_and_the_connection_is_used_again),
        cmocka_unit_test(rows_of_all_lengths_come_whole),
        cmocka_unit_test(rows_that_have_come_are_given_at_once),
        cmocka_unit_test(two_shards_are_merged_in_order),
        cmocka_unit_test(closed_early_the_next_caller_gets_her_own),
        cmocka_unit_test(a_server_that_stands_still_ends_it_in_time),
        cmocka_unit_test(a_session_that_is_ended_in_the_middle_is_an_error),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
