/* Alone or in a group, and what becomes of each ride: run.c, lane.c and line.c on scripted
 * connections. */
#include "pool/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"
#include "fake_conn.h"
#include "pool/lane.h"
#include "pool/pool_impl.h"
#include "unit.h"

#include <stdio.h>

static const agdb__login_t k_login = {.node = "db-1:5432", .connect_ms = 3000};
static const agdb__pool_limits_t k_limits = {.min = 1,
                                             .max = 1,
                                             .handshakes = 4,
                                             .queue = 100,
                                             .queue_ms = 5000,
                                             .idle_ms = 60000,
                                             .lifetime_ms = 600000,
                                             .grouping = true};
static agdb__pool_t *g_pool;
static atomic_uint *g_standing; /* of all calls; NULL: they stand in any case */
static bool g_alone;

static void wake(void *user)
{
    (void)user;
}

static agdb_status_t run_sql(const char *sql, uint64_t timeout_ms, agdb_error_t **reterr,
                             agdb__trip_t *ret_trip)
{
    agdb__statement_t s = {.sql = sql,
                           .hash = agdb__statement_hash(sql, strlen(sql)),
                           .read_only = true,
                           .max_bytes = 1000};
    uint64_t now = agdb__now_us();
    agdb__run_t run = {.statement = &s,
                       .now_us = now,
                       .deadline_us = agdb__after_ms(now, timeout_ms),
                       .alone = g_alone,
                       .standing = g_standing,
                       .stood = 1};
    struct pg_result *rows = NULL;
    agdb__ran_t ran;
    agdb_status_t st = agdb__pool_run(g_pool, &run, &ran, &rows, reterr);

    if (ret_trip != NULL)
        *ret_trip = ran.trip;
    return st;
}

/* They are known to be short from here on. */
static void learn_all(void)
{
    int i;

    for (i = 0; i < 3; i++) {
        (void)run_sql("SELECT 1", 1000, NULL, NULL);
        (void)run_sql("SELECT 2", 1000, NULL, NULL);
        (void)run_sql("SET x", 1000, NULL, NULL);
    }
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    g_standing = NULL;
    g_alone = false;
    g_pool = agdb__pool_new(&k_login, &k_limits, NULL, wake, NULL);
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    learn_all();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__pool_free(g_pool);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

typedef struct caller {
    const char *sql;
    uint64_t timeout_ms;
    pthread_t thread;
    agdb_status_t status;
    agdb_error_t *error;
    agdb__trip_t trip;
    uint64_t begun_us;
} caller_t;

static void *call(void *arg)
{
    caller_t *c = arg;

    c->begun_us = agdb__now_us();
    c->status = run_sql(c->sql, c->timeout_ms, &c->error, &c->trip);
    return NULL;
}

static void start(caller_t *c, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        assert_true(agdb__thread_start(&c[i].thread, false, call, &c[i]));
}

static void finish(caller_t *c, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        pthread_join(c[i].thread, NULL);
        agdb__error_free(c[i].error);
    }
}

static void wait_for_line(unsigned n)
{
    while (agdb__line_count(&g_pool->traffic[AGDB__TRAFFIC_READS].line) < n)
        continue;
}

/* The test holds the only connection, so that callers have to queue. */
static uint32_t hold(void)
{
    uint32_t i = agdb__pool_take_lane(g_pool, &g_pool->traffic[AGDB__TRAFFIC_READS], UINT32_MAX, 0,
                                      agdb__now_us());

    assert_int_not_equal(i, AGDB__NO_SLOT);
    return i;
}

static void an_idle_lane_is_used_straight(void **state)
{
    agdb__trip_t trip;

    (void)state;
    assert_int_equal(run_sql("SELECT 1", 1000, NULL, &trip), AGDB_OK);
    assert_int_equal(trip.group, 1);
    assert_true(trip.sent_us != 0 && trip.sent_us <= trip.ended_us);
    assert_int_equal(trip.connect_us, 0);
    assert_int_equal(g_fake.groups, 0);
}

static void those_who_queue_are_answered_in_one_group(void **state)
{
    caller_t c[5];
    uint32_t slot = hold();
    uint64_t free_us;
    size_t i;

    (void)state;
    for (i = 0; i < 5; i++)
        c[i] = (caller_t){.sql = i % 2 == 0 ? "SELECT 1" : "SELECT 2", .timeout_ms = 5000};
    start(c, 5);
    wait_for_line(5);
    free_us = agdb__now_us();
    agdb__pool_give_back(g_pool, slot, free_us);
    finish(c, 5);
    assert_int_equal(g_fake.groups, 1);
    assert_int_equal(g_fake.members, 5);
    for (i = 0; i < 5; i++) {
        assert_int_equal(c[i].status, AGDB_OK);
        assert_int_equal(c[i].trip.group, 5);
        assert_true(c[i].trip.sent_us >= free_us); /* not when it joined the line */
        assert_true(c[i].trip.ended_us >= c[i].trip.sent_us);
        assert_int_equal(c[i].trip.connect_us, 0);
        assert_int_equal(c[i].trip.lost_us, 0);
    }
    assert_int_equal(agdb__pool_counts(g_pool).open, 1);
}

static void a_queued_call_leaves_at_its_deadline(void **state)
{
    uint32_t slot = hold();
    agdb_error_t *error = NULL;
    agdb__trip_t trip;

    (void)state;
    assert_int_equal(run_sql("SELECT 1", 30, &error, &trip), AGDB_E_TIMEOUT);
    assert_int_equal(error->stage, AGDB_STAGE_QUEUE);
    assert_int_equal(trip.sent_us, 0);
    assert_int_equal(trip.group, 0);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(agdb__line_count(&g_pool->traffic[AGDB__TRAFFIC_READS].line), 0);
    agdb__error_free(error);
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    assert_int_equal(run_sql("SELECT 1", 1000, NULL, NULL), AGDB_OK);
}

static agdb__member_fate_t fail_two(const char *sql, agdb_error_t **reterr)
{
    if (strcmp(sql, "SELECT 2") != 0)
        return AGDB__MEMBER_ANSWERED;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "ERROR 22012: division by zero");
    agdb__error_sqlstate(reterr, "22012");
    return AGDB__MEMBER_FAILED;
}

static void one_failure_is_its_callers_alone(void **state)
{
    caller_t c[4] = {{.sql = "SELECT 1", .timeout_ms = 5000},
                     {.sql = "SELECT 2", .timeout_ms = 5000},
                     {.sql = "SELECT 1", .timeout_ms = 5000},
                     {.sql = "SELECT 1", .timeout_ms = 5000}};
    uint32_t slot = hold();
    size_t i;

    (void)state;
    g_fake.member = fail_two;
    for (i = 0; i < 4; i++) {
        start(&c[i], 1);
        wait_for_line((unsigned)i + 1);
    }
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    finish(c, 4);
    for (i = 0; i < 4; i++)
        assert_int_equal(c[i].status, i == 1 ? AGDB_E_SERVER : AGDB_OK);
    assert_int_equal(g_fake.groups, 2); /* those behind it went again, together */
    assert_int_equal(c[0].trip.group, 4);
    assert_int_equal(c[1].trip.group, 4);
    assert_int_equal(c[3].trip.group, 2);
    assert_true(c[3].trip.sent_us >= c[0].trip.sent_us + c[3].trip.lost_us);
}

/* So long such a group is away. */
enum { ROUND_US = 2000 };

static agdb__member_fate_t fail_as_in_a_group(const char *sql, agdb_error_t **reterr)
{
    const uint64_t until_us = agdb__now_us() + ROUND_US;

    while (agdb__now_us() < until_us)
        continue;
    if (strcmp(sql, "SELECT 2") != 0)
        return AGDB__MEMBER_ANSWERED;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "ERROR 25001: not inside a transaction block");
    agdb__error_sqlstate(reterr, "25001");
    return AGDB__MEMBER_FAILED;
}

static void what_fails_for_the_groups_sake_runs_again_alone(void **state)
{
    caller_t c[3] = {{.sql = "SELECT 1", .timeout_ms = 5000},
                     {.sql = "SELECT 2", .timeout_ms = 5000},
                     {.sql = "SELECT 1", .timeout_ms = 5000}};
    uint32_t slot = hold();
    unsigned runs = g_fake.runs;
    size_t i;

    (void)state;
    g_fake.member = fail_as_in_a_group;
    start(c, 3);
    wait_for_line(3);
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    finish(c, 3);
    for (i = 0; i < 3; i++)
        assert_int_equal(c[i].status, AGDB_OK);
    assert_int_equal(g_fake.runs, runs + 1);
    assert_int_equal(c[1].trip.group, 1);
    assert_true(c[1].trip.lost_us >= ROUND_US);
    assert_true(c[1].trip.sent_us >= c[1].begun_us + c[1].trip.lost_us);
    assert_int_equal(run_sql("SELECT 2", 1000, NULL, NULL), AGDB_OK); /* and from now on */
    assert_int_equal(g_fake.runs, runs + 2);
}

static void what_must_not_ride_runs_alone(void **state)
{
    caller_t c[2] = {{.sql = "SET x", .timeout_ms = 5000}, {.sql = "SELECT 1", .timeout_ms = 5000}};
    uint32_t slot = hold();

    (void)state;
    start(c, 2);
    wait_for_line(2);
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    finish(c, 2);
    assert_int_equal(c[0].status, AGDB_OK);
    assert_int_equal(c[1].status, AGDB_OK);
    assert_int_equal(g_fake.members, 1);
}

static void a_leader_out_of_time_leaves_its_group_to_a_member(void **state)
{
    caller_t c[2] = {{.sql = "SELECT 1", .timeout_ms = 60}, {.sql = "SELECT 2", .timeout_ms = 400}};
    uint32_t slot = hold();
    uint64_t begin;

    (void)state;
    g_fake.never_answers = true;
    start(&c[0], 1);
    wait_for_line(1);
    start(&c[1], 1);
    wait_for_line(2);
    begin = agdb__now_us();
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    pthread_join(c[0].thread, NULL);
    assert_true(agdb__now_us() - begin < 250000); /* long before the other one */
    assert_int_equal(c[0].status, AGDB_E_TIMEOUT);
    assert_int_equal(c[0].error->outcome, AGDB_OUTCOME_UNKNOWN);
    pthread_join(c[1].thread, NULL);
    assert_in_range(agdb__now_us() - begin, 300000, 450000);
    assert_int_equal(c[1].status, AGDB_E_TIMEOUT);
    assert_int_equal(agdb__pool_counts(g_pool).open, 0); /* a connection of no use */
    agdb__error_free(c[0].error);
    agdb__error_free(c[1].error);
}

static void a_group_without_an_answer_gives_its_connection_up(void **state)
{
    caller_t c[2] = {{.sql = "SELECT 1", .timeout_ms = 10000},
                     {.sql = "SELECT 2", .timeout_ms = 10000}};
    uint32_t slot = hold();
    uint64_t begin = agdb__now_us();
    size_t i;

    (void)state;
    g_fake.never_answers = true;
    for (i = 0; i < 2; i++)
        assert_true(agdb__thread_start(&c[i].thread, false, call, &c[i]));
    wait_for_line(2);
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    for (i = 0; i < 2; i++) {
        pthread_join(c[i].thread, NULL);
        assert_int_equal(c[i].status, AGDB_E_LOST); /* a read: it may be asked again in its time */
        agdb__error_free(c[i].error);
    }
    assert_in_range(agdb__now_us() - begin, 1000000, 3000000); /* long before their deadlines */
    assert_int_equal(agdb__pool_counts(g_pool).open, 0);
}

/* 40 of 190 us are more than anybody behind a group may wait for: 22 fill the first one. */
static void a_group_ends_at_the_time_that_its_members_take(void **state)
{
    static const char sql[] = "SELECT longer";
    caller_t c[40];
    agdb__learnt_t *learnt =
        agdb__learn_find(&g_pool->learn, agdb__statement_hash(sql, strlen(sql)));
    uint32_t slot = hold();
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++)
        agdb__learn_solo(learnt, true, 190);
    for (i = 0; i < 40; i++)
        c[i] = (caller_t){.sql = sql, .timeout_ms = 5000};
    start(c, 40);
    wait_for_line(40);
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    finish(c, 40);
    for (i = 0; i < 40; i++)
        assert_int_equal(c[i].status, AGDB_OK);
    assert_int_equal(g_fake.members, 40);
    assert_int_equal(g_fake.groups, 2);
}

static void what_fell_while_it_waited_is_not_sent(void **state)
{
    caller_t c[2] = {{.sql = "SELECT 1", .timeout_ms = 5000},
                     {.sql = "SELECT 2", .timeout_ms = 5000}};
    atomic_uint standing = 1;
    uint32_t slot = hold();
    size_t i;

    (void)state;
    g_standing = &standing;
    for (i = 0; i < 2; i++)
        assert_true(agdb__thread_start(&c[i].thread, false, call, &c[i]));
    wait_for_line(2);
    atomic_store(&standing, 2);
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    for (i = 0; i < 2; i++) {
        pthread_join(c[i].thread, NULL);
        assert_int_equal(c[i].status, AGDB_E_NO_PRIMARY);
        assert_int_equal(c[i].error->outcome, AGDB_OUTCOME_NOT_SENT);
        agdb__error_free(c[i].error);
    }
    assert_int_equal(g_fake.members, 0);
    assert_int_equal(run_sql("SELECT 1", 1000, NULL, NULL), AGDB_E_NO_PRIMARY); /* and straight */
    g_standing = NULL;
    assert_int_equal(run_sql("SELECT 1", 1000, NULL, NULL), AGDB_OK);
}

static void who_wants_to_be_alone_never_rides(void **state)
{
    caller_t c[2] = {{.sql = "SELECT 1", .timeout_ms = 5000},
                     {.sql = "SELECT 1", .timeout_ms = 5000}};
    uint32_t slot = hold();

    (void)state;
    g_alone = true;
    start(c, 2);
    while (agdb__pool_counts(g_pool).waiting < 2)
        continue;
    assert_int_equal(agdb__line_count(&g_pool->traffic[AGDB__TRAFFIC_READS].line), 0);
    agdb__pool_give_back(g_pool, slot, agdb__now_us());
    finish(c, 2);
    assert_int_equal(c[0].status, AGDB_OK);
    assert_int_equal(c[1].status, AGDB_OK);
    assert_int_equal(g_fake.groups, 0);
}

/* The only connection goes in turn to those who share it and those who want it for themselves. */
static void neither_riders_nor_waiters_starve(void **state)
{
    enum { CALLS = 200 };
    caller_t ride[CALLS];
    agdb__lease_t lease;
    uint64_t now = agdb__now_us();
    size_t i;

    (void)state;
    for (i = 0; i < CALLS; i++)
        ride[i] = (caller_t){.sql = "SELECT 1", .timeout_ms = 10000};
    start(ride, CALLS);
    for (i = 0; i < 50; i++) {
        assert_int_equal(
            agdb__pool_claim(g_pool, true, now, agdb__after_ms(now, 10000), &lease, NULL), AGDB_OK);
        agdb__pool_release(g_pool, &lease, agdb__now_us());
    }
    finish(ride, CALLS);
    for (i = 0; i < CALLS; i++)
        assert_int_equal(ride[i].status, AGDB_OK);
}

/* Four on connections of their own; the fifth waits for company, although there are free ones. */
static void more_than_few_callers_share_although_connections_are_free(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    caller_t c[3] = {{.sql = "SELECT 1", .timeout_ms = 5000},
                     {.sql = "SELECT 1", .timeout_ms = 5000},
                     {.sql = "SELECT 2", .timeout_ms = 5000}};
    uint32_t slot[AGDB__WIDTH_FEW];
    size_t i;

    (void)state;
    agdb__pool_free(g_pool);
    limits.min = 8;
    limits.max = 8;
    limits.handshakes = 8;
    g_pool = agdb__pool_new(&k_login, &limits, NULL, wake, NULL);
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    learn_all();
    for (i = 0; i < AGDB__WIDTH_FEW; i++)
        slot[i] = hold();
    start(c, 3);
    wait_for_line(3);
    assert_int_equal(agdb__pool_counts(g_pool).open, 8);
    for (i = 0; i < AGDB__WIDTH_FEW; i++)
        agdb__pool_give_back(g_pool, slot[i], agdb__now_us());
    finish(c, 3);
    for (i = 0; i < 3; i++)
        assert_int_equal(c[i].status, AGDB_OK);
    assert_int_equal(g_fake.members, 3);
}

static void many_threads_get_their_own_answers(void **state)
{
    enum { THREADS = 16, ROUNDS = 300 };
    caller_t c[THREADS];
    size_t round;
    size_t i;

    (void)state;
    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < THREADS; i++)
            c[i] = (caller_t){.sql = i % 3 == 0 ? "SELECT 2" : "SELECT 1", .timeout_ms = 10000};
        g_fake.member = round % 2 == 0 ? fail_two : NULL;
        start(c, THREADS);
        finish(c, THREADS);
        for (i = 0; i < THREADS; i++)
            if (c[i].status != AGDB_OK && (i % 3 != 0 || c[i].status != AGDB_E_SERVER))
                fail_msg("round %zu caller %zu: %d", round, i, (int)c[i].status);
    }
    assert_int_equal(agdb__line_count(&g_pool->traffic[AGDB__TRAFFIC_READS].line), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_idle_lane_is_used_straight),
        CASE(those_who_queue_are_answered_in_one_group),
        CASE(a_queued_call_leaves_at_its_deadline),
        CASE(one_failure_is_its_callers_alone),
        CASE(what_fails_for_the_groups_sake_runs_again_alone),
        CASE(what_must_not_ride_runs_alone),
        CASE(a_leader_out_of_time_leaves_its_group_to_a_member),
        CASE(a_group_without_an_answer_gives_its_connection_up),
        CASE(a_group_ends_at_the_time_that_its_members_take),
        CASE(what_fell_while_it_waited_is_not_sent),
        CASE(who_wants_to_be_alone_never_rides),
        CASE(neither_riders_nor_waiters_starve),
        CASE(more_than_few_callers_share_although_connections_are_free),
        CASE(many_threads_get_their_own_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
