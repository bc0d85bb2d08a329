/* One shard's part of a load: its way out of each state, and what is said of its rows. Time is the
 * test's. */
#include "exec/bulk_leg_impl.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "shards_fixture.h"

#include <stdio.h>
#include <string.h>

enum { CONNS = 2, TIMEOUT_MS = 400, MS = 1000, MANY = 40 };

static agdb__bell_t g_bell;
static agdb__bulk_way_t g_way;
static agdb__leg_t g_leg;
static uint64_t g_now;
static uint64_t g_number; /* of the last row */

static int setup(void **state)
{
    (void)state;
    if (shards_setup(CONNS) != 0 || !agdb__bell_init(&g_bell))
        return -1;
    g_fake.copy.mark = (agdb__copy_mark_t){815, 1, 7};
    g_way = (agdb__bulk_way_t){.sql = "COPY t FROM STDIN",
                               .bell = &g_bell,
                               .timeout_ms = TIMEOUT_MS,
                               .commit_every = MANY,
                               .buffer_max = 1 << 20};
    g_now = agdb__now_us();
    g_number = 0;
    agdb__leg_init(&g_leg, &g_way, &g_shards[0]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__leg_fini(&g_leg, g_now);
    agdb__bell_fini(&g_bell);
    shards_tend();
    return shards_teardown();
}

/* --- words --- */

static void add(unsigned count)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        char text[8];
        agdb__bulk_row_t row = {.data = (const unsigned char *)text, .number = ++g_number};

        row.len = (size_t)snprintf(text, sizeof text, "%llu\n", (unsigned long long)row.number);
        row.end = 10 * row.number;
        assert_true(agdb__leg_has_room(&g_leg, row.len));
        assert_true(agdb__leg_add(&g_leg, &row));
    }
}

static void step(void)
{
    agdb__leg_step(&g_leg, g_now += 10);
}

static void step_to(agdb__leg_state_t state)
{
    step();
    if (g_leg.state != state)
        fail_msg("state %d, not %d: %s", (int)g_leg.state, (int)state,
                 g_leg.error != NULL ? g_leg.error->message : "");
}

static void wait_ms(uint64_t ms)
{
    g_now += ms * MS;
}

/* With three rows as far as that state. */
static void bring_to(agdb__leg_state_t state)
{
    add(3);
    g_leg.flush = true;
    if (state == AGDB__LEG_STARTING)
        g_fake.copy.stalls_at = AGDB__COPY_STARTING;
    if (state == AGDB__LEG_OPEN)
        g_leg.flush = false;
    if (state == AGDB__LEG_ENDING)
        g_fake.copy.stalls_at = AGDB__COPY_ENDING;
    step_to(state);
}

static void expect_error(agdb_status_t status, agdb_outcome_t outcome, const char *part)
{
    const agdb_error_t *error = g_leg.error;

    assert_int_equal(g_leg.state, AGDB__LEG_FAILED);
    assert_non_null(error);
    if (error->status != status || error->outcome != outcome ||
        strstr(error->message, part) == NULL)
        fail_msg("status %d, outcome %d: %s", (int)error->status, (int)error->outcome,
                 error->message);
}

static void expect_counts(uint64_t committed, uint64_t unknown)
{
    assert_int_equal(g_leg.committed, committed);
    assert_int_equal(g_leg.unknown, unknown);
    assert_int_equal(g_leg.done.row, committed);
    assert_int_equal(g_leg.done.byte, 10 * committed);
}

/* All at the primary; the other node of the shard has all of its own. */
static void expect_open(unsigned open)
{
    assert_null(g_leg.lease.conn);
    shards_expect_open(0, 0, open);
}

/* --- to its end --- */

static void rows_are_committed_and_the_connection_goes_back(void **state)
{
    (void)state;
    add(3);
    assert_false(agdb__leg_is_at_rest(&g_leg));
    step_to(AGDB__LEG_OPEN); /* more may come */
    assert_string_equal(g_fake.copy.ended, "");
    add(1);
    g_leg.flush = true;
    step_to(AGDB__LEG_RESTING);
    assert_string_equal(g_fake.copy.put, "1\n2\n3\n4\n");
    assert_string_equal(g_fake.copy.ended, "C");
    expect_counts(4, 0);
    assert_int_equal(g_leg.stored, 7); /* what the server says */
    assert_true(agdb__leg_is_at_rest(&g_leg));
    expect_open(CONNS);
}

static void a_full_transaction_is_committed_and_the_next_one_follows(void **state)
{
    (void)state;
    g_way.commit_every = 2;
    add(2);
    assert_false(agdb__leg_has_room(&g_leg, 2));
    g_fake.copy.stalls_at = AGDB__COPY_ENDING;
    step_to(AGDB__LEG_ENDING);
    add(2); /* meanwhile */
    g_fake.copy.stalls_at = AGDB__COPY_NONE;
    step();
    step();
    assert_string_equal(g_fake.copy.ended, "CC");
    expect_counts(4, 0);
    assert_int_equal(g_fake.opened, SHARDS * SHARD_NODES * CONNS);
}

/* Others wait for its connection. */
static void asked_to_yield_it_commits_and_gives_back(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    g_leg.yield = true;
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
    expect_open(CONNS);
}

/* --- PAUSED --- */

static void without_a_primary_it_fails_when_the_parking_is_over(void **state)
{
    (void)state;
    shards_publish(0, SHARD_NODES);
    add(3);
    step_to(AGDB__LEG_PAUSED);
    wait_ms(PARK_MS - 1);
    step_to(AGDB__LEG_PAUSED);
    wait_ms(2);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_NO_PRIMARY, AGDB_OUTCOME_NOT_SENT, "no primary");
    expect_counts(0, 0);
    assert_int_equal(atomic_load(&g_shards[0].parked), 0);
}

static void a_primary_that_comes_meanwhile_gets_the_rows(void **state)
{
    (void)state;
    shards_publish(0, SHARD_NODES);
    add(3);
    g_leg.flush = true;
    step_to(AGDB__LEG_PAUSED);
    (void)agdb__bell_hush(&g_bell, true);
    shards_publish(0, 1);
    assert_true(agdb__bell_hush(&g_bell, true)); /* it was told */
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
}

static void a_closing_client_ends_it(void **state)
{
    (void)state;
    shards_publish(0, SHARD_NODES);
    add(1);
    step_to(AGDB__LEG_PAUSED);
    agdb__board_close(&g_shards[0].board);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_CLOSING, AGDB_OUTCOME_NOT_SENT, "closing");
}

/* What somebody says from outside, in whatever state. */
static void give_up(void)
{
    agdb_error_t *error = NULL;

    (void)agdb__fail(&error, AGDB_E_CANCELLED, "cancelled");
    agdb__error_outcome(&error, AGDB_OUTCOME_REJECTED);
    agdb__leg_give_up(&g_leg, error, g_now);
    agdb__error_free(error);
}

static void given_up_while_paused_it_is_over(void **state)
{
    (void)state;
    shards_publish(0, SHARD_NODES);
    add(1);
    step_to(AGDB__LEG_PAUSED);
    give_up();
    expect_error(AGDB_E_CANCELLED, AGDB_OUTCOME_REJECTED, "cancelled");
    assert_true(agdb__leg_is_at_rest(&g_leg));
    assert_int_equal(atomic_load(&g_shards[0].parked), 0);
    (void)agdb__bell_hush(&g_bell, true);
    shards_publish(0, 0);
    assert_false(agdb__bell_hush(&g_bell, true)); /* it does not watch any more */
}

/* --- WANTING --- */

static void behind_busy_connections_it_fails_at_its_deadline(void **state)
{
    (void)state;
    shards_take_all(0, 0);
    add(3);
    step_to(AGDB__LEG_WANTING);
    wait_ms(TIMEOUT_MS - 1);
    step_to(AGDB__LEG_WANTING);
    wait_ms(2);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_TIMEOUT, AGDB_OUTCOME_NOT_SENT, "no free connection");
    assert_int_equal(g_leg.error->stage, AGDB_STAGE_QUEUE);
    assert_int_equal(agdb__pool_waiting(shards_pool(0, 0)), 0);
}

static void a_connection_that_comes_free_is_taken(void **state)
{
    (void)state;
    shards_take_all(0, 0);
    add(3);
    g_leg.flush = true;
    step_to(AGDB__LEG_WANTING);
    shards_give_all();
    assert_true(agdb__bell_hush(&g_bell, true));
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
}

static void given_up_while_wanting_it_leaves_the_queue(void **state)
{
    (void)state;
    shards_take_all(0, 0);
    add(1);
    step_to(AGDB__LEG_WANTING);
    give_up();
    assert_true(agdb__leg_is_at_rest(&g_leg));
    assert_int_equal(agdb__pool_waiting(shards_pool(0, 0)), 0);
    shards_give_all();
    expect_open(CONNS);
}

/* It had its connection already, and did not know. */
static void given_up_while_served_it_gives_back(void **state)
{
    (void)state;
    shards_take_all(0, 0);
    add(1);
    step_to(AGDB__LEG_WANTING);
    shards_give_all();
    give_up();
    expect_open(CONNS);
}

/* --- READY --- */

static void a_node_that_fell_while_it_was_wanted_gets_nothing(void **state)
{
    (void)state;
    shards_take_all(0, 0);
    add(3);
    g_leg.flush = true;
    step_to(AGDB__LEG_WANTING);
    shards_give_all();
    shards_publish(0, 1);
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
    assert_int_equal(g_leg.call.node, 1);
    assert_int_equal(g_fake.copy.begun, 1);
    expect_open(CONNS);
}

static void what_cannot_be_sent_is_tried_again(void **state)
{
    (void)state;
    g_fake.copy.refuse = AGDB_E_LOST;
    add(3);
    g_leg.flush = true;
    step_to(AGDB__LEG_PAUSED);
    g_fake.copy.refuse = AGDB_OK;
    wait_ms(100);
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
}

static void without_memory_it_fails_and_nothing_was_sent(void **state)
{
    (void)state;
    g_fake.copy.refuse = AGDB_E_NOMEM;
    add(3);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_NOMEM, AGDB_OUTCOME_NOT_SENT, "");
    expect_open(CONNS);
}

/* --- STARTING: all rows are here still --- */

static void lost_before_it_was_open_it_begins_again(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_STARTING);
    g_fake.copy.stalls_at = AGDB__COPY_NONE;
    g_fake.copy.dies_at = AGDB__COPY_STARTING;
    step_to(AGDB__LEG_PAUSED);
    g_fake.copy.dies_at = AGDB__COPY_NONE;
    wait_ms(100);
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
    assert_string_equal(g_fake.copy.put, "1\n2\n3\n");
}

static void a_copy_that_the_server_refuses_is_rejected(void **state)
{
    (void)state;
    g_fake.copy.fails_at = AGDB__COPY_STARTING;
    add(3);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "duplicate key");
    assert_string_equal(g_fake.copy.put, "");
    expect_open(CONNS);
}

static void a_server_that_says_nothing_to_it_ends_it_in_time(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_STARTING);
    wait_ms(TIMEOUT_MS - 1);
    step_to(AGDB__LEG_STARTING);
    wait_ms(2);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_TIMEOUT, AGDB_OUTCOME_NOT_SENT, "");
    expect_counts(0, 0);
    expect_open(CONNS - 1);
}

/* It may have been opened only now. */
static void given_up_while_starting_it_is_rolled_back(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_STARTING);
    give_up();
    assert_false(agdb__leg_is_at_rest(&g_leg));
    g_fake.copy.stalls_at = AGDB__COPY_NONE;
    step();
    step();
    assert_string_equal(g_fake.copy.ended, "R");
    assert_true(agdb__leg_is_at_rest(&g_leg));
    expect_counts(0, 0);
}

/* --- OPEN: rows are gone from here --- */

static void an_error_amid_the_rows_ends_it_and_names_the_row(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    g_fake.copy.fails_at = AGDB__COPY_OPEN;
    g_fake.copy.line = 2;
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "row 2 of the input: ");
    expect_counts(0, 0);
}

static void an_error_that_names_no_row_says_up_to_which(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    g_fake.copy.fails_at = AGDB__COPY_OPEN;
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "rows up to 3 of the input: ");
}

static void lost_amid_the_rows_nothing_is_committed(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    g_fake.copy.dies_at = AGDB__COPY_OPEN;
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_REJECTED, "rows up to 3 of the input: ");
    expect_counts(0, 0);
    assert_int_equal(g_fake.copy.asked, 0); /* there is no doubt */
    expect_open(CONNS - 1);
}

static void a_server_that_takes_no_rows_ends_it_in_time(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    g_fake.copy.full = true;
    add(2);
    step_to(AGDB__LEG_OPEN);
    wait_ms(TIMEOUT_MS - 1);
    step_to(AGDB__LEG_OPEN);
    wait_ms(2);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_TIMEOUT, AGDB_OUTCOME_REJECTED, "");
    expect_counts(0, 0);
}

/* It waits for rows, and nobody for it. */
static void time_without_rows_is_not_the_servers(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    wait_ms(10 * TIMEOUT_MS);
    step_to(AGDB__LEG_OPEN);
    g_leg.flush = true;
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
}

static void given_up_while_open_it_is_rolled_back(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    give_up();
    assert_string_equal(g_fake.copy.ended, "R");
    step();
    assert_true(agdb__leg_is_at_rest(&g_leg));
    expect_error(AGDB_E_CANCELLED, AGDB_OUTCOME_REJECTED, "cancelled");
    expect_counts(0, 0);
    expect_open(CONNS);
}

static void a_rollback_that_is_not_answered_is_waited_for_a_second(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_OPEN);
    g_fake.copy.stalls_at = AGDB__COPY_ENDING;
    give_up();
    wait_ms(900);
    step();
    assert_false(agdb__leg_is_at_rest(&g_leg));
    wait_ms(200);
    step();
    assert_true(agdb__leg_is_at_rest(&g_leg));
    expect_open(CONNS - 1);
}

/* --- ENDING: the commit is asked for --- */

static void a_commit_that_is_refused_is_rejected(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_ENDING);
    g_fake.copy.stalls_at = AGDB__COPY_NONE;
    g_fake.copy.fails_at = AGDB__COPY_ENDING;
    g_fake.copy.line = 3;
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "row 3 of the input: ");
    expect_counts(0, 0);
    assert_int_equal(g_fake.copy.asked, 0);
}

/* Lost with its answer; what the server says to the question then. */
static void lose_commit(agdb__copy_fate_t fate)
{
    bring_to(AGDB__LEG_ENDING);
    g_fake.copy.stalls_at = AGDB__COPY_NONE;
    g_fake.copy.dies_at = AGDB__COPY_ENDING;
    g_fake.copy.fate = fate;
    step();
    g_fake.copy.dies_at = AGDB__COPY_NONE;
}

static void a_lost_commit_that_happened_is_counted_and_it_goes_on(void **state)
{
    (void)state;
    lose_commit(AGDB__FATE_COMMITTED);
    step_to(AGDB__LEG_RESTING);
    assert_int_equal(g_fake.copy.asked, 1);
    expect_counts(3, 0);
    assert_null(g_leg.error);
    add(1);
    step_to(AGDB__LEG_RESTING);
    expect_counts(4, 0);
}

static void a_lost_commit_that_did_not_happen_is_rejected(void **state)
{
    (void)state;
    lose_commit(AGDB__FATE_ABORTED);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_REJECTED, "rows up to 3 of the input: ");
    expect_counts(0, 0);
    assert_int_equal(g_leg.doubt.mark.xid, 0);
}

static void a_lost_commit_that_is_under_way_is_asked_for_again(void **state)
{
    unsigned asked;

    (void)state;
    lose_commit(AGDB__FATE_IN_PROGRESS);
    step_to(AGDB__LEG_RESTING);
    asked = g_fake.copy.asked;
    step_to(AGDB__LEG_RESTING); /* not at once */
    assert_int_equal(g_fake.copy.asked, asked);
    assert_false(agdb__leg_has_room(&g_leg, 1));
    wait_ms(60);
    step_to(AGDB__LEG_RESTING);
    assert_int_equal(g_fake.copy.asked, asked + 1);
    g_fake.copy.fate = AGDB__FATE_COMMITTED;
    wait_ms(60);
    step_to(AGDB__LEG_RESTING);
    expect_counts(3, 0);
}

static void one_that_stays_under_way_is_unknown_in_the_end(void **state)
{
    (void)state;
    lose_commit(AGDB__FATE_IN_PROGRESS);
    step();
    wait_ms(TIMEOUT_MS + 60);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "rows up to 3 of the input: ");
    expect_counts(0, 3);
    assert_int_equal(g_leg.doubt.mark.xid, 815); /* for the next run to ask */
}

static void a_lost_commit_of_which_nothing_is_known_is_unknown(void **state)
{
    (void)state;
    lose_commit(AGDB__FATE_UNKNOWN);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "rows up to 3 of the input: ");
    expect_counts(0, 3);
}

static void a_lost_commit_without_a_mark_is_unknown_at_once(void **state)
{
    (void)state;
    g_fake.copy.mark.xid = 0;
    lose_commit(AGDB__FATE_COMMITTED);
    assert_int_equal(g_fake.copy.asked, 0);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "rows up to 3 of the input: ");
    expect_counts(0, 3);
}

static void a_commit_that_is_not_answered_in_time_is_asked_for(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_ENDING);
    g_fake.copy.fate = AGDB__FATE_COMMITTED;
    wait_ms(TIMEOUT_MS - 1);
    step_to(AGDB__LEG_ENDING);
    wait_ms(2);
    step_to(AGDB__LEG_RESTING);
    assert_int_equal(g_fake.copy.asked, 1);
    expect_counts(3, 0);
}

/* A standby may have been promoted without it. */
static void a_commit_confirmed_by_a_node_that_has_fallen_is_asked_of_the_new_one(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_ENDING);
    shards_publish(0, 1);
    g_fake.copy.stalls_at = AGDB__COPY_NONE;
    g_fake.copy.fate = AGDB__FATE_UNKNOWN; /* of another timeline */
    step_to(AGDB__LEG_FAILED);
    assert_int_equal(g_fake.copy.asked, 1);
    assert_int_equal(g_leg.call.node, 1);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "no longer the primary");
    expect_counts(0, 3);
}

static void given_up_while_ending_it_takes_an_answer_that_is_there(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_ENDING);
    g_fake.copy.stalls_at = AGDB__COPY_NONE;
    give_up();
    expect_counts(3, 0);
    expect_open(CONNS);
}

static void given_up_while_ending_it_is_in_doubt(void **state)
{
    (void)state;
    bring_to(AGDB__LEG_ENDING);
    give_up();
    expect_error(AGDB_E_CANCELLED, AGDB_OUTCOME_REJECTED, "cancelled");
    expect_counts(0, 3);
    assert_int_equal(g_leg.doubt.mark.xid, 815);
    assert_int_equal(g_leg.doubt.upto.row, 3);
    step();
    wait_ms(1100);
    step();
    expect_open(CONNS - 1);
}

/* --- ASKING --- */

/* As a load that goes on where another one has ended. */
static void begin_in_doubt(void)
{
    g_leg.doubt = (agdb__bulk_doubt_t){{5, 50}, {815, 1, 7}};
    g_leg.doubt_end_us = agdb__after_ms(g_now, TIMEOUT_MS);
}

static void an_earlier_runs_commit_is_where_it_begins(void **state)
{
    (void)state;
    begin_in_doubt();
    assert_false(agdb__leg_has_room(&g_leg, 1));
    g_fake.copy.fate = AGDB__FATE_COMMITTED;
    step_to(AGDB__LEG_RESTING);
    assert_int_equal(g_leg.done.row, 5);
    assert_int_equal(g_leg.committed, 0);
    assert_true(agdb__leg_has_room(&g_leg, 1));
}

static void an_earlier_runs_rollback_changes_nothing(void **state)
{
    (void)state;
    begin_in_doubt();
    g_fake.copy.fate = AGDB__FATE_ABORTED;
    step_to(AGDB__LEG_RESTING);
    assert_int_equal(g_leg.done.row, 0);
    assert_null(g_leg.error);
}

static void an_earlier_run_of_which_nothing_is_known_is_a_persons_matter(void **state)
{
    (void)state;
    begin_in_doubt();
    g_fake.copy.fate = AGDB__FATE_UNKNOWN;
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "leave in .resume the pair that is right");
}

static void a_question_that_is_denied_is_a_persons_matter(void **state)
{
    (void)state;
    begin_in_doubt();
    g_fake.copy.ask_is_denied = true;
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "cannot be told");
    expect_open(CONNS);
}

static void a_question_that_is_lost_is_asked_again(void **state)
{
    (void)state;
    begin_in_doubt();
    g_fake.copy.ask_stalls = true;
    step_to(AGDB__LEG_ASKING);
    g_fake.copy.ask_dies = true;
    step_to(AGDB__LEG_PAUSED);
    g_fake.copy.ask_dies = g_fake.copy.ask_stalls = false;
    g_fake.copy.fate = AGDB__FATE_COMMITTED;
    wait_ms(100);
    step_to(AGDB__LEG_RESTING);
    assert_int_equal(g_fake.copy.asked, 2);
    assert_int_equal(g_leg.done.row, 5);
}

static void a_question_that_is_not_answered_ends_in_time(void **state)
{
    (void)state;
    begin_in_doubt();
    g_fake.copy.ask_stalls = true;
    step_to(AGDB__LEG_ASKING);
    wait_ms(TIMEOUT_MS + 1);
    step_to(AGDB__LEG_FAILED);
    expect_error(AGDB_E_TIMEOUT, AGDB_OUTCOME_UNKNOWN, "");
    assert_int_equal(g_leg.doubt.mark.xid, 815);
    expect_open(CONNS - 1);
}

static void given_up_while_asking_the_doubt_stays(void **state)
{
    (void)state;
    begin_in_doubt();
    g_fake.copy.ask_stalls = true;
    step_to(AGDB__LEG_ASKING);
    give_up();
    assert_int_equal(g_leg.doubt.mark.xid, 815);
    wait_ms(1100);
    step();
    assert_true(agdb__leg_is_at_rest(&g_leg));
}

/* --- FAILED --- */

static void rows_of_one_that_has_failed_are_swallowed(void **state)
{
    const unsigned char text[] = "9\n";
    const agdb__bulk_row_t row = {.data = text, .len = 2, .number = 9, .end = 90};

    (void)state;
    g_fake.copy.fails_at = AGDB__COPY_STARTING;
    add(3);
    step_to(AGDB__LEG_FAILED);
    assert_true(agdb__leg_has_room(&g_leg, (size_t)1 << 40));
    assert_true(agdb__leg_add(&g_leg, &row));
    assert_int_equal(g_leg.len, 0);
    step_to(AGDB__LEG_FAILED);
    give_up(); /* its own error is the one that counts */
    expect_error(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "duplicate key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARDS_TEST(rows_are_committed_and_the_connection_goes_back),
        SHARDS_TEST(a_full_transaction_is_committed_and_the_next_one_follows),
        SHARDS_TEST(asked_to_yield_it_commits_and_gives_back),
        SHARDS_TEST(without_a_primary_it_fails_when_the_parking_is_over),
        SHARDS_TEST(a_primary_that_comes_meanwhile_gets_the_rows),
        SHARDS_TEST(a_closing_client_ends_it),
        SHARDS_TEST(given_up_while_paused_it_is_over),
        SHARDS_TEST(behind_busy_connections_it_fails_at_its_deadline),
        SHARDS_TEST(a_connection_that_comes_free_is_taken),
        SHARDS_TEST(given_up_while_wanting_it_leaves_the_queue),
        SHARDS_TEST(given_up_while_served_it_gives_back),
        SHARDS_TEST(a_node_that_fell_while_it_was_wanted_gets_nothing),
        SHARDS_TEST(what_cannot_be_sent_is_tried_again),
        SHARDS_TEST(without_memory_it_fails_and_nothing_was_sent),
        SHARDS_TEST(lost_before_it_was_open_it_begins_again),
        SHARDS_TEST(a_copy_that_the_server_refuses_is_rejected),
        SHARDS_TEST(a_server_that_says_nothing_to_it_ends_it_in_time),
        SHARDS_TEST(given_up_while_starting_it_is_rolled_back),
        SHARDS_TEST(an_error_amid_the_rows_ends_it_and_names_the_row),
        SHARDS_TEST(an_error_that_names_no_row_says_up_to_which),
        SHARDS_TEST(lost_amid_the_rows_nothing_is_committed),
        SHARDS_TEST(a_server_that_takes_no_rows_ends_it_in_time),
        SHARDS_TEST(time_without_rows_is_not_the_servers),
        SHARDS_TEST(given_up_while_open_it_is_rolled_back),
        SHARDS_TEST(a_rollback_that_is_not_answered_is_waited_for_a_second),
        SHARDS_TEST(a_commit_that_is_refused_is_rejected),
        SHARDS_TEST(a_lost_commit_that_happened_is_counted_and_it_goes_on),
        SHARDS_TEST(a_lost_commit_that_did_not_happen_is_rejected),
        SHARDS_TEST(a_lost_commit_that_is_under_way_is_asked_for_again),
        SHARDS_TEST(one_that_stays_under_way_is_unknown_in_the_end),
        SHARDS_TEST(a_lost_commit_of_which_nothing_is_known_is_unknown),
        SHARDS_TEST(a_lost_commit_without_a_mark_is_unknown_at_once),
        SHARDS_TEST(a_commit_that_is_not_answered_in_time_is_asked_for),
        SHARDS_TEST(a_commit_confirmed_by_a_node_that_has_fallen_is_asked_of_the_new_one),
        SHARDS_TEST(given_up_while_ending_it_takes_an_answer_that_is_there),
        SHARDS_TEST(given_up_while_ending_it_is_in_doubt),
        SHARDS_TEST(an_earlier_runs_commit_is_where_it_begins),
        SHARDS_TEST(an_earlier_runs_rollback_changes_nothing),
        SHARDS_TEST(an_earlier_run_of_which_nothing_is_known_is_a_persons_matter),
        SHARDS_TEST(a_question_that_is_denied_is_a_persons_matter),
        SHARDS_TEST(a_question_that_is_lost_is_asked_again),
        SHARDS_TEST(a_question_that_is_not_answered_ends_in_time),
        SHARDS_TEST(given_up_while_asking_the_doubt_stays),
        SHARDS_TEST(rows_of_one_that_has_failed_are_swallowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
