/* Streams from one shard: batches, ends, failures in the middle, early ends, time, memory. */
#include "base/clock.h"
#include "cluster.h"
#include "meter.h"
#include "miser.h"
#include "numbers.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, CALL_MS = 300, SLACK_MS = 50 };

#define SHARD     .shard = "east-1"
#define IN_TIME   .timeout_ms = PATIENCE_MS
#define COUNT(n)  AGDB_PARAMS(agdb_int4(n))
#define READ_EAST SHARD, .access = AGDB_READ, IN_TIME

static agdb_t *g_db;    /* has one connection to each node */
static agdb_t *g_judge; /* another client */

static int open_all(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "stream test"};

    (void)state;
    g_judge = cluster_open(NULL);
    g_db = cluster_open_core("pool: { min: 1, max: 1 }\n  timeouts: { queue: 30s }", "", &options);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_close(g_db);
    cluster_close(g_judge);
    return 0;
}

/* --- words ---------------------------------------------------------------------------------------
 */

static void expect_open_failure(const agdb_request_t *request, agdb_status_t status)
{
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb_stream_open(g_db, request, &stream, &error);

    if (st != status)
        fail_msg("%s: %s", agdb_status_name(st), agdb_error_message(error));
    assert_null(stream);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_free(error);
}

/* The stream has failed: it says so again and again. */
static void expect_failed(agdb_stream_t *stream, agdb_status_t status, const char *part)
{
    int i;

    for (i = 0; i < 2; i++) {
        agdb_result_t *batch = NULL;
        agdb_error_t *error = NULL;
        agdb_status_t st = agdb_stream_next(stream, 0, &batch, &error);

        if (st != status || strstr(agdb_error_message(error), part) == NULL)
            fail_msg("%s: %s", agdb_status_name(st), agdb_error_message(error));
        assert_null(batch);
        assert_int_not_equal(agdb_error_stage(error), AGDB_STAGE_NONE);
        agdb_error_free(error);
    }
}

/* The process that serves the client's only connection. */
static int serving(void)
{
    char *pid = cluster_value(g_db, AGDB_REQUEST(SHARD, .sql = "SELECT pg_backend_pid()", IN_TIME));
    int n = atoi(pid);

    free(pid);
    return n;
}

static bool is_busy(int pid)
{
    char *n =
        cluster_value(g_judge, AGDB_REQUEST(SHARD, AGDB_PARAMS(agdb_int4(pid)),
                                            .sql = "SELECT count(*) FROM pg_stat_activity WHERE pid"
                                                   " = $1 AND state = 'active'"));
    bool some = strcmp(n, "0") != 0;

    free(n);
    return some;
}

static void wait_until_idle(int pid)
{
    const uint64_t end_us = agdb__now_us() + PATIENCE_MS * 1000;

    while (is_busy(pid))
        assert_true(agdb__now_us() < end_us);
}

/* --- rows ----------------------------------------------------------------------------------------
 */

static void all_rows_come_in_batches_and_the_connection_is_used_again(void **state)
{
    const int pid = serving();
    static const int counts[] = {0, 1, 999, 1000, 1001, 50000};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(counts); i++) {
        agdb_stream_t *stream =
            numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(counts[i])));

        assert_int_equal(numbers_take_all(stream), counts[i]);
        assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    }
    assert_int_equal(serving(), pid);
}

static void a_batch_is_a_result_with_all_its_getters(void **state)
{
    agdb_stream_t *stream = numbers_open(
        g_db, AGDB_REQUEST(READ_EAST, .sql = "SELECT 1 AS a, NULL::text AS b, '\\x01'::bytea AS c"
                                             " UNION ALL SELECT 2, 'two', NULL"));
    agdb_result_t *batch = numbers_next(stream, 2);
    agdb_timing_t timing = {.struct_size = sizeof timing};
    unsigned char byte = 0;
    size_t len = 0;

    (void)state;
    assert_int_equal(agdb_stream_close(stream), AGDB_OK); /* they outlive it */
    assert_int_equal(agdb_result_rows(batch), 2);
    assert_int_equal(agdb_result_cols(batch), 3);
    assert_int_equal(agdb_result_column(batch, "b"), 1);
    assert_true(agdb_result_is_null(batch, 0, 1));
    assert_string_equal(agdb_result_text(batch, 1, 1), "two");
    assert_int_equal(agdb_result_bytes(batch, 0, 2, &byte, 1, &len, NULL), AGDB_OK);
    assert_int_equal(byte, 1);
    assert_string_equal(agdb_result_shard(batch), "east-1");
    assert_string_equal(agdb_result_row_shard(batch, 1), "east-1");
    assert_int_equal(agdb_result_role(batch), AGDB_ROLE_PRIMARY);
    agdb_result_timing(batch, &timing);
    assert_int_equal(timing.attempts, 1);
    agdb_result_free(batch);
}

static void the_caller_says_how_many_rows_a_batch_has(void **state)
{
    agdb_stream_t *stream = numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(100)));
    size_t seen = 0;
    agdb_result_t *batch;

    (void)state;
    while ((batch = numbers_next(stream, 7)) != NULL) {
        assert_in_range(agdb_result_rows(batch), 1, 7);
        seen += agdb_result_rows(batch);
        agdb_result_free(batch);
    }
    assert_int_equal(seen, 100);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

/* What has come is given, and not kept until there is more. */
static void rows_that_have_come_are_given_at_once(void **state)
{
    agdb_stream_t *stream = numbers_open(
        g_db, AGDB_REQUEST(READ_EAST, .sql = "SELECT g, repeat('x', 10000), CASE WHEN g > 3 THEN"
                                             " pg_sleep(1) END FROM generate_series(1, 5) g"));
    const uint64_t start_us = agdb__now_us();
    agdb_result_t *batch = numbers_next(stream, 0);

    (void)state;
    assert_in_range(agdb_result_rows(batch), 1, 3);
    assert_in_range(agdb__now_us() - start_us, 0, 900000);
    agdb_result_free(batch);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void max_bytes_makes_batches_smaller(void **state)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, .max_bytes = 100000, COUNT(100),
                                        .sql = "SELECT g, repeat('x', 20000) FROM"
                                               " generate_series(1, $1::int) g"));
    agdb_result_t *batch;
    size_t seen = 0;

    (void)state;
    while ((batch = numbers_next(stream, 0)) != NULL) {
        assert_in_range(agdb_result_rows(batch), 1, 4);
        seen += agdb_result_rows(batch);
        agdb_result_free(batch);
    }
    assert_int_equal(seen, 100);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void a_row_over_max_bytes_is_an_error_behind_the_rows_before_it(void **state)
{
    agdb_stream_t *stream = numbers_open(
        g_db, AGDB_REQUEST(READ_EAST, .max_bytes = 100000, COUNT(100),
                           .sql = "SELECT g, repeat('x', CASE WHEN g = 50 THEN 200000 ELSE 10 END)"
                                  " FROM generate_series(1, $1::int) g"));
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(numbers_take(stream, 0, INT64_MAX, &error), 49);
    assert_int_equal(agdb_error_status(error), AGDB_E_TOO_BIG);
    assert_non_null(strstr(agdb_error_message(error), "after 49 rows"));
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void more_than_max_rows_is_an_error(void **state)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, .max_rows = 10, COUNT(11)));
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(numbers_take(stream, 0, INT64_MAX, &error), 10);
    assert_int_equal(agdb_error_status(error), AGDB_E_TOO_BIG);
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    stream = numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, .max_rows = 10, COUNT(10)));
    assert_int_equal(numbers_take_all(stream), 10);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

/* --- failures ------------------------------------------------------------------------------------
 */

static void what_cannot_be_a_stream_is_refused(void **state)
{
    agdb_result_t *batch = NULL;
    agdb_stream_t *stream = NULL;

    (void)state;
    expect_open_failure(AGDB_REQUEST(SHARD, .sql = "DELETE FROM agency RETURNING key"),
                        AGDB_E_UNSUPPORTED);
    expect_open_failure(AGDB_REQUEST(SHARD, .access = AGDB_READ, .sql = ""), AGDB_E_INVAL);
    expect_open_failure(AGDB_REQUEST(SHARD, .access = AGDB_READ, .sql = "COPY agency TO STDOUT"),
                        AGDB_E_UNSUPPORTED);
    expect_open_failure(AGDB_REQUEST(.access = AGDB_READ, .sql = "SELECT 1"), AGDB_E_NO_TARGET);
    assert_int_equal(agdb_stream_open(NULL, AGDB_REQUEST(.sql = "SELECT 1"), &stream, NULL),
                     AGDB_E_MISUSE);
    assert_int_equal(agdb_stream_open(g_db, AGDB_REQUEST(.sql = "SELECT 1"), NULL, NULL),
                     AGDB_E_MISUSE);
    assert_int_equal(agdb_stream_next(NULL, 0, &batch, NULL), AGDB_E_MISUSE);
    assert_int_equal(agdb_stream_close(NULL), AGDB_OK);
}

static void an_error_of_the_statement_is_told_by_the_first_next(void **state)
{
    static const char *const sql[] = {"SELECT nothing", "SELECT 1 / 0", "CREATE TABLE t (i int)",
                                      "SELECT FROM generate_series(1, 3)"};
    static const char *const part[] = {"42703", "22012", "25006", "without columns"};
    static const agdb_status_t status[] = {AGDB_E_SERVER, AGDB_E_SERVER, AGDB_E_SERVER,
                                           AGDB_E_UNSUPPORTED};
    const int pid = serving();
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(sql); i++) {
        agdb_stream_t *stream = numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = sql[i]));

        expect_failed(stream, status[i], part[i]);
        assert_int_equal(agdb_stream_close(stream), AGDB_OK);
        if (i < 3)
            assert_int_equal(serving(), pid);
    }
}

static void a_division_by_zero_in_the_last_row_is_an_error(void **state)
{
    const int pid = serving();
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, COUNT(5000),
                                        .sql = "SELECT g, 1 / (g - 5000) FROM"
                                               " generate_series(1, $1::int) g"));
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(numbers_take(stream, 0, INT64_MAX, &error), 4999);
    assert_string_equal(agdb_error_sqlstate(error), "22012");
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    assert_string_equal(agdb_error_shard(error), "east-1");
    assert_string_not_equal(agdb_error_node(error), "");
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_EXECUTE);
    agdb_error_free(error);
    expect_failed(stream, AGDB_E_SERVER, "after 4999 rows: shard 'east-1' node");
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    assert_int_equal(serving(), pid);
}

static void a_backend_killed_in_the_middle_is_an_error(void **state)
{
    const int pid = serving();
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(5000000)));
    agdb_error_t *error = NULL;
    int64_t n = numbers_take(stream, 0, 1, &error);

    (void)state;
    assert_in_range(n, 1, AGDB_STREAM_ROWS);
    assert_int_equal(kill(pid, SIGKILL), 0);
    n = numbers_take(stream, n, INT64_MAX, &error);
    assert_in_range(n, 1, 4999999);
    assert_int_equal(agdb_error_status(error), AGDB_E_LOST);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    assert_true(agdb_error_is_retriable(error));
    assert_non_null(strstr(agdb_error_message(error), " rows: shard 'east-1' node"));
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    cluster_do(g_db, AGDB_REQUEST(SHARD, .sql = "SELECT 1", IN_TIME));
}

/* Before the first row it is as any read: asked again. */
static void a_backend_killed_before_the_first_row_is_not_noticed(void **state)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    const int pid = serving();
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, COUNT(3000),
                                        .sql = "SELECT g FROM (SELECT pg_sleep(0.3) OFFSET 0) s,"
                                               " generate_series(1, $1::int) g"));
    char *end = cluster_value(g_judge, AGDB_REQUEST(SHARD, AGDB_PARAMS(agdb_int4(pid)),
                                                    .sql = "SELECT 1 FROM pg_stat_activity"
                                                           " WHERE pid = $1"));

    (void)state;
    (void)node;
    assert_string_equal(end, "1");
    free(end);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(numbers_take_all(stream), 3000);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    assert_int_not_equal(serving(), pid);
}

static void a_server_that_stands_still_ends_it_in_time(void **state)
{
    const int pid = serving();
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(SHARD, .access = AGDB_READ, .sql = NUMBERS, COUNT(5000000),
                                        .timeout_ms = CALL_MS));
    agdb_error_t *error = NULL;
    uint64_t worst_us = 0;
    agdb_status_t st = AGDB_OK;
    int64_t n = 0;

    (void)state;
    n = numbers_take(stream, 0, 1, &error);
    assert_null(error);
    meter_start(1);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    while (st == AGDB_OK) {
        const uint64_t start_us = agdb__now_us();
        agdb_result_t *batch = NULL;

        st = agdb_stream_next(stream, 0, &batch, &error);
        worst_us = agdb__now_us() - start_us;
        n += (int64_t)agdb_result_rows(batch);
        agdb_result_free(batch);
    }
    assert_int_equal(kill(pid, SIGCONT), 0);
    meter_stop();
    assert_int_equal(st, AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_EXECUTE);
    print_message("%llu us for a limit of %d ms: %s\n", (unsigned long long)worst_us, CALL_MS,
                  agdb_error_message(error));
    assert_in_range(worst_us, CALL_MS * 1000, (CALL_MS + SLACK_MS) * 1000 + meter_worst_us());
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    cluster_do(g_db, AGDB_REQUEST(SHARD, .sql = "SELECT 1", IN_TIME));
}

/* The caller may take her time, which is not the server's. */
static void a_slow_caller_gets_all_rows(void **state)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(SHARD, .access = AGDB_READ, .sql = NUMBERS, COUNT(300000),
                                        .timeout_ms = CALL_MS));
    agdb_error_t *error = NULL;
    int64_t n = 0;
    int i;

    (void)state;
    for (i = 0; i < 4; i++) {
        n = numbers_take(stream, n, n + 1, &error);
        assert_null(error);
        (void)poll(NULL, 0, CALL_MS);
    }
    assert_int_equal(numbers_take(stream, n, INT64_MAX, &error), 300000);
    assert_null(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

/* --- early ends ----------------------------------------------------------------------------------
 */

/* A machine that is too busy to cancel it in time closes the connection, which is no mistake: hence
 * the attempts. */
static void a_stream_that_is_closed_early_is_cancelled_and_its_connection_used_again(void **state)
{
    int reused = 0;
    int i;

    (void)state;
    for (i = 0; i < 10; i++) {
        const int pid = serving();
        agdb_stream_t *stream =
            numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(100000000)));
        agdb_error_t *error = NULL;

        if (i % 3 != 0)
            (void)numbers_take(stream, 0, i % 3 == 1 ? 1 : 20000, &error);
        assert_int_equal(agdb_stream_close(stream), AGDB_OK);
        wait_until_idle(pid);
        reused += serving() == pid;
    }
    print_message("%d of 10 connections used again\n", reused);
    assert_in_range(reused, 1, 10);
}

static void an_open_stream_has_the_only_connection(void **state)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(100000)));
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(
        agdb_query(g_db,
                   AGDB_REQUEST(SHARD, .access = AGDB_READ, .sql = "SELECT 1", .timeout_ms = 100),
                   NULL, &error),
        AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_QUEUE);
    agdb_error_clear(&error);
    assert_int_equal(numbers_take_all(stream), 100000);
    /* at its end it has given it back */
    cluster_do(g_db, AGDB_REQUEST(SHARD, .sql = "SELECT 1", .timeout_ms = 1000));
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void a_stream_outlives_the_close_of_its_client(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "stream test"};
    agdb_t *db = cluster_open_core("pool: { min: 1, max: 2 }", "", &options);
    agdb_stream_t *stream =
        numbers_open(db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(1000000)));
    agdb_error_t *error = NULL;
    int64_t n = numbers_take(stream, 0, 1, &error);

    (void)state;
    assert_true(n > 0);
    assert_int_equal(agdb_close(db, 50), AGDB_E_TIMEOUT);
    expect_failed(stream, AGDB_E_CLOSING, "closing");
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void a_child_may_not_touch_it(void **state)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(5000)));
    int status = 0;
    pid_t child;

    (void)state;
    child = fork();
    if (child == 0) {
        agdb_result_t *batch = NULL;
        bool right = agdb_stream_next(stream, 0, &batch, NULL) == AGDB_E_FORKED &&
                     agdb_stream_close(stream) == AGDB_E_FORKED;

        _exit(right ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(numbers_take_all(stream), 5000);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void wait_in_callback(void *user, agdb_status_t status, agdb_result_t *result,
                             agdb_error_t *error)
{
    agdb_stream_t **stream = user;
    agdb_stream_t *other = NULL;
    agdb_result_t *batch = NULL;

    assert_int_equal(status, AGDB_OK);
    agdb_result_free(result);
    agdb_error_free(error);
    assert_int_equal(
        agdb_stream_open(g_db, AGDB_REQUEST(READ_EAST, .sql = "SELECT 1"), &other, NULL),
        AGDB_E_MISUSE);
    assert_int_equal(agdb_stream_next(*stream, 0, &batch, NULL), AGDB_E_MISUSE);
    assert_int_equal(agdb_stream_close(*stream), AGDB_OK); /* does not wait */
    *stream = NULL;
}

static void a_callback_may_close_but_not_wait(void **state)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(5000)));
    agdb_loop_t *loop = NULL;

    (void)state;
    assert_int_equal(agdb_loop_open(g_db, NULL, &loop, NULL), AGDB_OK);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1", IN_TIME),
                                 wait_in_callback, &stream, NULL, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_loop_run(loop, PATIENCE_MS, NULL), AGDB_OK);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    assert_null(stream);
}

/* --- memory --------------------------------------------------------------------------------------
 */

static long peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    fclose(file);
    assert_true(kib > 0);
    return kib;
}

/* A million rows of 100 bytes are some 120 MiB in a result. */
static void memory_stays_flat_over_a_million_rows(void **state)
{
    agdb_stream_t *stream =
        numbers_open(g_db, AGDB_REQUEST(READ_EAST, .sql = NUMBERS, COUNT(20000)));
    long before;
    long grown;

    (void)state;
    assert_int_equal(numbers_take_all(stream), 20000);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    before = peak_kib();
    stream = numbers_open(g_db, AGDB_REQUEST(READ_EAST, COUNT(1000000),
                                             .sql = "SELECT generate_series(1, $1::int),"
                                                    " repeat('x', 100)"));
    assert_int_equal(numbers_take_all(stream), 1000000);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    grown = peak_kib() > before ? peak_kib() - before : 0;
    print_message("peak memory grew by %ld KiB\n", grown);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(grown, 0, 4096);
#endif
}

/* --- out of memory -------------------------------------------------------------------------------
 */

/* All rows of both shards, or an error that says why; never less. */
static bool stream_all(agdb_t *db, const agdb_merge_t *merge, const agdb_cursor_t *cursor)
{
    char text[AGDB_CURSOR_TEXT_MAX];
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;
    agdb_result_t *batch = NULL;
    size_t rows = 0;
    agdb_status_t st = agdb_stream_open(
        db,
        AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, IN_TIME, .merge = merge, COUNT(700),
                     .sql = NUMBERS, .tag = "scarce", .cursor = cursor),
        &stream, &error);

    while (st == AGDB_OK && (st = agdb_stream_next(stream, 0, &batch, &error)) == AGDB_OK &&
           batch != NULL) {
        rows += agdb_result_rows(batch);
        agdb_result_free(batch);
        st = agdb_stream_cursor(stream, text, sizeof text, &error);
    }
    if (st == AGDB_OK)
        assert_int_equal(rows, 1400);
    else if (st != AGDB_E_NOMEM && st != AGDB_E_TIMEOUT)
        fail_msg("%s: %s", agdb_status_name(st), agdb_error_message(error));
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    return st == AGDB_OK;
}

static void each_allocation_failing_is_an_error_and_leaks_nothing(void **state)
{
    static const agdb_order_by_t by_g[] = {{.name = "g"}};
    const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = by_g, .norder = 1};
    agdb_options_t options = {.struct_size = sizeof options, .allocator = &k_miser};
    agdb_t *db = cluster_open_core("pool: { min: 1, max: 2 }", "", &options);
    bool done = false;
    int failures = 0;
    int i;

    (void)state;
    for (i = 0; !done; i++) {
        miser_begin(i, true);
        (void)stream_all(db, &merge, NULL);
        done = !miser_end();
        failures++;
    }
    print_message("%d allocations refused, one by one\n", failures - 1);
    assert_true(failures > 20);
    assert_true(stream_all(db, &merge, NULL));
    cluster_close(db);
    assert_int_equal(miser_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_come_in_batches_and_the_connection_is_used_again),
        cmocka_unit_test(a_batch_is_a_result_with_all_its_getters),
        cmocka_unit_test(the_caller_says_how_many_rows_a_batch_has),
        cmocka_unit_test(rows_that_have_come_are_given_at_once),
        cmocka_unit_test(max_bytes_makes_batches_smaller),
        cmocka_unit_test(a_row_over_max_bytes_is_an_error_behind_the_rows_before_it),
        cmocka_unit_test(more_than_max_rows_is_an_error),
        cmocka_unit_test(what_cannot_be_a_stream_is_refused),
        cmocka_unit_test(an_error_of_the_statement_is_told_by_the_first_next),
        cmocka_unit_test(a_division_by_zero_in_the_last_row_is_an_error),
        cmocka_unit_test(a_backend_killed_before_the_first_row_is_not_noticed),
        cmocka_unit_test(a_slow_caller_gets_all_rows),
        cmocka_unit_test(a_stream_that_is_closed_early_is_cancelled_and_its_connection_used_again),
        cmocka_unit_test(an_open_stream_has_the_only_connection),
        cmocka_unit_test(a_stream_outlives_the_close_of_its_client),
        cmocka_unit_test(a_child_may_not_touch_it),
        cmocka_unit_test(a_callback_may_close_but_not_wait),
        cmocka_unit_test(memory_stays_flat_over_a_million_rows),
        cmocka_unit_test(each_allocation_failing_is_an_error_and_leaks_nothing),
        cmocka_unit_test(a_server_that_stands_still_ends_it_in_time),
        cmocka_unit_test(a_backend_killed_in_the_middle_is_an_error), /* restarts the server */
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
