#include "conn_fixture.h"

#include "base/clock.h"
#include "base/error.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

agdb__login_t g_login;
agdb__resolver_t *g_resolver;
agdb__conn_t *g_conn;

static const char *must_getenv(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL || *value == '\0') {
        print_error("%s is not set: run by tests/run, or by tests/support/with-cluster\n", name);
        exit(1);
    }
    return value;
}

void fixture_begin(void)
{
    static const char *const option[] = {"sslmode"};
    static const char *const value[] = {"prefer"};

    g_login = (agdb__login_t){.node = "node-a",
                              .host = must_getenv("AGDB_TEST_HOST"),
                              .port = (uint16_t)strtoul(must_getenv("AGDB_TEST_PORT"), NULL, 10),
                              .user = must_getenv("AGDB_TEST_USER"),
                              .dbname = must_getenv("AGDB_TEST_DBNAME"),
                              .service = "conn test",
                              .search_path = "pg_catalog, \"$user\", public",
                              .keywords = option,
                              .values = value,
                              .noptions = 1,
                              .password_file = must_getenv("AGDB_TEST_PASSWORD_FILE"),
                              .connect_ms = PATIENCE_MS,
                              .server_ms = 1500};
    g_resolver = agdb__resolver_new(NULL, NULL);
}

int fixture_end(int failed)
{
    agdb__resolver_free(g_resolver);
    return failed;
}

uint64_t soon_us(void)
{
    return agdb__after_ms(agdb__now_us(), PATIENCE_MS);
}

agdb__conn_state_t drive(agdb__conn_t *conn)
{
    agdb__conn_state_t state = agdb__conn_state(conn);

    while (state != AGDB__CONN_READY && state != AGDB__CONN_DEAD) {
        struct pollfd p = {.fd = agdb__conn_fd(conn), .events = agdb__conn_events(conn)};
        (void)poll(&p, p.fd < 0 ? 0 : 1, 5);
        state = agdb__conn_step(conn, agdb__now_us());
    }
    return state;
}

agdb__conn_t *try_connect(const agdb__login_t *login)
{
    agdb__conn_t *conn = agdb__conn_open(login, g_resolver, agdb__now_us(), soon_us());

    assert_non_null(conn);
    (void)drive(conn);
    return conn;
}

agdb__conn_t *connect_as(const agdb__login_t *login)
{
    agdb__conn_t *conn = try_connect(login);

    if (agdb__conn_state(conn) != AGDB__CONN_READY)
        fail_msg("%s", agdb_error_message(agdb__conn_error(conn)));
    return conn;
}

int setup(void **state)
{
    (void)state;
    g_conn = connect_as(&g_login);
    return 0;
}

int teardown(void **state)
{
    (void)state;
    agdb__conn_close(g_conn);
    g_conn = NULL;
    return 0;
}

agdb_status_t run_on(agdb__conn_t *conn, const agdb__statement_t *statement, struct pg_result **ret,
                     agdb_error_t **reterr)
{
    agdb__statement_t s = *statement;

    if (s.max_bytes == 0)
        s.max_bytes = 64u * MIB;
    return agdb__conn_run(conn, &s, soon_us(), ret, reterr);
}

static const char *first_of(const PGresult *rows)
{
    if (PQnfields(rows) == 0)
        return PQcmdStatus((PGresult *)(uintptr_t)rows); /* libpq 15 takes no const */
    if (PQntuples(rows) == 0 || PQgetisnull(rows, 0, 0) != 0)
        return "NULL";
    return PQgetvalue(rows, 0, 0);
}

void expect_first_on(agdb__conn_t *conn, const agdb__statement_t *statement, const char *value)
{
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;

    if (run_on(conn, statement, &rows, &error) != AGDB_OK)
        fail_msg("%s: %s", statement->sql, agdb_error_message(error));
    assert_string_equal(first_of(rows), value);
    PQclear(rows);
}

void expect_alone(agdb__conn_t *conn, const char *sql, bool read_only, const char *value)
{
    expect_first_on(conn, &(agdb__statement_t){.sql = sql, .read_only = read_only}, value);
}

void terminate_backend(void)
{
    agdb__conn_t *other = connect_as(&g_login);
    char sql[96];

    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)",
             agdb__conn_backend_pid(g_conn));
    expect_alone(other, sql, false, "t");
    agdb__conn_close(other);
}

void wait_until_gone(agdb__conn_t *judge, int pid)
{
    const agdb_value_t param = agdb_int4(pid);
    const agdb__statement_t statement = {
        .sql = "SELECT 1 FROM pg_stat_activity WHERE pid = $1", .params = &param, .nparams = 1};
    struct pg_result *rows = NULL;
    bool gone = false;

    while (!gone) {
        assert_int_equal(run_on(judge, &statement, &rows, NULL), AGDB_OK);
        gone = PQntuples(rows) == 0;
        PQclear(rows);
        if (!gone)
            usleep(1000);
    }
}

/* --- groups ---------------------------------------------------------------------------------- */

void add_member(const agdb__statement_t *statement)
{
    agdb__statement_t s = *statement;
    agdb_error_t *error = NULL;

    if (s.max_bytes == 0)
        s.max_bytes = 64u * MIB;
    if (agdb__conn_group_add(g_conn, &s, &error) != AGDB_OK)
        fail_msg("%s: %s", s.sql, agdb_error_message(error));
}

void expect_answer(size_t i, const char *value)
{
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;
    agdb__member_fate_t fate = agdb__conn_group_receive(g_conn, i, &rows, &error);

    if (fate != AGDB__MEMBER_ANSWERED)
        fail_msg("member %zu: fate %d: %s", i, (int)fate, agdb_error_message(error));
    assert_string_equal(first_of(rows), value);
    PQclear(rows);
}

agdb_error_t *expect_error(size_t i, agdb__member_fate_t want, agdb_status_t status, bool retriable)
{
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;
    agdb__member_fate_t fate = agdb__conn_group_receive(g_conn, i, &rows, &error);

    assert_null(rows);
    if (fate != want || agdb_error_status(error) != status)
        fail_msg("member %zu: fate %d: %s", i, (int)fate, agdb_error_message(error));
    assert_int_equal(agdb_error_is_retriable(error), retriable);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_EXECUTE);
    return error;
}

void expect_sqlstate_of(size_t i, const char *sqlstate, bool retriable)
{
    agdb_error_t *error = expect_error(i, AGDB__MEMBER_FAILED, AGDB_E_SERVER, retriable);

    assert_string_equal(agdb_error_sqlstate(error), sqlstate);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_free(error);
}

void expect_not_executed(size_t i)
{
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;

    assert_int_equal(agdb__conn_group_receive(g_conn, i, &rows, &error), AGDB__MEMBER_NOT_EXECUTED);
    assert_null(rows);
    assert_null(error);
}

/* --- memory ---------------------------------------------------------------------------------- */

static void *scarce_alloc(size_t size, void *user)
{
    scarce_t *scarce = user;
    void *block = scarce->until-- == 0 ? NULL : malloc(size);

    if (block != NULL)
        scarce->alive++;
    return block;
}

static void *scarce_resize(void *block, size_t size, void *user)
{
    return ((scarce_t *)user)->until-- == 0 ? NULL : realloc(block, size);
}

static void scarce_release(void *block, void *user)
{
    ((scarce_t *)user)->alive--;
    free(block);
}

agdb_allocator_t scarce_allocator(scarce_t *scarce)
{
    return (agdb_allocator_t){scarce_alloc, scarce_resize, scarce_release, scarce};
}
