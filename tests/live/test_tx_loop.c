/* Transactions on a loop: begun, asked, committed and given up without waiting. */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_MS = 20000, MANY = 100 };

static agdb_t *g_db;
static agdb_t *g_judge; /* another client */
static agdb_loop_t *g_loop;
static agdb_error_t *g_err;

/* One transaction's course. */
typedef struct course {
    agdb_tx_t *tx;
    int step;
    int last; /* statements */
    int id;
    bool over;
    agdb_status_t status;
    agdb_outcome_t outcome;
} course_t;

static int open_all(void **state)
{
    (void)state;
    g_judge = cluster_open(NULL);
    g_db = cluster_open_core("pool: { min: 1, max: 4 }\n  timeouts: { queue: 20s }", "grouping: on",
                             NULL);
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1",
                                     .sql = "CREATE TABLE looped (id int PRIMARY KEY, n int)"));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE looped"));
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM agencydb.idempotency"));
    cluster_close(g_db);
    cluster_close(g_judge);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    agdb_error_clear(&g_err);
    cluster_do(g_judge, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM looped"));
    return agdb_loop_open(g_db, NULL, &g_loop, &g_err);
}

static int close_loop(void **state)
{
    (void)state;
    return g_loop == NULL || agdb_loop_close(g_loop) == AGDB_OK ? 0 : -1;
}

static void must(agdb_status_t st)
{
    if (st != AGDB_OK)
        fail_msg("%s %s", agdb_status_name(st), agdb_error_message(g_err));
}

static void expect_sql(const char *sql, const char *want)
{
    cluster_expect(g_judge, "east-1", sql, want);
}

static void expect_nobody_in_a_transaction(void)
{
    cluster_wait_for_no_transaction(g_judge, "east-1");
}

static void run_all(void)
{
    must(agdb_loop_run(g_loop, PATIENCE_MS, &g_err));
}

/* --- statement by statement --------------------------------------------------------------------
 */

static void note_end(course_t *c, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    c->over = true;
    c->status = status;
    c->outcome = agdb_error_outcome(error);
    agdb_result_free(result);
    agdb_error_free(error);
}

static void when_committed(void *user, agdb_status_t status, agdb_result_t *result,
                           agdb_error_t *error)
{
    course_t *c = user;

    c->tx = NULL;
    note_end(c, status, result, error);
}

static void next(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error);

static agdb_status_t submit_one(course_t *c)
{
    return agdb_submit(g_loop,
                       AGDB_REQUEST(.tx = c->tx, .sql = "INSERT INTO looped VALUES ($1, $2)",
                                    AGDB_PARAMS(agdb_int4(c->id * 10 + c->step), agdb_int4(c->id))),
                       next, c, NULL, &g_err);
}

static void next(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    course_t *c = user;
    agdb_status_t st = status;

    if (st == AGDB_OK &&
        agdb_query(g_db, AGDB_REQUEST(.tx = c->tx, .sql = "SELECT 1"), NULL, NULL) != AGDB_E_MISUSE)
        st = AGDB_E_BUSY; /* nothing may wait in here */
    if (st == AGDB_OK) {
        agdb_result_free(result);
        st = ++c->step < c->last
                 ? submit_one(c)
                 : agdb_submit_commit(g_loop, c->tx, when_committed, c, NULL, &g_err);
        if (st == AGDB_OK)
            return;
        result = NULL;
    }
    note_end(c, st, result, error);
    agdb_rollback(c->tx);
    c->tx = NULL;
}

static void start(course_t *c, int id, int last)
{
    *c = (course_t){.id = id, .last = last};
    must(agdb_begin(g_db, AGDB_TX(.shard = "east-1", .timeout_ms = PATIENCE_MS), &c->tx, &g_err));
    must(submit_one(c));
}

static void many_transactions_go_side_by_side(void **state)
{
    static course_t course[MANY];
    int i;

    (void)state;
    for (i = 0; i < MANY; i++)
        start(&course[i], i, 3);
    run_all();
    for (i = 0; i < MANY; i++) {
        assert_true(course[i].over);
        assert_int_equal(course[i].status, AGDB_OK);
    }
    expect_sql("SELECT count(*) || ' ' || count(DISTINCT n) FROM looped", "300 100");
    expect_nobody_in_a_transaction();
}

static void what_fails_is_rolled_back_by_its_callback(void **state)
{
    course_t c;

    (void)state;
    cluster_do(g_judge,
               AGDB_REQUEST(.shard = "east-1", .sql = "INSERT INTO looped VALUES (11, 0)"));
    start(&c, 1, 3); /* 10 goes in, 11 is there */
    run_all();
    assert_int_equal(c.status, AGDB_E_SERVER);
    assert_int_equal(c.outcome, AGDB_OUTCOME_REJECTED);
    expect_sql("SELECT count(*) FROM looped", "1");
    expect_nobody_in_a_transaction();
}

static void one_at_a_time(void **state)
{
    course_t c;

    (void)state;
    start(&c, 2, 1);
    assert_int_equal(submit_one(&c), AGDB_E_MISUSE);
    assert_int_equal(agdb_query(g_db, AGDB_REQUEST(.tx = c.tx, .sql = "SELECT 1"), NULL, &g_err),
                     AGDB_E_MISUSE);
    assert_int_equal(agdb_commit(c.tx, &g_err), AGDB_E_MISUSE);
    run_all();
    assert_int_equal(c.status, AGDB_OK);
    expect_sql("SELECT count(*) FROM looped", "1");
}

static void only_note(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    note_end(user, status, result, error);
}

static void what_is_rolled_back_gives_its_statement_up(void **state)
{
    course_t c = {.id = 3};
    agdb_tx_t *tx = NULL;

    (void)state;
    must(agdb_begin(g_db, AGDB_TX(.shard = "east-1"), &tx, &g_err));
    must(agdb_query(g_db, AGDB_REQUEST(.tx = tx, .sql = "INSERT INTO looped VALUES (1, 1)"), NULL,
                    &g_err)); /* blocking calls and submitted ones may take turns */
    must(agdb_submit(g_loop, AGDB_REQUEST(.tx = tx, .sql = "SELECT pg_sleep(30)"), only_note, &c,
                     NULL, &g_err));
    must(agdb_loop_dispatch(g_loop, &g_err));
    agdb_rollback(tx);
    run_all();
    assert_int_equal(c.status, AGDB_E_CANCELLED);
    expect_sql("SELECT count(*) FROM looped", "0");
    expect_nobody_in_a_transaction();
}

/* It has its connection: what is submitted next is sent at once. */
static agdb_tx_t *begin_with_connection(void)
{
    agdb_tx_t *tx = NULL;

    must(agdb_begin(g_db, AGDB_TX(.shard = "east-1"), &tx, &g_err));
    must(agdb_query(g_db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"), NULL, &g_err));
    return tx;
}

static void what_is_late_or_cancelled_ends_the_transaction(void **state)
{
    course_t c = {.id = 4};
    agdb_tx_t *tx = begin_with_connection();
    uint64_t id = 0;

    (void)state;
    must(agdb_submit(g_loop, AGDB_REQUEST(.tx = tx, .sql = "SELECT pg_sleep(30)", .timeout_ms = 50),
                     only_note, &c, NULL, &g_err));
    run_all();
    assert_int_equal(c.status, AGDB_E_TIMEOUT);
    assert_int_equal(c.outcome, AGDB_OUTCOME_REJECTED);
    assert_int_equal(agdb_commit(tx, &g_err), AGDB_E_TIMEOUT);
    tx = begin_with_connection();
    must(agdb_submit(g_loop, AGDB_REQUEST(.tx = tx, .sql = "SELECT pg_sleep(30)"), only_note, &c,
                     &id, &g_err));
    must(agdb_loop_dispatch(g_loop, &g_err));
    assert_true(agdb_cancel(g_loop, id));
    run_all();
    assert_int_equal(c.status, AGDB_E_CANCELLED);
    assert_int_equal(c.outcome, AGDB_OUTCOME_REJECTED);
    assert_int_equal(agdb_commit(tx, &g_err), AGDB_E_CANCELLED);
    expect_nobody_in_a_transaction();
}

static void a_loop_that_is_closed_ends_what_is_under_way(void **state)
{
    course_t c = {.id = 5};
    agdb_tx_t *tx = NULL;

    (void)state;
    must(agdb_begin(g_db, AGDB_TX(.shard = "east-1"), &tx, &g_err));
    must(agdb_submit(g_loop, AGDB_REQUEST(.tx = tx, .sql = "SELECT pg_sleep(30)"), only_note, &c,
                     NULL, &g_err));
    must(agdb_loop_dispatch(g_loop, &g_err));
    must(agdb_loop_close(g_loop));
    g_loop = NULL;
    assert_int_equal(c.status, AGDB_E_CLOSING);
    agdb_rollback(tx);
    expect_nobody_in_a_transaction();
}

static void a_commit_of_nothing_and_of_what_is_broken(void **state)
{
    course_t c = {.id = 6};
    agdb_tx_t *tx = NULL;

    (void)state;
    must(agdb_begin(g_db, AGDB_TX(.shard = "east-1"), &tx, &g_err));
    must(agdb_submit_commit(g_loop, tx, only_note, &c, NULL, &g_err));
    run_all();
    assert_int_equal(c.status, AGDB_OK);
    must(agdb_begin(g_db, AGDB_TX(.shard = "east-1"), &tx, &g_err));
    assert_int_equal(agdb_query(g_db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1/0"), NULL, &g_err),
                     AGDB_E_SERVER);
    must(agdb_submit_commit(g_loop, tx, only_note, &c, NULL, &g_err));
    run_all();
    assert_int_equal(c.status, AGDB_E_SERVER);
    assert_int_equal(c.outcome, AGDB_OUTCOME_REJECTED);
    expect_nobody_in_a_transaction();
}

static void forget(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    (void)user;
    (void)status;
    agdb_result_free(result);
    agdb_error_free(error);
}

static agdb_status_t submits(agdb_tx_t *tx, unsigned attempt, void *user, agdb_error_t **reterr)
{
    (void)attempt;
    *(agdb_status_t *)user =
        agdb_submit(g_loop, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"), forget, NULL, NULL, reterr);
    agdb_error_clear(reterr);
    return AGDB_OK;
}

static void a_function_of_agdb_run_submits_nothing(void **state)
{
    agdb_status_t st = AGDB_OK;

    (void)state;
    must(agdb_run(g_db, AGDB_TX(.shard = "east-1"), submits, &st, &g_err));
    assert_int_equal(st, AGDB_E_MISUSE);
}

/* --- arrays ------------------------------------------------------------------------------------
 */

typedef struct ends {
    unsigned good;
    unsigned bad;
    unsigned replayed;
} ends_t;

static void array_done(void *user, agdb_status_t status, agdb_result_t **results, size_t count,
                       agdb_error_t *error)
{
    ends_t *e = user;

    e->good += status == AGDB_OK && count == 2 && agdb_result_affected(results[0]) <= 1;
    e->bad += status != AGDB_OK;
    e->replayed += status == AGDB_OK && agdb_result_replayed(results[1]);
    agdb_error_free(error);
}

static agdb_status_t submit_pair(int id, const char *key, ends_t *e)
{
    const agdb_request_t *all[] = {
        AGDB_REQUEST(.sql = "INSERT INTO looped VALUES ($1, 0)", AGDB_PARAMS(agdb_int4(id))),
        AGDB_REQUEST(.sql = "UPDATE looped SET n = n + 1 WHERE id = $1",
                     AGDB_PARAMS(agdb_int4(id))),
    };

    return agdb_submit_tx(g_loop, AGDB_TX(.shard = "east-1", .idempotency_key = key), all, 2,
                          array_done, e, NULL, &g_err);
}

static void arrays_are_transactions(void **state)
{
    ends_t e = {0};
    char key[16];
    int i;

    (void)state;
    for (i = 0; i < MANY; i++)
        must(submit_pair(i / 2, NULL, &e)); /* of two with the same number one fails */
    run_all();
    assert_int_equal(e.good, MANY / 2);
    assert_int_equal(e.bad, MANY / 2);
    expect_sql("SELECT count(*) || ' ' || sum(n) FROM looped", "50 50");
    e = (ends_t){0};
    for (i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "k%d", i / 2);
        must(submit_pair(1000 + i / 2, key, &e)); /* it happens once */
        memset(key, '!', sizeof key);
    }
    run_all();
    assert_int_equal(e.good, MANY);
    assert_int_equal(e.replayed, MANY / 2);
    expect_sql("SELECT count(*) || ' ' || sum(n) FROM looped WHERE id >= 1000", "50 50");
    expect_nobody_in_a_transaction();
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, clean, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(many_transactions_go_side_by_side),
        CASE(what_fails_is_rolled_back_by_its_callback),
        CASE(one_at_a_time),
        CASE(what_is_rolled_back_gives_its_statement_up),
        CASE(what_is_late_or_cancelled_ends_the_transaction),
        CASE(a_loop_that_is_closed_ends_what_is_under_way),
        CASE(a_commit_of_nothing_and_of_what_is_broken),
        CASE(a_function_of_agdb_run_submits_nothing),
        CASE(arrays_are_transactions),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
