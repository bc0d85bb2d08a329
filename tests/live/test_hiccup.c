/* A server that stands still for a moment, as under a checkpoint or on a host that is busy, costs
 * no call more than that moment: shared connections are no different there from others. */
#include "agencydb.h"

#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "proxy.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 24, PAUSE_MS = 300, CALL_MS = 20000, MANY = 32 };

/* Longer than a group of reads and a place in the queue are waited for; longer than the keeper
 * waits for a server, too. */
static const unsigned k_still_ms[] = {1250, 2500};

static proxy_t *g_proxy;
static agdb_t *g_db;
static atomic_bool g_over;
static atomic_ullong g_calls;
static atomic_ullong g_shared;
static atomic_ullong g_longest_us;

static int begin(void **state)
{
    const cluster_node_t east = cluster_node("core", "east-1", "primary");
    char nodes[64];

    (void)state;
    g_proxy = proxy_start("127.0.0.1", 0, (uint16_t)east.port, NULL, NULL);
    snprintf(nodes, sizeof nodes, "\"127.0.0.1:%d\"", proxy_port(g_proxy));
    g_db = cluster_open_nodes("pool: { min: 2, max: 2 }", nodes, NULL, NULL);
    assert_int_equal(agdb_wait_ready(g_db, AGDB_READY_PRIMARIES, CALL_MS, NULL), AGDB_OK);
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE IF EXISTS hiccup"));
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1",
                                  .sql = "CREATE TABLE hiccup (id int PRIMARY KEY, n int8)"));
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "INSERT INTO hiccup SELECT g, 0 FROM "
                                                            "generate_series(0, 999) g"));
    return 0;
}

static int end(void **state)
{
    (void)state;
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE hiccup"));
    cluster_close(g_db);
    proxy_stop(g_proxy);
    return 0;
}

static void note(crew_hand_t *hand, agdb_status_t st, const agdb_result_t *res,
                 const agdb_error_t *error)
{
    agdb_timing_t timing = {.struct_size = sizeof timing};

    if (st != AGDB_OK) {
        crew_wrong(hand, "%s", agdb_error_message(error));
        return;
    }
    agdb_result_timing(res, &timing);
    atomic_fetch_add(&g_calls, 1);
    atomic_fetch_add(&g_shared, timing.group > 1);
    crew_raise(&g_longest_us, timing.total_us);
}

/* Writes that may not be repeated. */
static void write_on(crew_hand_t *hand)
{
    while (!atomic_load(&g_over)) {
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        const agdb_status_t st =
            agdb_query(g_db,
                       AGDB_REQUEST(.shard = "east-1", .timeout_ms = CALL_MS,
                                    .sql = "UPDATE hiccup SET n = n + 1 WHERE id = $1",
                                    AGDB_PARAMS(agdb_int4((int32_t)crew_random(hand, 1000)))),
                       &res, &error);

        note(hand, st, res, error);
        agdb_result_free(res);
        agdb_error_free(error);
    }
}

/* Groups of them are given up after a second, and asked again. */
static void read_on(crew_hand_t *hand)
{
    while (!atomic_load(&g_over)) {
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        const agdb_status_t st =
            agdb_query(g_db,
                       AGDB_REQUEST(.shard = "east-1", .timeout_ms = CALL_MS, .access = AGDB_READ,
                                    .sql = "SELECT n FROM hiccup WHERE id = $1",
                                    AGDB_PARAMS(agdb_int4((int32_t)crew_random(hand, 1000)))),
                       &res, &error);

        note(hand, st, res, error);
        agdb_result_free(res);
        agdb_error_free(error);
    }
}

static void write_many(crew_hand_t *hand)
{
    agdb_value_t id[MANY];
    agdb_request_t request[MANY];
    const agdb_request_t *requests[MANY];
    agdb_result_t *results[MANY];
    agdb_error_t *errors[MANY];
    size_t i;

    for (i = 0; i < MANY; i++) {
        id[i] = agdb_int4((int32_t)(hand->number * MANY + i));
        request[i] = AGDB_REQUEST_INIT;
        request[i].shard = "east-1";
        request[i].sql = "UPDATE hiccup SET n = n + 1 WHERE id = $1";
        request[i].params = &id[i];
        request[i].nparams = 1;
        requests[i] = &request[i];
    }
    while (!atomic_load(&g_over)) {
        memset(errors, 0, sizeof errors);
        (void)!agdb_query_many(g_db, requests, MANY, CALL_MS, results, errors, NULL);
        for (i = 0; i < MANY; i++) {
            note(hand, agdb_error_status(errors[i]), results[i], errors[i]);
            agdb_result_free(results[i]);
            agdb_error_free(errors[i]);
        }
    }
}

static void stand_still_meanwhile(unsigned threads, void (*work)(crew_hand_t *hand))
{
    static crew_t crew;
    size_t i;

    atomic_store(&g_over, false);
    atomic_store(&g_calls, 0);
    atomic_store(&g_shared, 0);
    atomic_store(&g_longest_us, 0);
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "UPDATE hiccup SET n = 0"));
    crew_start(&crew, threads, 1, work, NULL);
    for (i = 0; i < AGDB_COUNT(k_still_ms); i++) {
        (void)usleep(PAUSE_MS * 1000);
        proxy_hold(g_proxy, true);
        (void)usleep(k_still_ms[i] * 1000);
        proxy_hold(g_proxy, false);
    }
    (void)usleep(PAUSE_MS * 1000);
    atomic_store(&g_over, true);
    assert_int_equal(crew_join(&crew), 0);
    print_message("%llu calls, %llu of them shared a connection; the longest took %llu ms\n",
                  atomic_load(&g_calls), atomic_load(&g_shared), atomic_load(&g_longest_us) / 1000);
    assert_true(atomic_load(&g_shared) > 0);
    assert_true(atomic_load(&g_longest_us) > k_still_ms[0] * 1000);
}

/* Each call has written once. */
static void expect_all_written(void)
{
    char *sum = cluster_value(
        g_db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT sum(n)::text FROM hiccup"));

    assert_int_equal(strtoll(sum, NULL, 10), (long long)atomic_load(&g_calls));
    free(sum);
}

static void writes_of_many_threads_wait_until_it_goes_on(void **state)
{
    (void)state;
    stand_still_meanwhile(THREADS, write_on);
    expect_all_written();
}

static void writes_of_one_call_wait_until_it_goes_on(void **state)
{
    (void)state;
    stand_still_meanwhile(2, write_many);
    expect_all_written();
}

static void reads_are_answered_when_it_goes_on(void **state)
{
    (void)state;
    stand_still_meanwhile(THREADS, read_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_of_many_threads_wait_until_it_goes_on),
        cmocka_unit_test(writes_of_one_call_wait_until_it_goes_on),
        cmocka_unit_test(reads_are_answered_when_it_goes_on),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
