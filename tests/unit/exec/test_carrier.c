/* What connections of a driver have under way: groups, statements alone, and their ends. */
#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"
#include "driver_fixture.h"
#include "exec/driver_impl.h"
#include "fake_conn.h"
#include "parts.h"
#include "pool/pool_impl.h"

static void reads_are_spread_over_connections_in_groups(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 64; i++)
        add(i, "R");
    step();
    assert_int_equal(g_fake.groups, 2);
    assert_int_equal(g_fake.members, 64);
    run();
    for (i = 0; i < 64; i++) {
        assert_int_equal(g_task[i].status, AGDB_OK);
        assert_string_equal(g_task[i].result->node, "db-1");
        assert_int_equal(g_task[i].result->timing.group, 32);
        parts_are_whole(&g_task[i].result->timing);
    }
    assert_int_equal(g_fake.groups, 2);
    assert_int_equal(agdb__pool_counts(g_nodes[0].pool).waiting, 0);
}

static void writes_have_a_connection_each(void **state)
{
    size_t i;

    (void)state;
    g_fake.never_answers = true;
    for (i = 0; i < 5; i++)
        add(i, "W");
    step();
    assert_int_equal(g_fake.runs, 2);
    assert_int_equal(g_fake.groups, 0);
    fake_answer_held();
    step(); /* the next leave before anybody hears of the first */
    assert_int_equal(g_driver.done.count, 2);
    assert_int_equal(g_fake.runs, 4);
    g_fake.never_answers = false;
    fake_answer_held();
    run();
    for (i = 0; i < 5; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
}

static void writes_share_connections_where_commits_are_cheap(void **state)
{
    size_t i;

    (void)state;
    make_short_write("w");
    for (i = 0; i < 20; i++)
        add(i, "w");
    run();
    assert_int_equal(g_fake.members, 20);
    assert_int_equal(g_fake.runs, 0);
    for (i = 0; i < 20; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
}

/* One position behind the group is that of each of them. */
static void writes_of_a_session_in_a_group_have_its_position(void **state)
{
    const agdb__position_t at = {.system_identifier = 7, .timeline = 1, .lsn = 4711};
    agdb_session_t session = {.lock.mutex = PTHREAD_MUTEX_INITIALIZER};
    agdb__position_t need;
    agdb_request_t r = AGDB_REQUEST_INIT;
    size_t i;

    (void)state;
    make_short_write("W");
    g_fake.position = at;
    r.sql = "W";
    r.timeout_ms = 5000;
    r.session = &session;
    for (i = 0; i < 8; i++)
        agdb__driver_add(&g_driver, &g_task[i], &g_shard, &r, agdb__now_us());
    run();
    assert_int_equal(g_fake.members, 8);
    assert_int_equal(agdb__session_need(&session, g_shard.id, &need), AGDB__NEED_POSITION);
    assert_int_equal(need.lsn, at.lsn);
}

static void reads_and_writes_do_not_share_a_group(void **state)
{
    size_t i;

    (void)state;
    make_short_write("w");
    for (i = 0; i < 8; i++)
        add(i, i < 4 ? "w" : "R");
    run();
    assert_int_equal(g_fake.members, 8);
    assert_int_equal(g_fake.groups, 2);
    for (i = 0; i < 8; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
}

static void what_is_not_known_to_be_short_is_timed_alone_first(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 20; i++)
        add(i, "new");
    run();
    assert_int_equal(g_fake.runs, 3); /* one after the other: on a busy machine all look slow */
    assert_int_equal(g_fake.members, 17);
}

static atomic_bool g_flipping;

/* As if other threads found a statement out to be slow, and short again, all the time. */
static void *flip(void *arg)
{
    agdb__learnt_t *learnt = arg;

    while (atomic_load_explicit(&g_flipping, memory_order_relaxed)) {
        atomic_store_explicit(&learnt->banned, true, memory_order_relaxed);
        atomic_store_explicit(&learnt->banned, false, memory_order_relaxed);
    }
    return NULL;
}

static void what_others_find_to_be_slow_meanwhile_is_run_all_the_same(void **state)
{
    agdb__statement_t r = {.sql = "R", .hash = agdb__statement_hash("R", 1), .read_only = true};
    pthread_t thread;
    size_t round;
    size_t i;

    (void)state;
    atomic_store_explicit(&g_flipping, true, memory_order_relaxed);
    assert_true(agdb__thread_start(&thread, false, flip, agdb__pool_learnt(g_nodes[0].pool, &r)));
    for (round = 0; round < 3000; round++) {
        assert_true(
            agdb__driver_reserve(&g_driver, 2)); /* a task that is taken gives its own back */
        for (i = 0; i < 2; i++)
            add(i, "R");
        run();
        for (i = 0; i < 2; i++) {
            assert_int_equal(g_task[i].status, AGDB_OK);
            agdb__result_free(g_task[i].result);
            g_task[i].result = NULL;
        }
    }
    atomic_store_explicit(&g_flipping, false, memory_order_relaxed);
    pthread_join(thread, NULL);
}

static void a_slow_one_that_is_timed_does_not_hold_the_others_for_long(void **state)
{
    uint64_t start = agdb__now_us();

    (void)state;
    g_fake.never_answers = true;
    add(0, "new");
    add(1, "new");
    step();
    assert_int_equal(g_fake.runs, 1);
    while (g_fake.runs < 2)
        agdb__driver_step(&g_driver, AGDB__NEVER);
    assert_in_range(agdb__now_us() - start, AGDB__TIMING_PATIENCE_US, 50000);
    g_fake.never_answers = false;
    fake_answer_held();
    run();
    assert_int_equal(g_task[1].status, AGDB_OK);
}

static void reads_and_writes_take_turns_on_one_connection(void **state)
{
    size_t i;

    (void)state;
    g_fake.run = note_run;
    for (i = 0; i < 4; i++)
        add(i, i < 2 ? "W" : "R");
    run();
    assert_int_equal(g_fake.members, 2);
    assert_int_equal(g_fake.groups, 1);
    assert_string_equal(g_order, "WW");
    for (i = 0; i < 4; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
}

static agdb__member_fate_t fail_capitals(const char *sql, agdb_error_t **reterr)
{
    strncat(g_order, sql, 1);
    if (sql[0] != 'R')
        return AGDB__MEMBER_ANSWERED;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "ERROR 22012: division by zero");
    agdb__error_sqlstate(reterr, "22012");
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    return AGDB__MEMBER_FAILED;
}

static void who_was_not_executed_goes_again_in_order(void **state)
{
    (void)state;
    g_fake.member = fail_capitals;
    add(0, "r");
    add(1, "R");
    add(2, "r");
    add(3, "r");
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_int_equal(g_task[1].status, AGDB_E_SERVER);
    assert_string_equal(g_task[1].error->sqlstate, "22012");
    assert_string_equal(g_task[1].error->shard, "east-1");
    assert_int_equal(g_task[2].status, AGDB_OK);
    assert_int_equal(g_task[3].status, AGDB_OK);
    assert_int_equal(g_task[3].result->timing.attempts, 1);
    assert_int_equal(g_task[0].result->timing.group, 4);
    assert_int_equal(g_task[1].error->timing.group, 4);
    assert_int_equal(g_task[3].result->timing.group, 2);
    parts_are_whole(&g_task[3].result->timing);
    assert_string_equal(g_order, "rRrr");
}

static agdb__member_fate_t blame_the_group(const char *sql, agdb_error_t **reterr)
{
    if (sql[0] != 'R')
        return AGDB__MEMBER_ANSWERED;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "ERROR 25001: not in a transaction");
    agdb__error_sqlstate(reterr, "25001");
    return AGDB__MEMBER_FAILED;
}

static void what_only_the_group_failed_is_run_alone_before_anybody_hears(void **state)
{
    (void)state;
    g_fake.member = blame_the_group;
    add(0, "r");
    add(1, "R");
    run();
    assert_int_equal(g_task[1].status, AGDB_OK);
    assert_int_equal(g_task[1].result->timing.group, 1);
    parts_are_whole(&g_task[1].result->timing);
    assert_int_equal(g_fake.runs, 1);
    add(2, "R"); /* and rides no more */
    run();
    assert_int_equal(g_fake.runs, 2);
}

static void what_a_group_does_not_take_is_run_alone(void **state)
{
    (void)state;
    add(0, "r");
    add(1, "SET x");
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_int_equal(g_task[1].status, AGDB_OK);
    assert_int_equal(g_fake.members, 1);
    assert_int_equal(g_fake.runs, 1);
}

static void a_deadline_in_the_queue_is_not_sent(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "W");
    step();
    add_for(1, "W", AGDB_WRITE, 20);
    while (g_driver.done.count == 0)
        agdb__driver_step(&g_driver, AGDB__NEVER);
    assert_int_equal(g_task[1].status, AGDB_E_TIMEOUT);
    assert_int_equal(g_task[1].error->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(g_task[1].error->stage, AGDB_STAGE_QUEUE);
    assert_int_equal(g_fake.runs, 1);
    fake_answer_held();
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
}

/* Nobody came to look at the timer in time, and a connection is there. */
static void what_is_late_before_it_is_sent_is_not_sent(void **state)
{
    static const char *const sql[] = {"W", "R"};
    agdb_request_t r = AGDB_REQUEST_INIT;
    size_t i;

    (void)state;
    r.timeout_ms = 5;
    for (i = 0; i < 2; i++) {
        r.sql = sql[i];
        r.access = i == 0 ? AGDB_WRITE : AGDB_READ;
        agdb__driver_add(&g_driver, &g_task[i], &g_shard, &r, agdb__now_us() - 10000);
    }
    run();
    for (i = 0; i < 2; i++) {
        assert_int_equal(g_task[i].status, AGDB_E_TIMEOUT);
        assert_int_equal(g_task[i].error->outcome, AGDB_OUTCOME_NOT_SENT);
    }
    assert_int_equal(g_fake.runs + g_fake.members, 0);
}

static void a_deadline_in_a_group_leaves_the_others_alone(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "R");
    add_for(1, "R", AGDB_READ, 20);
    while (g_driver.done.count == 0)
        agdb__driver_step(&g_driver, AGDB__NEVER);
    assert_int_equal(g_task[1].status, AGDB_E_TIMEOUT);
    assert_int_equal(g_task[1].error->outcome, AGDB_OUTCOME_UNKNOWN);
    fake_answer_held();
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_int_equal(g_fake.groups, 1);
    assert_int_equal(g_fake.closed, 0);
}

/* Their time goes by, but not the machine's. */
static void let_timers_ring_in(uint64_t ms)
{
    agdb__timers_run(&g_driver.timers, agdb__now_us() + ms * 1000, &g_driver);
}

static void writes_wait_for_a_server_that_stands_still(void **state)
{
    size_t i;

    (void)state;
    make_short_write("w");
    g_fake.never_answers = true;
    for (i = 0; i < 8; i++)
        add(i, "w");
    step();
    assert_int_equal(g_fake.members, 8);
    let_timers_ring_in(2000);
    let_timers_ring_in(4000);
    fake_answer_held();
    run();
    for (i = 0; i < 8; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
    assert_int_equal(g_fake.closed, 0);
}

static void writes_that_the_server_has_passed_over_are_not_known(void **state)
{
    (void)state;
    make_short_write("w");
    g_fake.never_answers = true;
    add(0, "w");
    add(1, "w");
    step();
    let_timers_ring_in(2000);
    assert_int_equal(g_fake.closed, 0);
    atomic_store(&g_nodes[0].pool->passed_us, agdb__now_us());
    let_timers_ring_in(2200);
    run();
    assert_int_equal(g_task[0].status, AGDB_E_LOST);
    assert_int_equal(g_task[1].error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_fake.closed, 1);
}

static void reads_do_not_wait_for_a_server_that_stands_still(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "R");
    add(1, "R");
    step();
    g_fake.never_answers = false;
    let_timers_ring_in(2000);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_int_equal(g_task[1].status, AGDB_OK);
    assert_int_equal(g_fake.closed, 1);
}

static void a_deadline_alone_closes_the_connection(void **state)
{
    uint64_t start = agdb__now_us();

    (void)state;
    g_fake.never_answers = true;
    add_for(0, "W", AGDB_WRITE, 20);
    run();
    assert_in_range(agdb__now_us() - start, 20000, 70000);
    assert_int_equal(g_task[0].status, AGDB_E_TIMEOUT);
    assert_int_equal(g_task[0].error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_fake.closed, 1);
}

static unsigned left(void)
{
    return atomic_load(&g_nodes[0].pool->left);
}

static void a_deadline_alone_leaves_the_connection_to_the_keeper(void **state)
{
    uint64_t start = agdb__now_us();

    (void)state;
    g_fake.can_be_left = true;
    g_fake.never_answers = true;
    add_for(0, "W", AGDB_WRITE, 20);
    run();
    assert_in_range(agdb__now_us() - start, 20000, 70000);
    assert_int_equal(g_task[0].status, AGDB_E_TIMEOUT);
    assert_int_equal(g_task[0].error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(left(), 1);
    fake_answer_held();
    tend();
    assert_int_equal(left(), 0);
    assert_int_equal(g_fake.closed, 0);
}

static void who_gives_up_leaves_the_connection_to_the_keeper(void **state)
{
    (void)state;
    g_fake.can_be_left = true;
    g_fake.never_answers = true;
    add(0, "W");
    step();
    assert_true(agdb__driver_drop(&g_driver, &g_task[0]));
    assert_int_equal(left(), 1);
    g_fake.never_answers = false;
    add(1, "W"); /* on the other connection meanwhile, if there is one */
    fake_answer_held();
    run();
    assert_int_equal(g_task[1].status, AGDB_OK);
    assert_int_equal(left(), 0);
    assert_int_equal(g_fake.closed, 0);
}

static void a_dropped_task_is_told_from_one_that_was_not_sent(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "W");
    step();
    add(1, "W");
    assert_false(agdb__driver_drop(&g_driver, &g_task[1]));
    assert_true(agdb__driver_drop(&g_driver, &g_task[0]));
    assert_int_equal(g_driver.live, 0);
    fake_answer_held(); /* its answer is dropped, the connection is good still */
    step();
    agdb__driver_rest(&g_driver);
    assert_int_equal(g_fake.closed, 0);
    assert_null(g_task[0].result);
}

static void a_connection_that_dies_while_a_group_is_made_costs_nothing(void **state)
{
    size_t i;

    (void)state;
    g_fake.refuse_send = AGDB_E_LOST;
    g_fake.die_when_sent = true;
    for (i = 0; i < 10; i++)
        add(i, "R");
    run();
    for (i = 0; i < 10; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
    assert_int_equal(g_fake.closed, 1);
}

static void what_cannot_be_sent_fails_by_itself(void **state)
{
    (void)state;
    g_fake.refuse_send = AGDB_E_INVAL;
    add(0, "W");
    add(1, "R");
    run();
    assert_int_equal(g_task[0].status, AGDB_E_INVAL);
    assert_int_equal(g_task[1].status, AGDB_E_INVAL);
    assert_int_equal(g_fake.closed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reads_are_spread_over_connections_in_groups),
        CASE(writes_have_a_connection_each),
        CHEAP(writes_share_connections_where_commits_are_cheap),
        CHEAP(writes_of_a_session_in_a_group_have_its_position),
        CHEAP(reads_and_writes_do_not_share_a_group),
        CASE(what_is_not_known_to_be_short_is_timed_alone_first),
        CASE(what_others_find_to_be_slow_meanwhile_is_run_all_the_same),
        CASE(a_slow_one_that_is_timed_does_not_hold_the_others_for_long),
        ONE(reads_and_writes_take_turns_on_one_connection),
        ONE(who_was_not_executed_goes_again_in_order),
        ONE(what_only_the_group_failed_is_run_alone_before_anybody_hears),
        ONE(what_a_group_does_not_take_is_run_alone),
        ONE(a_deadline_in_the_queue_is_not_sent),
        CASE(what_is_late_before_it_is_sent_is_not_sent),
        ONE(a_deadline_in_a_group_leaves_the_others_alone),
        CHEAP(writes_wait_for_a_server_that_stands_still),
        CHEAP(writes_that_the_server_has_passed_over_are_not_known),
        ONE(reads_do_not_wait_for_a_server_that_stands_still),
        ONE(a_deadline_alone_closes_the_connection),
        ONE(a_deadline_alone_leaves_the_connection_to_the_keeper),
        ONE(who_gives_up_leaves_the_connection_to_the_keeper),
        ONE(a_dropped_task_is_told_from_one_that_was_not_sent),
        CASE(a_connection_that_dies_while_a_group_is_made_costs_nothing),
        CASE(what_cannot_be_sent_fails_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
