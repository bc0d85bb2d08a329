/* Groups on connections to a real PgBouncer in transaction mode, which has fewer servers than there
 * are connections. */
#include "bouncer.h"
#include "conn_fixture.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define TABLE "public.bounced_groups"

enum { SERVERS = 2, CONNS = 8, ROUNDS = 25, MEMBERS = 12 };

static cluster_node_t s_node;
static bouncer_t s_bouncer;
static agdb__conn_t *s_judge; /* past the PgBouncer */

static void add_sql(const char *sql)
{
    add_member(&(agdb__statement_t){
        .sql = sql, .read_only = g_conn->work == AGDB__WORK_GROUP && g_conn->read_only});
}

static agdb__conn_state_t run_group(agdb__group_kind_t kind, const char *const *sql, size_t n)
{
    size_t i;

    agdb__conn_group_begin(g_conn, kind);
    for (i = 0; i < n; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), n);
    return drive(g_conn);
}

static void expect_ids(const char *ids)
{
    expect_alone(s_judge, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM " TABLE, true, ids);
}

/* Waits until there are so many backends like that. */
static void wait_for(const char *which, int count)
{
    const uint64_t until_us = soon_us();
    struct pg_result *rows = NULL;
    char sql[256];
    int n = -1;

    snprintf(sql, sizeof sql,
             "SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (%s)", which);
    while (n != count) {
        assert_int_equal(run_on(s_judge, &(agdb__statement_t){.sql = sql}, &rows, NULL), AGDB_OK);
        n = PQntuples(rows);
        PQclear(rows);
        assert_true(n == count || agdb__now_us() < until_us);
    }
}

#define SLEEPS "state = 'active' AND query LIKE '%pg_sleep%'"

static void expect_no_open_transaction(void)
{
    wait_for(SLEEPS " OR state LIKE 'idle in transaction%'", 0);
}

static int setup_empty(void **state)
{
    expect_alone(s_judge, "TRUNCATE " TABLE, false, "TRUNCATE TABLE");
    return setup(state);
}

#define BOUNCED_TEST(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)

static void reads_share_a_transaction_and_leave_none(void **state)
{
    static const char *const good[] = {"SELECT 1", "SELECT current_setting('statement_timeout')",
                                       "SELECT count(*) FROM pg_prepared_statements"};
    static const char *const failing[] = {"SELECT 1", "SELECT 1/0", "SELECT 3"};
    static const char *const writing[] = {"SELECT 1", "DELETE FROM " TABLE};
    int round;

    (void)state;
    for (round = 0; round < 5; round++) {
        assert_int_equal(run_group(AGDB__GROUP_READS, good, 3), AGDB__CONN_READY);
        expect_answer(0, "1");
        expect_answer(1, "1500ms");
        expect_answer(2, "0");
        assert_int_equal(run_group(AGDB__GROUP_READS, failing, 3), AGDB__CONN_READY);
        expect_answer(0, "1");
        expect_sqlstate_of(1, "22012", false);
        expect_not_executed(2);
        assert_int_equal(run_group(AGDB__GROUP_READS, writing, 2), AGDB__CONN_READY);
        expect_sqlstate_of(1, "25006", false);
        assert_true(agdb__conn_is_clean(g_conn));
        expect_no_open_transaction();
    }
    expect_alone(g_conn, "SELECT current_setting('statement_timeout')", false, "0");
}

static void writes_are_committed_each_for_itself(void **state)
{
    static const char *const sql[] = {
        "INSERT INTO " TABLE " VALUES (1)", "INSERT INTO " TABLE " VALUES (2) RETURNING id",
        "INSERT INTO " TABLE " VALUES (1)", "INSERT INTO " TABLE " VALUES (4)"};

    (void)state;
    agdb__conn_set_lock_ms(g_conn, 50);
    assert_int_equal(run_group(AGDB__GROUP_WRITES, sql, 4), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_answer(1, "2");
    expect_sqlstate_of(2, "23505", false);
    expect_not_executed(3);
    assert_true(agdb__conn_is_clean(g_conn));
    expect_no_open_transaction();
    expect_ids("1 2");
    assert_int_equal(run_group(AGDB__GROUP_WRITES, &sql[3], 1), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_alone(g_conn, "SELECT current_setting('lock_timeout')", false, "0");
    expect_alone(s_judge, "SELECT count(DISTINCT xmin::text) FROM " TABLE, true, "3");
}

static void held_lock_fails_its_write_only(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (2)",
                                      "UPDATE " TABLE " SET id = 1 WHERE id = 1",
                                      "INSERT INTO " TABLE " VALUES (3)"};
    const agdb__statement_t hold = {.sql = "WITH u AS (UPDATE " TABLE " SET id = 1 RETURNING id) "
                                           "SELECT pg_sleep(0.5) FROM u",
                                    .max_bytes = MIB};

    (void)state;
    expect_alone(s_judge, "INSERT INTO " TABLE " VALUES (1)", false, "INSERT 0 1");
    assert_int_equal(agdb__conn_send(s_judge, &hold, NULL), AGDB_OK);
    expect_alone(g_conn, "SELECT pg_sleep(0.1)", false, "");
    agdb__conn_set_lock_ms(g_conn, 50);
    assert_int_equal(run_group(AGDB__GROUP_WRITES, sql, 3), AGDB__CONN_READY);
    expect_answer(0, "INSERT 0 1");
    expect_sqlstate_of(1, "55P03", false);
    expect_not_executed(2);
    assert_int_equal(drive(s_judge), AGDB__CONN_READY);
    expect_no_open_transaction();
}

/* In the middle of a group that will fail, so that nobody sends its ROLLBACK. */
static void client_that_goes_leaves_no_open_transaction(void **state)
{
    static const char *const sql[] = {"INSERT INTO " TABLE " VALUES (1)", "SELECT pg_sleep(0.5)",
                                      "SELECT 1/0"};
    size_t i;

    (void)state;
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    for (i = 0; i < 3; i++)
        add_sql(sql[i]);
    assert_int_equal(agdb__conn_group_end(g_conn), 3);
    wait_for(SLEEPS, 1);
    assert_int_equal(shutdown(agdb__conn_fd(g_conn), SHUT_RDWR), 0);
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    for (i = 0; i < 3; i++) {
        agdb_error_t *error = expect_error(i, AGDB__MEMBER_LOST, AGDB_E_LOST, false);
        assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
        agdb_error_free(error);
    }
    expect_no_open_transaction();
    expect_ids("1");
}

/* --- more connections than servers ----------------------------------------------------------- */

static void begin_round(agdb__conn_t *conn, int number, int round, bool write, bool fail)
{
    int i;

    agdb__conn_group_begin(conn, write ? AGDB__GROUP_WRITES : AGDB__GROUP_READS);
    for (i = 0; i < MEMBERS; i++) {
        const agdb_value_t v = agdb_int4(number * 1000000 + round * 1000 + i);
        const agdb__statement_t s = {.sql = fail && i == MEMBERS / 2 ? "SELECT 1 / ($1 * 0)"
                                            : write                  ? "INSERT INTO " TABLE
                                                      " VALUES ($1) RETURNING id"
                                                    : "SELECT $1 + 0",
                                     .params = &v,
                                     .nparams = 1,
                                     .read_only = !write,
                                     .max_bytes = MIB};
        assert_int_equal(agdb__conn_group_add(conn, &s, NULL), AGDB_OK);
    }
    assert_int_equal(agdb__conn_group_end(conn), MEMBERS);
}

static void end_round(agdb__conn_t *conn, int number, int round, bool fail)
{
    int i;

    g_conn = conn;
    assert_int_equal(drive(conn), AGDB__CONN_READY);
    for (i = 0; i < MEMBERS; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", number * 1000000 + round * 1000 + i);
        if (!fail || i < MEMBERS / 2)
            expect_answer((size_t)i, value);
        else if (i == MEMBERS / 2)
            expect_sqlstate_of((size_t)i, "22012", false);
        else
            expect_not_executed((size_t)i);
    }
    assert_true(agdb__conn_is_clean(conn));
}

static void groups_side_by_side_get_their_own_rows(void **state)
{
    agdb__conn_t *conn[CONNS];
    agdb__conn_t *before = g_conn;
    int round;
    int c;

    (void)state;
    for (c = 0; c < CONNS; c++)
        conn[c] = connect_as(&g_login);
    for (round = 0; round < ROUNDS; round++) {
        for (c = 0; c < CONNS; c++)
            begin_round(conn[c], c, round, (c + round) % 3 == 0, (c + round) % 5 == 0);
        /* one failed group of writes at most holds its server until it is driven */
        for (c = CONNS - 1; c >= 0; c--)
            end_round(conn[c], c, round, (c + round) % 5 == 0);
    }
    for (c = 0; c < CONNS; c++)
        agdb__conn_close(conn[c]);
    g_conn = before;
    expect_no_open_transaction();
}

static int begin(void **state)
{
    (void)state;
    s_judge = connect_as(&g_login);
    expect_alone(s_judge, "DROP TABLE IF EXISTS " TABLE, false, "DROP TABLE");
    expect_alone(s_judge, "CREATE TABLE " TABLE " (id int PRIMARY KEY)", false, "CREATE TABLE");
    s_node = cluster_node("core", "east-1", "primary");
    s_bouncer = bouncer_start(&s_node, SERVERS);
    g_login.host = "127.0.0.1";
    g_login.port = (uint16_t)s_bouncer.port;
    g_login.pgbouncer = true;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    bouncer_stop(&s_bouncer);
    expect_alone(s_judge, "DROP TABLE " TABLE, false, "DROP TABLE");
    agdb__conn_close(s_judge);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOUNCED_TEST(reads_share_a_transaction_and_leave_none),
        BOUNCED_TEST(writes_are_committed_each_for_itself),
        BOUNCED_TEST(held_lock_fails_its_write_only),
        BOUNCED_TEST(client_that_goes_leaves_no_open_transaction),
        BOUNCED_TEST(groups_side_by_side_get_their_own_rows),
    };

    fixture_begin();
    return fixture_end(cmocka_run_group_tests(tests, begin, finish));
}
