/* Transactions whose connection is lost at every place: what is told is what has happened, and
 * never a part of it. */
#include "conn_fixture.h"
#include "pg/conn_tx.h"
#include "relay.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct verdict {
    unsigned confirmed;
    unsigned rejected; /* not sent included */
    unsigned unknown;
    unsigned happened; /* of the unknown ones */
} verdict_t;

static relay_t *s_relay;
static agdb__login_t s_direct; /* past the relay */
static agdb__conn_t *s_again;  /* straight to the server */
static verdict_t s_verdict;
static int s_pid; /* of the first one's server */

static const agdb__statement_t k_insert = {.sql = "INSERT INTO public.tx_cuts VALUES (1)"};
static const agdb__tx_mode_t k_plain = {.isolation = 0};
static const agdb__tx_mode_t k_serializable = {.isolation = 3};
static const agdb__tx_mode_t k_once = {.once = {"epa", 3, "the key", 78}};

typedef struct way {
    const agdb__tx_mode_t *mode;
    unsigned flights;
    bool position;
} way_t;

/* --- one transaction of two rows ---------------------------------------------------------------
 */

/* Queues this flight's part. */
static agdb_status_t queue(const way_t *way, unsigned flight, agdb_error_t **reterr)
{
    agdb_status_t st = flight == 0 ? agdb__conn_tx_open(g_conn, way->mode, reterr)
                                   : agdb__conn_tx_more(g_conn, reterr);

    if (st == AGDB_OK && (flight == 0 || way->flights == 1))
        st = agdb__conn_tx_add(g_conn, &k_insert, reterr);
    if (st == AGDB_OK && (flight == 1 || way->flights == 1))
        st = agdb__conn_tx_add(g_conn, &k_insert, reterr);
    return st;
}

static agdb__member_fate_t collect(unsigned members, agdb_error_t **reterr)
{
    agdb__member_fate_t fate = AGDB__MEMBER_ANSWERED;
    agdb_error_t *error = NULL;
    unsigned i;

    for (i = 0; fate == AGDB__MEMBER_ANSWERED && i < members; i++) {
        struct pg_result *rows = NULL;

        fate = agdb__conn_tx_receive(g_conn, i, &rows, reterr);
        PQclear(rows);
    }
    if (fate != AGDB__MEMBER_ANSWERED) {
        (void)agdb__conn_tx_finish(g_conn, &error);
        agdb__error_free(error);
        return fate;
    }
    return agdb__conn_tx_finish(g_conn, reterr);
}

/* True: it is confirmed. */
static bool fly(const way_t *way, unsigned flight, agdb_error_t **reterr)
{
    const unsigned members = way->flights == 1 ? 2 : flight < 2;
    agdb_error_t *known = NULL;

    if (queue(way, flight, reterr) != AGDB_OK)
        return false;
    agdb__conn_tx_go(g_conn, flight + 1 == way->flights, way->position);
    (void)agdb__conn_wait(g_conn, agdb__now_us(), soon_us());
    if (agdb__conn_tx_was_there(g_conn, &known)) {
        assert_null(known);
        return true;
    }
    return collect(members, reterr) == AGDB__MEMBER_ANSWERED;
}

static bool run_cut(const way_t *way, long to_server, long to_client, agdb_error_t **reterr)
{
    bool good = true;
    unsigned i;

    relay_cut_after(s_relay, -1, -1);
    g_conn = connect_as(&g_login);
    s_pid = agdb__conn_backend_pid(g_conn);
    relay_cut_after(s_relay, to_server, to_client);
    for (i = 0; good && i < way->flights; i++)
        good = fly(way, i, reterr);
    agdb__conn_close(g_conn);
    g_conn = NULL;
    return good;
}

/* --- and what has become of it -----------------------------------------------------------------
 */

static int rows_there(void)
{
    const agdb__statement_t statement = {.sql = "DELETE FROM public.tx_cuts RETURNING 1"};
    struct pg_result *rows = NULL;
    int n;

    assert_int_equal(run_on(s_again, &statement, &rows, NULL), AGDB_OK);
    n = PQntuples(rows);
    PQclear(rows);
    return n;
}

static void judge(const way_t *way, long to_server, long to_client)
{
    agdb_error_t *error = NULL;
    const bool good = run_cut(way, to_server, to_client, &error);
    const agdb_outcome_t outcome = agdb_error_outcome(error);
    int rows;

    wait_until_gone(s_again, s_pid);
    rows = rows_there();
    if (rows != 0 && rows != 2)
        fail_msg("a part of it is there");
    if (good ? rows != 2 : rows == 2 && outcome != AGDB_OUTCOME_UNKNOWN)
        fail_msg("cut at %ld/%ld: %s %s, %d rows", to_server, to_client, good ? "OK" : "failed",
                 agdb_outcome_name(outcome), rows);
    assert_int_not_equal(good ? AGDB_OUTCOME_UNKNOWN : outcome, AGDB_OUTCOME_NONE);
    s_verdict.confirmed += good;
    s_verdict.unknown += !good && outcome == AGDB_OUTCOME_UNKNOWN;
    s_verdict.happened += !good && outcome == AGDB_OUTCOME_UNKNOWN && rows == 2;
    s_verdict.rejected += !good && outcome != AGDB_OUTCOME_UNKNOWN;
    agdb_error_free(error);
}

static void judge_everywhere(const way_t *way, long step)
{
    long up;
    long down;
    long n;

    s_verdict = (verdict_t){0};
    judge(way, -1, -1);
    up = relay_passed_to_server(s_relay);
    down = relay_passed_to_client(s_relay);
    for (n = 0; n < down; n += step)
        judge(way, -1, n);
    for (n = 0; n < up; n += 2 * step)
        judge(way, n, -1);
    print_message("%u confirmed, %u rejected, %u unknown of which %u happened\n",
                  s_verdict.confirmed, s_verdict.rejected, s_verdict.unknown, s_verdict.happened);
    assert_true(s_verdict.confirmed > 0 && s_verdict.unknown > 1);
    assert_true(s_verdict.rejected > 5 || way->flights == 1); /* its COMMIT may always be through */
}

static void a_flush_cut_anywhere_is_all_or_nothing(void **state)
{
    (void)state;
    judge_everywhere(&(way_t){&k_plain, 1, false}, 3);
    judge_everywhere(&(way_t){&k_serializable, 1, true}, 7);
}

static void three_flushes_cut_anywhere_are_all_or_nothing(void **state)
{
    (void)state;
    judge_everywhere(&(way_t){&k_plain, 3, false}, 5);
}

/* Run again with its key, it has happened once, whatever was told before. */
static void with_a_key_it_happens_once(void **state)
{
    const way_t way = {&k_once, 1, false};
    unsigned there = 0;
    long down;
    long n;

    (void)state;
    assert_true(run_cut(&way, -1, -1, NULL));
    down = relay_passed_to_client(s_relay);
    for (n = 0; n < down; n += 5) {
        agdb_error_t *error = NULL;
        bool good;

        expect_alone(s_again, "DELETE FROM public.tx_cuts", false, "DELETE 2");
        expect_alone(s_again, "DELETE FROM agencydb.idempotency WHERE key = 'the key'", false,
                     "DELETE 1");
        good = run_cut(&way, -1, n, &error);
        assert_true(run_cut(&way, -1, -1, NULL));
        there += !good && agdb_error_outcome(error) == AGDB_OUTCOME_UNKNOWN;
        agdb_error_free(error);
    }
    expect_alone(s_again, "DELETE FROM public.tx_cuts", false, "DELETE 2");
    assert_true(there > 5);
}

/* --- a connection that is used again -----------------------------------------------------------
 */

static void what_is_dropped_is_rolled_back_and_clean(void **state)
{
    (void)state;
    relay_cut_after(s_relay, -1, -1);
    g_conn = connect_as(&g_login);
    assert_true(fly(&(way_t){&k_plain, 3, false}, 0, NULL));
    assert_true(agdb__conn_tx_is_open(g_conn));
    assert_false(agdb__conn_is_clean(g_conn));
    assert_int_equal(agdb__conn_send(g_conn, &k_insert, NULL), AGDB_E_LOST); /* not in between */
    agdb__conn_tx_drop(g_conn);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_IN_FLIGHT);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    assert_true(agdb__conn_is_clean(g_conn));
    assert_int_equal(rows_there(), 0);
    expect_alone(g_conn, "SELECT 1", true, "1");
    assert_int_equal(agdb__conn_tx_open(g_conn, &k_plain, NULL), AGDB_OK);
    agdb__conn_tx_take_back(g_conn);
    assert_true(agdb__conn_is_clean(g_conn));
    assert_true(fly(&(way_t){&k_serializable, 1, true}, 0, NULL));
    assert_true(agdb__conn_is_clean(g_conn));
    assert_true(agdb__conn_position(g_conn).lsn > 0);
    assert_int_equal(rows_there(), 2);
    agdb__conn_close(g_conn);
    g_conn = NULL;
}

static void a_rollback_that_says_commit_is_no_success(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    relay_cut_after(s_relay, -1, -1);
    g_conn = connect_as(&g_login);
    relay_turn_commit(s_relay, 0);
    assert_false(fly(&(way_t){&k_plain, 1, false}, 0, &error));
    assert_string_equal(agdb_error_sqlstate(error), "40000");
    agdb_error_free(error);
    agdb__conn_close(g_conn);
    g_conn = NULL;
    (void)rows_there();
}

static int begin(void **state)
{
    (void)state;
    s_direct = g_login;
    s_again = connect_as(&s_direct);
    expect_alone(s_again, "CREATE TABLE public.tx_cuts (id int)", false, "CREATE TABLE");
    s_relay = relay_start(g_login.host, g_login.port);
    g_login.host = "127.0.0.1";
    g_login.port = relay_port(s_relay);
    return 0;
}

static int end(void **state)
{
    (void)state;
    expect_alone(s_again, "DROP TABLE public.tx_cuts", false, "DROP TABLE");
    expect_alone(s_again, "DELETE FROM agencydb.idempotency WHERE key = 'the key'", false,
                 "DELETE 1");
    agdb__conn_close(s_again);
    relay_stop(s_relay);
    g_login = s_direct;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flush_cut_anywhere_is_all_or_nothing),
        cmocka_unit_test(three_flushes_cut_anywhere_are_all_or_nothing),
        cmocka_unit_test(with_a_key_it_happens_once),
        cmocka_unit_test(what_is_dropped_is_rolled_back_and_clean),
        cmocka_unit_test(a_rollback_that_says_commit_is_no_success),
    };

    fixture_begin();
    return fixture_end(cmocka_run_group_tests(tests, begin, end));
}
