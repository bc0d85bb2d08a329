/* Many requests from one thread, on scripted connections: driver.c, feed.c, carrier.c and many.c.
 */
#include "exec/driver.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/sync.h"
#include "exec/driver_impl.h"
#include "exec/many.h"
#include "fake_conn.h"
#include "pool/pool_impl.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { NODES = 2, TASKS = 200 };

static agdb__login_t g_login[NODES];
static agdb__node_t g_nodes[NODES];
static agdb__shard_t g_shard;
static agdb__bell_t g_bell;
static agdb__poll_poller_t g_poller;
static agdb__driver_t g_driver;
static agdb__task_t g_task[TASKS];
static char g_order[TASKS * 8]; /* what was executed, in order */

static void wake(void *user)
{
    (void)user;
}

static void tend(void)
{
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
    }
}

static void publish(agdb__shard_state_t state, uint8_t primary, uint32_t replicas)
{
    agdb__board_publish(&g_shard.board, (agdb__view_t){state, primary, replicas});
}

/* `text` is short from here on. */
static void make_short(const char *text)
{
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        agdb__statement_t s = {
            .sql = text, .hash = agdb__statement_hash(text, strlen(text)), .read_only = true};
        agdb__learnt_t *learnt = agdb__pool_learnt(g_nodes[i].pool, &s);
        int n;

        for (n = 0; n < 4; n++)
            agdb__learn_solo(learnt, true, 20);
    }
}

static void make_short_write(const char *text)
{
    agdb__statement_t s = {.sql = text, .hash = agdb__statement_hash(text, strlen(text))};
    agdb__learnt_t *learnt = agdb__pool_learnt(g_nodes[0].pool, &s);
    int n;

    assert_non_null(learnt);
    for (n = 0; n < 4; n++)
        agdb__learn_solo(learnt, true, 20);
}

/* Waiting callers have short statements, too: a connection is kept for them. */
static void use_lanes(void)
{
    uint32_t i;

    for (i = 0; i < NODES; i++) {
        agdb__pool_t *pool = g_nodes[i].pool;
        uint32_t lane = agdb__pool_take_lane(pool, &pool->traffic[AGDB__TRAFFIC_READS], UINT32_MAX,
                                             0, agdb__now_us());

        agdb__pool_give_back(pool, lane, agdb__now_us());
    }
}

static int setup_with(unsigned max, bool commits_wait)
{
    static const char *const names[NODES] = {"db-1", "db-2"};
    agdb__pool_limits_t limits = {.min = max,
                                  .max = max,
                                  .handshakes = 9,
                                  .queue = 9,
                                  .queue_ms = 60,
                                  .idle_ms = 60000,
                                  .lifetime_ms = 600000,
                                  .grouping = true};
    uint32_t i;

    fake_reset();
    g_fake.hello.commits_wait = commits_wait;
    g_order[0] = '\0';
    for (i = 0; i < NODES; i++) {
        g_login[i] = (agdb__login_t){.node = names[i], .connect_ms = 1000};
        g_nodes[i] = (agdb__node_t){.name = names[i],
                                    .pool = agdb__pool_new(&g_login[i], &limits, NULL, wake, NULL)};
    }
    g_shard = (agdb__shard_t){
        .name = "east-1", .nodes = g_nodes, .nnodes = NODES, .call_ms = 200, .park_ms = 50};
    if (!agdb__board_init(&g_shard.board, NODES) || !agdb__bell_init(&g_bell) ||
        !agdb__poll_poller_init(&g_poller, &g_bell))
        return -1;
    tend();
    use_lanes();
    make_short("R");
    make_short("r");
    make_short("SET x");
    publish(AGDB__SHARD_READY, 0, 0);
    agdb__driver_init(&g_driver, &g_bell, &g_poller.base);
    return agdb__driver_reserve(&g_driver, TASKS) ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(3, true); /* two of them are for drivers */
}

static int setup_one(void **state)
{
    (void)state;
    return setup_with(1, true);
}

static int setup_cheap(void **state)
{
    (void)state;
    return setup_with(3, false);
}

static int teardown(void **state)
{
    uint32_t i;

    (void)state;
    for (i = 0; i < TASKS; i++) {
        agdb__result_free(g_task[i].result);
        agdb__error_free(g_task[i].error);
        agdb__error_free(g_task[i].call.error);
        g_task[i] = (agdb__task_t){0};
    }
    agdb__driver_fini(&g_driver);
    agdb__poll_poller_fini(&g_poller);
    agdb__bell_fini(&g_bell);
    for (i = 0; i < NODES; i++)
        agdb__pool_free(g_nodes[i].pool);
    agdb__board_fini(&g_shard.board);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

static void add_for(size_t i, const char *sql, agdb_access_t access, uint32_t timeout_ms)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = sql;
    r.access = access;
    r.timeout_ms = timeout_ms;
    agdb__driver_add(&g_driver, &g_task[i], &g_shard, &r, agdb__now_us());
}

static void add(size_t i, const char *sql)
{
    add_for(i, sql, sql[0] == 'W' || sql[0] == 'w' ? AGDB_WRITE : AGDB_READ, 5000);
}

static void step(void)
{
    agdb__driver_step(&g_driver, 0);
}

/* Steps until nothing is under way; the pools are tended meanwhile. */
static void run(void)
{
    while (g_driver.live > 0) {
        agdb__driver_step(&g_driver, agdb__now_us() + 1000);
        while (agdb__driver_take_done(&g_driver) != NULL)
            continue;
        agdb__driver_rest(&g_driver);
        tend();
    }
}

static agdb_status_t note_run(agdb__conn_t *conn, const agdb__statement_t *statement,
                              agdb_error_t **reterr)
{
    (void)conn;
    (void)reterr;
    strncat(g_order, statement->sql, 1);
    return AGDB_OK;
}

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

static agdb_status_t lose_on_the_replica(agdb__conn_t *conn, const agdb__statement_t *statement,
                                         agdb_error_t **reterr)
{
    (void)statement;
    if (strcmp(fake_node(conn), "db-1") == 0)
        return AGDB_OK;
    fake_set_clean(conn, false);
    (void)agdb__fail(reterr, AGDB_E_LOST, "connection lost");
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_LOST;
}

static void a_lost_read_goes_on_to_another_node(void **state)
{
    (void)state;
    g_fake.run = lose_on_the_replica;
    publish(AGDB__SHARD_READY, 0, 2);
    add_for(0, "new", AGDB_READ_REPLICA_OK, 5000);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_string_equal(g_task[0].result->node, "db-1");
    assert_int_equal(g_task[0].result->timing.attempts, 2);
    assert_true(agdb__pool_take_suspicion(g_nodes[1].pool));
}

static unsigned g_conflicts;

static agdb_status_t conflict_twice(agdb__conn_t *conn, const agdb__statement_t *statement,
                                    agdb_error_t **reterr)
{
    (void)conn;
    (void)statement;
    if (g_conflicts++ >= 2)
        return AGDB_OK;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "ERROR 40001: could not serialize access");
    agdb__error_sqlstate(reterr, "40001");
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    return AGDB_E_SERVER;
}

static void a_conflict_is_tried_again_without_sleeping(void **state)
{
    (void)state;
    g_conflicts = 0;
    g_fake.run = conflict_twice;
    add(0, "W");
    step();
    step();
    assert_int_equal(g_driver.paused.count, 1);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_int_equal(g_task[0].result->timing.attempts, 3);
}

static void *promote(void *arg)
{
    (void)arg;
    publish(AGDB__SHARD_READY, 1, 0);
    return NULL;
}

static void a_parked_request_goes_to_the_new_primary(void **state)
{
    pthread_t thread;

    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    add(0, "W");
    assert_int_equal(g_driver.paused.count, 1);
    assert_true(agdb__thread_start(&thread, false, promote, NULL));
    while (g_driver.done.count == 0)
        agdb__driver_step(&g_driver, AGDB__NEVER);
    pthread_join(thread, NULL);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_string_equal(g_task[0].result->node, "db-2");
}

static void a_parked_request_ends_at_its_time_or_when_the_client_closes(void **state)
{
    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    add(0, "W");
    run();
    assert_int_equal(g_task[0].status, AGDB_E_NO_PRIMARY);
    add(1, "W");
    agdb__board_close(&g_shard.board);
    run();
    assert_int_equal(g_task[1].status, AGDB_E_CLOSING);
}

static void a_write_that_waited_goes_to_who_is_the_primary_then(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "W");
    add(1, "W");
    step(); /* one connection: the second waits */
    assert_int_equal(g_fake.runs, 1);
    publish(AGDB__SHARD_READY, 1, 0);
    g_fake.never_answers = false;
    fake_answer_held();
    run();
    assert_int_equal(g_task[0].status, AGDB_E_LOST); /* confirmed by the old one: may be undone */
    assert_int_equal(g_task[1].status, AGDB_OK);
    assert_string_equal(g_task[1].result->node, "db-2");
}

static agdb__lease_t hold(void)
{
    uint64_t now = agdb__now_us();
    agdb__lease_t lease = {0};

    assert_int_equal(agdb__pool_claim(g_nodes[0].pool, false, now, now + 1000000, &lease, NULL),
                     AGDB_OK);
    return lease;
}

static void release(agdb__lease_t *lease)
{
    agdb__pool_release(g_nodes[0].pool, lease, agdb__now_us());
}

static void who_finds_all_connections_taken_waits_for_one(void **state)
{
    agdb__lease_t lease = hold();

    (void)state;
    add(0, "W");
    step();
    assert_int_equal(agdb__pool_counts(g_nodes[0].pool).waiting, 1);
    release(&lease);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
}

static void who_waits_too_long_for_others_connections_is_told(void **state)
{
    agdb__lease_t lease = hold();
    uint64_t start = agdb__now_us();

    (void)state;
    add(0, "W"); /* queue_ms is 60 */
    while (g_driver.done.count == 0)
        agdb__driver_step(&g_driver, AGDB__NEVER);
    assert_in_range(agdb__now_us() - start, 55000, 150000);
    assert_int_equal(g_task[0].status, AGDB_E_TIMEOUT);
    assert_int_equal(g_task[0].error->stage, AGDB_STAGE_QUEUE);
    run();
    assert_int_equal(agdb__pool_counts(g_nodes[0].pool).waiting, 0); /* nothing is wanted more */
    release(&lease);
}

static void an_unreachable_node_gives_its_reason(void **state)
{
    agdb__lease_t lease = hold();

    (void)state;
    fake_set_clean(lease.conn, false);
    release(&lease);
    g_fake.refuse = AGDB_E_AUTH;
    tend();
    add(0, "W");
    add(1, "R");
    run();
    assert_int_equal(g_task[0].status, AGDB_E_AUTH);
    assert_int_equal(g_task[1].status, AGDB_E_AUTH);
    assert_string_equal(g_task[0].error->node, "db-1");
    assert_ptr_not_equal(g_task[0].error, g_task[1].error);
}

static void a_shut_pool_ends_what_waits(void **state)
{
    agdb__lease_t lease = hold();

    (void)state;
    add(0, "W");
    step();
    agdb__pool_shut(g_nodes[0].pool);
    run();
    assert_int_equal(g_task[0].status, AGDB_E_CLOSING);
    assert_int_equal(g_task[0].error->outcome, AGDB_OUTCOME_NOT_SENT);
    release(&lease);
}

static void *claim_once(void *arg)
{
    agdb__lease_t lease = hold();

    atomic_store((atomic_bool *)arg, true);
    release(&lease);
    return NULL;
}

static void a_caller_that_waits_gets_the_connection_between_two_statements(void **state)
{
    atomic_bool claimed = false;
    pthread_t thread;
    size_t i;

    (void)state;
    g_fake.never_answers = true;
    for (i = 0; i < 3; i++)
        add(i, "W");
    step();
    assert_true(agdb__thread_start(&thread, false, claim_once, &claimed));
    while (agdb__pool_counts(g_nodes[0].pool).waiting == 0)
        continue;
    fake_answer_held();
    step();
    pthread_join(thread, NULL);
    assert_true(atomic_load(&claimed));
    g_fake.never_answers = false;
    fake_answer_held();
    run();
    for (i = 0; i < 3; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
}

static void what_is_idle_goes_back(void **state)
{
    (void)state;
    add(0, "R");
    step();
    step();
    assert_int_equal(g_driver.done.count, 1);
    agdb__driver_rest(&g_driver);
    assert_int_equal(g_driver.feeds->ncarriers, 0);
    agdb__pool_release(g_nodes[0].pool, &(agdb__lease_t){.slot = hold().slot}, agdb__now_us());
}

static void the_end_closes_what_is_under_way(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "R");
    add(1, "W");
    step();
    (void)agdb__driver_drop(&g_driver, &g_task[0]);
    (void)agdb__driver_drop(&g_driver, &g_task[1]);
    agdb__driver_fini(&g_driver);
    assert_int_equal(g_fake.closed, 2);
    agdb__driver_init(&g_driver, &g_bell, &g_poller.base);
}

static void many_are_run_to_their_ends(void **state)
{
    static agdb__many_item_t items[TASKS];
    size_t i;

    (void)state;
    for (i = 0; i < TASKS; i++) {
        items[i] = (agdb__many_item_t){.shard = i % 50 == 7 ? NULL : &g_shard};
        items[i].request = AGDB_REQUEST_INIT;
        items[i].request.sql = i % 10 == 0 ? "W" : "R";
        items[i].request.access = i % 10 == 0 ? AGDB_WRITE : AGDB_READ;
        items[i].request.timeout_ms = 5000;
    }
    assert_int_equal(agdb__many_run(items, TASKS, agdb__now_us(), NULL), AGDB_OK);
    for (i = 0; i < TASKS; i++) {
        assert_int_equal(items[i].task.status, AGDB_OK);
        assert_true((items[i].task.result != NULL) == (items[i].shard != NULL));
        agdb__result_free(items[i].task.result);
    }
    assert_int_equal(agdb__many_run(NULL, 0, agdb__now_us(), NULL), AGDB_OK);
}

/* --- when memory ends --------------------------------------------------------------------------
 */

static long g_until; /* allocations until one fails */
static bool g_for_good;

static bool fails(void)
{
    if (g_until < 0)
        return false;
    if (g_until > 0) {
        g_until--;
        return false;
    }
    if (!g_for_good)
        g_until = -1;
    return true;
}

static void *scarce_alloc(size_t size, void *user)
{
    (void)user;
    return fails() ? NULL : malloc(size);
}

static void *scarce_resize(void *block, size_t size, void *user)
{
    (void)user;
    return fails() ? NULL : realloc(block, size);
}

static void scarce_release(void *block, void *user)
{
    (void)user;
    free(block);
}

/* Reads, writes and one that is parked; returns how many did not succeed. */
static unsigned run_with_scarce_memory(long until, bool for_good)
{
    static const agdb_allocator_t scarce = {scarce_alloc, scarce_resize, scarce_release, NULL};
    static agdb__many_item_t items[30];
    const agdb_allocator_t *outer = agdb__alloc_enter(&scarce);
    agdb_error_t *error = NULL;
    unsigned failed = 0;
    agdb_status_t st;
    size_t i;

    for (i = 0; i < 30; i++) {
        items[i] = (agdb__many_item_t){.shard = &g_shard};
        items[i].request = AGDB_REQUEST_INIT;
        items[i].request.sql = i % 10 == 0 ? "W" : "R";
        items[i].request.access = i % 10 == 0 ? AGDB_WRITE : AGDB_READ;
        items[i].request.timeout_ms = 60;
    }
    g_until = until;
    g_for_good = for_good;
    st = agdb__many_run(items, 30, agdb__now_us(), &error);
    g_until = -1;
    (void)agdb__alloc_enter(outer);
    assert_true(st == AGDB_OK || st == AGDB_E_NOMEM);
    for (i = 0; i < 30 && st == AGDB_OK; i++) {
        assert_true((items[i].task.status == AGDB_OK) == (items[i].task.result != NULL));
        assert_true((items[i].task.status == AGDB_OK) == (items[i].task.error == NULL));
        failed += items[i].task.status != AGDB_OK;
        agdb__result_free(items[i].task.result);
        agdb__error_free(items[i].task.error);
    }
    agdb__error_free(error);
    return st == AGDB_OK ? failed : 30;
}

static void each_request_has_its_end_when_memory_ends(void **state)
{
    unsigned failed = 0;
    long n;

    (void)state;
    assert_int_equal(run_with_scarce_memory(-1, false), 0);
    for (n = 0; n < 45; n++) {
        failed += run_with_scarce_memory(n, false);
        if (n % 4 == 0) /* each of these lasts until its deadline */
            failed += run_with_scarce_memory(n, true);
        tend();
        assert_int_equal(agdb__pool_counts(g_nodes[0].pool).waiting, 0);
    }
    assert_true(failed > 0);
    assert_int_equal(run_with_scarce_memory(-1, false), 0);
}

int main(void)
{
#define CASE(test)  cmocka_unit_test_setup_teardown(test, setup, teardown)
#define CHEAP(test) cmocka_unit_test_setup_teardown(test, setup_cheap, teardown)
#define ONE(test)   cmocka_unit_test_setup_teardown(test, setup_one, teardown)
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
        ONE(a_deadline_alone_closes_the_connection),
        ONE(a_deadline_alone_leaves_the_connection_to_the_keeper),
        ONE(who_gives_up_leaves_the_connection_to_the_keeper),
        ONE(a_dropped_task_is_told_from_one_that_was_not_sent),
        CASE(a_connection_that_dies_while_a_group_is_made_costs_nothing),
        CASE(what_cannot_be_sent_fails_by_itself),
        CASE(a_lost_read_goes_on_to_another_node),
        CASE(a_conflict_is_tried_again_without_sleeping),
        CASE(a_parked_request_goes_to_the_new_primary),
        CASE(a_parked_request_ends_at_its_time_or_when_the_client_closes),
        ONE(a_write_that_waited_goes_to_who_is_the_primary_then),
        ONE(who_finds_all_connections_taken_waits_for_one),
        ONE(who_waits_too_long_for_others_connections_is_told),
        ONE(an_unreachable_node_gives_its_reason),
        ONE(a_shut_pool_ends_what_waits),
        ONE(a_caller_that_waits_gets_the_connection_between_two_statements),
        ONE(what_is_idle_goes_back),
        CASE(the_end_closes_what_is_under_way),
        CASE(many_are_run_to_their_ends),
        CASE(each_request_has_its_end_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
