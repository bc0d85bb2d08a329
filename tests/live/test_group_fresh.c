/* Reads that a replica must have caught up for, and writes that tell where they ended, in groups on
 * one connection. */
#include "bouncer.h"
#include "conn_fixture.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

enum { FAR = 1 << 30 }; /* bytes ahead of what any server here has */

#define TABLE "public.group_fresh"

static agdb__login_t s_primary;
static agdb__login_t s_replica;
static agdb__login_t s_bounced;
static bouncer_t s_bouncer;

static void add_read(const char *sql, uint64_t at_least)
{
    add_member(&(agdb__statement_t){
        .sql = sql, .read_only = true, .at_least = {.timeline = 1, .lsn = at_least}});
}

static void add_write(const char *sql, bool wants_position)
{
    add_member(&(agdb__statement_t){.sql = sql, .wants_position = wants_position});
}

static uint64_t number_on(agdb__conn_t *conn, const char *sql)
{
    struct pg_result *rows = NULL;
    uint64_t n;

    assert_int_equal(run_on(conn, &(agdb__statement_t){.sql = sql}, &rows, NULL), AGDB_OK);
    n = strtoull(PQgetvalue(rows, 0, 0), NULL, 10);
    PQclear(rows);
    return n;
}

static uint64_t replayed(void)
{
    return number_on(g_conn, "SELECT pg_last_wal_replay_lsn() - '0/0'::pg_lsn");
}

static void run_group(size_t n)
{
    assert_int_equal(agdb__conn_group_end(g_conn), n);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    assert_true(agdb__conn_is_clean(g_conn));
}

static void expect_behind(size_t i)
{
    agdb_error_t *error = expect_error(i, AGDB__MEMBER_FAILED, AGDB_E_NOT_FRESH, true);

    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_free(error);
}

static void begin_reads(void)
{
    agdb__conn_group_begin(g_conn, AGDB__GROUP_READS);
}

static void who_asks_for_too_much_does_not_take_others_along(void **state)
{
    const uint64_t at = replayed();
    int round;

    (void)state;
    for (round = 0; round < 2; round++) { /* the guard is prepared in the first */
        begin_reads();
        add_read("SELECT 0", 0);
        add_read("SELECT 1", at);
        add_read("SELECT 2", at + FAR);
        add_read("SELECT 3", 0);
        add_read("SELECT 4", at + 2ull * FAR);
        add_read("SELECT 5", at);
        run_group(6);
        expect_answer(0, "0");
        expect_answer(1, "1");
        expect_behind(2);
        expect_not_executed(3); /* goes again */
        expect_behind(4);
        expect_not_executed(5);
    }
}

static void the_first_may_be_the_one(void **state)
{
    (void)state;
    begin_reads();
    add_read("SELECT 0", UINT64_MAX);
    add_read("SELECT 1", 0);
    run_group(2);
    expect_behind(0);
    expect_not_executed(1);
}

/* Its preparation was skipped with it. */
static void a_guard_behind_a_failure_is_prepared_again(void **state)
{
    const uint64_t at = replayed();
    int round;

    (void)state;
    begin_reads();
    add_read("SELECT 1/0", 0);
    add_read("SELECT 1", at);
    add_read("SELECT 2", at + FAR);
    run_group(3);
    expect_sqlstate_of(0, "22012", false); /* the caller's, and no guard's */
    expect_not_executed(1);
    expect_not_executed(2); /* nobody has looked */
    for (round = 0; round < 2; round++) {
        begin_reads();
        add_read("SELECT 1", at);
        run_group(1);
        expect_answer(0, "1");
    }
}

static void one_guard_does_for_those_that_ask_for_less(void **state)
{
    const uint64_t at = replayed();
    size_t alone;
    size_t i;

    (void)state;
    begin_reads();
    for (i = 0; i < 3; i++)
        add_read("SELECT 7", 0);
    alone = g_conn->nsteps;
    run_group(3);
    for (i = 0; i < 3; i++)
        expect_answer(i, "7");
    begin_reads();
    for (i = 0; i < 3; i++)
        add_read("SELECT 7", at - i);
    assert_in_range(g_conn->nsteps, alone - 3, alone + 2); /* the guard and its preparation */
    run_group(3);
    for (i = 0; i < 3; i++)
        expect_answer(i, "7");
}

/* --- writes ----------------------------------------------------------------------------------- */

static uint64_t position(void)
{
    return agdb__conn_position(g_conn).lsn;
}

static void begin_writes(void)
{
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
}

static uint64_t flushed(void)
{
    return number_on(g_conn, "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn");
}

static void one_position_covers_a_group_of_writes(void **state)
{
    const uint64_t before = flushed();

    (void)state;
    begin_writes();
    add_write("INSERT INTO " TABLE " VALUES (1)", false);
    add_write("INSERT INTO " TABLE " VALUES (2)", true);
    add_write("INSERT INTO " TABLE " VALUES (3)", false);
    run_group(3);
    expect_answer(0, "INSERT 0 1");
    expect_answer(1, "INSERT 0 1");
    expect_answer(2, "INSERT 0 1");
    assert_true(position() > before);
    assert_int_equal(agdb__conn_position(g_conn).timeline, 1);
    begin_writes();
    add_write("INSERT INTO " TABLE " VALUES (4)", false);
    run_group(1);
    expect_answer(0, "INSERT 0 1");
    assert_int_equal(position(), 0); /* nobody has asked */
}

static void what_was_committed_ahead_of_a_failure_has_its_position(void **state)
{
    const uint64_t before = flushed();

    (void)state;
    begin_writes();
    add_write("INSERT INTO " TABLE " VALUES (1)", true);
    add_write("SELECT 1/0", false);
    add_write("INSERT INTO " TABLE " VALUES (2)", true);
    run_group(3);
    expect_answer(0, "INSERT 0 1");
    expect_sqlstate_of(1, "22012", false);
    expect_not_executed(2);
    assert_true(position() > before);
}

/* --- whose connection ------------------------------------------------------------------------- */

static int setup_primary(void **state)
{
    (void)state;
    g_conn = connect_as(&s_primary);
    expect_alone(g_conn, "CREATE TABLE IF NOT EXISTS " TABLE " (id int)", false, "CREATE TABLE");
    return 0;
}

static int teardown_primary(void **state)
{
    expect_alone(g_conn, "DROP TABLE " TABLE, false, "DROP TABLE");
    return teardown(state);
}

static int setup_replica(void **state)
{
    (void)state;
    g_conn = connect_as(&s_replica);
    return 0;
}

static int setup_bounced(void **state)
{
    (void)state;
    g_conn = connect_as(&s_bounced);
    return 0;
}

#define ON_REPLICA(f) cmocka_unit_test_setup_teardown(f, setup_replica, teardown)
#define BOUNCED(f)    cmocka_unit_test_setup_teardown(f, setup_bounced, teardown)
#define ON_PRIMARY(f) cmocka_unit_test_setup_teardown(f, setup_primary, teardown_primary)

static int open_all(void **state)
{
    static cluster_node_t primary;
    static cluster_node_t replica;

    (void)state;
    primary = cluster_node("core", "east-1", "primary");
    replica = cluster_node("core", "east-1", "replica");
    s_bouncer = bouncer_start(&replica, 2);
    s_primary = s_replica = s_bounced = g_login;
    s_primary.host = primary.host;
    s_primary.port = (uint16_t)primary.port;
    s_replica.host = replica.host;
    s_replica.port = (uint16_t)replica.port;
    s_bounced.host = "127.0.0.1";
    s_bounced.port = (uint16_t)s_bouncer.port;
    s_bounced.pgbouncer = true;
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    bouncer_stop(&s_bouncer);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_REPLICA(who_asks_for_too_much_does_not_take_others_along),
        ON_REPLICA(the_first_may_be_the_one),
        ON_REPLICA(a_guard_behind_a_failure_is_prepared_again),
        ON_REPLICA(one_guard_does_for_those_that_ask_for_less),
        BOUNCED(who_asks_for_too_much_does_not_take_others_along),
        BOUNCED(the_first_may_be_the_one),
        BOUNCED(a_guard_behind_a_failure_is_prepared_again),
        ON_PRIMARY(one_position_covers_a_group_of_writes),
        ON_PRIMARY(what_was_committed_ahead_of_a_failure_has_its_position),
    };
    int failed;

    fixture_begin();
    failed = cmocka_run_group_tests(tests, open_all, close_all);
    return fixture_end(failed);
}
