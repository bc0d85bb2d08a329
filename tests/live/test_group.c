/* Groups of reads on one connection of a real server, which the environment names as for
 * test_conn.c. Only temporary tables are made. */
#include "conn_fixture.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

static void expect_prepared(const char *like, const char *count)
{
    char sql[256];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s",
             like);
    expect_alone(g_conn, sql, true, count);
}

static void add(const agdb__statement_t *statement)
{
    agdb__statement_t s = *statement;

    s.read_only = true;
    add_member(&s);
}

static void add_sql(const char *sql)
{
    add(&(agdb__statement_t){.sql = sql});
}

/* A whole group of texts; the connection's state afterwards. */
static agdb__conn_state_t run_group(const char *const *sql, size_t n)
{
    size_t i;

    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    for (i = 0; i < n; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), n);
    return drive(g_conn);
}

/* --- answers --------------------------------------------------------------------------------- */

static void group_of_one_is_answered(void **state)
{
    static const char *const sql[] = {"SELECT 7"};
    int round;

    (void)state;
    for (round = 0; round < 3; round++) { /* with the change of mode, then from the cache */
        assert_int_equal(run_group(sql, 1), AGDB__CONN_READY);
        expect_answer(0, "7");
        assert_true(agdb__conn_is_clean(g_conn) && agdb__conn_is_read_only(g_conn));
        assert_int_equal(agdb__conn_last_kind(g_conn), AGDB__ST_PLAIN);
    }
    expect_alone(g_conn, "CREATE TEMP TABLE mode_goes_back (a int)", false, "CREATE TABLE");
    assert_int_equal(agdb__conn_last_kind(g_conn), AGDB__ST_SESSION);
}

static void group_of_the_most_is_answered_in_order(void **state)
{
    static const char sql[] = "SELECT $1::int * 2";
    const uint64_t hash = agdb__statement_hash(sql, strlen(sql));
    agdb_error_t *error = NULL;
    agdb_value_t v;
    char value[16];
    int round;
    int i;

    (void)state;
    for (round = 0; round < 3; round++) {
        agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
        for (i = 0; i < AGDB__GROUP_MAX; i++) {
            v = agdb_int4(i);
            add(&(agdb__statement_t){
                .sql = sql, .params = &v, .nparams = 1, .hash = round == 0 ? 0 : hash});
            v = agdb_int4(-1); /* nothing of the caller's is referenced */
        }
        assert_int_equal(agdb__conn_group_add(
                             g_conn, &(agdb__statement_t){.sql = sql, .read_only = true}, &error),
                         AGDB_E_MISUSE);
        assert_int_equal(agdb__conn_group_end(g_conn), AGDB__GROUP_MAX);
        assert_int_equal(drive(g_conn), AGDB__CONN_READY);
        for (i = AGDB__GROUP_MAX - 1; i >= 0; i--) { /* in any order */
            snprintf(value, sizeof value, "%d", 2 * i);
            expect_answer((size_t)i, value);
        }
    }
    agdb_error_clear(&error);
    expect_prepared("'SELECT $1::int %'", "1");
}

static void group_of_unlike_statements_gives_each_its_own(void **state)
{
    static char long_text[80 * 1024];
    static const int64_t numbers[] = {4, 5};
    const agdb_value_t v[] = {agdb_text("2026-11-23"), agdb_int8_array(numbers, 2)};
    int round;

    (void)state;
    memset(long_text, ' ', sizeof long_text - 1);
    memcpy(long_text, "SELECT 'long'", 13);
    for (round = 0; round < 3; round++) {
        agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
        add(&(agdb__statement_t){
            .sql = "SELECT date '2026-11-23' = $1", .params = v, .nparams = 1});
        add_sql("SELECT g FROM generate_series(3, 5000) g");
        add_sql(long_text);
        add_sql("SELECT 1 WHERE false");
        add(&(agdb__statement_t){.sql = "SELECT 5 = ANY ($1)", .params = &v[1], .nparams = 1});
        add_sql("WITH w AS (SELECT 8) TABLE w");
        add_sql("VALUES ('nine'), ('ten')");
        add_sql("SELECT repeat('x', 3000000)::bytea IS NULL");
        assert_int_equal(agdb__conn_group_end(g_conn), 8);
        assert_int_equal(drive(g_conn), AGDB__CONN_READY);
        expect_answer(0, "t");
        expect_answer(1, "3");
        expect_answer(2, "long");
        expect_answer(3, "NULL");
        expect_answer(4, "t");
        expect_answer(5, "8");
        expect_answer(6, "nine");
        expect_answer(7, "f");
    }
    assert_true(agdb__conn_is_clean(g_conn));
}

/* More than both sockets' buffers hold in both directions: it reads while it writes. */
static void group_of_big_values_goes_both_ways_at_once(void **state)
{
    static char big[MIB];
    const agdb_value_t v = agdb_text_n(big, sizeof big);
    size_t i;

    (void)state;
    memset(big, 'b', sizeof big);
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    for (i = 0; i < 24; i++)
        add(&(agdb__statement_t){.sql = "SELECT $1::text", .params = &v, .nparams = 1});
    assert_int_equal(agdb__conn_group_end(g_conn), 24);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    for (i = 0; i < 24; i++) {
        struct pg_result *rows = NULL;
        assert_int_equal(agdb__conn_group_receive(g_conn, i, &rows, NULL), AGDB__MEMBER_ANSWERED);
        assert_int_equal(PQgetlength(rows, 0, 0), sizeof big);
        PQclear(rows);
    }
}

/* --- failures -------------------------------------------------------------------------------- */

static void error_in_the_middle_leaves_the_later_ones_unexecuted(void **state)
{
    static const char *const sql[] = {"SELECT 1", "SELECT 2", "SELECT 1/0",
                                      "SELECT 4", "SELECT 5", "SELECT 4"};
    int round;

    (void)state;
    for (round = 0; round < 3; round++) {
        assert_int_equal(run_group(sql, 6), AGDB__CONN_READY);
        expect_answer(0, "1");
        expect_answer(1, "2");
        expect_sqlstate_of(2, "22012", false);
        expect_not_executed(3);
        expect_not_executed(4);
        expect_not_executed(5);
        assert_true(agdb__conn_is_clean(g_conn));
    }
    assert_int_equal(run_group(&sql[3], 3), AGDB__CONN_READY);
    expect_answer(0, "4");
    expect_answer(1, "5");
    expect_answer(2, "4");
    expect_prepared("'SELECT 4'", "1");
}

static void write_in_a_group_is_refused_by_the_server(void **state)
{
    static const char *const sql[] = {
        "SELECT 1", "UPDATE agencydb.identity SET slots = slots WHERE false", "SELECT 3"};

    (void)state;
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(0, "1");
    expect_sqlstate_of(1, "25006", false);
    expect_not_executed(2);
    assert_true(agdb__conn_is_clean(g_conn));
}

static void new_text_twice_is_prepared_once(void **state)
{
    static const char *const sql[] = {"SELECT 'twice'", "SELECT 'once'", "SELECT 'twice'",
                                      "SELECT 'twice'"};

    (void)state;
    assert_int_equal(run_group(sql, 4), AGDB__CONN_READY);
    expect_answer(0, "twice");
    expect_answer(1, "once");
    expect_answer(2, "twice");
    expect_answer(3, "twice");
    expect_prepared("'SELECT ''twice'''", "1");
    assert_int_equal(run_group(sql, 4), AGDB__CONN_READY);
    expect_answer(3, "twice");
    expect_prepared("'SELECT ''twice'''", "1");
}

static void text_that_cannot_be_prepared_fails_the_first_that_uses_it(void **state)
{
    static const char *const sql[] = {"SELECT * FROM comes_later", "SELECT * FROM comes_later",
                                      "SELECT 3"};

    (void)state;
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_sqlstate_of(0, "42P01", false);
    expect_not_executed(1);
    expect_not_executed(2);
    expect_alone(g_conn, "CREATE TEMP TABLE comes_later AS SELECT 'came'", false, "SELECT 1");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(0, "came");
    expect_answer(1, "came");
    expect_answer(2, "3");
    expect_prepared("'SELECT * FROM comes_later'", "1");
}

static void stale_plan_fails_its_member_and_is_prepared_again(void **state)
{
    static const char *const sql[] = {"SELECT 1", "SELECT * FROM altered", "SELECT * FROM altered"};

    (void)state;
    expect_alone(g_conn, "CREATE TEMP TABLE altered AS SELECT 7 AS a", false, "SELECT 1");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(1, "7");
    expect_answer(2, "7");
    expect_alone(g_conn, "ALTER TABLE altered ALTER a TYPE text", false, "ALTER TABLE");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(0, "1");
    expect_sqlstate_of(1, "0A000", true);
    expect_not_executed(2);
    assert_int_equal(run_group(&sql[1], 2), AGDB__CONN_READY);
    expect_answer(0, "7");
    expect_answer(1, "7");
    expect_prepared("'SELECT * FROM altered'", "1");
    expect_alone(g_conn, "DEALLOCATE ALL", false, "DEALLOCATE ALL");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_sqlstate_of(0, "26000", true);
    expect_not_executed(1);
    assert_int_equal(run_group(sql, 1), AGDB__CONN_READY);
    expect_answer(0, "1");
}

/* The group evicts a statement that it still runs, and whose plan is stale: one drop, not two. */
static void stale_plan_of_an_evicted_statement_is_dropped_once(void **state)
{
    static const char *const sql[] = {"SELECT 'evicts'", "SELECT * FROM evicted", "SELECT 3"};

    (void)state;
    g_conn->cache.max = 1;
    expect_alone(g_conn, "CREATE TEMP TABLE evicted AS SELECT 7 AS a", false, "SELECT 1");
    assert_int_equal(run_group(&sql[1], 1), AGDB__CONN_READY);
    expect_answer(0, "7");
    expect_alone(g_conn, "ALTER TABLE evicted ALTER a TYPE text", false, "ALTER TABLE");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(0, "evicts");
    expect_sqlstate_of(1, "0A000", true);
    expect_not_executed(2);
    assert_int_equal(g_conn->nvictims, 1);
    assert_int_equal(run_group(&sql[1], 2), AGDB__CONN_READY);
    expect_answer(0, "7");
    expect_answer(1, "3");
}

static void add_refused_statement_leaves_the_group_going(void **state)
{
    static const struct {
        const char *sql;
        bool read_only;
    } rows[] = {
        {"SELECT set_config('my.setting', '1', false)", true},
        {"SELECT pg_advisory_lock(1)", true},
        {"CREATE TABLE never (a int)", true},
        {"SET work_mem = 64", true},
        {"BEGIN", true},
        {"COPY (SELECT 1) TO STDOUT", true},
        {" ", true},
        {"SELECT 1", false},
    };
    const agdb_value_t bad = agdb_text_n("a\0b", 3);
    agdb_error_t *error = NULL;
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    add_sql("SELECT 'before'");
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const agdb__statement_t s = {.sql = rows[i].sql, .read_only = rows[i].read_only};
        if (agdb__conn_group_add(g_conn, &s, &error) != AGDB_E_UNSUPPORTED)
            fail_msg("%s was accepted", rows[i].sql);
        assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
        assert_int_equal(agdb_error_stage(error), AGDB_STAGE_CHECK);
    }
    assert_int_equal(agdb__conn_group_add(g_conn,
                                          &(agdb__statement_t){.sql = "SELECT $1::text",
                                                               .params = &bad,
                                                               .nparams = 1,
                                                               .read_only = true},
                                          &error),
                     AGDB_E_INVAL);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_clear(&error);
    add_sql("SELECT 'behind'");
    assert_int_equal(agdb__conn_group_end(g_conn), 2);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    expect_answer(0, "before");
    expect_answer(1, "behind");
    assert_true(agdb__conn_is_clean(g_conn));
}

static void group_out_of_order_is_refused(void **state)
{
    const agdb__statement_t s = {.sql = "SELECT 1", .read_only = true, .max_bytes = MIB};
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__conn_group_add(g_conn, &s, &error), AGDB_E_MISUSE);
    assert_int_equal(agdb__conn_group_end(g_conn), 0);
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    assert_false(agdb__conn_is_clean(g_conn));
    assert_int_equal(agdb__conn_send(g_conn, &s, &error), AGDB_E_LOST);
    assert_int_equal(agdb__conn_probe(g_conn, agdb__now_us(), soon_us()), AGDB_E_LOST);
    assert_int_equal(agdb__conn_group_end(g_conn), 0); /* an empty one is not sent */
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_READY);
    assert_true(agdb__conn_is_clean(g_conn));
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    add(&s);
    assert_int_equal(agdb__conn_group_end(g_conn), 1);
    assert_int_equal(agdb__conn_group_receive(g_conn, 0, &rows, &error), AGDB__MEMBER_LOST);
    assert_int_equal(agdb_error_status(error), AGDB_E_MISUSE); /* in flight */
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);         /* does nothing to what is */
    assert_int_equal(agdb__conn_group_add(g_conn, &s, &error), AGDB_E_LOST);
    assert_int_equal(agdb__conn_group_end(g_conn), 0);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    expect_answer(0, "1");
    assert_int_equal(agdb__conn_group_receive(g_conn, 0, &rows, &error), AGDB__MEMBER_LOST);
    assert_int_equal(agdb_error_status(error), AGDB_E_MISUSE); /* once only */
    assert_int_equal(agdb__conn_group_receive(g_conn, 1, &rows, &error), AGDB__MEMBER_LOST);
    assert_null(rows);
    agdb_error_clear(&error);
}

/* Straight to the server, so that what would be left to the next caller can be seen. */
static void group_behind_a_pgbouncer_leaves_nothing_in_the_session(void **state)
{
    static const char look[] = "SELECT current_setting('transaction_read_only') || ' ' ||"
                               " current_setting('statement_timeout')";
    static const char *const sql[] = {look, "SELECT 1/0", look};
    agdb__login_t login = g_login;

    (void)state;
    login.pgbouncer = true;
    agdb__conn_close(g_conn);
    g_conn = connect_as(&login);
    assert_int_equal(run_group(sql, 1), AGDB__CONN_READY);
    expect_answer(0, "on 1500ms");
    assert_int_equal(run_group(sql, 3), AGDB__CONN_READY);
    expect_answer(0, "on 1500ms");
    expect_sqlstate_of(1, "22012", false);
    expect_not_executed(2);
    assert_true(agdb__conn_is_clean(g_conn));
    agdb__conn_set_lock_ms(g_conn, 40);
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    add_member(&(agdb__statement_t){.sql = "SELECT current_setting('lock_timeout')"});
    add_member(&(agdb__statement_t){.sql = "SELECT current_setting('lock_timeout')"});
    add_member(&(agdb__statement_t){.sql = "SELECT 1/0"});
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    expect_answer(0, "40ms");
    expect_answer(1, "40ms");
    expect_sqlstate_of(2, "22012", false);
    assert_true(agdb__conn_is_clean(g_conn));
    expect_alone(g_conn, look, false, "off 0");
    expect_alone(g_conn, "SELECT current_setting('lock_timeout')", false, "0");
    expect_alone(g_conn, "SELECT count(*) FROM pg_prepared_statements", false, "0");
}

/* --- limits ---------------------------------------------------------------------------------- */

static void max_rows_of_one_member_is_its_own(void **state)
{
    const char sql[] = "SELECT * FROM generate_series(1, 100)";
    agdb_error_t *error;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    add(&(agdb__statement_t){.sql = sql, .max_rows = 100});
    add(&(agdb__statement_t){.sql = sql, .max_rows = 99});
    add(&(agdb__statement_t){.sql = sql});
    add(&(agdb__statement_t){.sql = "SELECT repeat('x', 9000)", .max_bytes = 8000});
    add(&(agdb__statement_t){.sql = "SELECT repeat('x', 9000) = ''", .max_bytes = 8000});
    assert_int_equal(agdb__conn_group_end(g_conn), 5);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    expect_answer(0, "1");
    error = expect_error(1, AGDB__MEMBER_FAILED, AGDB_E_TOO_BIG, false);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_free(error);
    expect_answer(2, "1"); /* the transaction went on */
    agdb_error_free(expect_error(3, AGDB__MEMBER_FAILED, AGDB_E_TOO_BIG, false));
    expect_answer(4, "f");
    assert_true(agdb__conn_is_clean(g_conn));
}

/* The brake counts each member for itself. */
static void max_bytes_in_flight_ends_the_connection_for_the_member_that_is_over(void **state)
{
    const uint64_t start_us = agdb__now_us();
    agdb_error_t *error;
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    for (i = 0; i < 60; i++)
        add(&(agdb__statement_t){.sql = "SELECT length(repeat('y', 700000)), repeat('y', 700000)",
                                 .max_bytes = MIB});
    add(&(agdb__statement_t){.sql = "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)",
                             .max_bytes = MIB});
    add_sql("SELECT 61");
    assert_int_equal(agdb__conn_group_end(g_conn), 62);
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    assert_in_range(agdb__now_us() - start_us, 0, 3000000);
    for (i = 0; i < 60; i++)
        expect_answer(i, "700000");
    error = expect_error(60, AGDB__MEMBER_FAILED, AGDB_E_TOO_BIG, false);
    assert_non_null(strstr(agdb_error_message(error), "still coming"));
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_free(error);
    error = expect_error(61, AGDB__MEMBER_LOST, AGDB_E_LOST, true);
    assert_string_equal(agdb_error_node(error), "node-a");
    agdb_error_free(error);
}

/* --- eviction -------------------------------------------------------------------------------- */

static void eviction_inside_a_group_keeps_the_answers_right(void **state)
{
    static const char *const sql[] = {"SELECT 'a'", "SELECT 'b'", "SELECT 'c'", "SELECT 'a'",
                                      "SELECT 'd'", "SELECT 'a'", "SELECT 'e'", "SELECT 'b'"};
    char value[2] = "";
    size_t i;
    int round;

    (void)state;
    g_conn->cache.max = 2; /* so that members lose their own statements */
    for (round = 0; round < 20; round++) {
        assert_int_equal(run_group(&sql[round % 3], 5), AGDB__CONN_READY);
        for (i = 0; i < 5; i++) {
            value[0] = sql[(size_t)(round % 3) + i][8];
            expect_answer(i, value);
        }
    }
    assert_true(agdb__conn_is_clean(g_conn));
    expect_alone(g_conn, "SELECT 1", true, "1"); /* has dropped what was evicted */
    expect_alone(g_conn, "SELECT count(*) FROM pg_prepared_statements", true, "3");
}

/* Fills the cache and evicts as many as a group can, again and again. */
static void groups_of_new_texts_evict_as_many(void **state)
{
    char sql[32];
    char value[16];
    int round;
    int i;

    (void)state;
    for (round = 0; round < 12; round++) {
        agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
        for (i = 0; i < AGDB__GROUP_MAX; i++) {
            snprintf(sql, sizeof sql, "SELECT %d", round * 1000 + i);
            add_sql(sql);
        }
        assert_int_equal(agdb__conn_group_end(g_conn), AGDB__GROUP_MAX);
        assert_int_equal(drive(g_conn), AGDB__CONN_READY);
        assert_true(agdb__conn_is_clean(g_conn));
        for (i = 0; i < AGDB__GROUP_MAX; i++) {
            snprintf(value, sizeof value, "%d", round * 1000 + i);
            expect_answer((size_t)i, value);
        }
    }
    expect_alone(g_conn, "SELECT 1", true, "1");
    expect_alone(g_conn, "SELECT count(*) BETWEEN 256 AND 258 FROM pg_prepared_statements", true,
                 "t");
}

/* One that is gone on the server fails its drop, and the drops behind it are not lost. */
static void drop_that_fails_does_not_lose_the_others(void **state)
{
    static const char *const sql[] = {"SELECT 'v1'", "SELECT 'v2'", "SELECT 'v3'", "SELECT 'v4'",
                                      "SELECT 'v5'"};

    (void)state;
    g_conn->cache.max = 2;
    assert_int_equal(run_group(sql, 5), AGDB__CONN_READY); /* v1, v2, v3 are to be dropped */
    assert_int_equal(g_conn->nvictims, 3);
    g_conn->victim[0] += 1000; /* such a one is not there */
    expect_alone(g_conn, "SELECT 'v5'", true, "v5");
    assert_int_equal(g_conn->nvictims, 3);
    expect_alone(g_conn, "SELECT 'v5'", true, "v5");
    expect_alone(g_conn, "SELECT 'v5'", true, "v5");
    assert_int_equal(g_conn->nvictims, 0);
    expect_prepared("'SELECT ''v%'", "3"); /* v1, whose name was changed, v4 and v5 */
}

/* --- faults ---------------------------------------------------------------------------------- */

static void backend_ended_in_flight_tells_each_member_its_fate(void **state)
{
    static const char *const sql[] = {"SELECT 1", "SELECT pg_sleep(60)", "SELECT 3"};
    agdb_error_t *error;
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    for (i = 0; i < 3; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    terminate_backend();
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    expect_answer(0, "1"); /* had come whole */
    error = expect_error(1, AGDB__MEMBER_FAILED, AGDB_E_LOST, true);
    assert_string_equal(agdb_error_sqlstate(error), "57P01");
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_free(error);
    expect_not_executed(2);
}

/* The farewell answers the change of mode, which is ahead of the members. */
static void backend_ended_before_the_group_executes_none(void **state)
{
    static const char *const sql[] = {"SELECT 1", "SELECT 2"};
    agdb_error_t *error;

    (void)state;
    terminate_backend();
    assert_int_equal(run_group(sql, 2), AGDB__CONN_DEAD);
    error = expect_error(0, AGDB__MEMBER_FAILED, AGDB_E_LOST, true);
    assert_string_equal(agdb_error_sqlstate(error), "57P01");
    agdb_error_free(error);
    expect_not_executed(1);
}

static void cut_connection_loses_the_members_in_flight(void **state)
{
    static const char *const sql[] = {"SELECT pg_sleep(1)", "SELECT 2"};
    agdb_error_t *error;
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    for (i = 0; i < 2; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), 2);
    assert_int_equal(shutdown(agdb__conn_fd(g_conn), SHUT_RDWR), 0);
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    for (i = 0; i < 2; i++) {
        error = expect_error(i, AGDB__MEMBER_LOST, AGDB_E_LOST, true);
        assert_string_equal(agdb_error_node(error), "node-a");
        agdb_error_free(error);
    }
}

/* Cut while the group is gathered: what was added is told its fate, too. */
static void connection_cut_while_gathering_loses_the_members(void **state)
{
    static char big[8 * MIB];
    const agdb_value_t v = agdb_bytea(big, sizeof big);
    const agdb__statement_t s = {.sql = "SELECT length($1)",
                                 .params = &v,
                                 .nparams = 1,
                                 .read_only = true,
                                 .max_bytes = MIB};
    agdb_status_t st = AGDB_OK;
    size_t added = 0;
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    assert_int_equal(shutdown(agdb__conn_fd(g_conn), SHUT_RDWR), 0);
    while (added < 8 && st == AGDB_OK) {
        st = agdb__conn_group_add(g_conn, &s, NULL);
        added += st == AGDB_OK;
    }
    assert_true(st == AGDB_OK || st == AGDB_E_LOST);
    assert_int_equal(agdb__conn_group_end(g_conn), added);
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    for (i = 0; i < added; i++)
        agdb_error_free(expect_error(i, AGDB__MEMBER_LOST, AGDB_E_LOST, true));
}

static void stopped_backend_does_not_hold_up_abort_and_close(void **state)
{
    const pid_t pid = agdb__conn_backend_pid(g_conn);
    agdb_error_t *error;
    uint64_t start_us;

    (void)state;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    start_us = agdb__now_us();
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    add_sql("SELECT 1");
    add_sql("SELECT 2");
    assert_int_equal(agdb__conn_group_end(g_conn), 2);
    assert_int_equal(agdb__conn_step(g_conn, agdb__now_us()), AGDB__CONN_IN_FLIGHT);
    agdb__conn_abort(g_conn, "no answer in time");
    error = expect_error(1, AGDB__MEMBER_LOST, AGDB_E_LOST, true);
    assert_non_null(strstr(agdb_error_message(error), "no answer in time"));
    agdb_error_free(error);
    agdb__conn_abort(g_conn, "twice is fine");
    agdb__conn_close(g_conn);
    assert_in_range(agdb__now_us() - start_us, 0, 100000);
    assert_int_equal(kill(pid, SIGCONT), 0);
    g_conn = NULL;
}

static void close_in_flight_leaves_nothing_behind(void **state)
{
    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    add_sql("SELECT 'being prepared'");
    add_sql("SELECT 'being prepared'");
    assert_int_equal(agdb__conn_group_end(g_conn), 2);
    agdb__conn_close(g_conn);
    g_conn = connect_as(&g_login);
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
    add_sql("SELECT 'gathered'"); /* closed by the teardown */
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Every member has a fate, whatever failed. */
static void run_group_of_three(agdb__conn_t *conn, bool *ret_failed)
{
    static const char *const sql[] = {"SELECT $1::int + $20::int", "SELECT 1/0", "SELECT 3"};
    agdb_value_t v[20];
    size_t i;
    size_t n;

    for (i = 0; i < 20; i++)
        v[i] = i == 0 || i == 19 ? agdb_int4(1) : agdb_typed(25, "x");
    agdb__conn_group_begin(conn, AGDB__GROUP_READS);
    for (i = 0; i < 3; i++) {
        const agdb__statement_t s = {.sql = sql[i],
                                     .params = v,
                                     .nparams = i == 0 ? 20 : 0,
                                     .read_only = true,
                                     .max_bytes = MIB};
        agdb_error_t *error = NULL;
        if (agdb__conn_group_add(conn, &s, &error) != AGDB_OK) {
            assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
            *ret_failed = true;
        }
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
    int failures = 0;
    int i;

    (void)state;
    for (i = 0; i == 0 || scarce.until < 0; i++) {
        agdb__conn_t *conn;
        bool failed = false;
        scarce.until = -1;
        conn = connect_as(&g_login);
        scarce.until = i;
        run_group_of_three(conn, &failed);
        failures += failed;
        agdb__conn_close(conn);
        assert_int_equal(scarce.alive, 0);
    }
    (void)agdb__alloc_enter(before);
    assert_in_range(i, 8, 200); /* the last round had no failure */
    assert_in_range(failures, 5, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONN_TEST(group_of_one_is_answered),
        CONN_TEST(group_of_the_most_is_answered_in_order),
        CONN_TEST(group_of_unlike_statements_gives_each_its_own),
        CONN_TEST(group_of_big_values_goes_both_ways_at_once),
        CONN_TEST(error_in_the_middle_leaves_the_later_ones_unexecuted),
        CONN_TEST(write_in_a_group_is_refused_by_the_server),
        CONN_TEST(new_text_twice_is_prepared_once),
        CONN_TEST(text_that_cannot_be_prepared_fails_the_first_that_uses_it),
        CONN_TEST(stale_plan_fails_its_member_and_is_prepared_again),
        CONN_TEST(stale_plan_of_an_evicted_statement_is_dropped_once),
        CONN_TEST(add_refused_statement_leaves_the_group_going),
        CONN_TEST(group_out_of_order_is_refused),
        CONN_TEST(group_behind_a_pgbouncer_leaves_nothing_in_the_session),
        CONN_TEST(max_rows_of_one_member_is_its_own),
        CONN_TEST(max_bytes_in_flight_ends_the_connection_for_the_member_that_is_over),
        CONN_TEST(eviction_inside_a_group_keeps_the_answers_right),
        CONN_TEST(groups_of_new_texts_evict_as_many),
        CONN_TEST(drop_that_fails_does_not_lose_the_others),
        CONN_TEST(backend_ended_in_flight_tells_each_member_its_fate),
        CONN_TEST(backend_ended_before_the_group_executes_none),
        CONN_TEST(cut_connection_loses_the_members_in_flight),
        CONN_TEST(connection_cut_while_gathering_loses_the_members),
        CONN_TEST(stopped_backend_does_not_hold_up_abort_and_close),
        CONN_TEST(close_in_flight_leaves_nothing_behind),
        cmocka_unit_test(group_each_allocation_failing_leaks_nothing),
    };

    return run_conn_tests(tests);
}
