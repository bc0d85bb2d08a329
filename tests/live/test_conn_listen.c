/* A connection that listens: what a server answers to LISTEN and UNLISTEN, and what it says
 * unasked. */
#include "base/clock.h"
#include "base/error.h"
#include "conn_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEPT = 4096 };

typedef struct ear {
    size_t count;
    char channel[KEPT][64];
    size_t length[KEPT];
    char last[8192];
    int process;
} ear_t;

static ear_t g_ear;

static void keep(void *user, const char *channel, const char *payload, int process)
{
    ear_t *ear = user;

    assert_true(ear->count < KEPT);
    snprintf(ear->channel[ear->count], sizeof ear->channel[0], "%s", channel);
    ear->length[ear->count++] = strlen(payload);
    snprintf(ear->last, sizeof ear->last, "%s", payload);
    ear->process = process;
}

/* Until `count` have been heard, the connection is at its end, or nothing comes for `quiet_ms`. */
static void hear(size_t count, int quiet_ms)
{
    while (g_ear.count < count && agdb__conn_state(g_conn) == AGDB__CONN_READY) {
        struct pollfd p = {.fd = agdb__conn_fd(g_conn), .events = POLLIN};

        if (agdb__conn_hear(g_conn, keep, &g_ear) == 0 &&
            agdb__conn_state(g_conn) == AGDB__CONN_READY && poll(&p, 1, quiet_ms) == 0)
            return;
    }
}

static void wish(const char *channel, bool listen)
{
    const agdb__channel_wish_t one = {channel, listen};

    assert_int_equal(agdb__conn_listen(g_conn, &one, 1, soon_us()), AGDB_OK);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    assert_int_equal(agdb__conn_listened(g_conn, 0, NULL), AGDB_OK);
}

/* From another connection. */
static int say(const char *sql)
{
    agdb__conn_t *other = connect_as(&g_login);
    const int process = agdb__conn_backend_pid(other);
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;

    if (run_on(other, &(agdb__statement_t){.sql = sql}, &rows, &error) != AGDB_OK)
        fail_msg("%s: %s", sql, agdb_error_message(error));
    PQclear(rows);
    agdb__conn_close(other);
    return process;
}

static int fresh(void **state)
{
    g_ear = (ear_t){0};
    return setup(state);
}

static void a_channel_is_heard_until_it_is_left(void **state)
{
    int process;

    (void)state;
    wish("alerts", true);
    process = say("NOTIFY alerts, 'first'");
    hear(1, 5000);
    assert_int_equal(g_ear.count, 1);
    assert_string_equal(g_ear.channel[0], "alerts");
    assert_string_equal(g_ear.last, "first");
    assert_int_equal(g_ear.process, process);
    wish("alerts", false);
    (void)say("NOTIFY alerts, 'second'");
    hear(2, 200);
    assert_int_equal(g_ear.count, 1);
}

static void a_name_means_exactly_its_bytes(void **state)
{
    static const char *const name[] = {
        "Mixed Case",
        "a\"b\"\"c",
        "x'; DROP TABLE t; --",
        "ünï-çødé/中",
        "\\x\\\"",
        "012345678901234567890123456789012345678901234567890123456789abc"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(name); i++) {
        char sql[256];

        wish(name[i], true);
        snprintf(sql, sizeof sql, "SELECT pg_notify($agdb$%s$agdb$, '%zu')", name[i], i);
        (void)say(sql);
        hear(i + 1, 5000);
        assert_int_equal(g_ear.count, i + 1);
        assert_string_equal(g_ear.channel[i], name[i]);
    }
}

static void one_that_is_refused_takes_no_other_along(void **state)
{
    agdb__channel_wish_t all[3] = {{"left", true}, {"broken \xff", true}, {"right", true}};
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__conn_listen(g_conn, all, 3, soon_us()), AGDB_OK);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    assert_int_equal(agdb__conn_listened(g_conn, 0, NULL), AGDB_OK);
    assert_int_equal(agdb__conn_listened(g_conn, 1, &error), AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(error), "22021");
    assert_int_equal(agdb__conn_listened(g_conn, 2, NULL), AGDB_OK);
    assert_int_equal(agdb__conn_listened(g_conn, 3, NULL), AGDB_E_MISUSE);
    agdb_error_clear(&error);
    (void)say("SELECT pg_notify('left', '1'), pg_notify('right', '2')");
    hear(2, 5000);
    assert_int_equal(g_ear.count, 2);
}

/* In the stream with an answer, and behind it. */
static void what_comes_while_something_is_asked_is_heard(void **state)
{
    int i;

    (void)state;
    wish("alerts", true);
    for (i = 1; i <= 20; i++) {
        assert_int_equal(agdb__conn_ping(g_conn, soon_us()), AGDB_OK);
        (void)say("NOTIFY alerts, 'meanwhile'");
        assert_int_equal(drive(g_conn), AGDB__CONN_READY);
        hear((size_t)i, 5000);
        assert_int_equal(g_ear.count, i);
    }
}

static void a_flood_of_the_largest_is_heard_whole_and_in_order(void **state)
{
    size_t i;

    (void)state;
    wish("alerts", true);
    (void)say("SELECT pg_notify('alerts', rpad(g::text, 7900 + g % 100, 'x'))"
              " FROM generate_series(0, 1999) g");
    hear(2000, 5000);
    assert_int_equal(g_ear.count, 2000);
    for (i = 0; i < 2000; i++)
        assert_int_equal(g_ear.length[i], 7900 + i % 100);
}

static void the_servers_end_is_noticed_behind_what_it_said(void **state)
{
    (void)state;
    wish("alerts", true);
    (void)say("NOTIFY alerts, 'last'");
    terminate_backend();
    hear(2, 5000);
    assert_int_equal(g_ear.count, 1);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_DEAD);
    assert_int_equal(agdb_error_status(agdb__conn_error(g_conn)), AGDB_E_LOST);
}

static void nothing_is_asked_of_a_connection_that_is_busy(void **state)
{
    const agdb__channel_wish_t one = {"a", true};

    (void)state;
    assert_int_equal(agdb__conn_listen(g_conn, &one, 0, soon_us()), AGDB_E_MISUSE);
    assert_int_equal(agdb__conn_ping(g_conn, soon_us()), AGDB_OK);
    assert_int_equal(agdb__conn_ping(g_conn, soon_us()), AGDB_E_MISUSE);
    assert_int_equal(agdb__conn_listen(g_conn, &one, 1, soon_us()), AGDB_E_MISUSE);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
}

/* As a pooler that nobody has declared makes it look. */
static void another_process_than_the_one_logged_in_to_is_not_listened_to(void **state)
{
    const agdb__channel_wish_t one = {"a", true};

    (void)state;
    g_conn->hello.process++;
    assert_int_equal(agdb__conn_listen(g_conn, &one, 1, soon_us()), AGDB_E_UNSUPPORTED);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_DEAD);
    assert_non_null(strstr(agdb_error_message(agdb__conn_error(g_conn)), "pooler"));
}

#define LISTEN_TEST(f) cmocka_unit_test_setup_teardown(f, fresh, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTEN_TEST(a_channel_is_heard_until_it_is_left),
        LISTEN_TEST(a_name_means_exactly_its_bytes),
        LISTEN_TEST(one_that_is_refused_takes_no_other_along),
        LISTEN_TEST(what_comes_while_something_is_asked_is_heard),
        LISTEN_TEST(a_flood_of_the_largest_is_heard_whole_and_in_order),
        LISTEN_TEST(the_servers_end_is_noticed_behind_what_it_said),
        LISTEN_TEST(another_process_than_the_one_logged_in_to_is_not_listened_to),
        LISTEN_TEST(nothing_is_asked_of_a_connection_that_is_busy),
    };
    return run_conn_tests(tests);
}
