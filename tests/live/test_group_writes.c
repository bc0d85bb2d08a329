/* Groups of writes on one connection of a real server. The table is made and dropped here; losses
 * at every place are in test_group_cuts.c. */
#include "conn_fixture.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "public.group_writes"

static agdb__conn_t *s_other; /* looks, and holds locks */
static unsigned s_notices;

static void add_sql(const char *sql)
{
    add_member(&(agdb__statement_t){.sql = sql});
}

static agdb__conn_state_t run_group(const char *const *sql, size_t n)
{
    size_t i;

    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    for (i = 0; i < n; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), n);
    return drive(g_conn);
}

/* What others see. */
static void expect_ids(const char *ids)
{
    expect_alone(s_other, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM " TABLE, true, ids);
}

static void expect_clean(void)
{
    assert_true(agdb__conn_is_clean(g_conn));
    assert_int_equal(PQtransactionStatus(g_conn->pg), PQTRANS_IDLE);
    assert_int_equal(s_notices, 0);
}

static void count_notice(void *arg, const PGresult *notice)
{
    (void)arg;
    (void)notice;
    s_notices++;
}

static int setup_writes(void **state)
{
    (void)setup(state);
    s_notices = 0;
    PQsetNoticeReceiver(g_conn->pg, count_notice, NULL);
    expect_alone(s_other, "TRUNCATE " TABLE, false, "TRUNCATE TABLE");
    return 0;
}

#define WRITES_TEST(f) cmocka_unit_test_setup_teardown(f, setup_writes, teardown)

/* --- answers --------------------------------------------------------------------------------- */

static void unlike_writes_are_committed_each_for_itself(void **state)
{
    static const char *const sql[] = {
        "INSERT INTO " TABLE " VALUES (1, 10) RETURNING id",
        "INSERT INTO " TABLE " SELECT g, g FROM generate_series(2, 4) g",
        "UPDATE " TABLE " SET n = n + 1 WHERE id = 1 RETURNING n",
        "WITH w AS (INSERT INTO " TABLE " VALUES (5, 50) RETURNING n) SELECT n FROM w",
        "DELETE FROM " TABLE " WHERE id = 4",
        ("SELECT count(*) FROM " TABLE),
    };
    int round;

    (void)state;
    for (round = 0; round < 3; round++) { /* prepared, then known */
        assert_int_equal(run_group(sql, 6), AGDB__CONN_READY);
        expect_answer(0, "1");
        expect_answer(1, "INSERT 0 3");
        expect_answer(2, "11");
        expect_answer(3, "50");
        expect_answer(4, "DELETE 1");
        expect_answer(5, "4");
        expect_clean();
        assert_false(agdb__conn_is_read_only(g_conn));
        expect_ids("1 2 3 5");
        expect_alone(s_other, "SELECT count(DISTINCT xmin::text) FROM " TABLE, true, "3");
        expect_alone(s_other, "TRUNCATE " TABLE, false, "TRUNCATE TABLE");
    }
}

static void group_of_one_is_committed(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1, 1)"};

    (void)state;
    assert_int_equal(run_group(sql, 1), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_clean();
    expect_ids("1");
}

static void group_of_the_most_is_committed_in_order(void **state)
{
    static const char sql[] = "INSERT INTO " TABLE " VALUES ($1, $1) RETURNING id";
    agdb_error_t *error = NULL;
    agdb_value_t v;
    char value[16];
    int round;
    int i;

    (void)state;
    for (round = 0; round < 3; round++) {
        agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
        for (i = 0; i < AGDB__GROUP_MAX; i++) {
            v = agdb_int4(100 * round + i);
            add_member(&(agdb__statement_t){.sql = sql, .params = &v, .nparams = 1});
        }
        assert_int_equal(agdb__conn_group_add(g_conn, &(agdb__statement_t){.sql = sql}, &error),
                         AGDB_E_MISUSE);
        assert_int_equal(agdb__conn_group_end(g_conn), AGDB__GROUP_MAX);
        assert_int_equal(drive(g_conn), AGDB__CONN_READY);
        for (i = AGDB__GROUP_MAX - 1; i >= 0; i--) { /* in any order */
            snprintf(value, sizeof value, "%d", 100 * round + i);
            expect_answer((size_t)i, value);
        }
        expect_clean();
    }
    agdb_error_clear(&error);
    expect_alone(s_other, "SELECT count(DISTINCT xmin::text) FROM " TABLE, true, "192");
    expect_alone(g_conn, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INS%'",
                 true, "1");
}

/* Reads, groups of writes and single writes in turn: each in the mode that is its own. */
static void modes_follow_the_work(void **state)
{
    static const char *const write[] = {
        "INSERT INTO " TABLE " VALUES (1, 1) RETURNING current_setting('lock_timeout')",
        "DELETE FROM " TABLE " RETURNING current_setting('lock_timeout') || "
        "current_setting('statement_timeout') || current_setting('transaction_isolation')",
    };
    size_t steps;
    int round;

    (void)state;
    agdb__conn_set_lock_ms(g_conn, 50);
    for (round = 0; round < 2; round++) {
        assert_int_equal(run_group(write, 2), AGDB__CONN_READY);
        steps = g_conn->nsteps;
        expect_answer(0, "50ms");
        expect_answer(1, "50ms0read committed");
        assert_int_equal(run_group(write, 2), AGDB__CONN_READY);
        assert_int_equal(g_conn->nsteps, 6); /* BEGIN, two with their COMMITs, Sync */
        assert_true(g_conn->nsteps < steps);
        expect_alone(g_conn, "SELECT current_setting('lock_timeout')", false, "0");
        assert_int_equal(run_group(write, 2), AGDB__CONN_READY);
        agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
        add_member(&(agdb__statement_t){
            .sql = "SELECT current_setting('lock_timeout') || current_setting('statement_timeout')",
            .read_only = true});
        assert_int_equal(agdb__conn_group_end(g_conn), 1);
        assert_int_equal(drive(g_conn), AGDB__CONN_READY);
        expect_answer(0, "01500ms");
        assert_true(agdb__conn_is_read_only(g_conn));
    }
    agdb__conn_set_lock_ms(g_conn, 0);
    assert_int_equal(run_group(write, 2), AGDB__CONN_READY);
    expect_answer(0, "0");
    expect_clean();
}

/* The session's, in the chained ones as well. */
static void isolation_is_that_of_single_statements(void **state)
{
    static const char *const sql[] = {"SELECT current_setting('transaction_isolation')",
                                      "SELECT current_setting('transaction_isolation')"};

    (void)state;
    expect_alone(g_conn, "SET default_transaction_isolation = 'repeatable read'", false, "SET");
    assert_int_equal(run_group(sql, 2), AGDB__CONN_READY);
    expect_answer(0, "repeatable read");
    expect_answer(1, "repeatable read");
}

/* --- failures -------------------------------------------------------------------------------- */

static void error_in_the_middle_keeps_what_is_before_it(void **state)
{
    static const char *const sql[] = {
        "INSERT INTO " TABLE " VALUES (1, 1)",
        "INSERT INTO " TABLE " VALUES (2, 2)",
        "INSERT INTO " TABLE " VALUES (1, 3) RETURNING id, 'new here'",
        "INSERT INTO " TABLE " VALUES (4, 4) RETURNING id, 'new behind'",
        "INSERT INTO " TABLE " VALUES (5, 5)",
    };
    int round;

    (void)state;
    for (round = 0; round < 3; round++) {
        assert_int_equal(run_group(sql, 5), AGDB__CONN_READY);
        expect_answer(0, "INSERT 0 1");
        expect_answer(1, "INSERT 0 1");
        expect_sqlstate_of(2, "23505", false);
        expect_not_executed(3);
        expect_not_executed(4);
        expect_clean();
        expect_ids("1 2");
        assert_int_equal(run_group(&sql[3], 2), AGDB__CONN_READY); /* at once */
        expect_answer(0, "4");
        expect_answer(1, "INSERT 0 1");
        expect_ids("1 2 4 5");
        expect_alone(s_other, "TRUNCATE " TABLE, false, "TRUNCATE TABLE");
    }
    expect_alone(g_conn,
                 "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%new%' AND "
                 "statement NOT LIKE '%pg_prep%'",
                 true, "2");
}

static void error_of_the_first_and_of_the_last(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1 / (random() * 0)::int, 1)",
                                      "INSERT INTO " TABLE " VALUES (2, 2)",
                                      "SELECT * FROM group_no_such_table"};

    (void)state;
    assert_int_equal(run_group(sql, 2), AGDB__CONN_READY);
    expect_sqlstate_of(0, "22012", false);
    expect_not_executed(1);
    expect_clean();
    assert_int_equal(run_group(&sql[1], 2), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_sqlstate_of(1, "42P01", false);
    expect_clean();
    expect_ids("2");
    expect_alone(g_conn, "SELECT 1", true, "1");
}

static void error_of_a_commit_belongs_to_its_member(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1, 7)",
                                      "INSERT INTO " TABLE " VALUES (2, 7) RETURNING id",
                                      "INSERT INTO " TABLE " VALUES (3, 8)"};

    (void)state;
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_sqlstate_of(1, "23505", false); /* deferred: its INSERT had succeeded */
    expect_not_executed(2);
    expect_clean();
    expect_ids("1");
    assert_int_equal(run_group(&sql[1], 1), AGDB__CONN_READY); /* by the last COMMIT */
    expect_sqlstate_of(0, "23505", false);
    expect_clean();
    expect_ids("1");
}

static void lock_that_is_held_fails_its_member_only(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (2, 2)",
                                      "UPDATE " TABLE " SET n = 9 WHERE id = 1",
                                      "INSERT INTO " TABLE " VALUES (3, 3)"};
    uint64_t start_us;

    (void)state;
    expect_alone(s_other, "INSERT INTO " TABLE " VALUES (1, 1)", false, "INSERT 0 1");
    agdb__conn_group_begin(s_other, AGDB__GROUP_WRITES); /* holds the row for half a second */
    assert_int_equal(
        agdb__conn_group_add(s_other,
                             &(agdb__statement_t){.sql = "WITH u AS (UPDATE " TABLE
                                                         " SET n = 5 WHERE id = 1 RETURNING id) "
                                                         "SELECT pg_sleep(0.5) FROM u",
                                                  .max_bytes = MIB},
                             NULL),
        AGDB_OK);
    assert_int_equal(agdb__conn_group_end(s_other), 1);
    expect_alone(g_conn, "SELECT pg_sleep(0.1)", false, "");
    agdb__conn_set_lock_ms(g_conn, 50);
    start_us = agdb__now_us();
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    assert_in_range(agdb__now_us() - start_us, 50000, 300000);
    expect_answer(0, "INSERT 0 1");
    expect_sqlstate_of(1, "55P03", false);
    expect_not_executed(2);
    expect_clean();
    expect_alone(g_conn, sql[1], false, "UPDATE 1"); /* waits */
    assert_int_equal(drive(s_other), AGDB__CONN_READY);
    expect_alone(s_other, "SELECT n FROM " TABLE " WHERE id = 1", true, "9");
}

static void stale_plan_fails_its_member_and_is_prepared_again(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1, 1)",
                                      "DELETE FROM altered_writes RETURNING *",
                                      "INSERT INTO " TABLE " VALUES (2, 2)"};

    (void)state;
    expect_alone(g_conn, "CREATE TEMP TABLE altered_writes AS SELECT 7 AS a", false, "SELECT 1");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(1, "7");
    expect_alone(s_other, "TRUNCATE " TABLE, false, "TRUNCATE TABLE");
    expect_alone(g_conn, "ALTER TABLE altered_writes ALTER a TYPE text", false, "ALTER TABLE");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_sqlstate_of(1, "0A000", true);
    expect_not_executed(2);
    assert_int_equal(run_group(&sql[1], 2), AGDB__CONN_READY);
    expect_answer(0, "NULL");
    expect_answer(1, "INSERT 0 1");
    expect_ids("1 2");
}

/* A function of the user's may drop names; those that go between the members are prepared again. */
static void commit_that_is_not_known_any_more_costs_one_group(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1, 1)",
                                      "INSERT INTO " TABLE " VALUES (2, 2)"};
    static const char *const gone[] = {"DEALLOCATE agdb_chain", "DEALLOCATE agdb_commit"};

    (void)state;
    assert_int_equal(run_group(&sql[1], 1), AGDB__CONN_READY);
    expect_alone(g_conn, gone[0], false, "DEALLOCATE");
    expect_alone(g_conn, gone[1], false, "DEALLOCATE");
    assert_int_equal(run_group(sql, 2), AGDB__CONN_READY);
    expect_sqlstate_of(0, "26000", true);
    expect_not_executed(1);
    expect_ids("2");
    expect_alone(g_conn, "DEALLOCATE agdb_begin", false, "DEALLOCATE");
    assert_int_equal(run_group(sql, 1), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_ids("1 2");
}

static void what_may_not_ride_is_refused_and_the_group_goes_on(void **state)
{
    static const struct {
        const char *sql;
        bool read_only;
    } rows[] = {
        {"SELECT 1", true},
        {"VACUUM " TABLE, false},
        {"CREATE DATABASE never", false},
        {"CALL never()", false},
        {"SET work_mem = 64", false},
        {"COMMIT", false},
        {"SELECT pg_advisory_lock(1)", false},
        {"TRUNCATE " TABLE, false},
        {" ", false},
    };
    agdb_error_t *error = NULL;
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    add_sql("INSERT INTO " TABLE " VALUES (1, 1)");
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        const agdb__statement_t s = {
            .sql = rows[i].sql, .read_only = rows[i].read_only, .max_bytes = MIB};
        assert_int_equal(agdb__conn_group_add(g_conn, &s, &error), AGDB_E_UNSUPPORTED);
        assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
        agdb_error_clear(&error);
    }
    add_sql("INSERT INTO " TABLE " VALUES (2, 2)");
    assert_int_equal(agdb__conn_group_end(g_conn), 2);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_answer(1, "INSERT 0 1");
    expect_clean();
    expect_ids("1 2");
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    assert_int_equal(
        agdb__conn_group_add(
            g_conn, &(agdb__statement_t){.sql = "DELETE FROM " TABLE, .max_bytes = MIB}, NULL),
        AGDB_E_UNSUPPORTED);
    assert_int_equal(agdb__conn_group_end(g_conn), 0);
}

/* --- limits ---------------------------------------------------------------------------------- */

static agdb_error_t *expect_too_big(size_t i)
{
    agdb_error_t *error = expect_error(i, AGDB__MEMBER_FAILED, AGDB_E_TOO_BIG, false);

    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    return error;
}

static void write_over_max_rows_was_executed(void **state)
{
    agdb_error_t *error;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    add_sql("INSERT INTO " TABLE " VALUES (1, 1)");
    add_member(&(agdb__statement_t){
        .sql = "INSERT INTO " TABLE " VALUES (2, 2), (3, 3) RETURNING 1", .max_rows = 1});
    add_sql("INSERT INTO " TABLE " VALUES (4, 4)");
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    error = expect_too_big(1);
    assert_non_null(strstr(agdb_error_message(error), "was executed"));
    agdb_error_free(error);
    expect_answer(2, "INSERT 0 1");
    expect_clean();
    expect_ids("1 2 3 4");
}

static void write_over_max_bytes_in_flight_ends_the_connection(void **state)
{
    agdb_error_t *error;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    add_sql("INSERT INTO " TABLE " VALUES (1, 1)");
    add_member(&(agdb__statement_t){.sql = "INSERT INTO " TABLE " SELECT g, g FROM "
                                           "generate_series(2, 30000) g RETURNING repeat('x', 900)",
                                    .max_bytes = MIB});
    add_sql("INSERT INTO " TABLE " VALUES (0, 0)");
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    expect_answer(0, "INSERT 0 1");
    agdb_error_free(expect_too_big(1));
    error = expect_error(2, AGDB__MEMBER_LOST, AGDB_E_LOST, false);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    agdb_error_free(error);
}

/* --- faults ---------------------------------------------------------------------------------- */

static void backend_ended_in_flight_tells_each_member_its_fate(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1, 1)",
                                      "INSERT INTO " TABLE " SELECT 2, 2 FROM pg_sleep(60)",
                                      "INSERT INTO " TABLE " VALUES (3, 3)"};
    agdb_error_t *error;
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    for (i = 0; i < 3; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    terminate_backend();
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    expect_answer(0, "INSERT 0 1");
    error = expect_error(1, AGDB__MEMBER_FAILED, AGDB_E_LOST, true);
    assert_string_equal(agdb_error_sqlstate(error), "57P01");
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_free(error);
    expect_not_executed(2);
    expect_ids("1");
}

static void backend_ended_before_the_group_executes_none(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1, 1)",
                                      "INSERT INTO " TABLE " VALUES (2, 2)"};

    (void)state;
    terminate_backend();
    assert_int_equal(run_group(sql, 2), AGDB__CONN_DEAD);
    agdb_error_free(expect_error(0, AGDB__MEMBER_FAILED, AGDB_E_LOST, true));
    expect_not_executed(1);
    expect_ids("NULL");
}

static void expect_lost(size_t i, agdb_outcome_t outcome)
{
    agdb_error_t *error =
        expect_error(i, AGDB__MEMBER_LOST, AGDB_E_LOST, outcome == AGDB_OUTCOME_NOT_SENT);

    assert_int_equal(agdb_error_outcome(error), outcome);
    assert_string_equal(agdb_error_node(error), "node-a");
    agdb_error_free(error);
}

/* A FATAL answer to a COMMIT does not say whether it was before or behind the commit. */
static void backend_ended_at_a_commit_leaves_it_unknown(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1, 1)",
                                      "INSERT INTO public.group_slow VALUES (2)",
                                      "INSERT INTO " TABLE " VALUES (3, 3)"};
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    for (i = 0; i < 3; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    terminate_backend();
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    expect_answer(0, "INSERT 0 1");
    expect_lost(1, AGDB_OUTCOME_UNKNOWN);
    expect_not_executed(2);
    expect_ids("1");
}

/* The first COMMITs have left before the server was stopped, as far as anybody knows. */
static void stopped_backend_leaves_writes_unknown(void **state)
{
    static char big[8 * MIB];
    const agdb_value_t v = agdb_bytea(big, sizeof big);
    const pid_t pid = agdb__conn_backend_pid(g_conn);
    size_t i;

    (void)state;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    add_sql("INSERT INTO " TABLE " VALUES (1, 1)");
    for (i = 0; i < 2; i++)
        add_member(&(agdb__statement_t){
            .sql = "INSERT INTO " TABLE " SELECT length($1), 2", .params = &v, .nparams = 1});
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    assert_int_equal(agdb__conn_step(g_conn, agdb__now_us()), AGDB__CONN_IN_FLIGHT);
    assert_false(g_conn->flushed);
    agdb__conn_abort(g_conn, "no answer in time");
    assert_int_equal(kill(pid, SIGCONT), 0);
    for (i = 0; i < 3; i++)
        expect_lost(i, AGDB_OUTCOME_UNKNOWN);
}

/* Given up while it is gathered: only the last one's COMMIT is certainly not on its way. */
static void connection_lost_while_gathering_knows_the_last_only(void **state)
{
    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    add_sql("INSERT INTO " TABLE " VALUES (1, 1)");
    add_sql("INSERT INTO " TABLE " VALUES (2, 2)");
    agdb__conn_abort(g_conn, "given up");
    assert_int_equal(agdb__conn_group_end(g_conn), 2);
    expect_lost(0, AGDB_OUTCOME_UNKNOWN);
    expect_lost(1, AGDB_OUTCOME_NOT_SENT);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Every member has a fate, whatever failed. */
static void run_group_of_three(agdb__conn_t *conn)
{
    static const char *const sql[] = {"DELETE FROM " TABLE " WHERE id = $1 + $20",
                                      "SELECT 1 / (random() * 0)::int", ("DELETE FROM " TABLE)};
    agdb_value_t v[20];
    size_t i;
    size_t n;

    for (i = 0; i < 20; i++)
        v[i] = i == 0 || i == 19 ? agdb_int4(1) : agdb_typed(25, "x");
    agdb__conn_group_begin(conn, AGDB__GROUP_WRITES);
    for (i = 0; i < 3; i++) {
        const agdb__statement_t s = {
            .sql = sql[i], .params = v, .nparams = i == 0 ? 20 : 0, .max_bytes = MIB};
        agdb_error_t *error = NULL;
        if (agdb__conn_group_add(conn, &s, &error) != AGDB_OK)
            assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
        agdb_error_free(error);
    }
    n = agdb__conn_group_end(conn);
    (void)drive(conn);
    for (i = 0; i < n; i++) {
        struct pg_result *rows = NULL;
        agdb_error_t *error = NULL;
        const agdb__member_fate_t fate = agdb__conn_group_receive(conn, i, &rows, &error);
        assert_int_equal(fate == AGDB__MEMBER_ANSWERED, rows != NULL);
        assert_int_equal(fate == AGDB__MEMBER_FAILED || fate == AGDB__MEMBER_LOST, error != NULL);
        PQclear(rows);
        agdb_error_free(error);
    }
}

static void group_each_allocation_failing_leaks_nothing(void **state)
{
    scarce_t scarce = {-1, 0};
    const agdb_allocator_t allocator = scarce_allocator(&scarce);
    const agdb_allocator_t *before = agdb__alloc_enter(&allocator);
    int i;

    (void)state;
    for (i = 0; i == 0 || scarce.until < 0; i++) {
        agdb__conn_t *conn;
        scarce.until = -1;
        conn = connect_as(&g_login);
        scarce.until = i;
        run_group_of_three(conn);
        agdb__conn_close(conn);
        assert_int_equal(scarce.alive, 0);
    }
    (void)agdb__alloc_enter(before);
    assert_in_range(i, 8, 200); /* the last round had no failure */
}

static void drop(void)
{
    expect_alone(s_other, "DROP TABLE IF EXISTS public.group_slow, " TABLE, false, "DROP TABLE");
    expect_alone(s_other, "DROP FUNCTION IF EXISTS public.group_slow", false, "DROP FUNCTION");
}

static int begin(void **state)
{
    (void)state;
    s_other = connect_as(&g_login);
    drop();
    expect_alone(s_other,
                 "CREATE TABLE " TABLE " (id int PRIMARY KEY, n int, UNIQUE (n) "
                 "DEFERRABLE INITIALLY DEFERRED)",
                 false, "CREATE TABLE");
    expect_alone(s_other, "CREATE TABLE public.group_slow (id int)", false, "CREATE TABLE");
    expect_alone(s_other,
                 "CREATE FUNCTION public.group_slow() RETURNS trigger LANGUAGE plpgsql AS "
                 "'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
                 false, "CREATE FUNCTION");
    expect_alone(s_other,
                 "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON public.group_slow DEFERRABLE "
                 "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.group_slow()",
                 false, "CREATE TRIGGER");
    return 0;
}

static int finish(void **state)
{
    (void)state;
    drop();
    agdb__conn_close(s_other);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WRITES_TEST(unlike_writes_are_committed_each_for_itself),
        WRITES_TEST(group_of_one_is_committed),
        WRITES_TEST(group_of_the_most_is_committed_in_order),
        WRITES_TEST(modes_follow_the_work),
        WRITES_TEST(isolation_is_that_of_single_statements),
        WRITES_TEST(error_in_the_middle_keeps_what_is_before_it),
        WRITES_TEST(error_of_the_first_and_of_the_last),
        WRITES_TEST(error_of_a_commit_belongs_to_its_member),
        WRITES_TEST(lock_that_is_held_fails_its_member_only),
        WRITES_TEST(stale_plan_fails_its_member_and_is_prepared_again),
        WRITES_TEST(commit_that_is_not_known_any_more_costs_one_group),
        WRITES_TEST(what_may_not_ride_is_refused_and_the_group_goes_on),
        WRITES_TEST(write_over_max_rows_was_executed),
        WRITES_TEST(write_over_max_bytes_in_flight_ends_the_connection),
        WRITES_TEST(backend_ended_in_flight_tells_each_member_its_fate),
        WRITES_TEST(backend_ended_before_the_group_executes_none),
        WRITES_TEST(backend_ended_at_a_commit_leaves_it_unknown),
        WRITES_TEST(stopped_backend_leaves_writes_unknown),
        WRITES_TEST(connection_lost_while_gathering_knows_the_last_only),
        cmocka_unit_test(group_each_allocation_failing_leaks_nothing),
    };

    fixture_begin();
    return fixture_end(cmocka_run_group_tests(tests, begin, finish));
}
