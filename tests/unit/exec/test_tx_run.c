/* Transactions on scripted connections: what goes out, what is repeated, and what becomes of the
 * handle: tx.c and tx_run.c. */
#include "exec/tx_run.h"

#include "base/clock.h"
#include "base/error.h"
#include "driver_fixture.h"
#include "fake_conn.h"
#include "parts.h"

static agdb__tx_t g_tx;
static agdb_error_t *g_err;
static unsigned g_calls; /* of the script */

static int setup_tx(void **state)
{
    g_calls = 0;
    return setup(state);
}

static int teardown_tx(void **state)
{
    agdb__tx_undo(&g_tx, false);
    agdb__tx_fini(&g_tx);
    agdb__error_free(g_err);
    g_err = NULL;
    return teardown(state);
}

static void begin(agdb_tx_options_t options)
{
    options.timeout_ms = options.timeout_ms != 0 ? options.timeout_ms : 2000;
    agdb__tx_init(&g_tx, &g_shard, &options, agdb__now_us(), 0);
}

/* One flight of one statement, or of none with NULL. */
static agdb_status_t fly(const char *sql, bool commit)
{
    const agdb_request_t as = {.struct_size = sizeof as, .sql = sql != NULL ? sql : ""};
    const agdb__statement_t statement = agdb__statement_of(&as, g_tx.mode.read_only);
    agdb__flight_t flight = {
        .statement = &statement, .count = sql != NULL ? 1 : 0, .commit = commit};
    agdb_status_t st = agdb__tx_fly(&g_tx, &flight);

    agdb__error_free(g_err);
    g_err = flight.error;
    return st;
}

static void expect_sent(const char *what)
{
    assert_string_equal(g_fake.tx, what);
}

/* Fails the first time with what the server says, never again. */
static agdb__member_fate_t fail_first(const char *sqlstate, agdb_error_t **reterr)
{
    if (g_calls++ > 0)
        return AGDB__MEMBER_ANSWERED;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "ERROR %s", sqlstate);
    agdb__error_sqlstate(reterr, sqlstate);
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    return AGDB__MEMBER_FAILED;
}

static agdb__member_fate_t conflict_first(const char *sql, agdb_error_t **reterr)
{
    return strcmp(sql, "c") == 0 ? fail_first("40001", reterr) : AGDB__MEMBER_ANSWERED;
}

static agdb__member_fate_t clash_first(const char *sql, agdb_error_t **reterr)
{
    return strcmp(sql, "c") == 0 ? fail_first("23505", reterr) : AGDB__MEMBER_ANSWERED;
}

static agdb__member_fate_t lose_commit(const char *sql, agdb_error_t **reterr)
{
    if (strcmp(sql, "COMMIT") != 0 || g_calls++ > 0)
        return AGDB__MEMBER_ANSWERED;
    (void)agdb__fail(reterr, AGDB_E_LOST, "connection lost");
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    return AGDB__MEMBER_LOST;
}

/* --- what goes out -----------------------------------------------------------------------------
 */

static void begin_and_commit_travel_along(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){0});
    expect_sent("");
    assert_int_equal(fly("a", false), AGDB_OK);
    assert_int_equal(fly("b", false), AGDB_OK);
    assert_int_equal(fly("c", true), AGDB_OK);
    expect_sent("BEGIN a | b | c COMMIT | ");
    assert_int_equal(g_tx.stand, AGDB__TX_COMMITTED);
    assert_null(g_tx.pool); /* the connection is free */
    assert_int_equal(agdb__tx_commit(&g_tx, &g_err), AGDB_OK);
    assert_int_equal(fly("d", false), AGDB_E_MISUSE);
    expect_sent("BEGIN a | b | c COMMIT | ");
}

static void spin(uint64_t us)
{
    const uint64_t until_us = agdb__now_us() + us;

    while (agdb__now_us() < until_us)
        continue;
}

/* Two statements at once, which take no longer than it takes to ask for them. */
static void expect_own_time(bool commit)
{
    const agdb_request_t as = {.struct_size = sizeof as, .sql = "a"};
    const agdb__statement_t statement[2] = {agdb__statement_of(&as, false),
                                            agdb__statement_of(&as, false)};
    agdb_result_t *result[2] = {NULL, NULL};
    agdb__flight_t flight = {
        .statement = statement, .count = 2, .commit = commit, .result = result};
    const uint64_t start_us = agdb__now_us();
    size_t i;

    assert_int_equal(agdb__tx_fly(&g_tx, &flight), AGDB_OK);
    for (i = 0; i < 2; i++) {
        assert_in_range(result[i]->timing.total_us, 0, agdb__now_us() - start_us);
        assert_int_equal(result[i]->timing.group, 2);
        assert_int_equal(result[i]->timing.attempts, 1);
        parts_are_whole(&result[i]->timing);
        agdb__result_free(result[i]);
    }
}

static void what_the_caller_does_meanwhile_is_not_of_a_flights_time(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){0});
    spin(5000);
    expect_own_time(false);
    spin(5000);
    expect_own_time(true);
}

static void nothing_at_all_costs_nothing(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){0});
    assert_int_equal(agdb__tx_commit(&g_tx, &g_err), AGDB_OK);
    expect_sent("");
}

static void savepoints_travel_along(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){0});
    assert_int_equal(agdb__savepoints_set(&g_tx.savepoints, "s", NULL), AGDB_OK);
    assert_int_equal(fly("a", false), AGDB_OK);
    assert_int_equal(agdb__savepoints_go_back(&g_tx.savepoints, "s", NULL), AGDB_OK);
    assert_int_equal(agdb__tx_commit(&g_tx, &g_err), AGDB_OK);
    expect_sent("BEGIN SAVEPOINT \"s\" a | ROLLBACK TO SAVEPOINT \"s\" COMMIT | ");
}

static void what_is_undone_is_rolled_back(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){0});
    assert_int_equal(fly("a", false), AGDB_OK);
    agdb__tx_undo(&g_tx, true);
    expect_sent("BEGIN a | ROLLBACK | ");
    assert_int_equal(agdb__tx_commit(&g_tx, &g_err), AGDB_E_MISUSE);
}

/* --- what fails --------------------------------------------------------------------------------
 */

static void the_first_flight_is_repeated_when_that_helps(void **state)
{
    (void)state;
    g_fake.member = conflict_first;
    begin((agdb_tx_options_t){0});
    assert_int_equal(fly("c", false), AGDB_OK);
    expect_sent("BEGIN c | ROLLBACK | BEGIN c | ");
}

static void a_later_one_is_not_and_the_error_stays(void **state)
{
    (void)state;
    g_fake.member = conflict_first;
    begin((agdb_tx_options_t){0});
    assert_int_equal(fly("a", false), AGDB_OK);
    assert_int_equal(fly("c", false), AGDB_E_SERVER);
    assert_int_equal(g_tx.stand, AGDB__TX_BROKEN);
    assert_int_equal(fly("d", false), AGDB_E_MISUSE);
    agdb__error_free(g_err);
    g_err = NULL;
    assert_int_equal(agdb__tx_commit(&g_tx, &g_err), AGDB_E_SERVER);
    assert_string_equal(g_err->sqlstate, "40001");
    expect_sent("BEGIN a | c | ");
}

static void a_savepoint_mends_it(void **state)
{
    (void)state;
    g_fake.member = clash_first;
    begin((agdb_tx_options_t){0});
    assert_int_equal(agdb__savepoints_set(&g_tx.savepoints, "s", NULL), AGDB_OK);
    assert_int_equal(fly("c", false), AGDB_E_SERVER);
    assert_int_equal(agdb__savepoints_go_back(&g_tx.savepoints, "s", NULL), AGDB_OK);
    agdb__tx_mend(&g_tx);
    assert_int_equal(fly("d", true), AGDB_OK);
    expect_sent("BEGIN SAVEPOINT \"s\" c | ROLLBACK TO SAVEPOINT \"s\" d COMMIT | ");
}

static void what_has_no_place_changes_nothing(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){0});
    assert_int_equal(fly("BEGIN", false), AGDB_E_UNSUPPORTED);
    assert_int_equal(g_tx.stand, AGDB__TX_FRESH);
    assert_null(g_tx.pool);
    assert_int_equal(fly("a", false), AGDB_OK);
    assert_int_equal(fly("BEGIN", false), AGDB_E_UNSUPPORTED);
    assert_int_equal(fly("b", true), AGDB_OK);
    expect_sent("BEGIN a | b COMMIT | ");
}

static void a_lost_commit_is_in_doubt(void **state)
{
    (void)state;
    g_fake.member = lose_commit;
    begin((agdb_tx_options_t){0});
    assert_int_equal(fly("a", false), AGDB_OK);
    assert_int_equal(fly("b", true), AGDB_E_LOST);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_tx.stand, AGDB__TX_IN_DOUBT);
    agdb__error_free(g_err);
    g_err = NULL;
    assert_int_equal(agdb__tx_commit(&g_tx, &g_err), AGDB_E_LOST);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_UNKNOWN);
}

static void a_primary_that_is_none_any_more_gets_no_commit(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){0});
    assert_int_equal(fly("a", false), AGDB_OK);
    publish(AGDB__SHARD_READY, 1, 1);
    assert_int_equal(agdb__tx_commit(&g_tx, &g_err), AGDB_E_NO_PRIMARY);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_NOT_SENT);
    expect_sent("BEGIN a | ROLLBACK | ");
}

static void a_late_statement_ends_it(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){.timeout_ms = 30});
    assert_int_equal(fly("a", false), AGDB_OK);
    g_fake.never_answers = true;
    assert_int_equal(fly("b", false), AGDB_E_TIMEOUT);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_REJECTED);
    assert_int_equal(g_tx.stand, AGDB__TX_UNDONE);
    assert_null(g_tx.pool);
}

static void a_late_commit_is_in_doubt(void **state)
{
    (void)state;
    begin((agdb_tx_options_t){.timeout_ms = 30});
    assert_int_equal(fly("a", false), AGDB_OK);
    g_fake.never_answers = true;
    g_fake.can_be_left = true;
    assert_int_equal(fly("b", true), AGDB_E_TIMEOUT);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_tx.stand, AGDB__TX_IN_DOUBT);
}

static void without_a_primary_it_says_so(void **state)
{
    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 2);
    begin((agdb_tx_options_t){.timeout_ms = 30});
    assert_int_equal(fly("a", false), AGDB_E_NO_PRIMARY);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(fly("a", false), AGDB_E_MISUSE);
    expect_sent("");
}

/* --- functions ---------------------------------------------------------------------------------
 */

static agdb_status_t a_then_c(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    agdb_status_t st = fly("a", false);

    (void)tx;
    *(unsigned *)user = attempt;
    if (st == AGDB_OK)
        st = fly("c", false);
    agdb__error_move(reterr, agdb__error_dup(g_err));
    return st;
}

static agdb_status_t repeat(agdb_tx_fn fn, unsigned *ret_attempts)
{
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb__tx_repeat(&g_tx, fn, NULL, ret_attempts, &error);

    agdb__error_free(g_err);
    g_err = error;
    return st;
}

static void a_function_is_repeated_from_its_beginning(void **state)
{
    unsigned attempts = 0;

    (void)state;
    g_fake.member = conflict_first;
    begin((agdb_tx_options_t){0});
    assert_int_equal(repeat(a_then_c, &attempts), AGDB_OK);
    assert_int_equal(attempts, 2);
    expect_sent("BEGIN a | c | ROLLBACK | BEGIN a | c | COMMIT | ");
}

static void not_for_its_own_mistakes(void **state)
{
    unsigned attempts = 0;

    (void)state;
    g_fake.member = clash_first;
    begin((agdb_tx_options_t){0});
    assert_int_equal(repeat(a_then_c, &attempts), AGDB_E_SERVER);
    assert_string_equal(g_err->sqlstate, "23505");
    assert_int_equal(attempts, 1);
    expect_sent("BEGIN a | c | ROLLBACK | ");
}

static agdb_status_t swallow(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    (void)a_then_c(tx, attempt, user, reterr);
    return AGDB_OK;
}

static void an_error_that_it_keeps_to_itself_counts_all_the_same(void **state)
{
    unsigned attempts = 0;

    (void)state;
    g_fake.member = clash_first;
    begin((agdb_tx_options_t){0});
    assert_int_equal(repeat(swallow, &attempts), AGDB_E_SERVER);
    assert_string_equal(g_err->sqlstate, "23505");
}

static agdb_status_t only_a(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    agdb_status_t st;

    tend(); /* a connection is lost with each loss */
    st = fly("a", false);

    (void)tx;
    *(unsigned *)user = attempt;
    agdb__error_move(reterr, agdb__error_dup(g_err));
    return st;
}

static void an_unknown_end_is_repeated_only_when_that_is_harmless(void **state)
{
    unsigned attempts = 0;

    (void)state;
    g_fake.member = lose_commit;
    begin((agdb_tx_options_t){0});
    assert_int_equal(repeat(only_a, &attempts), AGDB_E_LOST);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(attempts, 1);
    agdb__tx_fini(&g_tx);
    tend(); /* a new connection */
    g_calls = 0;
    begin((agdb_tx_options_t){.idempotent = true});
    assert_int_equal(repeat(only_a, &attempts), AGDB_OK);
    assert_int_equal(attempts, 2);
}

static agdb_status_t a_then_undo(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    agdb_status_t st = only_a(tx, attempt, user, reterr);

    return st == AGDB_OK && attempt > 1 ? AGDB_ROLLBACK : st;
}

static void what_an_earlier_attempt_may_have_done_is_not_forgotten(void **state)
{
    unsigned attempts = 0;

    (void)state;
    g_fake.member = lose_commit;
    begin((agdb_tx_options_t){.idempotent = true});
    assert_int_equal(repeat(a_then_undo, &attempts), AGDB_E_MISUSE);
    assert_int_equal(attempts, 2);
    assert_int_equal(g_err->outcome, AGDB_OUTCOME_UNKNOWN);
}

/* Each statement waits by its own time. */
static agdb_status_t fly_for(const char *sql, uint64_t ms)
{
    const agdb_request_t as = {.struct_size = sizeof as, .sql = sql};
    const agdb__statement_t statement = agdb__statement_of(&as, false);
    agdb__flight_t flight = {
        .statement = &statement, .count = 1, .deadline_us = agdb__now_us() + ms * 1000};
    agdb_status_t st = agdb__tx_fly(&g_tx, &flight);

    agdb__error_free(g_err);
    g_err = flight.error;
    return st;
}

static void an_earlier_park_does_not_shorten_a_later_one(void **state)
{
    uint64_t start_us;

    (void)state;
    g_shard.park_ms = 150;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 2);
    begin((agdb_tx_options_t){0});
    g_tx.is_repeated = true;
    assert_int_equal(fly_for("a", 30), AGDB_E_NO_PRIMARY);
    agdb__tx_restart(&g_tx);
    start_us = agdb__now_us();
    g_tx.call.over = false;
    assert_int_equal(fly_for("a", 100), AGDB_E_NO_PRIMARY);
    assert_in_range(agdb__now_us() - start_us, 90000, 400000);
    assert_int_equal(g_shard.parked, 0);
}

static void a_key_that_is_there_ends_it_before_it_begins(void **state)
{
    unsigned attempts = 0;

    (void)state;
    begin((agdb_tx_options_t){.idempotency_key = "k"});
    g_tx.mode.once = (agdb__once_t){.key = "k"};
    assert_int_equal(repeat(only_a, &attempts), AGDB_OK);
    assert_int_equal(attempts, 1);
    assert_false(g_tx.replayed);
    expect_sent("BEGIN KEY | a | COMMIT | ");
    agdb__tx_fini(&g_tx);
    g_fake.key_is_there = true;
    attempts = 0;
    begin((agdb_tx_options_t){.idempotency_key = "k"});
    g_tx.mode.once = (agdb__once_t){.key = "k"};
    assert_int_equal(repeat(only_a, &attempts), AGDB_OK);
    assert_int_equal(attempts, 0);
    assert_true(g_tx.replayed);
}

static agdb_status_t undo(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    agdb_status_t st = only_a(tx, attempt, user, reterr);

    return st == AGDB_OK ? AGDB_ROLLBACK : st;
}

static void a_function_may_undo_it_without_an_error(void **state)
{
    unsigned attempts = 0;

    (void)state;
    begin((agdb_tx_options_t){0});
    assert_int_equal(repeat(undo, &attempts), AGDB_OK);
    assert_null(g_err);
    expect_sent("BEGIN a | ROLLBACK | ");
}

#define TX(f) cmocka_unit_test_setup_teardown(f, setup_tx, teardown_tx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TX(begin_and_commit_travel_along),
        TX(what_the_caller_does_meanwhile_is_not_of_a_flights_time),
        TX(nothing_at_all_costs_nothing),
        TX(savepoints_travel_along),
        TX(what_is_undone_is_rolled_back),
        TX(the_first_flight_is_repeated_when_that_helps),
        TX(a_later_one_is_not_and_the_error_stays),
        TX(a_savepoint_mends_it),
        TX(what_has_no_place_changes_nothing),
        TX(a_lost_commit_is_in_doubt),
        TX(a_primary_that_is_none_any_more_gets_no_commit),
        TX(a_late_statement_ends_it),
        TX(a_late_commit_is_in_doubt),
        TX(without_a_primary_it_says_so),
        TX(a_function_is_repeated_from_its_beginning),
        TX(not_for_its_own_mistakes),
        TX(an_error_that_it_keeps_to_itself_counts_all_the_same),
        TX(an_unknown_end_is_repeated_only_when_that_is_harmless),
        TX(what_an_earlier_attempt_may_have_done_is_not_forgotten),
        TX(an_earlier_park_does_not_shorten_a_later_one),
        TX(a_key_that_is_there_ends_it_before_it_begins),
        TX(a_function_may_undo_it_without_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
