/* Rows one by one on one connection to a real server: pg/conn_stream.c. */
#include "base/clock.h"
#include "base/error.h"
#include "conn_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NUMBERS(n) "SELECT g, repeat('x', 100) FROM generate_series(1, " #n ") g"

static void begin(const char *sql, uint64_t max_bytes)
{
    const agdb__statement_t statement = {
        .sql = sql, .read_only = true, .streamed = true, .max_bytes = max_bytes};
    agdb_error_t *error = NULL;

    if (agdb__conn_send(g_conn, &statement, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
}

/* The next row, waited for; NULL: there are no more. */
static PGresult *next_row(void)
{
    PGresult *row;

    while ((row = agdb__conn_take_row(g_conn)) == NULL) {
        struct pollfd p = {.fd = agdb__conn_fd(g_conn), .events = agdb__conn_events(g_conn)};

        if (agdb__conn_state(g_conn) != AGDB__CONN_IN_FLIGHT)
            return NULL;
        (void)poll(&p, 1, 5);
        (void)agdb__conn_step(g_conn, agdb__now_us());
    }
    assert_int_equal(PQntuples(row), 1);
    return row;
}

/* The rows have to be 1, 2, ... */
static int take_rows(int at_most)
{
    PGresult *row;
    int n = 0;

    while (n < at_most && (row = next_row()) != NULL) {
        assert_int_equal(atoi(PQgetvalue(row, 0, 0)), ++n);
        PQclear(row);
    }
    return n;
}

/* The caller frees the error. */
static agdb_error_t *end(agdb_status_t status)
{
    agdb_error_t *error = NULL;
    PGresult *rows = NULL;
    agdb_status_t st = agdb__conn_receive(g_conn, &rows, &error);

    if (st != status)
        fail_msg("%s: %s", agdb_status_name(st), agdb_error_message(error));
    if (st == AGDB_OK)
        assert_int_equal(PQntuples(rows), 0);
    PQclear(rows);
    return error;
}

static void expect_usable(void)
{
    assert_true(agdb__conn_is_clean(g_conn));
    expect_alone(g_conn, "SELECT 7", true, "7");
}

static void rows_come_one_by_one_and_then_the_end(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 3; i++) { /* prepared the first time, known then */
        begin(NUMBERS(10000), MIB);
        assert_int_equal(take_rows(100000), 10000);
        assert_null(end(AGDB_OK));
        expect_usable();
    }
}

static void no_rows_are_an_end_with_columns(void **state)
{
    agdb_error_t *error = NULL;
    PGresult *rows = NULL;

    (void)state;
    begin(NUMBERS(0), MIB);
    assert_null(next_row());
    assert_int_equal(agdb__conn_receive(g_conn, &rows, &error), AGDB_OK);
    assert_int_equal(PQnfields(rows), 2);
    PQclear(rows);
    expect_usable();
}

static void an_error_behind_rows_is_an_error(void **state)
{
    agdb_error_t *error;

    (void)state;
    begin("SELECT g, 1 / (1000 - g) FROM generate_series(1, 1000) g", MIB);
    assert_int_equal(take_rows(100000), 999);
    error = end(AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(error), "22012");
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_EXECUTE);
    agdb_error_free(error);
    expect_usable();
}

static void an_error_instead_of_rows_is_an_error(void **state)
{
    static const char *const sql[] = {"SELECT nothing", "SELECT 1 / 0", "CREATE TABLE t (i int)"};
    static const char *const code[] = {"42703", "22012", "25006"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(sql); i++) {
        agdb_error_t *error;

        begin(sql[i], MIB);
        assert_null(next_row());
        error = end(AGDB_E_SERVER);
        assert_string_equal(agdb_error_sqlstate(error), code[i]);
        agdb_error_free(error);
        expect_usable();
    }
}

static void a_killed_backend_is_an_error_behind_the_rows_that_came(void **state)
{
    agdb_error_t *error;
    int n;

    (void)state;
    begin(NUMBERS(1000000), MIB);
    assert_int_equal(take_rows(10), 10);
    terminate_backend();
    for (n = 10;; n++) {
        PGresult *row = next_row();

        if (row == NULL)
            break;
        assert_int_equal(atoi(PQgetvalue(row, 0, 0)), n + 1);
        PQclear(row);
    }
    assert_in_range(n, 10, 999999);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_DEAD);
    error = end(AGDB_E_LOST);
    assert_true(agdb_error_is_retriable(error));
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_EXECUTE);
    agdb_error_free(error);
}

/* What is not taken is not read: the server stands still. */
static void rows_that_are_not_taken_stay_in_the_socket(void **state)
{
    int waiting = 0;
    int before;
    int i;

    (void)state;
    begin(NUMBERS(1000000), MIB);
    assert_int_equal(take_rows(1), 1);
    for (i = 0; i < 200; i++) {
        (void)poll(NULL, 0, 2);
        (void)agdb__conn_step(g_conn, agdb__now_us());
    }
    assert_int_equal(ioctl(agdb__conn_fd(g_conn), FIONREAD, &before), 0);
    assert_in_range(before, 1, 100 * MIB);
    (void)agdb__conn_step(g_conn, agdb__now_us());
    assert_int_equal(ioctl(agdb__conn_fd(g_conn), FIONREAD, &waiting), 0);
    assert_true(waiting >= before);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_IN_FLIGHT);
}

static void a_row_over_max_bytes_ends_it(void **state)
{
    agdb_error_t *error;

    (void)state;
    begin("SELECT g, repeat('x', CASE WHEN g = 300 THEN 50000000 ELSE 10000 END)"
          " FROM generate_series(1, 1000) g",
          MIB);
    assert_int_equal(take_rows(1000), 299);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_DEAD);
    error = end(AGDB_E_TOO_BIG);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_free(error);
}

static void many_rows_are_not_too_big(void **state)
{
    (void)state;
    begin(NUMBERS(100000), 20000); /* 20000 bytes are for each row */
    assert_int_equal(take_rows(1000000), 100000);
    assert_null(end(AGDB_OK));
    expect_usable();
}

/* The fixture's connections have a statement_timeout of 1.5 s for reads. */
static void a_stream_has_no_statement_timeout(void **state)
{
    (void)state;
    expect_alone(g_conn, "SHOW statement_timeout", true, "1500ms");
    begin("SELECT g, pg_sleep(0.25) FROM generate_series(1, 10) g", MIB);
    assert_int_equal(take_rows(100), 10);
    assert_null(end(AGDB_OK));
    expect_alone(g_conn, "SHOW statement_timeout", true, "1500ms");
    begin("SELECT 1", MIB);
    assert_int_equal(take_rows(100), 1);
    assert_null(end(AGDB_OK));
    expect_alone(g_conn, "SHOW statement_timeout", false, "0");
}

static void rows_that_nobody_takes_are_dropped(void **state)
{
    (void)state;
    begin(NUMBERS(100000), 20000);
    assert_int_equal(take_rows(3), 3);
    assert_true(agdb__conn_can_be_left(g_conn) && agdb__conn_is_alone(g_conn));
    agdb__conn_drop_rows(g_conn);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    assert_false(agdb__conn_forget(g_conn));
    expect_usable();
}

/* At every point of a stream. */
static void it_may_be_closed_at_any_time(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 6; i++) {
        agdb__conn_close(g_conn);
        g_conn = connect_as(&g_login);
        begin(NUMBERS(1000), MIB);
        assert_int_equal(take_rows(i * 200), i * 200);
        (void)agdb__conn_step(g_conn, agdb__now_us());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONN_TEST(rows_come_one_by_one_and_then_the_end),
        CONN_TEST(no_rows_are_an_end_with_columns),
        CONN_TEST(an_error_behind_rows_is_an_error),
        CONN_TEST(an_error_instead_of_rows_is_an_error),
        CONN_TEST(a_killed_backend_is_an_error_behind_the_rows_that_came),
        CONN_TEST(rows_that_are_not_taken_stay_in_the_socket),
        CONN_TEST(a_row_over_max_bytes_ends_it),
        CONN_TEST(many_rows_are_not_too_big),
        CONN_TEST(a_stream_has_no_statement_timeout),
        CONN_TEST(rows_that_nobody_takes_are_dropped),
        CONN_TEST(it_may_be_closed_at_any_time),
    };
    return run_conn_tests(tests);
}
