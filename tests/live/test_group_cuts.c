/* Groups of writes of which the connection is lost at every place: what is said of each member must
 * agree with what the server has. With and without a PgBouncer, which is cut off from its server.
 */
#include "bouncer.h"
#include "conn_fixture.h"
#include "relay.h"

#include "base/clock.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMBERS = 4, FATES = AGDB__MEMBER_LOST + 1 };

static relay_t *s_relay;
static bouncer_t s_bouncer;
static agdb__login_t s_direct;    /* past the relay */
static agdb__conn_t *s_judge;     /* straight to the server */
static unsigned s_seen[2][FATES]; /* in READY, in DEAD */

static const char *const k_good[MEMBERS] = {
    "INSERT INTO public.group_cuts VALUES (0) RETURNING id",
    "INSERT INTO public.group_cuts VALUES (1) RETURNING id",
    "INSERT INTO public.group_cuts SELECT 2 RETURNING id, repeat('wide', 30)",
    "INSERT INTO public.group_cuts VALUES (3)",
};
static const char *const k_failing[MEMBERS] = {
    "INSERT INTO public.group_cuts VALUES (0) RETURNING id",
    "INSERT INTO public.group_cuts VALUES (1) RETURNING id",
    "INSERT INTO public.group_cuts VALUES (1 / (random() * 0)::int)",
    "INSERT INTO public.group_cuts VALUES (3)",
};
/* Its third fails when it commits. */
static const char *const k_failing_late[MEMBERS] = {
    "INSERT INTO public.group_cuts VALUES (0) RETURNING id",
    "INSERT INTO public.group_cuts VALUES (1) RETURNING id",
    "INSERT INTO public.group_cuts VALUES (2, 0)",
    "INSERT INTO public.group_cuts VALUES (3)",
};

static bool is_there(size_t i)
{
    agdb_value_t v = agdb_int4((int32_t)i);
    const agdb__statement_t s = {
        .sql = "SELECT 1 FROM public.group_cuts WHERE id = $1", .params = &v, .nparams = 1};
    struct pg_result *rows = NULL;
    bool there;

    assert_int_equal(run_on(s_judge, &s, &rows, NULL), AGDB_OK);
    there = PQntuples(rows) == 1;
    PQclear(rows);
    return there;
}

static int backend_pid(agdb__conn_t *conn)
{
    struct pg_result *rows = NULL;
    int pid;

    assert_int_equal(
        run_on(conn, &(agdb__statement_t){.sql = "SELECT pg_backend_pid()"}, &rows, NULL), AGDB_OK);
    pid = (int)strtol(PQgetvalue(rows, 0, 0), NULL, 10);
    PQclear(rows);
    return pid;
}

/* A PgBouncer may not have noticed yet that its server is gone. */
static agdb__conn_t *connect_soon(void)
{
    agdb__conn_t *conn = try_connect(&g_login);

    while (agdb__conn_state(conn) != AGDB__CONN_READY) {
        agdb__conn_close(conn);
        (void)usleep(2000);
        conn = try_connect(&g_login);
    }
    return conn;
}

/* A new connection, its first group. The server's process, whose connection is over then. */
static int run_cut(const char *const sql[MEMBERS], long to_server, long to_client)
{
    int pid;
    size_t i;

    relay_cut_after(s_relay, -1, -1);
    g_conn = connect_soon();
    pid = backend_pid(g_conn);
    relay_cut_after(s_relay, to_server, to_client);
    agdb__conn_group_begin(g_conn, AGDB__GROUP_WRITES);
    for (i = 0; i < MEMBERS; i++)
        add_member(&(agdb__statement_t){.sql = sql[i]});
    assert_int_equal(agdb__conn_group_end(g_conn), MEMBERS);
    (void)drive(g_conn);
    return pid;
}

static void judge(size_t i, agdb__member_fate_t fate, const agdb_error_t *error, bool there)
{
    const agdb_outcome_t outcome = agdb_error_outcome(error);
    bool right;

    if (fate == AGDB__MEMBER_ANSWERED)
        right = there;
    else if (fate == AGDB__MEMBER_LOST && outcome == AGDB_OUTCOME_UNKNOWN)
        right = !agdb_error_is_retriable(error);
    else
        right = !there && (fate == AGDB__MEMBER_NOT_EXECUTED || outcome == AGDB_OUTCOME_REJECTED);
    if (!right)
        fail_msg("member %zu: fate %d, outcome %s, row is %sthere: %s", i, (int)fate,
                 agdb_outcome_name(outcome), there ? "" : "not ", agdb_error_message(error));
}

static void run_and_judge(const char *const sql[MEMBERS], long to_server, long to_client)
{
    const int pid = run_cut(sql, to_server, to_client);
    const bool dead = agdb__conn_state(g_conn) == AGDB__CONN_DEAD;
    agdb__member_fate_t fate[MEMBERS];
    agdb_error_t *error[MEMBERS] = {NULL};
    size_t i;

    for (i = 0; i < MEMBERS; i++) {
        struct pg_result *rows = NULL;
        fate[i] = agdb__conn_group_receive(g_conn, i, &rows, &error[i]);
        assert_int_equal(rows != NULL, fate[i] == AGDB__MEMBER_ANSWERED);
        s_seen[dead][fate[i]]++;
        PQclear(rows);
    }
    assert_true(dead || agdb__conn_is_clean(g_conn));
    agdb__conn_close(g_conn);
    g_conn = NULL;
    if (dead)
        wait_until_gone(s_judge, pid);
    for (i = 0; i < MEMBERS; i++) {
        judge(i, fate[i], error[i], is_there(i));
        agdb_error_free(error[i]);
    }
    expect_alone(s_judge, "DELETE FROM public.group_cuts WHERE id < 4 RETURNING 0", false,
                 is_there(0) ? "0" : "NULL");
}

static void cut_everywhere(const char *const sql[MEMBERS])
{
    long up;
    long down;
    long n;

    memset(s_seen, 0, sizeof s_seen);
    run_and_judge(sql, -1, -1);
    up = relay_passed_to_server(s_relay);
    down = relay_passed_to_client(s_relay);
    assert_true(up > 300 && down > 300);
    for (n = 0; n < down; n += 5)
        run_and_judge(sql, -1, n);
    for (n = 0; n < up; n += 11)
        run_and_judge(sql, n, -1);
    assert_true(s_seen[true][AGDB__MEMBER_ANSWERED] > 10 && s_seen[true][AGDB__MEMBER_LOST] > 10);
}

static void cut_good_group_says_what_the_server_has(void **state)
{
    (void)state;
    cut_everywhere(k_good);
    assert_true(s_seen[false][AGDB__MEMBER_ANSWERED] >= MEMBERS);
    assert_int_equal(s_seen[true][AGDB__MEMBER_FAILED], 0);
}

/* With the ROLLBACK behind it. */
static void cut_failing_group_says_what_the_server_has(void **state)
{
    (void)state;
    cut_everywhere(k_failing);
    assert_true(s_seen[false][AGDB__MEMBER_FAILED] > 0);
    assert_true(s_seen[false][AGDB__MEMBER_NOT_EXECUTED] > 0);
    assert_true(s_seen[true][AGDB__MEMBER_FAILED] > 10);
}

static void cut_group_that_fails_at_a_commit_says_what_the_server_has(void **state)
{
    (void)state;
    cut_everywhere(k_failing_late);
    assert_true(s_seen[false][AGDB__MEMBER_FAILED] > 0);
    assert_true(s_seen[true][AGDB__MEMBER_FAILED] > 0);
}

/* No server does it here; the tag says it, and nothing else does. */
static void commit_answered_with_rollback_is_a_failure(void **state)
{
    size_t turned;
    size_t i;

    (void)state;
    for (turned = 0; turned < MEMBERS; turned++) {
        relay_turn_commit(s_relay, (int)turned);
        (void)run_cut(k_good, -1, -1);
        assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_READY);
        for (i = 0; i < MEMBERS; i++) {
            char value[16];
            snprintf(value, sizeof value, "%zu", i);
            if (i == turned)
                expect_sqlstate_of(i, "40000", false);
            else
                expect_answer(i, i == 3 ? "INSERT 0 1" : value);
        }
        assert_true(agdb__conn_is_clean(g_conn));
        agdb__conn_close(g_conn);
        g_conn = NULL;
        expect_alone(s_judge, "DELETE FROM public.group_cuts WHERE id < 4", false, "DELETE 4");
    }
}

static void make_table(void)
{
    expect_alone(s_judge, "DROP TABLE IF EXISTS public.group_cuts", false, "DROP TABLE");
    expect_alone(s_judge,
                 "CREATE TABLE public.group_cuts (id int PRIMARY KEY, twin int, UNIQUE (twin) "
                 "DEFERRABLE INITIALLY DEFERRED)",
                 false, "CREATE TABLE");
    expect_alone(s_judge, "INSERT INTO public.group_cuts VALUES (100, 0)", false, "INSERT 0 1");
}

/* The connection goes through the relay. */
static int begin(void **state)
{
    (void)state;
    s_direct = g_login;
    s_judge = connect_as(&s_direct);
    make_table();
    s_relay = relay_start(g_login.host, g_login.port);
    g_login.port = relay_port(s_relay);
    g_login.host = "127.0.0.1";
    return 0;
}

static int finish(void **state)
{
    (void)state;
    relay_stop(s_relay);
    expect_alone(s_judge, "DROP TABLE public.group_cuts", false, "DROP TABLE");
    agdb__conn_close(s_judge);
    g_login = s_direct;
    return 0;
}

/* The connection goes to a PgBouncer, and the one of its only server through the relay. */
static int begin_pgbouncer(void **state)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");

    (void)begin(state);
    node.port = g_login.port;
    s_bouncer = bouncer_start(&node, 1);
    g_login.port = (uint16_t)s_bouncer.port;
    g_login.pgbouncer = true;
    return 0;
}

static int finish_pgbouncer(void **state)
{
    bouncer_stop(&s_bouncer);
    return finish(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_good_group_says_what_the_server_has),
        cmocka_unit_test(cut_failing_group_says_what_the_server_has),
        cmocka_unit_test(cut_group_that_fails_at_a_commit_says_what_the_server_has),
        cmocka_unit_test(commit_answered_with_rollback_is_a_failure),
    };
    const struct CMUnitTest pgbouncer[] = {
        cmocka_unit_test(cut_good_group_says_what_the_server_has),
        cmocka_unit_test(cut_failing_group_says_what_the_server_has),
    };
    int failed;

    fixture_begin();
    failed = cmocka_run_group_tests(tests, begin, finish);
    failed += cmocka_run_group_tests(pgbouncer, begin_pgbouncer, finish_pgbouncer);
    return fixture_end(failed);
}
