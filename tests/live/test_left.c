/* Statements whose callers have left: the server stops them, and their connection is used again. */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LATE_MS = 50, PATIENCE_MS = 10000, ROUNDS = 10, ATTEMPTS = 5 };

#define SLEEPS "SELECT pg_sleep(30)"

static agdb_t *g_db;    /* has one connection to each node */
static agdb_t *g_judge; /* another client */

static char g_key[16]; /* of east-1 */

static void find_key(void)
{
    agdb_route_info_t route = {.struct_size = sizeof route};
    unsigned i = 0;

    do {
        snprintf(g_key, sizeof g_key, "key-%u", i++);
        assert_int_equal(agdb_route(g_db, NULL, agdb_key(g_key), &route, NULL), AGDB_OK);
    } while (strcmp(route.shard, "east-1") != 0);
}

static agdb_t *open_one(void)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "left test"};

    return cluster_open_core("pool: { min: 1, max: 1 }", "grouping: on", &options);
}

static int open_all(void **state)
{
    (void)state;
    g_judge = cluster_open(NULL);
    g_db = open_one();
    find_key();
    cluster_do(g_judge,
               AGDB_REQUEST(.shard = "east-1", .sql = "CREATE TABLE left_behind (id int)"));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE left_behind"));
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM agencydb.idempotency"));
    cluster_close(g_db);
    cluster_close(g_judge);
    return 0;
}

/* The process that serves the client's only connection. */
static int serving(void)
{
    char *pid =
        cluster_value(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT pg_backend_pid()",
                                         .timeout_ms = 5000));
    int n = atoi(pid);

    free(pid);
    return n;
}

static void expect_count(const char *sql, const char *count)
{
    char *got = cluster_value(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = sql));

    assert_string_equal(got, count);
    free(got);
}

static bool sleeps(void)
{
    char *n = cluster_value(
        g_judge,
        AGDB_REQUEST(.shard = "east-1",
                     .sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                            " AND query LIKE '%pg_sleep%' AND application_name = 'left test'"));
    bool some = strcmp(n, "0") != 0;

    free(n);
    return some;
}

static void wait_until_nobody_sleeps(void)
{
    uint64_t end_us = agdb__now_us() + PATIENCE_MS * 1000;

    while (sleeps())
        assert_true(agdb__now_us() < end_us);
}

/* What `leave` leaves is stopped, and its connection used again. A machine that is too busy to stop
 * it in time closes the connection, which is no mistake: hence the attempts. */
static void expect_reuse(void (*leave)(void))
{
    int i;

    for (i = 0; i < ATTEMPTS; i++) {
        const int pid = serving();

        leave();
        wait_until_nobody_sleeps();
        if (serving() == pid)
            return;
        print_message("closed\n");
    }
    fail_msg("it was closed each time");
}

static void expect_late(const agdb_request_t *request)
{
    agdb_error_t *error = NULL;

    assert_int_equal(agdb_query(g_db, request, NULL, &error), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_EXECUTE);
    agdb_error_free(error);
}

static void be_late(void)
{
    expect_late(AGDB_REQUEST(.shard = "east-1", .sql = SLEEPS, .timeout_ms = LATE_MS));
}

static void a_late_statement_is_cancelled_and_its_connection_used_again(void **state)
{
    int reused = 0;
    int i;

    (void)state;
    for (i = 0; i < ROUNDS; i++) {
        const int pid = serving();

        be_late();
        wait_until_nobody_sleeps();
        reused += serving() == pid;
    }
    print_message("%d of %d connections used again\n", reused, ROUNDS);
    assert_in_range(reused, ROUNDS / 2, ROUNDS);
}

static void read_late(void)
{
    expect_late(
        AGDB_REQUEST(.shard = "east-1", .sql = SLEEPS, .access = AGDB_READ, .timeout_ms = LATE_MS));
}

static void a_late_read_is_cancelled_as_well(void **state)
{
    (void)state;
    expect_reuse(read_late);
}

static void write_late(void)
{
    expect_late(AGDB_REQUEST(.shard = "east-1",
                             .sql = "INSERT INTO left_behind SELECT 1 FROM pg_sleep(30)",
                             .timeout_ms = LATE_MS));
}

static void write_once_late(void)
{
    expect_late(AGDB_REQUEST(.key = agdb_key(g_key),
                             .sql = "INSERT INTO left_behind SELECT 1 FROM pg_sleep(30)",
                             .idempotency_key = "left", .timeout_ms = LATE_MS));
}

static void a_late_write_leaves_nothing(void **state)
{
    (void)state;
    expect_reuse(write_late);
    expect_reuse(write_once_late);
    expect_count("SELECT count(*) FROM left_behind", "0");
    expect_count("SELECT count(*) FROM agencydb.idempotency WHERE key = 'left'", "0");
}

static void what_may_leave_session_state_is_closed_all_the_same(void **state)
{
    const int pid = serving();

    (void)state;
    expect_late(
        AGDB_REQUEST(.shard = "east-1",
                     .sql = "SELECT set_config('application_name', 'x', false), pg_sleep(30)",
                     .timeout_ms = LATE_MS));
    assert_int_not_equal(serving(), pid);
}

static void be_late_among_many(void)
{
    const agdb_request_t *requests[] = {
        AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1", .access = AGDB_READ),
        AGDB_REQUEST(.shard = "east-1", .sql = SLEEPS),
    };
    agdb_result_t *results[2] = {NULL, NULL};
    agdb_error_t *errors[2] = {NULL, NULL};

    assert_int_equal(agdb_query_many(g_db, requests, 2, 4 * LATE_MS, results, errors, NULL),
                     AGDB_E_PARTIAL);
    assert_null(errors[0]);
    assert_int_equal(agdb_error_status(errors[1]), AGDB_E_TIMEOUT);
    agdb_result_free(results[0]);
    agdb_error_free(errors[1]);
}

static void many_that_are_late_are_cancelled(void **state)
{
    (void)state;
    expect_reuse(be_late_among_many);
}

static void note_status(void *user, agdb_status_t status, agdb_result_t *result,
                        agdb_error_t *error)
{
    *(agdb_status_t *)user = status;
    agdb_result_free(result);
    agdb_error_free(error);
}

/* A loop with a statement that the server runs. */
static agdb_loop_t *open_sleeping(agdb_status_t *heard, uint64_t *ret_id)
{
    uint64_t end_us = agdb__now_us() + PATIENCE_MS * 1000;
    agdb_loop_t *loop = NULL;

    assert_int_equal(agdb_loop_open(g_db, NULL, &loop, NULL), AGDB_OK);
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.shard = "east-1", .sql = SLEEPS), note_status,
                                 heard, ret_id, NULL),
                     AGDB_OK);
    while (!sleeps()) {
        assert_int_equal(agdb_loop_dispatch(loop, NULL), AGDB_OK);
        assert_true(agdb__now_us() < end_us);
    }
    return loop;
}

static void cancel_one(void)
{
    agdb_status_t heard = AGDB_OK;
    uint64_t id = 0;
    agdb_loop_t *loop = open_sleeping(&heard, &id);

    assert_true(agdb_cancel(loop, id));
    assert_int_equal(agdb_loop_run(loop, PATIENCE_MS, NULL), AGDB_OK);
    assert_int_equal(heard, AGDB_E_CANCELLED);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
}

static void what_a_loop_cancels_stops_at_the_server(void **state)
{
    (void)state;
    expect_reuse(cancel_one);
}

static void close_loop(void)
{
    agdb_status_t heard = AGDB_OK;
    agdb_loop_t *loop = open_sleeping(&heard, NULL);

    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    assert_int_equal(heard, AGDB_E_CLOSING);
}

static void a_closed_loop_stops_what_it_had_under_way(void **state)
{
    (void)state;
    expect_reuse(close_loop);
}

/* The keeper lives on to the end of what was left, and no longer. */
static void a_client_closes_while_a_statement_is_left(void **state)
{
    agdb_t *db = open_one();

    (void)state;
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.shard = "east-1", .sql = SLEEPS, .timeout_ms = LATE_MS), NULL,
                   NULL),
        AGDB_E_TIMEOUT);
    cluster_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_statement_is_cancelled_and_its_connection_used_again),
        cmocka_unit_test(a_late_read_is_cancelled_as_well),
        cmocka_unit_test(a_late_write_leaves_nothing),
        cmocka_unit_test(what_may_leave_session_state_is_closed_all_the_same),
        cmocka_unit_test(many_that_are_late_are_cancelled),
        cmocka_unit_test(what_a_loop_cancels_stops_at_the_server),
        cmocka_unit_test(a_closed_loop_stops_what_it_had_under_way),
        cmocka_unit_test(a_client_closes_while_a_statement_is_left),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
