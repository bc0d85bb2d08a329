/* A write with an idempotency key whose connection is lost at every place: run again on another
 * connection it has happened exactly once, and both are told the truth. */
#include "conn_fixture.h"
#include "relay.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static relay_t *s_relay;
static agdb__login_t s_direct; /* past the relay */
static agdb__conn_t *s_again;  /* straight to the server */
static unsigned s_replayed;
static unsigned s_executed;
static unsigned s_unknown;
static unsigned s_confirmed;
static int s_pid; /* of the first one's server */

static agdb__statement_t insertion(const char *key)
{
    return (agdb__statement_t){.sql = "INSERT INTO public.once_cuts VALUES (1) RETURNING id",
                               .once = {"epa", 3, key, 77}};
}

static agdb_status_t run_first(const agdb__statement_t *statement, long to_server, long to_client,
                               agdb_outcome_t *ret_outcome)
{
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;
    agdb_status_t st;

    relay_cut_after(s_relay, -1, -1);
    g_conn = connect_as(&g_login);
    s_pid = agdb__conn_backend_pid(g_conn);
    relay_cut_after(s_relay, to_server, to_client);
    st = run_on(g_conn, statement, &rows, &error);
    *ret_outcome = agdb_error_outcome(error);
    if (st == AGDB_OK)
        assert_string_equal(PQgetvalue(rows, 0, 0), "1");
    else
        assert_int_equal(st, AGDB_E_LOST);
    PQclear(rows);
    agdb_error_free(error);
    agdb__conn_close(g_conn);
    g_conn = NULL;
    return st;
}

/* Waits for the first one when that is still running. */
static bool run_again(const agdb__statement_t *statement)
{
    struct pg_result *rows = NULL;
    bool replayed;

    assert_int_equal(run_on(s_again, statement, &rows, NULL), AGDB_OK);
    replayed = agdb__conn_was_replayed(s_again);
    assert_int_equal(PQntuples(rows), replayed ? 0 : 1);
    PQclear(rows);
    return replayed;
}

static void cut_and_judge(long to_server, long to_client)
{
    static unsigned number;
    agdb_outcome_t outcome;
    agdb_status_t st;
    char key[32];
    agdb__statement_t statement;
    bool replayed;

    snprintf(key, sizeof key, "key %u", number++);
    statement = insertion(key);
    st = run_first(&statement, to_server, to_client, &outcome);
    replayed = run_again(&statement);
    if (st == AGDB_OK && !replayed)
        fail_msg("it was confirmed, and happened again");
    if (st != AGDB_OK && outcome != AGDB_OUTCOME_UNKNOWN && replayed)
        fail_msg("it was said not to have happened, and had");
    s_replayed += replayed;
    s_executed += !replayed;
    s_unknown += st != AGDB_OK && outcome == AGDB_OUTCOME_UNKNOWN;
    expect_alone(s_again, "SELECT count(*) FROM public.once_cuts", true, "1");
    expect_alone(s_again, "DELETE FROM public.once_cuts", false, "DELETE 1");
}

static void a_write_cut_anywhere_happens_once(void **state)
{
    long up;
    long down;
    long n;

    (void)state;
    cut_and_judge(-1, -1);
    up = relay_passed_to_server(s_relay);
    down = relay_passed_to_client(s_relay);
    assert_true(up > 200 && down > 100);
    for (n = 0; n < down; n += 3)
        cut_and_judge(-1, n);
    for (n = 0; n < up; n += 7)
        cut_and_judge(n, -1);
    print_message("%u had happened, %u had not; %u were unknown before\n", s_replayed, s_executed,
                  s_unknown);
    assert_true(s_replayed > 10 && s_executed > 10 && s_unknown > 10);
}

/* Without a key, but with a question behind the Sync that commits: what is not sent any more then
 * does not tell that the write was not. */
static void cut_and_judge_position(long to_server, long to_client)
{
    const agdb__statement_t statement = {
        .sql = "INSERT INTO public.once_cuts VALUES (1) RETURNING id", .wants_position = true};
    struct pg_result *rows = NULL;
    agdb_outcome_t outcome;
    agdb_status_t st = run_first(&statement, to_server, to_client, &outcome);
    bool there;

    wait_until_gone(s_again, s_pid);
    assert_int_equal(run_on(s_again,
                            &(agdb__statement_t){.sql = "DELETE FROM public.once_cuts RETURNING 1"},
                            &rows, NULL),
                     AGDB_OK);
    there = PQntuples(rows) == 1;
    PQclear(rows);
    if (st == AGDB_OK ? !there : there && outcome != AGDB_OUTCOME_UNKNOWN)
        fail_msg("status %d, outcome %s, the row is %sthere", (int)st, agdb_outcome_name(outcome),
                 there ? "" : "not ");
    s_confirmed += st == AGDB_OK;
}

static void a_write_that_asks_for_its_position_is_told_the_truth(void **state)
{
    long up;
    long down;
    long n;

    (void)state;
    cut_and_judge_position(-1, -1);
    up = relay_passed_to_server(s_relay);
    down = relay_passed_to_client(s_relay);
    for (n = 0; n < down; n += 5)
        cut_and_judge_position(-1, n);
    for (n = 0; n < up; n += 11)
        cut_and_judge_position(n, -1);
    assert_true(s_confirmed > 5); /* cut behind the answer: it stands without its position */
}

static int begin(void **state)
{
    (void)state;
    s_direct = g_login;
    s_again = connect_as(&s_direct);
    expect_alone(s_again, "CREATE TABLE public.once_cuts (id int)", false, "CREATE TABLE");
    s_relay = relay_start(g_login.host, g_login.port);
    g_login.host = "127.0.0.1";
    g_login.port = relay_port(s_relay);
    return 0;
}

static int end(void **state)
{
    (void)state;
    expect_alone(s_again, "DROP TABLE public.once_cuts", false, "DROP TABLE");
    expect_alone(
        s_again,
        "WITH d AS (DELETE FROM agencydb.idempotency RETURNING 1) SELECT count(*) > 0 FROM d",
        false, "t");
    agdb__conn_close(s_again);
    relay_stop(s_relay);
    g_login = s_direct;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_cut_anywhere_happens_once),
        cmocka_unit_test(a_write_that_asks_for_its_position_is_told_the_truth),
    };

    fixture_begin();
    return fixture_end(cmocka_run_group_tests(tests, begin, end));
}
