/* One request on three scripted shards: what becomes of the other legs when one fails, is late, is
 * lost or is given up, and what is said of the whole: scatter.c and scatter_end.c. */
#include "exec/scatter.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "shards_fixture.h"

#include <stdio.h>
#include <string.h>

enum { CONNS = 1, LONG_MS = 5000, SHORT_MS = 60 };

static agdb__bell_t g_bell;
static agdb__poll_poller_t g_poller;
static agdb__driver_t g_driver;
static agdb__scatter_t *g_scatter;
static agdb_result_t *g_result;
static agdb_error_t *g_error;

/* What a shard does, by its name. */
static const char *g_bad;        /* fails as g_fault says; NULL: none */
static agdb_error_t *g_fault;    /* copied; NULL: division by zero */
static unsigned g_faults;        /* so often at most */
static unsigned g_asked[SHARDS]; /* counted */

static agdb_status_t run(agdb__conn_t *conn, const agdb__statement_t *statement,
                         agdb_error_t **reterr)
{
    const char *shard = fake_node(conn);

    (void)statement;
    g_asked[shard[0] - 'a']++;
    if (g_bad == NULL || strchr(g_bad, shard[0]) == NULL || g_faults == 0)
        return AGDB_OK;
    g_faults--;
    agdb__error_move(reterr, agdb__error_dup(g_fault));
    if (g_fault->status == AGDB_E_LOST)
        agdb__conn_abort(conn, "cut");
    return g_fault->status;
}

static struct pg_result *answer(agdb__conn_t *conn)
{
    return shards_row(fake_node(conn));
}

static void set_fault(agdb_status_t status, agdb_outcome_t outcome, const char *sqlstate)
{
    (void)agdb__fail(&g_fault, status, "scripted fault");
    agdb__error_sqlstate(&g_fault, sqlstate);
    agdb__error_outcome(&g_fault, outcome);
    agdb__error_stage(&g_fault, AGDB_STAGE_EXECUTE);
}

static int setup(void **state)
{
    (void)state;
    if (shards_setup(CONNS) != 0 || !agdb__bell_init(&g_bell) ||
        !agdb__poll_poller_init(&g_poller, &g_bell))
        return -1;
    agdb__driver_init(&g_driver, &g_bell, &g_poller.base);
    g_fake.run = run;
    g_fake.answer = answer;
    g_bad = NULL;
    g_faults = 1;
    memset(g_asked, 0, sizeof g_asked);
    set_fault(AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "22012");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__scatter_free(g_scatter);
    g_scatter = NULL;
    agdb__result_free(g_result);
    g_result = NULL;
    agdb__error_free(g_error);
    g_error = NULL;
    agdb__error_free(g_fault);
    g_fault = NULL;
    agdb__driver_fini(&g_driver);
    agdb__poll_poller_fini(&g_poller);
    agdb__bell_fini(&g_bell);
    shards_tend();
    return shards_teardown();
}

/* --- words --- */

static agdb_request_t request(agdb_access_t access, uint32_t timeout_ms)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = "SELECT v";
    r.access = access;
    r.timeout_ms = timeout_ms;
    return r;
}

static void begin(const agdb_request_t *r)
{
    agdb__shard_t *shards[SHARDS] = {&g_shards[0], &g_shards[1], &g_shards[2]};
    const agdb__targets_t targets = {.shards = shards, .count = SHARDS};

    assert_int_equal(agdb__scatter_new(r, &targets, &g_scatter, &g_error), AGDB_OK);
    assert_true(agdb__driver_reserve(&g_driver, SHARDS));
    agdb__scatter_begin(g_scatter, &g_driver, &g_error, agdb__now_us());
    assert_ptr_equal(agdb__scatter_owner(g_scatter), &g_error);
}

/* True: the scatter is over. */
static bool take_done(void)
{
    agdb__task_t *task;
    bool over = false;

    while ((task = agdb__driver_take_done(&g_driver)) != NULL) {
        assert_ptr_equal(task->scatter, g_scatter);
        assert_false(over);
        over = agdb__scatter_took(g_scatter, &g_driver, task);
    }
    return over;
}

static void step_ms(uint64_t ms)
{
    agdb__driver_step(&g_driver, agdb__after_ms(agdb__now_us(), ms));
}

/* As many steps as it takes. */
static agdb_status_t finish(void)
{
    bool over = false;

    while (!over) {
        step_ms(20);
        over = take_done();
        agdb__driver_rest(&g_driver);
        shards_tend();
    }
    assert_int_equal(g_driver.live, 0);
    return agdb__scatter_conclude(g_scatter, &g_result, &g_error);
}

static void expect(agdb_status_t got, agdb_status_t status, agdb_outcome_t outcome,
                   const char *part)
{
    if (got != status || g_error == NULL || g_error->status != status ||
        g_error->outcome != outcome || strstr(g_error->message, part) == NULL)
        fail_msg("%d, outcome %d: %s", (int)got, g_error != NULL ? (int)g_error->outcome : -1,
                 g_error != NULL ? g_error->message : "no error");
}

/* The shards of the children, in their order. */
static void expect_children(const char *shards)
{
    char seen[SHARDS + 1] = "";
    uint32_t i;

    for (i = 0; i < g_error->nchild; i++) {
        assert_true(strlen(seen) < SHARDS);
        strcat(seen, g_error->child[i]->shard);
    }
    assert_string_equal(seen, shards);
}

/* All connections are with their pools. */
static void expect_all_back(void)
{
    size_t s;

    step_ms(0);
    agdb__driver_rest(&g_driver);
    shards_tend();
    for (s = 0; s < SHARDS; s++)
        shards_expect_open(s, 0, CONNS);
}

/* --- all well --- */

static void answers_of_all_become_one_in_the_order_of_the_shards(void **state)
{
    const agdb_request_t r = request(AGDB_READ, LONG_MS);
    size_t i;

    (void)state;
    begin(&r);
    assert_false(agdb__scatter_is_answered(g_scatter));
    assert_int_equal(finish(), AGDB_OK);
    assert_int_equal(g_result->merged->nrows, SHARDS);
    for (i = 0; i < SHARDS; i++) {
        const agdb__row_t at = g_result->merged->row[i];

        assert_string_equal(g_result->merged->leg[at.leg]->shard, g_shards[i].name);
    }
    expect_all_back();
}

/* --- one fails --- */

static void a_failed_read_ends_the_others_wherever_they_are(void **state)
{
    const agdb_request_t r = request(AGDB_READ, LONG_MS);

    (void)state;
    g_bad = "b";
    g_fake.silent_node = "c-1"; /* in flight for ever */
    shards_take_all(0, 0);      /* and "a" waits for a connection */
    begin(&r);
    expect(finish(), AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "1 of 3 shards failed (b): ");
    expect_children("b");
    assert_string_equal(g_error->sqlstate, "22012");
    assert_int_equal(g_asked[0], 0);
    assert_null(g_result);
    step_ms(0);
    assert_int_equal(agdb__pool_waiting(shards_pool(0, 0)), 0); /* nothing waits for nobody */
    shards_give_all();
    shards_expect_open(0, 0, CONNS);
    shards_expect_open(1, 0, CONNS);
}

static void a_failed_write_keeps_from_being_sent_what_was_not(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, LONG_MS);

    (void)state;
    g_bad = "b";
    shards_take_all(2, 0);
    begin(&r);
    expect(finish(), AGDB_E_PARTIAL, AGDB_OUTCOME_UNKNOWN,
           "2 of 3 shards failed (b, c), done by a, the first with: ");
    expect_children("bc");
    assert_int_equal(g_error->child[0]->outcome, AGDB_OUTCOME_REJECTED);
    assert_int_equal(g_error->child[1]->status, AGDB_E_CANCELLED);
    assert_int_equal(g_error->child[1]->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_false(g_error->retriable); /* as a whole */
    assert_int_equal(g_asked[2], 0);
    shards_give_all();
    expect_all_back();
}

/* It may happen all the same: its caller has to hear whether it did. */
static void a_failed_write_waits_for_those_that_are_under_way(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, LONG_MS);
    int i;

    (void)state;
    g_bad = "b";
    g_fake.silent_node = "c-1";
    begin(&r);
    for (i = 0; i < 5; i++) {
        step_ms(5);
        assert_false(take_done());
    }
    assert_int_equal(g_asked[1], 1);
    fake_answer_held();
    expect(finish(), AGDB_E_PARTIAL, AGDB_OUTCOME_UNKNOWN,
           "1 of 3 shards failed (b), done by a, c: ");
    expect_children("b");
    expect_all_back();
}

static void when_all_fail_alike_it_is_their_failure(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, LONG_MS);

    (void)state;
    g_bad = "abc";
    g_faults = 3;
    begin(&r);
    expect(finish(), AGDB_E_SERVER, AGDB_OUTCOME_REJECTED,
           "3 of 3 shards failed (a, b, c), the first with: ");
    expect_children("abc");
    expect_all_back();
}

static void with_partial_ok_the_others_are_taken(void **state)
{
    agdb_request_t r = request(AGDB_READ, LONG_MS);

    (void)state;
    r.partial = AGDB_PARTIAL_OK;
    g_bad = "b";
    begin(&r);
    expect(finish(), AGDB_E_PARTIAL, AGDB_OUTCOME_REJECTED, "1 of 3 shards failed (b): ");
    assert_int_equal(g_result->merged->nrows, 2);
    assert_int_equal(g_result->merged->nfailures, 1);
    expect_all_back();
}

static void with_partial_ok_and_nothing_there_is_no_result(void **state)
{
    agdb_request_t r = request(AGDB_READ, LONG_MS);

    (void)state;
    r.partial = AGDB_PARTIAL_OK;
    g_bad = "abc";
    g_faults = 3;
    begin(&r);
    expect(finish(), AGDB_E_SERVER, AGDB_OUTCOME_REJECTED, "3 of 3 shards failed");
    assert_null(g_result);
}

/* --- one is lost --- */

static void a_lost_read_is_asked_again(void **state)
{
    const agdb_request_t r = request(AGDB_READ, LONG_MS);

    (void)state;
    g_bad = "b";
    set_fault(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "");
    begin(&r);
    assert_int_equal(finish(), AGDB_OK);
    assert_int_equal(g_result->merged->nrows, SHARDS);
    assert_int_equal(g_asked[1], 2);
    assert_int_equal(g_asked[0], 1); /* the others are not */
    assert_int_equal(g_asked[2], 1);
    expect_all_back();
}

static void a_lost_write_is_unknown_and_not_repeated(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, LONG_MS);

    (void)state;
    g_bad = "b";
    set_fault(AGDB_E_LOST, AGDB_OUTCOME_UNKNOWN, "");
    begin(&r);
    expect(finish(), AGDB_E_PARTIAL, AGDB_OUTCOME_UNKNOWN,
           "1 of 3 shards failed (b), done by a, c");
    expect_children("b");
    assert_int_equal(g_error->child[0]->status, AGDB_E_LOST);
    assert_int_equal(g_error->child[0]->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_asked[1], 1);
    expect_all_back();
}

/* --- time --- */

static void at_the_deadline_a_silent_shard_fails_alone(void **state)
{
    agdb_request_t r = request(AGDB_READ, SHORT_MS);
    const uint64_t start_us = agdb__now_us();

    (void)state;
    r.partial = AGDB_PARTIAL_OK;
    g_fake.silent_node = "b-1";
    begin(&r);
    expect(finish(), AGDB_E_PARTIAL, AGDB_OUTCOME_UNKNOWN, "1 of 3 shards failed (b): ");
    assert_in_range(agdb__now_us() - start_us, SHORT_MS * 1000, LONG_MS * 1000 / 2);
    assert_int_equal(g_error->child[0]->status, AGDB_E_TIMEOUT);
    assert_int_equal(g_result->merged->nrows, 2);
    shards_expect_open(0, 0, CONNS);
    shards_expect_open(2, 0, CONNS);
}

static void at_the_deadline_a_write_that_waits_was_not_sent(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, SHORT_MS);

    (void)state;
    shards_take_all(1, 0);
    begin(&r);
    expect(finish(), AGDB_E_PARTIAL, AGDB_OUTCOME_UNKNOWN,
           "1 of 3 shards failed (b), done by a, c: ");
    assert_int_equal(g_error->child[0]->status, AGDB_E_TIMEOUT);
    assert_int_equal(g_error->child[0]->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(g_asked[1], 0);
    shards_give_all();
    expect_all_back();
}

static void the_whole_has_the_shortest_time_of_its_shards(void **state)
{
    const agdb_request_t r = request(AGDB_READ, 0);
    size_t i;

    (void)state;
    g_shards[2].call_ms = SHORT_MS;
    begin(&r);
    for (i = 0; i < SHARDS; i++)
        assert_int_equal(agdb__scatter_request(g_scatter, i)->timeout_ms, SHORT_MS);
    assert_int_equal(finish(), AGDB_OK);
}

static void a_shard_without_a_primary_fails_when_its_parking_is_over(void **state)
{
    const agdb_request_t r = request(AGDB_READ, LONG_MS);

    (void)state;
    shards_publish(1, SHARD_NODES);
    begin(&r);
    expect(finish(), AGDB_E_NO_PRIMARY, AGDB_OUTCOME_NOT_SENT, "1 of 3 shards failed (b): ");
    assert_true(g_error->retriable);
    assert_int_equal(atomic_load(&g_shards[1].parked), 0);
    expect_all_back();
}

/* --- limits --- */

static void answers_that_are_too_big_together_end_it(void **state)
{
    agdb_request_t r = request(AGDB_READ, LONG_MS);

    (void)state;
    r.max_rows = 1;
    g_fake.silent_node = "c-1";
    begin(&r);
    expect(finish(), AGDB_E_TOO_BIG, AGDB_OUTCOME_NONE, "over the limit of 1 rows");
    assert_null(g_result);
}

static void a_write_whose_answers_are_too_big_has_happened(void **state)
{
    agdb_request_t r = request(AGDB_WRITE, LONG_MS);

    (void)state;
    r.max_rows = 2;
    begin(&r);
    expect(finish(), AGDB_E_TOO_BIG, AGDB_OUTCOME_UNKNOWN, "the write was executed, but ");
    expect_all_back();
}

/* --- given up --- */

static void given_up_before_anything_was_sent_nothing_has_happened(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, LONG_MS);
    size_t s;

    (void)state;
    for (s = 0; s < SHARDS; s++)
        shards_take_all(s, 0);
    begin(&r);
    step_ms(1);
    assert_int_equal(agdb__scatter_give_up(g_scatter, &g_driver), AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(g_driver.live, 0);
    for (s = 0; s < SHARDS; s++)
        assert_int_equal(g_asked[s], 0);
    shards_give_all();
    expect_all_back();
}

static void given_up_while_one_is_under_way_it_is_unknown(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, LONG_MS);

    (void)state;
    shards_take_all(0, 0);
    shards_take_all(2, 0);
    g_fake.silent_node = "b-1";
    begin(&r);
    step_ms(1);
    assert_int_equal(agdb__scatter_give_up(g_scatter, &g_driver), AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(g_driver.live, 0);
    shards_give_all();
}

/* One leg has answered, and was taken. */
static void given_up_after_an_answer_it_is_unknown(void **state)
{
    const agdb_request_t r = request(AGDB_WRITE, LONG_MS);

    (void)state;
    shards_take_all(1, 0);
    shards_take_all(2, 0);
    begin(&r);
    while (g_asked[0] == 0)
        step_ms(1);
    assert_false(take_done());
    assert_false(agdb__scatter_is_answered(g_scatter));
    assert_int_equal(agdb__scatter_give_up(g_scatter, &g_driver), AGDB_OUTCOME_UNKNOWN);
    shards_give_all();
    expect_all_back();
}

/* --- what is no request for several shards --- */

static void keys_need_a_request_with_keys_and_text(void **state)
{
    agdb__shard_t *shards[SHARDS] = {&g_shards[0], &g_shards[1], &g_shards[2]};
    const uint32_t place[] = {0, 2};
    const agdb__targets_t targets = {.shards = shards, .count = SHARDS, .place = place};
    const agdb_bytes_t keys[] = {agdb_key("epa"), agdb_bytes("\xff", 1)};
    const agdb_value_t params[] = {agdb_shard_keys()};
    agdb_request_t r = request(AGDB_READ, LONG_MS);

    (void)state;
    r.params = params;
    r.nparams = 1;
    assert_int_equal(agdb__scatter_new(&r, &targets, &g_scatter, &g_error), AGDB_E_INVAL);
    assert_non_null(strstr(g_error->message, "needs a request with .keys"));
    r.keys = keys;
    r.nkeys = 2;
    assert_int_equal(agdb__scatter_new(&r, &targets, &g_scatter, &g_error), AGDB_E_INVAL);
    assert_non_null(strstr(g_error->message, "key 1 is not UTF-8"));
    assert_null(g_scatter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARDS_TEST(answers_of_all_become_one_in_the_order_of_the_shards),
        SHARDS_TEST(a_failed_read_ends_the_others_wherever_they_are),
        SHARDS_TEST(a_failed_write_keeps_from_being_sent_what_was_not),
        SHARDS_TEST(a_failed_write_waits_for_those_that_are_under_way),
        SHARDS_TEST(when_all_fail_alike_it_is_their_failure),
        SHARDS_TEST(with_partial_ok_the_others_are_taken),
        SHARDS_TEST(with_partial_ok_and_nothing_there_is_no_result),
        SHARDS_TEST(a_lost_read_is_asked_again),
        SHARDS_TEST(a_lost_write_is_unknown_and_not_repeated),
        SHARDS_TEST(at_the_deadline_a_silent_shard_fails_alone),
        SHARDS_TEST(at_the_deadline_a_write_that_waits_was_not_sent),
        SHARDS_TEST(the_whole_has_the_shortest_time_of_its_shards),
        SHARDS_TEST(a_shard_without_a_primary_fails_when_its_parking_is_over),
        SHARDS_TEST(answers_that_are_too_big_together_end_it),
        SHARDS_TEST(a_write_whose_answers_are_too_big_has_happened),
        SHARDS_TEST(given_up_before_anything_was_sent_nothing_has_happened),
        SHARDS_TEST(given_up_while_one_is_under_way_it_is_unknown),
        SHARDS_TEST(given_up_after_an_answer_it_is_unknown),
        SHARDS_TEST(keys_need_a_request_with_keys_and_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
