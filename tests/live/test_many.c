/* Several requests of one call: agdb_query_many. */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "meter.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 10000, THREADS = 6, SLACK_US = 50000 };

/* Requests, and places for their ends, on the heap. */
typedef struct batch {
    agdb_request_t *request;
    const agdb_request_t **pointer;
    agdb_value_t *value;
    char (*text)[32];
    agdb_result_t **result;
    agdb_error_t **error;
    size_t count;
} batch_t;

static batch_t batch_new(size_t count)
{
    batch_t b = {.request = calloc(count, sizeof *b.request),
                 .pointer = calloc(count, sizeof *b.pointer),
                 .value = calloc(count, sizeof *b.value),
                 .text = calloc(count, sizeof *b.text),
                 .result = calloc(count, sizeof *b.result),
                 .error = calloc(count, sizeof *b.error),
                 .count = count};
    size_t i;

    for (i = 0; i < count; i++) {
        b.request[i] = AGDB_REQUEST_INIT;
        b.pointer[i] = &b.request[i];
        snprintf(b.text[i], sizeof b.text[i], "nonce-%zu", i);
        b.value[i] = agdb_text(b.text[i]);
        b.request[i].shard = i % 2 == 0 ? "east-1" : "west-1";
        b.request[i].sql = "SELECT $1 || ''";
        b.request[i].params = &b.value[i];
        b.request[i].nparams = 1;
        b.request[i].access = AGDB_READ;
    }
    return b;
}

static void batch_clear(batch_t *b)
{
    size_t i;

    for (i = 0; i < b->count; i++) {
        agdb_result_free(b->result[i]);
        agdb_error_clear(&b->error[i]);
        b->result[i] = NULL;
    }
}

static void batch_free(batch_t *b)
{
    batch_clear(b);
    free(b->request);
    free(b->pointer);
    free(b->value);
    free(b->text);
    free(b->result);
    free(b->error);
}

static agdb_status_t run(agdb_t *db, batch_t *b, uint32_t timeout_ms, agdb_error_t **reterr)
{
    return agdb_query_many(db, b->pointer, b->count, timeout_ms, b->result, b->error, reterr);
}

/* That each has its own row, or its own error. */
static void check_rows(const batch_t *b)
{
    size_t i;

    for (i = 0; i < b->count; i++) {
        if (b->error[i] != NULL)
            fail_msg("%zu: %s", i, agdb_error_message(b->error[i]));
        if (strcmp(agdb_result_text(b->result[i], 0, 0), b->text[i]) != 0)
            fail_msg("%zu has a foreign row: %s", i, agdb_result_text(b->result[i], 0, 0));
        if (strcmp(agdb_result_shard(b->result[i]), b->request[i].shard) != 0)
            fail_msg("%zu was answered by %s", i, agdb_result_shard(b->result[i]));
    }
}

static void each_request_has_its_own_rows(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(100);
    agdb_error_t *error = NULL;
    int round;

    (void)state;
    for (round = 0; round < 20; round++) {
        if (run(db, &b, 0, &error) != AGDB_OK)
            fail_msg("%s", agdb_error_message(error));
        check_rows(&b);
        batch_clear(&b);
    }
    batch_free(&b);
    cluster_close(db);
}

static void none_and_one_are_fine(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(1);

    (void)state;
    assert_int_equal(agdb_query_many(db, NULL, 0, 0, NULL, NULL, NULL), AGDB_OK);
    assert_int_equal(run(db, &b, 0, NULL), AGDB_OK);
    check_rows(&b);
    batch_free(&b);
    cluster_close(db);
}

static void errors_belong_to_their_requests(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(100);
    agdb_error_t *error = NULL;
    int round;
    size_t i;

    (void)state;
    for (i = 0; i < 100; i += 10)
        b.request[i].sql = "SELECT 1 / length($1 || '') - length($1 || '') / 0";
    b.request[11].shard = "nowhere";
    b.request[12].sql = NULL;
    b.request[13].access = AGDB_READ;
    b.request[13].sql = "CREATE TABLE not_by_a_read (t text DEFAULT $1)";
    for (round = 0; round < 5; round++) {
        assert_int_equal(run(db, &b, 0, &error), AGDB_E_PARTIAL);
        assert_non_null(strstr(agdb_error_message(error), "13 of 100 requests failed"));
        assert_string_equal(agdb_error_sqlstate(agdb_error_child(error, 0)), "22012");
        for (i = 0; i < 100; i++) {
            bool bad = i % 10 == 0 || (i >= 11 && i <= 13);

            assert_true((b.error[i] != NULL) == bad);
            assert_true((b.result[i] == NULL) == bad);
            if (i % 10 == 0)
                assert_string_equal(agdb_error_sqlstate(b.error[i]), "22012");
            if (!bad)
                assert_string_equal(agdb_result_text(b.result[i], 0, 0), b.text[i]);
        }
        assert_int_equal(agdb_error_status(b.error[11]), AGDB_E_INVAL);
        assert_int_equal(agdb_error_outcome(b.error[11]), AGDB_OUTCOME_NOT_SENT);
        assert_int_equal(agdb_error_status(b.error[12]), AGDB_E_INVAL);
        assert_int_equal(agdb_error_status(b.error[13]), AGDB_E_SERVER);
        batch_clear(&b);
    }
    agdb_error_clear(&error);
    batch_free(&b);
    cluster_close(db);
}

/* Until there are several connections to each shard: under a sanitizer a login takes long. */
static void warm_up(agdb_t *db, batch_t *b)
{
    uint64_t took_us = AGDB__NEVER;
    int round;
    size_t i;

    for (i = 0; i < b->count; i++)
        b->request[i].sql = "SELECT $1 || '' FROM pg_sleep(0.02)";
    for (round = 0; round < 50 && took_us > b->count * 20000 / 6; round++) {
        uint64_t start = agdb__now_us();

        assert_int_equal(run(db, b, 30000, NULL), AGDB_OK);
        took_us = agdb__now_us() - start;
        batch_clear(b);
    }
    for (i = 0; i < b->count; i++)
        b->request[i].sql = "SELECT $1 || ''";
}

/* As long as that, and what a sleeping thread is late by on this machine is no fault of the call.
 */
static void expect_time(uint64_t start_us, uint64_t us)
{
    assert_in_range(agdb__now_us() - start_us, us, us + SLACK_US + meter_worst_us());
}

static void a_slow_request_does_not_hold_the_others(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(50);
    uint64_t start;
    size_t i;

    (void)state;
    warm_up(db, &b);
    b.request[7].sql = "SELECT pg_sleep(5), $1";
    start = agdb__now_us();
    assert_int_equal(run(db, &b, 800, NULL), AGDB_E_PARTIAL);
    expect_time(start, 800000);
    for (i = 0; i < 50; i++)
        if (i != 7 && b.error[i] != NULL)
            fail_msg("%zu: %s", i, agdb_error_message(b.error[i]));
        else if (i != 7)
            assert_string_equal(agdb_result_text(b.result[i], 0, 0), b.text[i]);
    assert_int_equal(agdb_error_status(b.error[7]), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_outcome(b.error[7]), AGDB_OUTCOME_UNKNOWN);
    assert_string_equal(agdb_error_shard(b.error[7]), "west-1");
    batch_clear(&b);
    b.request[7].timeout_ms = 400; /* its own; the others have the map's */
    start = agdb__now_us();
    assert_int_equal(run(db, &b, 0, NULL), AGDB_E_PARTIAL);
    expect_time(start, 400000);
    batch_free(&b);
    cluster_close(db);
}

static void ten_thousand_are_answered(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(MANY);
    agdb_error_t *error = NULL;
    uint64_t start = agdb__now_us();
    size_t i;

    (void)state;
    for (i = 0; i < MANY; i++)
        b.request[i].timeout_ms = 60000;
    if (run(db, &b, 0, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    print_message("%d in %llu ms\n", MANY, (unsigned long long)(agdb__now_us() - start) / 1000);
    check_rows(&b);
    batch_free(&b);
    cluster_close(db);
}

static void more_slow_ones_than_connections_take_turns(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(60);
    agdb_error_t *error = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < 60; i++) {
        b.request[i].sql = "SELECT $1 || '' FROM pg_sleep(0.05)";
        b.request[i].timeout_ms = 20000;
    }
    if (run(db, &b, 0, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    check_rows(&b);
    batch_free(&b);
    cluster_close(db);
}

static void writes_are_written_once(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(300);
    agdb_error_t *error = NULL;
    char *count;
    size_t i;

    (void)state;
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE IF EXISTS test_many"));
    cluster_do(
        db, AGDB_REQUEST(.shard = "east-1", .sql = "CREATE TABLE test_many (t text PRIMARY KEY)"));
    for (i = 0; i < 300; i++) {
        b.request[i].shard = "east-1";
        b.request[i].access = i % 3 == 0 ? AGDB_READ : AGDB_WRITE;
        if (i % 3 != 0)
            b.request[i].sql = "INSERT INTO test_many VALUES ($1) RETURNING t";
        b.request[i].timeout_ms = 20000;
    }
    if (run(db, &b, 0, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    check_rows(&b);
    batch_clear(&b);
    count = cluster_value(
        db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT count(DISTINCT t) FROM test_many"));
    assert_string_equal(count, "200");
    free(count);
    assert_int_equal(run(db, &b, 0, NULL), AGDB_E_PARTIAL); /* a second time */
    for (i = 0; i < 300; i++)
        if (i % 3 != 0)
            assert_string_equal(agdb_error_sqlstate(b.error[i]), "23505");
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE test_many"));
    batch_free(&b);
    cluster_close(db);
}

typedef struct caller {
    agdb_t *db;
    atomic_bool *stop;
    unsigned answered;
    char wrong[256];
    pthread_t thread;
} caller_t;

static void *call_in_a_loop(void *arg)
{
    caller_t *c = arg;
    agdb_error_t *error = NULL;

    while (!atomic_load(c->stop) && c->wrong[0] == '\0') {
        agdb_result_t *res = NULL;
        int nonce = rand();

        if (agdb_query(c->db,
                       AGDB_REQUEST(.shard = "east-1", .sql = "SELECT $1::int + 1",
                                    AGDB_PARAMS(agdb_int4(nonce / 2)), .access = AGDB_READ,
                                    .timeout_ms = 20000),
                       &res, &error) != AGDB_OK)
            snprintf(c->wrong, sizeof c->wrong, "%s", agdb_error_message(error));
        else if (atoi(agdb_result_text(res, 0, 0)) != nonce / 2 + 1)
            snprintf(c->wrong, sizeof c->wrong, "a foreign row");
        c->answered++;
        agdb_result_free(res);
    }
    agdb_error_clear(&error);
    return NULL;
}

static void callers_that_wait_are_served_beside_it(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(500);
    agdb_error_t *error = NULL;
    caller_t c[THREADS] = {{0}};
    atomic_bool stop = false;
    int round;
    size_t i;

    (void)state;
    for (i = 0; i < b.count; i++)
        b.request[i].timeout_ms = 20000;
    for (i = 0; i < THREADS; i++) {
        c[i] = (caller_t){.db = db, .stop = &stop};
        assert_true(agdb__thread_start(&c[i].thread, false, call_in_a_loop, &c[i]));
    }
    for (round = 0; round < 20; round++) {
        if (run(db, &b, 0, &error) != AGDB_OK)
            fail_msg("%s", agdb_error_message(error));
        check_rows(&b);
        batch_clear(&b);
    }
    atomic_store(&stop, true);
    for (i = 0; i < THREADS; i++) {
        pthread_join(c[i].thread, NULL);
        if (c[i].wrong[0] != '\0')
            fail_msg("%s", c[i].wrong);
        assert_true(c[i].answered > 0);
    }
    batch_free(&b);
    cluster_close(db);
}

static void a_dead_shard_fails_its_own_requests_only(void **state)
{
    cluster_node_t primary = cluster_node("core", "west-1", "primary");
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(40);
    uint64_t start;
    size_t i;

    (void)state;
    cluster_signal(&primary, SIGKILL);
    while (cluster_is_running(&primary))
        (void)poll(NULL, 0, 10);
    start = agdb__now_us();
    assert_int_equal(run(db, &b, 400, NULL), AGDB_E_PARTIAL);
    assert_true(agdb__now_us() - start < 400000 + SLACK_US + meter_worst_us());
    for (i = 0; i < 40; i++) {
        assert_true((b.error[i] == NULL) == (i % 2 == 0));
        if (i % 2 != 0)
            assert_string_equal(agdb_error_shard(b.error[i]), "west-1");
    }
    cluster_start(&primary);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_PRIMARIES, 20000, NULL), AGDB_OK);
    batch_clear(&b);
    assert_int_equal(run(db, &b, 10000, NULL), AGDB_OK);
    check_rows(&b);
    batch_free(&b);
    cluster_close(db);
}

typedef struct closer {
    agdb_t *db;
    agdb_status_t status;
    pthread_t thread;
} closer_t;

static void *close_soon(void *arg)
{
    closer_t *c = arg;

    (void)poll(NULL, 0, 150);
    c->status = agdb_close(c->db, 10000);
    return NULL;
}

static void closing_ends_what_was_not_sent(void **state)
{
    batch_t b = batch_new(100);
    closer_t c = {.db = cluster_open(NULL)};
    unsigned answered = 0;
    unsigned closing = 0;
    size_t i;

    (void)state;
    for (i = 0; i < 100; i++) {
        b.request[i].sql = "SELECT $1 || '' FROM pg_sleep(0.1)";
        b.request[i].timeout_ms = 20000;
    }
    assert_true(agdb__thread_start(&c.thread, false, close_soon, &c));
    assert_int_equal(run(c.db, &b, 0, NULL), AGDB_E_PARTIAL);
    pthread_join(c.thread, NULL);
    assert_int_equal(c.status, AGDB_OK);
    for (i = 0; i < 100; i++) {
        answered += b.result[i] != NULL;
        closing += agdb_error_status(b.error[i]) == AGDB_E_CLOSING;
        if (b.error[i] != NULL)
            assert_int_equal(agdb_error_outcome(b.error[i]), AGDB_OUTCOME_NOT_SENT);
    }
    print_message("%u answered, %u closing\n", answered, closing);
    assert_int_equal(answered + closing, 100);
    assert_true(closing > 0);
    batch_free(&b);
}

static void what_is_wrong_with_the_call_sends_nothing(void **state)
{
    agdb_t *db = cluster_open(NULL);
    batch_t b = batch_new(2);
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb_query_many(NULL, b.pointer, 2, 0, b.result, NULL, &error), AGDB_E_MISUSE);
    assert_int_equal(agdb_query_many(db, b.pointer, 2, 0, NULL, NULL, &error), AGDB_E_MISUSE);
    b.pointer[1] = NULL;
    assert_int_equal(run(db, &b, 0, &error), AGDB_E_MISUSE);
    assert_null(b.result[0]);
    agdb_error_clear(&error);
    batch_free(&b);
    cluster_close(db);
}

static int start_meter(void **state)
{
    (void)state;
    meter_start(1);
    return 0;
}

static int stop_meter(void **state)
{
    (void)state;
    meter_stop();
    return 0;
}

#define TIMED(f) cmocka_unit_test_setup_teardown(f, start_meter, stop_meter)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_has_its_own_rows),
        cmocka_unit_test(none_and_one_are_fine),
        cmocka_unit_test(errors_belong_to_their_requests),
        TIMED(a_slow_request_does_not_hold_the_others),
        cmocka_unit_test(ten_thousand_are_answered),
        cmocka_unit_test(more_slow_ones_than_connections_take_turns),
        cmocka_unit_test(writes_are_written_once),
        cmocka_unit_test(callers_that_wait_are_served_beside_it),
        TIMED(a_dead_shard_fails_its_own_requests_only),
        cmocka_unit_test(closing_ends_what_was_not_sent),
        cmocka_unit_test(what_is_wrong_with_the_call_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
