/* Writes with an idempotency key, as callers see them. */
#include "cluster.h"
#include "crew.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { CALLERS = 16, KEYS = 50 };

static agdb_t *g_db;
static agdb_error_t *g_err;

static int open_all(void **state)
{
    (void)state;
    g_db = cluster_open(NULL);
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1",
                                  .sql = "CREATE TABLE payment (agency text, id int PRIMARY KEY)"));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE payment"));
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM agencydb.idempotency"));
    cluster_close(g_db);
    return 0;
}

static int clean(void **state)
{
    (void)state;
    agdb_error_clear(&g_err);
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "DELETE FROM payment"));
    return 0;
}

/* `fema` is pinned to east-1. */
static agdb_status_t pay(const char *agency, int32_t id, const char *key, bool *ret_replayed)
{
    agdb_result_t *res = NULL;
    agdb_status_t st;

    agdb_error_clear(&g_err);
    st = agdb_query(
        g_db,
        AGDB_REQUEST(.key = agdb_key(agency), .sql = "INSERT INTO payment VALUES ($1, $2)",
                     AGDB_PARAMS(agdb_text(agency), agdb_int4(id)), .idempotency_key = key),
        &res, &g_err);
    *ret_replayed = agdb_result_replayed(res);
    agdb_result_free(res);
    return st;
}

static void expect_payments(const char *count)
{
    char *got =
        cluster_value(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT count(*) FROM payment",
                                         .access = AGDB_READ));

    assert_string_equal(got, count);
    free(got);
}

static void the_same_key_pays_once(void **state)
{
    bool replayed;

    (void)state;
    assert_int_equal(pay("fema", 1, "once", &replayed), AGDB_OK);
    assert_false(replayed);
    assert_int_equal(pay("fema", 1, "once", &replayed), AGDB_OK);
    assert_true(replayed);
    expect_payments("1");
}

static void a_key_of_another_statement_is_a_mistake(void **state)
{
    bool replayed;

    (void)state;
    assert_int_equal(pay("fema", 1, "reused", &replayed), AGDB_OK);
    assert_int_equal(pay("fema", 2, "reused", &replayed), AGDB_E_INVAL);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    assert_non_null(strstr(agdb_error_message(g_err), "idempotency key"));
    expect_payments("1");
}

static void a_failed_write_leaves_its_key_free(void **state)
{
    bool replayed;

    (void)state;
    assert_int_equal(pay("fema", 1, "first", &replayed), AGDB_OK);
    assert_int_equal(pay("fema", 1, "second", &replayed), AGDB_E_SERVER); /* the caller's own */
    assert_string_equal(agdb_error_sqlstate(g_err), "23505");
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    assert_int_equal(pay("fema", 2, "second", &replayed), AGDB_OK);
    assert_false(replayed);
    expect_payments("2");
}

typedef struct pay_job {
    atomic_uint executed[KEYS];
    atomic_uint replayed[KEYS];
} pay_job_t;

static void pay_all(crew_hand_t *hand)
{
    pay_job_t *job = hand->job;
    int k;

    for (k = 0; k < KEYS; k++) {
        agdb_error_t *error = NULL;
        agdb_result_t *res = NULL;
        char key[16];

        snprintf(key, sizeof key, "k%d", k);
        if (agdb_query(g_db,
                       AGDB_REQUEST(.key = agdb_key("fema"),
                                    .sql = "INSERT INTO payment VALUES ('f', $1)",
                                    AGDB_PARAMS(agdb_int4(k)), .idempotency_key = key),
                       &res, &error) != AGDB_OK)
            crew_wrong(hand, "%s", agdb_error_message(error));
        else
            atomic_fetch_add(agdb_result_replayed(res) ? &job->replayed[k] : &job->executed[k], 1);
        agdb_result_free(res);
        agdb_error_free(error);
    }
}

static void callers_of_one_key_pay_once_together(void **state)
{
    static pay_job_t job;
    static crew_t crew;
    int k;

    (void)state;
    crew_start(&crew, CALLERS, 1, pay_all, &job);
    assert_int_equal(crew_join(&crew), 0);
    for (k = 0; k < KEYS; k++) {
        assert_int_equal(atomic_load(&job.executed[k]), 1);
        assert_int_equal(atomic_load(&job.replayed[k]), CALLERS - 1);
    }
    expect_payments("50");
}

static void it_goes_with_many_and_with_a_session(void **state)
{
    const agdb_request_t *requests[] = {
        AGDB_REQUEST(.key = agdb_key("fema"), .sql = "INSERT INTO payment VALUES ('f', 7)",
                     .idempotency_key = "many"),
        AGDB_REQUEST(.key = agdb_key("fema"), .sql = "INSERT INTO payment VALUES ('f', 7)",
                     .idempotency_key = "many"),
    };
    agdb_result_t *results[2] = {0};
    agdb_session_t *session = NULL;
    agdb_result_t *res = NULL;
    char text[AGDB_SESSION_TEXT_MAX];

    (void)state;
    assert_int_equal(agdb_query_many(g_db, requests, 2, 5000, results, NULL, &g_err), AGDB_OK);
    assert_int_equal(agdb_result_replayed(results[0]) + agdb_result_replayed(results[1]), 1);
    agdb_result_free(results[0]);
    agdb_result_free(results[1]);
    assert_int_equal(agdb_session_new(&session, NULL), AGDB_OK);
    assert_int_equal(
        agdb_query(g_db,
                   AGDB_REQUEST(.key = agdb_key("fema"),
                                .sql = "INSERT INTO payment VALUES ('f', 8) RETURNING id",
                                .idempotency_key = "session", .session = session),
                   &res, &g_err),
        AGDB_OK);
    assert_string_equal(agdb_result_text(res, 0, 0), "8");
    agdb_result_free(res);
    (void)agdb_session_text(session, text, sizeof text);
    assert_null(strchr(text, 'p')); /* its place is known */
    assert_true(strlen(text) > 2);
    agdb_session_free(session);
    expect_payments("2");
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    assert_int_equal(agdb_query(g_db,
                                AGDB_REQUEST(.key = agdb_key("fema"), .sql = "SELECT 1",
                                             .access = AGDB_READ, .idempotency_key = "k"),
                                NULL, NULL),
                     AGDB_E_INVAL);
    assert_int_equal(
        agdb_query(g_db,
                   AGDB_REQUEST(.key = agdb_key("fema"), .sql = "SELECT 1", .idempotency_key = ""),
                   NULL, NULL),
        AGDB_E_INVAL);
    assert_false(agdb_result_replayed(NULL));
}

#define CASE(f) cmocka_unit_test_setup(f, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_same_key_pays_once),
        CASE(a_key_of_another_statement_is_a_mistake),
        CASE(a_failed_write_leaves_its_key_free),
        CASE(callers_of_one_key_pay_once_together),
        CASE(it_goes_with_many_and_with_a_session),
        CASE(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
