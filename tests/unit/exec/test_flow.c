/* One shard's part of a stream: its way out of each state. */
#include "exec/flow.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "shards_fixture.h"

#include <poll.h>

enum { CONNS = 2, LONG_MS = 5000, SHORT_MS = 30 };

static agdb__flow_t g_flow;
static agdb_request_t g_request;
static unsigned g_rows; /* still to come */

static struct pg_result *next_row(agdb__conn_t *conn)
{
    (void)conn;
    if (g_rows == 0)
        return NULL;
    g_rows--;
    return shards_row("x");
}

static void begin(uint64_t ms)
{
    const uint64_t now_us = agdb__now_us();

    agdb__flow_fini(&g_flow, now_us); /* the one before */
    agdb__flow_init(&g_flow, &g_shards[0], &g_request, now_us, 0);
    agdb__flow_set_time(&g_flow, now_us, agdb__after_ms(now_us, ms));
}

static int setup(void **state)
{
    (void)state;
    if (shards_setup(CONNS) != 0)
        return -1;
    g_fake.take_row = next_row;
    g_rows = 0;
    g_request = AGDB_REQUEST_INIT;
    g_request.sql = "SELECT v";
    g_request.access = AGDB_READ;
    begin(LONG_MS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__flow_fini(&g_flow, agdb__now_us());
    shards_tend(); /* what was left */
    return shards_teardown();
}

/* FLOWING, with so many rows to come; unless `answered` the end stays out. */
static void flow(unsigned rows, bool answered, uint64_t ms)
{
    begin(ms);
    g_fake.never_answers = !answered;
    g_rows = rows;
    assert_true(agdb__flow_claim(&g_flow));
    assert_true(agdb__flow_send(&g_flow));
    assert_int_equal(g_flow.state, AGDB__FLOW_FLOWING);
}

/* A row comes; with `give` it is the caller's. */
static void take(bool give)
{
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_ROW);
    assert_non_null(g_flow.row);
    g_flow.given = g_flow.given || give;
    agdb__flow_pass(&g_flow);
}

/* It has failed, holds nothing, and its node has `open` connections. */
static void expect_failed(agdb_status_t status, agdb_outcome_t outcome, unsigned open)
{
    const agdb_error_t *error = g_flow.call.error;

    assert_int_equal(g_flow.state, AGDB__FLOW_IDLE);
    assert_null(g_flow.lease.conn);
    assert_null(g_flow.row);
    assert_non_null(error);
    if (error->status != status || error->outcome != outcome)
        fail_msg("%s, outcome %d", error->message, (int)error->outcome);
    shards_expect_open(0, 0, open);
}

/* --- to its end --- */

static void rows_come_until_the_end_and_the_connection_goes_back(void **state)
{
    (void)state;
    flow(3, true, LONG_MS);
    take(true);
    take(true);
    take(true);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_END);
    assert_int_equal(g_flow.state, AGDB__FLOW_OVER);
    assert_int_equal(g_flow.passed, 3);
    assert_null(g_flow.call.error);
    assert_non_null(g_flow.last); /* its values are wanted for a cursor still */
    shards_expect_open(0, 0, CONNS);
}

static void without_waiting_there_is_nothing_yet(void **state)
{
    (void)state;
    flow(0, false, SHORT_MS);
    assert_int_equal(agdb__flow_advance(&g_flow, false), AGDB__FLOW_WAIT);
    assert_int_equal(g_flow.state, AGDB__FLOW_FLOWING);
    fake_answer_held();
    assert_int_equal(agdb__flow_advance(&g_flow, false), AGDB__FLOW_END);
}

/* --- IDLE --- */

static void without_a_primary_claim_is_over_when_the_parking_is(void **state)
{
    const uint64_t start_us = agdb__now_us();
    agdb_error_t *error = NULL;

    (void)state;
    shards_publish(0, SHARD_NODES);
    begin(LONG_MS);
    assert_false(agdb__flow_claim(&g_flow));
    assert_in_range(agdb__now_us() - start_us, PARK_MS * 1000, LONG_MS * 1000 / 2);
    assert_int_equal(g_flow.state, AGDB__FLOW_IDLE);
    assert_int_equal(agdb__call_finish(&g_flow.call, &error), AGDB_E_NO_PRIMARY);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);
    assert_int_equal(atomic_load(&g_shards[0].parked), 0);
}

static void a_closing_client_ends_claim(void **state)
{
    (void)state;
    shards_publish(0, SHARD_NODES);
    agdb__board_close(&g_shards[0].board);
    assert_false(agdb__flow_claim(&g_flow));
    assert_int_equal(g_flow.call.error->status, AGDB_E_CLOSING);
}

static void behind_busy_connections_claim_is_over_at_its_deadline(void **state)
{
    (void)state;
    shards_take_all(0, 0);
    begin(SHORT_MS);
    assert_false(agdb__flow_claim(&g_flow));
    assert_int_equal(g_flow.state, AGDB__FLOW_IDLE);
    assert_int_equal(g_flow.call.error->status, AGDB_E_TIMEOUT);
    assert_int_equal(g_flow.call.error->stage, AGDB_STAGE_QUEUE);
    assert_int_equal(g_flow.call.error->outcome, AGDB_OUTCOME_NOT_SENT);
    shards_give_all();
    shards_expect_open(0, 0, CONNS);
}

/* --- CLAIMED --- */

static void promote_standby(void)
{
    g_fake.when_looked_at = NULL;
    shards_publish(0, 1);
}

static void a_node_that_falls_while_claimed_is_left_for_the_new_primary(void **state)
{
    (void)state;
    agdb__pool_lose(shards_pool(0, 0)); /* so it is looked at on the way */
    g_fake.when_looked_at = promote_standby;
    assert_true(agdb__flow_claim(&g_flow));
    assert_string_equal(fake_node(g_flow.lease.conn), "a-2");
    assert_int_equal(g_flow.call.attempts, 2);
    shards_expect_open(0, 0, CONNS);
}

static void what_a_dead_connection_refuses_goes_out_on_another(void **state)
{
    (void)state;
    assert_true(agdb__flow_claim(&g_flow));
    g_fake.refuse_send = AGDB_E_LOST;
    g_fake.die_when_sent = true;
    assert_false(agdb__flow_send(&g_flow));
    expect_failed(AGDB_E_LOST, AGDB_OUTCOME_NOT_SENT, CONNS - 1);
    assert_true(agdb__flow_claim(&g_flow));
    assert_true(agdb__flow_send(&g_flow));
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_END);
    assert_null(g_flow.call.error); /* forgotten */
}

static void what_cannot_be_sent_at_all_ends_the_call(void **state)
{
    (void)state;
    assert_true(agdb__flow_claim(&g_flow));
    g_fake.refuse_send = AGDB_E_UNSUPPORTED;
    assert_false(agdb__flow_send(&g_flow));
    expect_failed(AGDB_E_UNSUPPORTED, AGDB_OUTCOME_NOT_SENT, CONNS);
    assert_false(agdb__flow_claim(&g_flow)); /* nor is it tried again */
    assert_int_equal(g_flow.call.attempts, 1);
}

static void given_up_while_claimed_it_gives_back(void **state)
{
    (void)state;
    assert_true(agdb__flow_claim(&g_flow));
    agdb__flow_leave(&g_flow, agdb__now_us());
    assert_int_equal(g_flow.state, AGDB__FLOW_IDLE);
    assert_int_equal(g_fake.dropped, 0);
    shards_expect_open(0, 0, CONNS);
}

/* --- FLOWING --- */

static agdb_status_t divide(agdb__conn_t *conn, const agdb__statement_t *statement,
                            agdb_error_t **reterr)
{
    (void)conn;
    (void)statement;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "division by zero");
    agdb__error_sqlstate(reterr, "22012");
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    return AGDB_E_SERVER;
}

static void an_error_behind_rows_is_no_end(void **state)
{
    (void)state;
    g_fake.run = divide;
    flow(2, true, LONG_MS);
    take(true);
    take(true);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_FAILED);
    expect_failed(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, CONNS);
    assert_non_null(g_flow.last); /* the caller's row */
}

static void a_connection_lost_between_rows_is_no_end(void **state)
{
    (void)state;
    flow(1, false, LONG_MS);
    take(false);
    agdb__conn_abort(g_flow.lease.conn, "cut");
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_FAILED);
    expect_failed(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, CONNS - 1);
    assert_null(g_flow.last); /* nobody has it: it may be begun anew */
    assert_int_equal(g_flow.passed, 0);
    agdb__call_failed(&g_flow.call, agdb__now_us());
    assert_false(g_flow.call.over);
}

static void a_server_that_says_nothing_ends_it_at_its_deadline(void **state)
{
    const uint64_t start_us = agdb__now_us();

    (void)state;
    flow(1, false, SHORT_MS);
    take(true);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_FAILED);
    assert_in_range(agdb__now_us() - start_us, SHORT_MS * 1000, LONG_MS * 1000 / 2);
    expect_failed(AGDB_E_TIMEOUT, AGDB_OUTCOME_UNKNOWN, CONNS - 1);
}

static void what_can_be_cancelled_is_left_to_the_keeper(void **state)
{
    (void)state;
    g_fake.can_be_left = true;
    flow(1, false, SHORT_MS);
    take(true);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_FAILED);
    assert_int_equal(g_flow.state, AGDB__FLOW_IDLE);
    assert_int_equal(g_flow.call.error->status, AGDB_E_TIMEOUT);
    assert_int_equal(g_fake.closed, 0);
    fake_answer_held(); /* ahead of any request to cancel it */
    shards_tend();
    shards_expect_open(0, 0, CONNS);
}

static void rows_of_a_node_that_has_fallen_are_not_believed(void **state)
{
    (void)state;
    flow(1, true, LONG_MS);
    shards_publish(0, 1);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_FAILED);
    expect_failed(AGDB_E_NO_PRIMARY, AGDB_OUTCOME_NOT_SENT, CONNS - 1);
    flow(0, true, LONG_MS); /* neither is the end of none */
    shards_publish(0, 0);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_FAILED);
    assert_int_equal(g_flow.call.error->status, AGDB_E_NO_PRIMARY);
}

/* What follows is of the same snapshot. */
static void once_begun_it_goes_on_with_a_node_that_falls(void **state)
{
    (void)state;
    flow(2, true, LONG_MS);
    take(true);
    shards_publish(0, 1);
    take(true);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_END);
}

static void given_up_in_the_middle_it_leaves_its_rows(void **state)
{
    (void)state;
    flow(2, false, LONG_MS);
    take(false);
    assert_int_equal(agdb__flow_advance(&g_flow, true), AGDB__FLOW_ROW);
    agdb__flow_leave(&g_flow, agdb__now_us());
    assert_int_equal(g_flow.state, AGDB__FLOW_IDLE);
    assert_null(g_flow.row);
    assert_null(g_flow.last);
    assert_int_equal(g_fake.dropped, 1);
    shards_expect_open(0, 0, CONNS - 1); /* it was under way and cannot be left */
}

static void freed_in_the_middle_it_leaves_nothing(void **state)
{
    (void)state;
    flow(2, false, LONG_MS);
    take(true);
    agdb__flow_fini(&g_flow, agdb__now_us());
    assert_null(g_flow.last);
    assert_null(g_flow.call.error);
    shards_expect_open(0, 0, CONNS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARDS_TEST(rows_come_until_the_end_and_the_connection_goes_back),
        SHARDS_TEST(without_waiting_there_is_nothing_yet),
        SHARDS_TEST(without_a_primary_claim_is_over_when_the_parking_is),
        SHARDS_TEST(a_closing_client_ends_claim),
        SHARDS_TEST(behind_busy_connections_claim_is_over_at_its_deadline),
        SHARDS_TEST(a_node_that_falls_while_claimed_is_left_for_the_new_primary),
        SHARDS_TEST(what_a_dead_connection_refuses_goes_out_on_another),
        SHARDS_TEST(what_cannot_be_sent_at_all_ends_the_call),
        SHARDS_TEST(given_up_while_claimed_it_gives_back),
        SHARDS_TEST(an_error_behind_rows_is_no_end),
        SHARDS_TEST(a_connection_lost_between_rows_is_no_end),
        SHARDS_TEST(a_server_that_says_nothing_ends_it_at_its_deadline),
        SHARDS_TEST(what_can_be_cancelled_is_left_to_the_keeper),
        SHARDS_TEST(rows_of_a_node_that_has_fallen_are_not_believed),
        SHARDS_TEST(once_begun_it_goes_on_with_a_node_that_falls),
        SHARDS_TEST(given_up_in_the_middle_it_leaves_its_rows),
        SHARDS_TEST(freed_in_the_middle_it_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
