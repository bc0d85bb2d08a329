/* The steps of a request, without any waiting: time is the test's. */
#include "exec/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "parts.h"
#include "unit.h"

enum { NODES = 3, START = 1000000 };

static agdb__login_t g_login = {.node = "db", .connect_ms = 1000};
static agdb__node_t g_nodes[NODES];
static agdb__shard_t g_shard;
static agdb__call_t g_call;
static agdb_session_t g_session;

static void wake(void *user)
{
    (void)user;
}

static int setup(void **state)
{
    static const char *const names[NODES] = {"db-1", "db-2", "db-3"};
    agdb__pool_limits_t limits = {.min = 1, .max = 2, .queue = 9};
    uint32_t i;

    (void)state;
    fake_reset();
    for (i = 0; i < NODES; i++)
        g_nodes[i] = (agdb__node_t){.name = names[i],
                                    .pool = agdb__pool_new(&g_login, &limits, NULL, wake, NULL)};
    g_shard = (agdb__shard_t){
        .name = "east-1", .nodes = g_nodes, .nnodes = NODES, .call_ms = 200, .park_ms = 100};
    g_shard.id = 42;
    g_session = (agdb_session_t){.token = {0}};
    return agdb__board_init(&g_shard.board, NODES) && agdb__marks_init(&g_shard.marks, NODES) &&
                   agdb__mutex_init(&g_session.lock)
               ? 0
               : -1;
}

static int teardown(void **state)
{
    uint32_t i;

    (void)state;
    agdb__error_free(g_call.error);
    g_call.error = NULL;
    for (i = 0; i < NODES; i++)
        agdb__pool_free(g_nodes[i].pool);
    agdb__mutex_fini(&g_session.lock);
    agdb__marks_fini(&g_shard.marks);
    agdb__board_fini(&g_shard.board);
    return 0;
}

static void publish(agdb__shard_state_t state, uint8_t primary, uint32_t replicas)
{
    agdb__board_publish(&g_shard.board, (agdb__view_t){state, primary, replicas}, 0);
}

static void begin(agdb_access_t access, uint64_t salt)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = "SELECT 1";
    r.access = access;
    agdb__error_free(g_call.error);
    agdb__call_begin(&g_call, &g_shard, &r, START, salt);
}

static void fail_attempt(agdb_status_t status, agdb_outcome_t outcome, const char *sqlstate,
                         uint64_t now_us)
{
    (void)agdb__fail(&g_call.error, status, "scripted");
    agdb__error_outcome(&g_call.error, outcome);
    agdb__error_sqlstate(&g_call.error, sqlstate);
    agdb__error_stage(&g_call.error, AGDB_STAGE_EXECUTE);
    agdb__call_failed(&g_call, now_us);
}

static agdb_status_t answer(agdb_result_t **ret)
{
    g_call.course.trip.sent_us = START + 3;
    return agdb__call_answered(&g_call, &(agdb__answer_t){.rows = NULL}, START + 10, ret);
}

static void an_answer_ends_the_call(void **state)
{
    agdb_result_t *res = NULL;

    (void)state;
    publish(AGDB__SHARD_READY, 1, 0);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    assert_int_equal(g_call.node, 1);
    assert_int_equal(answer(&res), AGDB_OK);
    assert_string_equal(res->node, "db-2");
    assert_int_equal(res->timing.total_us, 10);
    assert_int_equal(res->timing.wait_us, 3);
    assert_int_equal(res->timing.queue_us, 3);
    assert_int_equal(res->timing.exec_us, 7);
    agdb__result_free(res);
}

static void a_parked_call_waits_for_the_view_or_its_time(void **state)
{
    agdb__next_t next;
    agdb_error_t *error = NULL;

    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    begin(AGDB_WRITE, 0);
    next = agdb__call_next(&g_call, START);
    assert_int_equal(next.kind, AGDB__NEXT_WAIT);
    assert_int_equal(next.until_us, START + 100000); /* park_ms, not the whole call */
    next = agdb__call_next(&g_call, START + 50000);  /* woken by chance */
    assert_int_equal(next.kind, AGDB__NEXT_WAIT);
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0); /* a change that does not help */
    next = agdb__call_next(&g_call, START + 60000);
    assert_int_equal(next.kind, AGDB__NEXT_WAIT);
    assert_int_equal(next.until_us, START + 100000); /* the time runs from the first parking */
    assert_int_equal(agdb__call_next(&g_call, START + 100000).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_NO_PRIMARY);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);
}

static void a_parked_call_goes_when_the_view_has_changed(void **state)
{
    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_WAIT);
    publish(AGDB__SHARD_READY, 2, 0);
    assert_int_equal(agdb__call_next(&g_call, START + 1).kind, AGDB__NEXT_GO);
    assert_int_equal(g_call.node, 2);
}

/* A later map's shard in the place of g_shard, with its third node alone. */
static agdb__shard_t g_later;

static void begin_later(agdb__shard_state_t state)
{
    g_later = (agdb__shard_t){.name = "east-1", .nodes = &g_nodes[2], .nnodes = 1, .park_ms = 100};
    assert_true(agdb__board_init(&g_later.board, 1));
    assert_true(agdb__marks_init(&g_later.marks, 1));
    agdb__board_publish(&g_later.board, (agdb__view_t){state, 0, 0}, 0);
    atomic_store(&g_shard.successor, &g_later);
}

static void end_later(void)
{
    agdb__marks_fini(&g_later.marks);
    agdb__board_fini(&g_later.board);
}

static void a_parked_call_goes_on_by_a_later_map(void **state)
{
    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_WAIT);
    assert_int_equal(atomic_load(&g_shard.parked), 1);
    begin_later(AGDB__SHARD_READY);
    assert_int_equal(agdb__call_next(&g_call, START + 1).kind, AGDB__NEXT_GO);
    assert_ptr_equal(g_call.shard, &g_later);
    assert_int_equal(g_call.node, 0);
    assert_int_equal(atomic_load(&g_shard.parked), 0);
    end_later();
}

static void a_call_that_parks_again_by_a_later_map_has_no_more_time(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    publish(AGDB__SHARD_READY, 1, 0);
    begin(AGDB_READ, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    fail_attempt(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, NULL, START + 1);
    begin_later(AGDB__SHARD_NO_PRIMARY);
    assert_int_equal(agdb__call_next(&g_call, START + 60000).kind, AGDB__NEXT_WAIT);
    assert_ptr_equal(g_call.shard, &g_later);
    assert_int_equal(atomic_load(&g_later.parked), 1);
    assert_int_equal(agdb__call_next(&g_call, START + 200000).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_NO_PRIMARY);
    assert_int_equal(atomic_load(&g_later.parked), 0);
    agdb__error_free(error);
    end_later();
}

static void closing_ends_a_parked_call(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_WAIT);
    agdb__board_close(&g_shard.board);
    assert_int_equal(agdb__call_next(&g_call, START + 1).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_CLOSING);
    agdb__error_free(error);
}

static void a_conflict_is_tried_again_after_a_while(void **state)
{
    agdb__next_t next;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    fail_attempt(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "40001", START + 10);
    next = agdb__call_next(&g_call, START + 10);
    assert_int_equal(next.kind, AGDB__NEXT_WAIT);
    assert_in_range(next.until_us, START + 10 + 750, START + 10 + 1250); /* jittered */
    assert_int_equal(agdb__call_next(&g_call, next.until_us - 1).kind, AGDB__NEXT_WAIT);
    assert_int_equal(agdb__call_next(&g_call, next.until_us).kind, AGDB__NEXT_GO);
    assert_int_equal(g_call.attempts, 2);
}

static void a_failed_read_goes_elsewhere_at_once(void **state)
{
    uint8_t first;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 6);
    begin(AGDB_READ_REPLICA_OK, 0);
    first = agdb__call_next(&g_call, START).node;
    fail_attempt(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "", START + 10);
    assert_true(agdb__pool_take_suspicion(g_nodes[first].pool));
    assert_true(agdb__pool_take_loss(g_nodes[first].pool));
    assert_int_equal(agdb__call_next(&g_call, START + 10).kind, AGDB__NEXT_GO);
    assert_int_equal(g_call.node, first == 1 ? 2 : 1);
}

/* The server has said so itself: no connection to it is what it was. */
static void a_primary_that_will_not_write_is_more_than_a_lost_connection(void **state)
{
    (void)state;
    publish(AGDB__SHARD_READY, 0, 6);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    fail_attempt(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "25006", START + 10);
    assert_true(agdb__pool_take_suspicion(g_nodes[0].pool));
    assert_false(agdb__pool_take_loss(g_nodes[0].pool));
}

static void no_attempt_begins_after_the_deadline(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 6);
    begin(AGDB_READ_REPLICA_OK, 0);
    (void)agdb__call_next(&g_call, START);
    fail_attempt(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "", START + 200000);
    assert_int_equal(agdb__call_next(&g_call, START + 200000).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_LOST);
    assert_string_equal(error->shard, "east-1");
    agdb__error_free(error);
}

static void what_may_have_happened_stays_unknown(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    begin(AGDB_WRITE, 0);
    g_call.idempotent = true;
    (void)agdb__call_next(&g_call, START);
    fail_attempt(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "", START + 10);
    (void)agdb__call_next(&g_call, START + 50010);
    fail_attempt(AGDB_E_INVAL, AGDB_OUTCOME_NOT_SENT, "", START + 50020);
    assert_int_equal(agdb__call_next(&g_call, START + 50020).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_INVAL);
    assert_int_equal(error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_non_null(strstr(error->message, "after 2 attempts: "));
    agdb__error_free(error);
}

static void an_answer_tells_earlier_attempts_and_the_pause_behind_them(void **state)
{
    agdb_result_t *res = NULL;
    agdb__next_t next;
    uint64_t until_us;

    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_WAIT);
    publish(AGDB__SHARD_READY, 0, 0);
    assert_int_equal(agdb__call_next(&g_call, START + 100).kind, AGDB__NEXT_GO);
    g_call.course.trip.sent_us = START + 120;
    fail_attempt(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "40001", START + 150);
    next = agdb__call_next(&g_call, START + 150);
    assert_int_equal(next.kind, AGDB__NEXT_WAIT);
    until_us = next.until_us;
    assert_int_equal(agdb__call_next(&g_call, until_us).kind, AGDB__NEXT_GO);
    g_call.course.trip = (agdb__trip_t){.sent_us = until_us + 9, .connect_us = 4, .group = 3};
    assert_int_equal(
        agdb__call_answered(&g_call, &(agdb__answer_t){.rows = NULL}, until_us + 16, &res),
        AGDB_OK);
    parts_are_whole(&res->timing);
    assert_int_equal(res->timing.park_us, 100 + until_us - (START + 150));
    assert_int_equal(res->timing.earlier_us, 50);
    assert_int_equal(res->timing.queue_us, 5);
    assert_int_equal(res->timing.connect_us, 4);
    assert_int_equal(res->timing.exec_us, 7);
    assert_int_equal(res->timing.attempts, 2);
    assert_int_equal(res->timing.group, 3);
    agdb__result_free(res);
}

/* The rest of its time, up to now, it was parked: START is long ago. */
static void expect_failure(agdb_stage_t stage, uint64_t sent_us, uint64_t queue_us,
                           uint64_t connect_us, uint64_t exec_us)
{
    agdb_error_t *error = NULL;

    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    g_call.course.trip.sent_us = sent_us;
    (void)agdb__fail(&g_call.error, AGDB_E_TIMEOUT, "scripted");
    agdb__error_stage(&g_call.error, stage);
    agdb__call_failed(&g_call, START + 200000);
    assert_int_equal(agdb__call_next(&g_call, START + 200000).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_TIMEOUT);
    parts_are_whole(&error->timing);
    assert_int_equal(error->timing.queue_us, queue_us);
    assert_int_equal(error->timing.connect_us, connect_us);
    assert_int_equal(error->timing.exec_us, exec_us);
    agdb__error_free(error);
}

static void a_failure_tells_where_its_time_went(void **state)
{
    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    expect_failure(AGDB_STAGE_QUEUE, 0, 200000, 0, 0);
    expect_failure(AGDB_STAGE_CONNECT, 0, 0, 200000, 0);
    expect_failure(AGDB_STAGE_RESOLVE, 0, 0, 200000, 0);
    expect_failure(AGDB_STAGE_EXECUTE, START + 1000, 1000, 0, 199000);
}

static void a_replaced_primary_is_noticed_before_and_after(void **state)
{
    agdb_result_t *res = NULL;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    begin(AGDB_WRITE, 0);
    (void)agdb__call_next(&g_call, START);
    assert_int_equal(agdb__call_check_chosen(&g_call), AGDB_OK);
    publish(AGDB__SHARD_READY, 2, 0);
    assert_int_equal(agdb__call_check_chosen(&g_call), AGDB_E_NO_PRIMARY);
    assert_int_equal(answer(&res), AGDB_E_LOST); /* a write that it confirmed may be undone */
    assert_int_equal(g_call.error->outcome, AGDB_OUTCOME_UNKNOWN);
    g_call.access = AGDB_READ;
    assert_int_equal(answer(&res), AGDB_E_NO_PRIMARY); /* a read is asked again */
    assert_null(res);
}

static void a_view_that_changed_elsewhere_does_not_cost_an_attempt(void **state)
{
    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    begin(AGDB_WRITE, 0);
    (void)agdb__call_next(&g_call, START);
    publish(AGDB__SHARD_READY, 0, 4); /* a replica has come */
    assert_int_not_equal(g_call.version, agdb__board_version(&g_shard.board));
    assert_true(agdb__call_stands(&g_call));
    assert_int_equal(g_call.version, agdb__board_version(&g_shard.board));
    assert_int_equal(g_call.attempts, 1);
    publish(AGDB__SHARD_READY, 2, 0);
    assert_false(agdb__call_stands(&g_call));
    publish(AGDB__SHARD_SPLIT, 0, 0);
    assert_false(agdb__call_stands(&g_call));
}

static void calls_that_begin_together_spread_over_the_replicas(void **state)
{
    uint32_t seen = 0;
    uint64_t salt;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 6);
    for (salt = 0; salt < 2; salt++) {
        begin(AGDB_READ_REPLICA_OK, salt);
        seen |= (uint32_t)1 << agdb__call_next(&g_call, START).node;
    }
    assert_int_equal(seen, 6);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void more_than_the_queue_do_not_park(void **state)
{
    agdb_error_t *error = NULL;
    agdb__call_t first;

    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    g_shard.park_max = 1;
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_WAIT);
    assert_int_equal(agdb__call_next(&g_call, START + 1).kind, AGDB__NEXT_WAIT);
    first = g_call;
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_BUSY);
    assert_int_equal(error->stage, AGDB_STAGE_PARK);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);
    publish(AGDB__SHARD_READY, 0, 0); /* the first one goes on, and leaves its place */
    assert_int_equal(agdb__call_next(&first, START + 2).kind, AGDB__NEXT_GO);
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    begin(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START + 3).kind, AGDB__NEXT_WAIT);
    agdb__call_abandon(&g_call, false);
    assert_int_equal(atomic_load(&g_shard.parked), 0);
}

static void a_sick_shard_is_not_asked_again_and_again(void **state)
{
    agdb_error_t *error = NULL;
    unsigned repeated = 0;
    unsigned i;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    for (i = 0; i < 2 * AGDB__BUDGET_RESERVE; i++) {
        begin(AGDB_WRITE, i);
        assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
        fail_attempt(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "40001", START);
        if (!g_call.over)
            repeated++;
        else if (error == NULL)
            (void)agdb__call_finish(&g_call, &error);
        agdb__error_free(g_call.error);
        g_call.error = NULL;
    }
    /* the reserve, and a tenth of the calls made meanwhile */
    assert_in_range(repeated, AGDB__BUDGET_RESERVE,
                    AGDB__BUDGET_RESERVE + 2 * AGDB__BUDGET_RESERVE / AGDB__BUDGET_COST);
    assert_non_null(strstr(error->message, "too many calls of the shard"));
    assert_string_equal(error->sqlstate, "40001");
    agdb__error_free(error);
}

/* --- which of several replicas -----------------------------------------------------------------
 */

/* Nodes that 64 reads went to, a bit each. */
static uint32_t nodes_of_reads(uint64_t now_us)
{
    uint32_t nodes = 0;
    uint64_t salt;

    for (salt = 0; salt < 64; salt++) {
        begin(AGDB_READ_REPLICA_OK, salt);
        assert_int_equal(agdb__call_next(&g_call, now_us).kind, AGDB__NEXT_GO);
        nodes |= (uint32_t)1 << g_call.node;
    }
    return nodes;
}

static void replicas_of_the_own_zone_come_first(void **state)
{
    (void)state;
    publish(AGDB__SHARD_READY, 0, 6);
    assert_int_equal(nodes_of_reads(START), 6);
    g_shard.near = 4;
    assert_int_equal(nodes_of_reads(START), 4);
    publish(AGDB__SHARD_READY, 0, 2); /* the near one is gone */
    assert_int_equal(nodes_of_reads(START), 2);
}

/* Reads of this node fail until it is left out. */
static void fail_reads_of(unsigned node)
{
    int i;

    for (i = 0; i < 100 && !agdb__grade_is_out(&g_nodes[node].grade, START); i++) {
        begin(AGDB_READ_REPLICA_OK, (uint64_t)i);
        assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
        if (g_call.node == node)
            fail_attempt(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "", START);
    }
    assert_true(agdb__grade_is_out(&g_nodes[node].grade, START));
}

static void a_replica_that_fails_is_left_out_but_never_all(void **state)
{
    (void)state;
    publish(AGDB__SHARD_READY, 0, 6);
    fail_reads_of(1);
    assert_int_equal(nodes_of_reads(START), 4);
    fail_reads_of(2);
    assert_int_equal(nodes_of_reads(START), 6);
    assert_int_equal(nodes_of_reads(START + 1000000), 6); /* and is asked again */
}

/* A caller's mistake says nothing of the node. */
static void a_statement_that_fails_leaves_no_replica_out(void **state)
{
    int i;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 2);
    for (i = 0; i < 100; i++) {
        begin(AGDB_READ_REPLICA_OK, 0);
        assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
        fail_attempt(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "22012", START);
    }
    assert_false(agdb__grade_is_out(&g_nodes[1].grade, START));
}

/* --- reads that must be fresh ------------------------------------------------------------------
 */

enum { SYSTEM = 9, TIMELINE = 4 };

static void begin_fresh(agdb_access_t access, uint32_t max_lag_ms)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = "SELECT 1";
    r.access = access;
    r.session = &g_session;
    r.max_lag_ms = max_lag_ms;
    agdb__error_free(g_call.error);
    agdb__call_begin(&g_call, &g_shard, &r, START, 0);
}

static void wrote(uint64_t lsn, uint32_t timeline)
{
    agdb__session_wrote(&g_session, g_shard.id, &(agdb__position_t){SYSTEM, lsn, timeline});
}

/* db-1 is the primary, db-2 and db-3 have replayed so much. */
static void replicas_at(uint64_t second, uint64_t third)
{
    publish(AGDB__SHARD_READY, 0, 6);
    agdb__marks_set_history(&g_shard.marks, SYSTEM, TIMELINE);
    agdb__marks_set_node(&g_shard.marks, 1, TIMELINE, second);
    agdb__marks_set_node(&g_shard.marks, 2, TIMELINE, third);
}

static void expect_go(uint64_t now_us, unsigned node, uint64_t guard)
{
    assert_int_equal(agdb__call_next(&g_call, now_us).kind, AGDB__NEXT_GO);
    assert_int_equal(g_call.node, node);
    assert_int_equal(g_call.statement.at_least.lsn, guard);
}

static void a_session_that_wrote_nothing_reads_anywhere(void **state)
{
    (void)state;
    replicas_at(0, 0);
    begin_fresh(AGDB_READ_SESSION, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    assert_int_not_equal(g_call.node, 0);
    assert_int_equal(g_call.statement.at_least.lsn, 0);
}

static void a_session_reads_where_its_writes_are(void **state)
{
    (void)state;
    replicas_at(50, 150);
    wrote(100, TIMELINE);
    begin_fresh(AGDB_READ_SESSION, 0);
    expect_go(START, 2, 0); /* known to have it */
    replicas_at(50, 99);
    begin_fresh(AGDB_READ_SESSION, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    assert_int_not_equal(g_call.node, 0);
    assert_int_equal(g_call.statement.at_least.lsn, 100); /* asked ahead of the read */
}

static void a_replica_that_is_behind_leaves_it_to_the_primary(void **state)
{
    unsigned first;

    (void)state;
    replicas_at(50, 99);
    wrote(100, TIMELINE);
    begin_fresh(AGDB_READ_SESSION, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    first = g_call.node;
    fail_attempt(AGDB_E_NOT_FRESH, AGDB_OUTCOME_NOT_SENT, "", START + 10);
    expect_go(START + 10, 0, 0);
    begin_fresh(AGDB_READ_SESSION, 0); /* the next one does not ask the same replica at once */
    expect_go(START + 20, 3 - first, 100);
}

static void without_a_primary_it_asks_again_until_its_time_is_over(void **state)
{
    agdb__next_t next;
    agdb_error_t *error = NULL;

    (void)state;
    replicas_at(50, 99);
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 4);
    wrote(100, TIMELINE);
    begin_fresh(AGDB_READ_SESSION, 0);
    expect_go(START, 2, 100);
    fail_attempt(AGDB_E_NOT_FRESH, AGDB_OUTCOME_NOT_SENT, "", START + 10);
    next = agdb__call_next(&g_call, START + 10);
    assert_int_equal(next.kind, AGDB__NEXT_WAIT);
    assert_int_equal(next.until_us, START + 50010);
    expect_go(START + 50010, 2, 100);
    fail_attempt(AGDB_E_NOT_FRESH, AGDB_OUTCOME_NOT_SENT, "", START + 50020);
    next = agdb__call_next(&g_call, START + 50020);
    assert_int_equal(next.until_us, START + 100010); /* park_ms after the first time */
    expect_go(next.until_us, 2, 100);
    fail_attempt(AGDB_E_NOT_FRESH, AGDB_OUTCOME_NOT_SENT, "", START + 100020);
    assert_int_equal(agdb__call_next(&g_call, START + 100020).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_NOT_FRESH);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_true(error->retriable);
    agdb__error_free(error);
}

static void a_token_of_another_history_needs_the_primary(void **state)
{
    (void)state;
    replicas_at(500, 500);
    wrote(100, TIMELINE - 1);
    begin_fresh(AGDB_READ_SESSION, 0);
    expect_go(START, 0, 0);
}

/* What is known for the primary is none any more: all are asked, and it waits. */
static void a_token_of_a_newer_history_waits_for_it(void **state)
{
    agdb__next_t next;

    (void)state;
    replicas_at(500, 500);
    wrote(100, TIMELINE + 1);
    begin_fresh(AGDB_READ_SESSION, 0);
    next = agdb__call_next(&g_call, START);
    assert_int_equal(next.kind, AGDB__NEXT_WAIT);
    assert_int_equal(next.until_us, START + 50000);
    assert_true(agdb__pool_take_suspicion(g_nodes[0].pool));
    assert_true(agdb__pool_take_suspicion(g_nodes[2].pool));
    begin_fresh(AGDB_READ_SESSION, 0); /* another one does not have them asked again at once */
    assert_int_equal(agdb__call_next(&g_call, START + 1).kind, AGDB__NEXT_WAIT);
    assert_false(agdb__pool_take_suspicion(g_nodes[0].pool));
    agdb__marks_set_history(&g_shard.marks, SYSTEM, TIMELINE + 1);
    publish(AGDB__SHARD_READY, 1, 4);
    expect_go(START + 10, 1, 0);
}

/* It was chosen by the old history, and answered in the new one. */
static void an_answer_of_another_history_is_asked_again(void **state)
{
    agdb_result_t *res = NULL;

    (void)state;
    replicas_at(500, 500);
    wrote(100, TIMELINE);
    begin_fresh(AGDB_READ_SESSION, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    agdb__marks_set_history(&g_shard.marks, SYSTEM, TIMELINE + 1);
    publish(AGDB__SHARD_READY, 0, 6);
    assert_int_equal(answer(&res), AGDB_E_NOT_FRESH);
    agdb__call_failed(&g_call, START + 10);
    expect_go(START + 10, 0, 0);
}

static void a_write_advances_its_session(void **state)
{
    agdb__answer_t a = {.position = {SYSTEM, 700, TIMELINE}};
    agdb_result_t *res = NULL;
    agdb__position_t at;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    begin_fresh(AGDB_WRITE, 0);
    assert_true(g_call.statement.wants_position);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    assert_int_equal(agdb__call_answered(&g_call, &a, START, &res), AGDB_OK);
    assert_int_equal(agdb__session_need(&g_session, g_shard.id, &at), AGDB__NEED_POSITION);
    assert_int_equal(at.lsn, 700);
    agdb__result_free(res);
}

static void a_write_that_may_have_happened_makes_its_session_doubt(void **state)
{
    agdb_error_t *error = NULL;
    agdb__position_t at;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    begin_fresh(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    fail_attempt(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "", START + 10);
    assert_int_equal(agdb__call_next(&g_call, START + 10).kind, AGDB__NEXT_OVER);
    assert_int_equal(agdb__call_finish(&g_call, &error), AGDB_E_LOST);
    assert_int_equal(agdb__session_need(&g_session, g_shard.id, &at), AGDB__NEED_PRIMARY);
    agdb__error_free(error);
}

static void a_write_whose_place_is_not_known_makes_its_session_doubt(void **state)
{
    agdb_result_t *res = NULL;
    agdb__position_t at;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    begin_fresh(AGDB_WRITE, 0);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    assert_int_equal(answer(&res), AGDB_OK);
    assert_int_equal(agdb__session_need(&g_session, g_shard.id, &at), AGDB__NEED_PRIMARY);
    agdb__result_free(res);
}

static void a_bounded_read_needs_what_the_primary_had_then(void **state)
{
    (void)state;
    replicas_at(50, 99);
    agdb__marks_add_sample(&g_shard.marks, TIMELINE, 90, START - 2000000 + 1000000);
    begin_fresh(AGDB_READ_BOUNDED, 500); /* nobody knows: the last sample is older */
    expect_go(START, 0, 0);
    agdb__marks_add_sample(&g_shard.marks, TIMELINE, 120, START - 400000);
    begin_fresh(AGDB_READ_BOUNDED, 1500); /* the older sample will do */
    expect_go(START, 2, 0);
    begin_fresh(AGDB_READ_BOUNDED, 500);
    assert_int_equal(agdb__call_next(&g_call, START).kind, AGDB__NEXT_GO);
    assert_int_equal(g_call.statement.at_least.lsn, 120);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_answer_ends_the_call),
        CASE(an_answer_tells_earlier_attempts_and_the_pause_behind_them),
        CASE(a_failure_tells_where_its_time_went),
        CASE(a_parked_call_waits_for_the_view_or_its_time),
        CASE(a_parked_call_goes_when_the_view_has_changed),
        CASE(a_parked_call_goes_on_by_a_later_map),
        CASE(a_call_that_parks_again_by_a_later_map_has_no_more_time),
        CASE(closing_ends_a_parked_call),
        CASE(a_conflict_is_tried_again_after_a_while),
        CASE(a_failed_read_goes_elsewhere_at_once),
        CASE(a_primary_that_will_not_write_is_more_than_a_lost_connection),
        CASE(no_attempt_begins_after_the_deadline),
        CASE(what_may_have_happened_stays_unknown),
        CASE(a_replaced_primary_is_noticed_before_and_after),
        CASE(a_view_that_changed_elsewhere_does_not_cost_an_attempt),
        CASE(calls_that_begin_together_spread_over_the_replicas),
        CASE(more_than_the_queue_do_not_park),
        CASE(a_sick_shard_is_not_asked_again_and_again),
        CASE(replicas_of_the_own_zone_come_first),
        CASE(a_replica_that_fails_is_left_out_but_never_all),
        CASE(a_statement_that_fails_leaves_no_replica_out),
        CASE(a_session_that_wrote_nothing_reads_anywhere),
        CASE(a_session_reads_where_its_writes_are),
        CASE(a_replica_that_is_behind_leaves_it_to_the_primary),
        CASE(without_a_primary_it_asks_again_until_its_time_is_over),
        CASE(a_token_of_another_history_needs_the_primary),
        CASE(a_token_of_a_newer_history_waits_for_it),
        CASE(an_answer_of_another_history_is_asked_again),
        CASE(a_write_advances_its_session),
        CASE(a_write_that_may_have_happened_makes_its_session_doubt),
        CASE(a_write_whose_place_is_not_known_makes_its_session_doubt),
        CASE(a_bounded_read_needs_what_the_primary_had_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
