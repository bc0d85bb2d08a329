/* Flights of transactions among a driver's tasks, on scripted connections: given up at each place,
 * and what is told then. */
#include "exec/rider.h"
#include "exec/tx_run.h"

#include "base/clock.h"
#include "base/error.h"
#include "driver_fixture.h"
#include "fake_conn.h"

static agdb__tx_t g_tx;
static agdb__rider_t *g_rider;

static int setup_rider(void **state)
{
    return setup(state);
}

static int teardown_rider(void **state)
{
    agdb__rider_free(g_rider);
    g_rider = NULL;
    agdb__tx_undo(&g_tx, false);
    agdb__tx_fini(&g_tx);
    assert_int_equal(g_shard.parked, 0);
    return teardown(state);
}

/* One statement and its COMMIT. */
static void fly(agdb_tx_options_t options)
{
    const agdb_request_t as = {.struct_size = sizeof as, .sql = "a"};

    options.timeout_ms = 5000;
    agdb__tx_init(&g_tx, &g_shard, &options, agdb__now_us(), 0);
    assert_int_equal(agdb__rider_new(&g_tx, &as, 1, true, agdb__now_us(), &g_rider, NULL), AGDB_OK);
    assert_true(agdb__driver_reserve(&g_driver, 1));
    agdb__rider_begin(g_rider, &g_driver, NULL);
}

static void step_until(agdb__task_state_t state)
{
    const uint64_t end_us = agdb__now_us() + 2000000;

    while (g_rider->task.state != state) {
        assert_true(agdb__now_us() < end_us);
        agdb__driver_step(&g_driver, agdb__now_us() + 1000);
        tend();
    }
}

static void it_is_driven_to_its_end(void **state)
{
    (void)state;
    fly((agdb_tx_options_t){0});
    step_until(AGDB__TASK_DONE);
    assert_ptr_equal(agdb__driver_take_done(&g_driver), &g_rider->task);
    assert_int_equal(g_rider->task.status, AGDB_OK);
    assert_string_equal(g_fake.tx, "BEGIN a COMMIT | ");
    assert_int_equal(g_tx.stand, AGDB__TX_COMMITTED);
}

static void a_commit_of_nothing_needs_no_server(void **state)
{
    (void)state;
    agdb__tx_init(&g_tx, &g_shard, &(agdb_tx_options_t){.timeout_ms = 1000}, agdb__now_us(), 0);
    assert_int_equal(agdb__rider_new(&g_tx, NULL, 0, true, agdb__now_us(), &g_rider, NULL),
                     AGDB_OK);
    assert_true(agdb__driver_reserve(&g_driver, 1));
    agdb__rider_begin(g_rider, &g_driver, NULL);
    assert_int_equal(g_rider->task.state, AGDB__TASK_DONE);
    assert_int_equal(g_rider->task.status, AGDB_OK);
    assert_string_equal(g_fake.tx, "");
    assert_ptr_equal(agdb__driver_take_done(&g_driver), &g_rider->task);
}

static void what_was_not_sent_is_told_so_when_it_is_given_up(void **state)
{
    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 2);
    fly((agdb_tx_options_t){0});
    assert_int_equal(g_rider->task.state, AGDB__TASK_PAUSED);
    assert_int_equal(g_shard.parked, 1);
    assert_int_equal(agdb__rider_give_up(g_rider), AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(g_shard.parked, 0);
}

static void what_is_under_way_with_its_commit_is_unknown(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    fly((agdb_tx_options_t){0});
    assert_int_equal(g_rider->task.state, AGDB__TASK_IN_FLIGHT);
    assert_int_equal(agdb__rider_give_up(g_rider), AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_tx.stand, AGDB__TX_IN_DOUBT);
}

static agdb__member_fate_t lose_commit(const char *sql, agdb_error_t **reterr)
{
    if (strcmp(sql, "COMMIT") != 0)
        return AGDB__MEMBER_ANSWERED;
    (void)agdb__fail(reterr, AGDB_E_LOST, "connection lost");
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 2);
    return AGDB__MEMBER_LOST;
}

/* It waits for its second attempt, and nobody knows what became of the first. */
static void an_attempt_that_may_have_happened_is_not_forgotten(void **state)
{
    (void)state;
    g_fake.member = lose_commit;
    fly((agdb_tx_options_t){.idempotent = true});
    step_until(AGDB__TASK_PAUSED);
    assert_int_equal(agdb__rider_give_up(g_rider), AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_shard.parked, 0);
}

static void a_driver_that_ends_sends_nothing_more(void **state)
{
    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 2);
    fly((agdb_tx_options_t){0});
    publish(AGDB__SHARD_READY, 0, 0);
    g_driver.ending = true;
    agdb__driver_step(&g_driver, 0);
    assert_string_equal(g_fake.tx, "");
    assert_int_equal(agdb__rider_give_up(g_rider), AGDB_OUTCOME_NOT_SENT);
}

#define CASE_(f) cmocka_unit_test_setup_teardown(f, setup_rider, teardown_rider)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE_(it_is_driven_to_its_end),
        CASE_(a_commit_of_nothing_needs_no_server),
        CASE_(what_was_not_sent_is_told_so_when_it_is_given_up),
        CASE_(what_is_under_way_with_its_commit_is_unknown),
        CASE_(an_attempt_that_may_have_happened_is_not_forgotten),
        CASE_(a_driver_that_ends_sends_nothing_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
