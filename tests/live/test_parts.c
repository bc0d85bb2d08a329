/* Where the time of calls goes, as the slow log, results and hooks tell it: each part is brought
 * about on its own. */
#include "agencydb.h"

#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "page.h"
#include "parts.h"
#include "proxy.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { RECORDS = 64, SLOW_MS = 20, PART_US = 50000, WAIT_US = 20000000 };

/* --- what is told ------------------------------------------------------------------------------
 */

typedef struct told {
    agdb__mutex_t lock;
    unsigned count;
    agdb_timing_t timing[RECORDS];
    char text[512]; /* of the last */
} told_t;

static told_t g_told;

static void on_record(const agdb_log_record_t *record, void *user)
{
    (void)user;
    if (record->kind != AGDB_LOG_SLOW)
        return;
    agdb__lock(&g_told.lock);
    assert_true(g_told.count < RECORDS);
    g_told.timing[g_told.count++] = (agdb_timing_t){.wait_us = record->wait_us,
                                                    .exec_us = record->exec_us,
                                                    .total_us = record->total_us,
                                                    .attempts = record->attempts,
                                                    .group = record->group,
                                                    .park_us = record->park_us,
                                                    .earlier_us = record->earlier_us,
                                                    .queue_us = record->queue_us,
                                                    .connect_us = record->connect_us};
    snprintf(g_told.text, sizeof g_told.text, "%s", record->message);
    agdb__unlock(&g_told.lock);
}

static void forget(void)
{
    agdb__lock(&g_told.lock);
    g_told.count = 0;
    g_told.text[0] = '\0';
    agdb__unlock(&g_told.lock);
}

/* What the only slow call since was told to have taken. */
static agdb_timing_t only(void)
{
    assert_int_equal(g_told.count, 1);
    print_message("%s\n", g_told.text);
    parts_are_whole(&g_told.timing[0]);
    return g_told.timing[0];
}

/* The line has the number behind that name. */
static void expect_in_line(const char *name, uint64_t number)
{
    char want[64];
    const char *at;

    snprintf(want, sizeof want, " %s %llu", name, (unsigned long long)number);
    at = strstr(g_told.text, want);
    if (at == NULL || (at[strlen(want)] != ' ' && at[strlen(want)] != '\0'))
        fail_msg("no '%s' in '%s'", want, g_told.text);
}

static const agdb_options_t k_options = {.struct_size = sizeof k_options, .record = on_record};

static int setup(void **state)
{
    (void)state;
    g_told = (told_t){.count = 0};
    return agdb__mutex_init(&g_told.lock) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    agdb__mutex_fini(&g_told.lock);
    return 0;
}

/* --- what is waited for ------------------------------------------------------------------------
 */

/* Of all samples of a metric, in sum. */
static double sum_of(agdb_t *db, const char *metric)
{
    static page_t page;
    const size_t len = strlen(metric);
    const char *line;
    double sum = 0;

    page.len = 0;
    assert_int_equal(agdb_metrics(db, page_take, &page, NULL), AGDB_OK);
    for (line = page.text; line != NULL && line[0] != '\0'; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, metric, len) == 0 && line[len] == '{')
            sum += strtod(strstr(line, "} ") + 2, NULL);
    }
    return sum;
}

static void wait_for(agdb_t *db, const char *metric, unsigned count)
{
    const uint64_t end_us = agdb__now_us() + WAIT_US;

    while (sum_of(db, metric) < count) {
        if (agdb__now_us() >= end_us)
            fail_msg("no %u in %s", count, metric);
        (void)poll(NULL, 0, 1);
    }
}

static void let_pass(uint64_t us)
{
    const uint64_t end_us = agdb__now_us() + us;

    while (agdb__now_us() < end_us)
        (void)poll(NULL, 0, 1);
}

/* --- callers of their own ----------------------------------------------------------------------
 */

typedef struct caller {
    agdb_t *db;
    const agdb_request_t *request;
    pthread_t thread;
    agdb_status_t status;
    agdb_timing_t timing;
} caller_t;

static void *call(void *arg)
{
    caller_t *c = arg;
    agdb_result_t *res = NULL;

    c->timing.struct_size = sizeof c->timing;
    c->status = agdb_query(c->db, c->request, &res, NULL);
    agdb_result_timing(res, &c->timing);
    agdb_result_free(res);
    return NULL;
}

static void start(caller_t *c, agdb_t *db, const agdb_request_t *request)
{
    *c = (caller_t){.db = db, .request = request};
    assert_true(agdb__thread_start(&c->thread, false, call, c));
}

static void finish(caller_t *c)
{
    pthread_join(c->thread, NULL);
    assert_int_equal(c->status, AGDB_OK);
    parts_are_whole(&c->timing);
}

/* A transaction has a connection until it is rolled back. */
static agdb_tx_t *occupy(agdb_t *db)
{
    agdb_tx_t *tx = NULL;

    assert_int_equal(agdb_begin(db, AGDB_TX(.shard = "east-1"), &tx, NULL), AGDB_OK);
    cluster_do(db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"));
    forget();
    return tx;
}

/* --- park --------------------------------------------------------------------------------------
 */

static agdb_t *open_at(const proxy_t *proxy, const char *pool)
{
    char defaults[128];
    char node[64];

    snprintf(defaults, sizeof defaults, "pool: %s\n  log: { slow: %dms }", pool, SLOW_MS);
    snprintf(node, sizeof node, "\"127.0.0.1:%u\"", proxy_port(proxy));
    return cluster_open_nodes(defaults, node, NULL, &k_options);
}

static void a_shard_that_nothing_is_known_of_is_parked_for(void **state)
{
    const cluster_node_t east = cluster_node("core", "east-1", "primary");
    proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)east.port, NULL, NULL);
    agdb_timing_t t;
    caller_t c;
    agdb_t *db;

    (void)state;
    proxy_hold(proxy, true);
    db = open_at(proxy, "{ max: 1 }");
    start(&c, db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    wait_for(db, "agdb_parked_calls", 1);
    let_pass(PART_US);
    proxy_hold(proxy, false);
    finish(&c);
    t = only();
    assert_true(t.park_us >= PART_US);
    expect_in_line("park", t.park_us / 1000);
    assert_int_equal(c.timing.park_us, t.park_us);
    cluster_close(db);
    proxy_stop(proxy);
}

/* --- queue -------------------------------------------------------------------------------------
 */

static void behind_a_busy_connection_a_call_queues(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 1 }\n  log: { slow: 20ms }", "", &k_options);
    agdb_tx_t *tx = occupy(db);
    agdb_error_t *error = NULL;
    agdb_timing_t t;
    caller_t c;

    (void)state;
    start(&c, db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    wait_for(db, "agdb_waiting_calls", 1);
    let_pass(PART_US);
    agdb_rollback(tx);
    finish(&c);
    t = only();
    assert_true(t.queue_us >= PART_US);
    assert_int_equal(t.connect_us, 0);
    assert_int_equal(t.group, 1);
    expect_in_line("queue", t.queue_us / 1000);
    assert_int_equal(c.timing.queue_us, t.queue_us);
    tx = occupy(db); /* and one that gives up */
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .timeout_ms = 60), NULL,
                   &error),
        AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_QUEUE);
    t = only();
    assert_true(t.queue_us >= PART_US);
    assert_int_equal(t.exec_us, 0);
    assert_int_equal(t.group, 0);
    assert_non_null(strstr(g_told.text, "connect 0 exec 0 group 0 TIMEOUT"));
    agdb_error_free(error);
    agdb_rollback(tx);
    cluster_close(db);
}

enum { RIDERS = 4 };

/* How many of them went together at most. */
static unsigned ride(agdb_t *db, const agdb_request_t *request)
{
    agdb_tx_t *tx = occupy(db);
    caller_t c[RIDERS];
    unsigned most = 0;
    unsigned i;

    for (i = 0; i < RIDERS; i++)
        start(&c[i], db, request);
    wait_for(db, "agdb_waiting_calls", RIDERS);
    let_pass(PART_US);
    agdb_rollback(tx);
    for (i = 0; i < RIDERS; i++) {
        finish(&c[i]);
        assert_true(c[i].timing.queue_us >= PART_US); /* in the line, not executing */
        assert_int_equal(c[i].timing.connect_us, 0);
        if (c[i].timing.group > most)
            most = c[i].timing.group;
    }
    return most;
}

/* Whether they are short is for this machine to say: it may be busy. */
static void those_who_wait_for_a_place_in_a_group_queue(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 1 }\n  log: { slow: 20ms }", "", &k_options);
    const agdb_request_t *request =
        AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 2", .access = AGDB_READ);
    const uint64_t end_us = agdb__now_us() + WAIT_US;
    unsigned most = 0;
    unsigned i;

    (void)state;
    while (most < 2 && agdb__now_us() < end_us) {
        for (i = 0; i < 3; i++)
            cluster_do(db, request);
        most = ride(db, request);
    }
    print_message("%s\n", g_told.text);
    assert_in_range(most, 2, RIDERS);
    for (i = 0; i < g_told.count; i++)
        parts_are_whole(&g_told.timing[i]);
    expect_in_line("group", g_told.timing[g_told.count - 1].group);
    cluster_close(db);
}

/* --- connect, earlier --------------------------------------------------------------------------
 */

/* A server that is slow to begin a session, and one that loses a statement, each when told to. */
typedef struct script {
    atomic_bool slow_to_begin;
    atomic_bool loses;
} script_t;

static proxy_verdict_t judge(void *user, const proxy_message_t *message)
{
    script_t *script = user;

    if (message->way != PROXY_TO_SERVER)
        return PROXY_PASS;
    if (message->type == 0 && atomic_load(&script->slow_to_begin))
        let_pass(PART_US);
    if (!proxy_message_has(message, "SELECT 'lost'") || !atomic_exchange(&script->loses, false))
        return PROXY_PASS;
    let_pass(PART_US);
    return PROXY_RESET;
}

static void a_connection_that_has_to_be_made_is_told_apart(void **state)
{
    const cluster_node_t east = cluster_node("core", "east-1", "primary");
    script_t script = {.loses = false};
    proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)east.port, judge, &script);
    agdb_t *db = open_at(proxy, "{ min: 0, max: 2 }");
    agdb_tx_t *tx = occupy(db);
    agdb_timing_t t;
    caller_t c;

    (void)state;
    atomic_store(&script.slow_to_begin, true);
    start(&c, db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    finish(&c);
    atomic_store(&script.slow_to_begin, false);
    t = only();
    assert_true(t.connect_us >= PART_US);
    assert_int_equal(t.attempts, 1);
    expect_in_line("connect", t.connect_us / 1000);
    assert_int_equal(c.timing.connect_us, t.connect_us);
    start(&c, db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1")); /* it is there now */
    finish(&c);
    assert_int_equal(c.timing.connect_us, 0);
    agdb_rollback(tx);
    cluster_close(db);
    proxy_stop(proxy);
}

static void an_attempt_that_was_lost_is_earlier(void **state)
{
    const cluster_node_t east = cluster_node("core", "east-1", "primary");
    script_t script = {.loses = true};
    proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)east.port, judge, &script);
    agdb_t *db = open_at(proxy, "{ max: 2 }");
    agdb_timing_t t;
    caller_t c;

    (void)state;
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    forget(); /* the shard had to be found */
    start(&c, db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 'lost'", .access = AGDB_READ));
    finish(&c);
    t = only();
    assert_true(t.earlier_us >= PART_US);
    assert_true(t.attempts >= 2);
    expect_in_line("attempts", t.attempts);
    expect_in_line("earlier", t.earlier_us / 1000);
    assert_int_equal(c.timing.earlier_us, t.earlier_us);
    cluster_close(db);
    proxy_stop(proxy);
}

/* --- exec --------------------------------------------------------------------------------------
 */

#define SLEEP "SELECT pg_sleep(0.05)"

/* Each of the slow calls since executed for as long as it slept. */
static void expect_executed(const char *way, unsigned count)
{
    unsigned i;

    print_message("%s: %s\n", way, g_told.text);
    assert_int_equal(g_told.count, count);
    for (i = 0; i < count; i++) {
        parts_are_whole(&g_told.timing[i]);
        assert_true(g_told.timing[i].exec_us >= PART_US);
        assert_int_equal(g_told.timing[i].attempts, 1);
        assert_int_equal(g_told.timing[i].group, 1);
        assert_int_equal(g_told.timing[i].earlier_us, 0);
    }
    forget();
}

static void expect_result(agdb_result_t *take_res)
{
    agdb_timing_t t = {.struct_size = sizeof t};

    agdb_result_timing(take_res, &t);
    parts_are_whole(&t);
    assert_true(t.exec_us >= PART_US);
    assert_int_equal(t.group, 1);
    agdb_result_free(take_res);
}

static void ended(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    (void)user;
    assert_int_equal(status, AGDB_OK);
    assert_null(error);
    expect_result(result);
}

static void blocking_ways(agdb_t *db)
{
    const agdb_request_t *const one[] = {AGDB_REQUEST(.shard = "east-1", .sql = SLEEP)};
    agdb_result_t *res = NULL;

    assert_int_equal(agdb_query(db, one[0], &res, NULL), AGDB_OK);
    expect_result(res);
    expect_executed("query", 1);
    assert_int_equal(agdb_query_many(db, one, 1, 5000, &res, NULL, NULL), AGDB_OK);
    expect_result(res);
    expect_executed("query_many", 1);
    assert_int_equal(
        agdb_query(db,
                   AGDB_REQUEST(.shard = "east-1", .sql = SLEEP, .access = AGDB_READ_REPLICA_OK),
                   &res, NULL),
        AGDB_OK);
    expect_result(res);
    expect_executed("hedged", 1);
    assert_int_equal(agdb_query(db,
                                AGDB_REQUEST(.scope = AGDB_ALL, .sql = SLEEP, .access = AGDB_READ),
                                &res, NULL),
                     AGDB_OK);
    expect_result(res);
    expect_executed("scatter", 2);
}

static void ways_of_loops(agdb_t *db)
{
    agdb_loop_t *loop = NULL;

    assert_int_equal(agdb_loop_open(db, NULL, &loop, NULL), AGDB_OK);
    assert_int_equal(
        agdb_submit(loop, AGDB_REQUEST(.shard = "east-1", .sql = SLEEP), ended, NULL, NULL, NULL),
        AGDB_OK);
    assert_int_equal(agdb_loop_run(loop, 5000, NULL), AGDB_OK);
    expect_executed("submit", 1);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
}

static void ways_of_transactions(agdb_t *db)
{
    const agdb_request_t *const two[] = {AGDB_REQUEST(.sql = SLEEP), AGDB_REQUEST(.sql = SLEEP)};
    agdb_result_t *results[2] = {NULL, NULL};
    agdb_tx_t *tx = NULL;

    assert_int_equal(agdb_begin(db, AGDB_TX(.shard = "east-1"), &tx, NULL), AGDB_OK);
    assert_int_equal(agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = SLEEP), &results[0], NULL),
                     AGDB_OK);
    expect_result(results[0]);
    expect_executed("transaction", 1);
    assert_int_equal(agdb_commit(tx, NULL), AGDB_OK);
    forget(); /* that may be slow, too */
    assert_int_equal(agdb_query_tx(db, AGDB_TX(.shard = "east-1"), two, 2, results, NULL), AGDB_OK);
    assert_int_equal(only().group, 2);
    assert_true(only().exec_us >= 2 * PART_US);
    agdb_result_free(results[0]);
    agdb_result_free(results[1]);
    forget();
}

static void all_ways_of_asking_tell_how_long_they_executed(void **state)
{
    agdb_t *db = cluster_open_core("pool: { min: 2, max: 4 }\n  log: { slow: 20ms }\n"
                                   "  replicas: { hedge: 5s }",
                                   "", &k_options);
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    (void)state;
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    cluster_do(db, AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1"));
    forget();
    blocking_ways(db);
    ways_of_loops(db);
    ways_of_transactions(db);
    assert_int_equal(
        agdb_stream_open(db, AGDB_REQUEST(.shard = "east-1", .sql = SLEEP, .access = AGDB_READ),
                         &stream, NULL),
        AGDB_OK);
    assert_int_equal(agdb_stream_next(stream, 10, &res, NULL), AGDB_OK);
    agdb_result_free(res);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    expect_executed("stream", 1);
    assert_int_equal(
        agdb_query(db,
                   AGDB_REQUEST(.shard = "east-1", .sql = "SELECT pg_sleep(5)", .timeout_ms = 60),
                   NULL, &error),
        AGDB_E_TIMEOUT);
    agdb_error_free(error);
    assert_non_null(strstr(g_told.text, "TIMEOUT"));
    expect_executed("failure", 1);
    cluster_close(db);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_shard_that_nothing_is_known_of_is_parked_for),
        CASE(behind_a_busy_connection_a_call_queues),
        CASE(those_who_wait_for_a_place_in_a_group_queue),
        CASE(a_connection_that_has_to_be_made_is_told_apart),
        CASE(an_attempt_that_was_lost_is_earlier),
        CASE(all_ways_of_asking_tell_how_long_they_executed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
