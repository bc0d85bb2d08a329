/* Row 16 of the faults: one statement on six shards, of which one is slow, one dead, one fails, and
 * one hangs; and memory that is out at each place in turn. */
#include "base/clock.h"
#include "legs.h"
#include "meter.h"
#include "miser.h"
#include "proxy.h"
#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEGS = 6, ROUNDS = 30, CALL_MS = 300, GRACE_US = 50000 };

/* s1 is slow and s3 fails; s2 is dead where a test says so. */
static const char k_mixed[] =
    "SELECT CASE current_database() WHEN 's1' THEN length(pg_sleep(20)::text)"
    " WHEN 's3' THEN 1 / (random() < 0)::int ELSE 7 END /* mixed */";

static void wait_for(agdb_t *db)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    int tries;

    for (tries = 0; tries < 100; tries++) {
        if (agdb_query(db,
                       AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .sql = "SELECT 1",
                                    .partial = AGDB_PARTIAL_OK, .timeout_ms = 500),
                       &res, &error) == AGDB_OK ||
            agdb_result_leg_count(res) >= LEGS - 1)
            break;
        agdb_result_free(res);
        res = NULL;
        agdb_error_clear(&error);
    }
    assert_true(tries < 100);
    agdb_result_free(res);
    agdb_error_clear(&error);
}

/* A port where nobody listens: that of a proxy that has gone. */
static int dead_port(void)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)node.port, NULL, NULL);
    const int port = proxy_port(proxy);

    proxy_stop(proxy);
    return port;
}

static void expect_cancelled(void)
{
    PGconn *pg = legs_direct(0);
    int tries = 0;

    while (direct_number(pg, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid "
                             "<> pg_backend_pid() AND query LIKE '%%/* mixed */'") > 0 &&
           tries++ < 300)
        direct_do(pg, "SELECT pg_sleep(0.01)");
    assert_true(tries < 300); /* far from 20 s */
    PQfinish(pg);
}

static void check_partial(agdb_status_t st, const agdb_result_t *res, const agdb_error_t *error)
{
    static const struct {
        const char *shard;
        agdb_status_t status;
    } expected[] = {
        {"s1", AGDB_E_TIMEOUT}, {"s2", AGDB_OK /* one of several */}, {"s3", AGDB_E_SERVER}};
    static const char *const there[] = {"s0", "s4", "s5"};
    size_t i;

    if (st != AGDB_E_PARTIAL)
        fail_msg("%s %s", agdb_status_name(st), agdb_error_message(error));
    assert_int_equal(agdb_result_rows(res), 3);
    for (i = 0; i < 3; i++) {
        assert_string_equal(agdb_result_row_shard(res, i), there[i]);
        assert_string_equal(agdb_result_text(res, i, 0), "7");
    }
    assert_int_equal(agdb_result_failure_count(res), 3);
    assert_int_equal(agdb_error_child_count(error), 3);
    for (i = 0; i < 3; i++) {
        const agdb_error_t *child = agdb_error_child(error, i);

        assert_string_equal(agdb_error_shard(child), expected[i].shard);
        assert_string_equal(agdb_error_shard(agdb_result_failure(res, i)), expected[i].shard);
        if (expected[i].status != AGDB_OK)
            assert_int_equal(agdb_error_status(child), expected[i].status);
        else
            assert_true(agdb_error_status(child) == AGDB_E_TIMEOUT ||
                        agdb_error_status(child) == AGDB_E_NO_PRIMARY ||
                        agdb_error_status(child) == AGDB_E_CONNECT);
    }
    assert_int_equal(agdb_error_outcome(agdb_error_child(error, 1)), AGDB_OUTCOME_NOT_SENT);
}

static void partial_ok_is_exact_and_keeps_its_deadline(void **state)
{
    agdb_t *db = legs_open_moved(LEGS, "", 2, dead_port(), NULL);
    uint64_t worst_us = 0;
    int i;

    (void)state;
    wait_for(db);
    meter_start(1);
    for (i = 0; i < ROUNDS; i++) {
        const uint64_t start_us = agdb__now_us();
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        agdb_status_t st = agdb_query(db,
                                      AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ,
                                                   .partial = AGDB_PARTIAL_OK, .sql = k_mixed,
                                                   .timeout_ms = CALL_MS),
                                      &res, &error);
        const uint64_t took_us = agdb__now_us() - start_us;

        if (took_us > worst_us)
            worst_us = took_us;
        assert_true(took_us >= CALL_MS * 1000 - 1000); /* it has waited for the slow one */
        check_partial(st, res, error);
        agdb_result_free(res);
        agdb_error_clear(&error);
    }
    print_message("%d calls, worst overshoot %lld us, of a sleeper %llu us\n", ROUNDS,
                  (long long)worst_us - CALL_MS * 1000, (unsigned long long)meter_worst_us());
    assert_true(worst_us <= CALL_MS * 1000 + GRACE_US + meter_worst_us());
    meter_stop();
    expect_cancelled();
    cluster_close(db);
}

static void all_or_error_ends_with_the_first_failure(void **state)
{
    agdb_t *db = legs_open_moved(LEGS, "", 2, dead_port(), NULL);
    uint64_t worst_us = 0;
    int i;

    (void)state;
    wait_for(db);
    for (i = 0; i < ROUNDS; i++) {
        const uint64_t start_us = agdb__now_us();
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        const agdb_error_t *child;

        assert_int_equal(agdb_query(db,
                                    AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ,
                                                 .sql = k_mixed, .timeout_ms = 10000),
                                    &res, &error),
                         AGDB_E_SERVER);
        if (agdb__now_us() - start_us > worst_us)
            worst_us = agdb__now_us() - start_us;
        assert_null(res);
        child = agdb_error_child(error, 0);
        assert_int_equal(agdb_error_child_count(error), 1);
        assert_string_equal(agdb_error_shard(child), "s3");
        assert_string_equal(agdb_error_sqlstate(child), "22012");
        agdb_error_clear(&error);
    }
    print_message("%d calls, the worst took %llu us of 10 s\n", ROUNDS,
                  (unsigned long long)worst_us);
    assert_true(worst_us < 2000000);
    expect_cancelled();
    cluster_close(db);
}

/* Silent, not closed: nothing is known but that no answer comes. */
static void a_shard_that_hangs_costs_no_more_than_the_deadline(void **state)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)node.port, NULL, NULL);
    agdb_t *db = legs_open_moved(LEGS, "", 4, proxy_port(proxy), NULL);
    uint64_t worst_us = 0;
    int i;

    (void)state;
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 10000, NULL), AGDB_OK);
    wait_for(db);
    proxy_hold(proxy, true);
    meter_start(1);
    for (i = 0; i < 10; i++) {
        const uint64_t start_us = agdb__now_us();
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;

        assert_int_equal(
            agdb_query(db,
                       AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .sql = "SELECT 7",
                                    .timeout_ms = CALL_MS, .partial = AGDB_PARTIAL_OK),
                       &res, &error),
            AGDB_E_PARTIAL);
        if (agdb__now_us() - start_us > worst_us)
            worst_us = agdb__now_us() - start_us;
        assert_int_equal(agdb_result_rows(res), LEGS - 1);
        assert_int_equal(agdb_result_failure_count(res), 1);
        assert_string_equal(agdb_error_shard(agdb_result_failure(res, 0)), "s4");
        agdb_result_free(res);
        agdb_error_clear(&error);
    }
    print_message("10 calls, worst overshoot %lld us\n", (long long)worst_us - CALL_MS * 1000);
    assert_true(worst_us <= CALL_MS * 1000 + GRACE_US + meter_worst_us());
    meter_stop();
    proxy_hold(proxy, false);
    cluster_close(db);
    proxy_stop(proxy);
}

/* What the error says of each shard is what its table says. */
static void a_write_beside_a_slow_and_a_dead_shard_tells_each_outcome(void **state)
{
    agdb_t *db = legs_open_moved(LEGS, "", 2, dead_port(), NULL);
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    size_t i;
    size_t k;

    (void)state;
    legs_do(LEGS, "DROP TABLE IF EXISTS told; CREATE TABLE told (x int4)");
    wait_for(db);
    assert_int_equal(
        agdb_query(db,
                   AGDB_REQUEST(.scope = AGDB_ALL, .timeout_ms = CALL_MS, .alone = true,
                                .sql = "INSERT INTO told SELECT CASE current_database() WHEN 's1' "
                                       "THEN length(pg_sleep(20)::text) WHEN 's3' THEN 1 / "
                                       "(random() < 0)::int ELSE 7 END /* mixed */"),
                   &res, &error),
        AGDB_E_PARTIAL);
    assert_null(res);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    expect_cancelled();
    for (i = 0; i < LEGS; i++) {
        agdb_outcome_t outcome = AGDB_OUTCOME_NONE; /* done */
        PGconn *pg = legs_direct(i);
        const long long rows = direct_number(pg, "SELECT count(*) FROM told");

        for (k = 0; k < agdb_error_child_count(error); k++)
            if (strcmp(agdb_error_shard(agdb_error_child(error, k)),
                       agdb_shard_name(db, NULL, i)) == 0)
                outcome = agdb_error_outcome(agdb_error_child(error, k));
        if (i == 1)
            assert_int_equal(outcome, AGDB_OUTCOME_UNKNOWN);
        else if (i == 2)
            assert_int_equal(outcome, AGDB_OUTCOME_NOT_SENT);
        else if (i == 3)
            assert_int_equal(outcome, AGDB_OUTCOME_REJECTED);
        if (outcome == AGDB_OUTCOME_NONE)
            assert_int_equal(rows, 1);
        else if (outcome != AGDB_OUTCOME_UNKNOWN)
            assert_int_equal(rows, 0);
        PQfinish(pg);
    }
    agdb_error_clear(&error);
    cluster_close(db);
}

static void a_forked_child_sends_nothing(void **state)
{
    agdb_t *db = legs_open(LEGS, "");
    pid_t child;
    int status = 0;

    (void)state;
    child = fork();
    if (child == 0) {
        agdb_result_t *res = NULL;
        agdb_status_t st = agdb_query(
            db, AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .sql = k_mixed), &res, NULL);

        _exit(st == AGDB_E_FORKED && res == NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cluster_close(db);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* With each number of allocations that succeed before all fail, until the call does not notice. */
static long sweep(agdb_t *db, const agdb_request_t *request, size_t rows)
{
    long n;

    for (n = 0; n < 2000; n++) {
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        agdb_status_t st;

        miser_begin(n, false);
        st = agdb_query(db, request, &res, &error);
        if (st == AGDB_OK)
            assert_int_equal(agdb_result_rows(res), rows);
        else if (st != AGDB_E_NOMEM || res != NULL)
            fail_msg("%ld: %s %s", n, agdb_status_name(st), agdb_error_message(error));
        agdb_result_free(res);
        agdb_error_clear(&error);
        if (!miser_end() && st == AGDB_OK)
            break;
    }
    assert_true(n < 2000);
    return n;
}

static void memory_that_is_out_is_told_and_nothing_is_lost(void **state)
{
    static const agdb_order_by_t by[] = {{.name = "g"}};
    static const agdb_combine_t how[] = {
        {.how = AGDB_GROUP}, {.how = AGDB_AVG, .count = 2}, {.how = AGDB_COUNT}};
    agdb_merge_t ordered = AGDB_MERGE_INIT;
    agdb_merge_t combined = AGDB_MERGE_INIT;
    agdb_bytes_t keys[40];
    char name[40][8];
    agdb_t *db = legs_open_moved(LEGS, "", LEGS, 0, &k_miser);
    long points = 0;
    size_t i;

    (void)state;
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 10000, NULL), AGDB_OK);
    wait_for(db);
    for (i = 0; i < 40; i++) {
        snprintf(name[i], sizeof name[i], "k%zu", i);
        keys[i] = agdb_key(name[i]);
    }
    ordered.kind = AGDB_ORDERED;
    ordered.order = by;
    ordered.norder = 1;
    combined.kind = AGDB_COMBINE;
    combined.combine = how;
    combined.ncombine = 3;
    points +=
        sweep(db,
              AGDB_REQUEST(.keys = keys, .nkeys = 40, .access = AGDB_READ,
                           .sql = "SELECT unnest($1::text[])", AGDB_PARAMS(agdb_shard_keys())),
              40);
    points += sweep(db,
                    AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .merge = &ordered,
                                 .sql = "SELECT g FROM generate_series(1, 20) g"),
                    20 * LEGS);
    points += sweep(db,
                    AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .merge = &combined,
                                 .sql = "SELECT g, sum(g), count(g) FROM generate_series(1, 20) g "
                                        "GROUP BY g"),
                    20);
    print_message("%ld places\n", points);
    assert_true(points > 30);
    cluster_close(db);
    assert_int_equal(miser_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partial_ok_is_exact_and_keeps_its_deadline),
        cmocka_unit_test(all_or_error_ends_with_the_first_failure),
        cmocka_unit_test(a_shard_that_hangs_costs_no_more_than_the_deadline),
        cmocka_unit_test(a_write_beside_a_slow_and_a_dead_shard_tells_each_outcome),
        cmocka_unit_test(a_forked_child_sends_nothing),
        cmocka_unit_test(memory_that_is_out_is_told_and_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
