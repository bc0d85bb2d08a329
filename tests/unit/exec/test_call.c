/* The steps of a request, without any waiting: time is the test's. */
#include "exec/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "unit.h"

enum { NODES = 3, START = 1000000 };

static agdb__login_t g_login = {.node = "db", .connect_ms = 1000};
static agdb__node_t g_nodes[NODES];
static agdb__shard_t g_shard;
static agdb__call_t g_call;

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
        g_nodes[i] = (agdb__node_t){names[i], agdb__pool_new(&g_login, &limits, NULL, wake, NULL)};
    g_shard = (agdb__shard_t){
        .name = "east-1", .nodes = g_nodes, .nnodes = NODES, .call_ms = 200, .park_ms = 100};
    return agdb__board_init(&g_shard.board, NODES) ? 0 : -1;
}

static int teardown(void **state)
{
    uint32_t i;

    (void)state;
    agdb__error_free(g_call.error);
    g_call.error = NULL;
    for (i = 0; i < NODES; i++)
        agdb__pool_free(g_nodes[i].pool);
    agdb__board_fini(&g_shard.board);
    return 0;
}

static void publish(agdb__shard_state_t state, uint8_t primary, uint32_t replicas)
{
    agdb__board_publish(&g_shard.board, (agdb__view_t){state, primary, replicas});
}

static void begin(agdb_access_t access, uint64_t salt)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = "SELECT 1";
    r.access = access;
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
    return agdb__call_answered(&g_call, &(agdb__answer_t){.exec_us = 7}, START + 10, ret);
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
    assert_int_equal(next.until_us, START + 1010);
    assert_int_equal(agdb__call_next(&g_call, START + 1009).kind, AGDB__NEXT_WAIT);
    assert_int_equal(agdb__call_next(&g_call, START + 1010).kind, AGDB__NEXT_GO);
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
    assert_int_equal(agdb__call_next(&g_call, START + 10).kind, AGDB__NEXT_GO);
    assert_int_equal(g_call.node, first == 1 ? 2 : 1);
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

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_answer_ends_the_call),
        CASE(a_parked_call_waits_for_the_view_or_its_time),
        CASE(a_parked_call_goes_when_the_view_has_changed),
        CASE(closing_ends_a_parked_call),
        CASE(a_conflict_is_tried_again_after_a_while),
        CASE(a_failed_read_goes_elsewhere_at_once),
        CASE(no_attempt_begins_after_the_deadline),
        CASE(what_may_have_happened_stays_unknown),
        CASE(a_replaced_primary_is_noticed_before_and_after),
        CASE(a_view_that_changed_elsewhere_does_not_cost_an_attempt),
        CASE(calls_that_begin_together_spread_over_the_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
