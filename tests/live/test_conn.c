/* One connection against a real server, which the environment names: AGDB_TEST_HOST (address or
 * socket folder), AGDB_TEST_PORT, AGDB_TEST_USER, AGDB_TEST_DBNAME, AGDB_TEST_PASSWORD_FILE. The
 * server runs on this machine and is stamped. Only temporary tables are made. */
#include "conn_fixture.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void expect_first(const agdb__statement_t *statement, const char *value)
{
    expect_first_on(g_conn, statement, value);
}

static void expect_sql(const char *sql, const char *value)
{
    expect_first(&(agdb__statement_t){.sql = sql}, value);
}

/* Runs it and gives the error, which the caller frees. */
static agdb_error_t *expect_failure(const agdb__statement_t *statement, agdb_status_t status,
                                    agdb_outcome_t outcome)
{
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;
    agdb_status_t st = run_on(g_conn, statement, &rows, &error);

    PQclear(rows);
    if (st != status || agdb_error_status(error) != status)
        fail_msg("%s: %s: %s", statement->sql, agdb_status_name(st), agdb_error_message(error));
    if (agdb_error_outcome(error) != outcome)
        fail_msg("%s: outcome %s", statement->sql, agdb_outcome_name(agdb_error_outcome(error)));
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_EXECUTE);
    return error;
}

static void expect_sqlstate(const agdb__statement_t *statement, const char *sqlstate,
                            const char *part)
{
    agdb_error_t *error = expect_failure(statement, AGDB_E_SERVER, AGDB_OUTCOME_REJECTED);

    assert_string_equal(agdb_error_sqlstate(error), sqlstate);
    if (strstr(agdb_error_message(error), part) == NULL)
        fail_msg("'%s' is not in '%s'", part, agdb_error_message(error));
    agdb_error_free(error);
}

/* --- introduction ---------------------------------------------------------------------------- */

static void open_ready_connection_has_said_hello(void **state)
{
    const agdb__hello_t *hello = agdb__conn_hello(g_conn);

    (void)state;
    assert_false(hello->in_recovery);
    assert_false(agdb__conn_in_recovery(g_conn));
    assert_in_range(hello->timeline, 1, 1000);
    assert_true(hello->system_identifier != 0 && hello->lsn != 0);
    assert_in_range(hello->server_version, 140000, 999999);
    assert_in_range(agdb__conn_way_us(g_conn), 1, 1000000);
    assert_true(agdb__conn_is_clean(g_conn) && agdb__conn_is_alive(g_conn));
    assert_false(agdb__conn_is_read_only(g_conn));
    assert_null(agdb__conn_error(g_conn));
    expect_sql("SHOW TimeZone", "UTC");
    expect_sql("SHOW DateStyle", "ISO, MDY");
    expect_sql("SHOW transaction_isolation", "read committed");
    expect_sql("SHOW client_encoding", "UTF8");
    expect_sql("SHOW client_connection_check_interval", "1s");
    expect_sql("SHOW application_name", "conn test");
    expect_sql("SHOW search_path", "pg_catalog, \"$user\", public");
}

static void open_hostile_environment_changes_nothing(void **state)
{
    static const char *const hostile[][2] = {
        {"PGHOST", "192.0.2.1"},
        {"PGHOSTADDR", "192.0.2.1"},
        {"PGPORT", "1"},
        {"PGUSER", "nobody"},
        {"PGDATABASE", "nothing"},
        {"PGPASSWORD", "wrong"},
        {"PGPASSFILE", "/nonexistent"},
        {"PGSSLMODE", "verify-full"},
        {"PGREQUIRESSL", "1"},
        {"PGOPTIONS", "-c geqo=off"},
        {"PGAPPNAME", "hostile"},
        {"PGCLIENTENCODING", "LATIN1"},
        {"PGTZ", "Asia/Tokyo"},
        {"PGDATESTYLE", "German"},
        {"PGGSSENCMODE", "require"},
        {"PGTARGETSESSIONATTRS", "standby"},
        {"PGSSLROOTCERT", "/nonexistent"},
        {"PGCONNECT_TIMEOUT", "1"},
    };
    agdb__conn_t *before = g_conn;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        setenv(hostile[i][0], hostile[i][1], 1);
    g_conn = try_connect(&g_login);
    for (i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        unsetenv(hostile[i][0]);
    if (agdb__conn_state(g_conn) != AGDB__CONN_READY)
        fail_msg("%s", agdb_error_message(agdb__conn_error(g_conn)));
    expect_sql("SHOW TimeZone", "UTC");
    expect_sql("SHOW DateStyle", "ISO, MDY");
    expect_sql("SHOW client_encoding", "UTF8");
    expect_sql("SHOW geqo", "on");
    expect_sql("SHOW application_name", "conn test");
    agdb__conn_close(before);
}

static void expect_dead(const agdb__login_t *login, agdb_status_t status, agdb_stage_t stage,
                        const char *part)
{
    agdb__conn_t *conn = try_connect(login);
    const agdb_error_t *error = agdb__conn_error(conn);

    assert_int_equal(agdb__conn_state(conn), AGDB__CONN_DEAD);
    if (agdb_error_status(error) != status || strstr(agdb_error_message(error), part) == NULL)
        fail_msg("%s: %s", agdb_status_name(agdb_error_status(error)), agdb_error_message(error));
    assert_int_equal(agdb_error_stage(error), stage);
    assert_string_equal(agdb_error_node(error), "node-a");
    assert_int_equal(agdb__conn_fd(conn), -1);
    agdb__conn_close(conn);
}

static void open_refused_login_says_why(void **state)
{
    agdb__login_t login = g_login;

    (void)state;
    login.dbname = "no_such_database";
    expect_dead(&login, AGDB_E_AUTH, AGDB_STAGE_CONNECT, "check connection.dbname");
    login = g_login;
    login.password_file = "/nonexistent/password";
    expect_dead(&login, AGDB_E_AUTH, AGDB_STAGE_RESOLVE, "/nonexistent/password");
    login = g_login;
    login.port = 1;
    expect_dead(&login, AGDB_E_CONNECT, AGDB_STAGE_CONNECT, "cannot connect to");
    login = g_login;
    login.host = "host.invalid";
    expect_dead(&login, AGDB_E_CONNECT, AGDB_STAGE_RESOLVE, "host.invalid");
}

static void open_unstamped_server_is_refused_unless_allowed(void **state)
{
    agdb__identity_t expect = {"no-such-keyspace", "east-1", 4096, true};
    agdb__login_t login = g_login;
    agdb__conn_t *conn;

    (void)state;
    login.expect = &expect;
    login.nexpect = 1;
    expect_dead(&login, AGDB_E_WRONG_SHARD, AGDB_STAGE_CONNECT, "agencydb init MAP");
    expect.required = false;
    conn = try_connect(&login);
    assert_int_equal(agdb__conn_state(conn), AGDB__CONN_READY);
    assert_false(agdb__conn_hello(conn)->stamped);
    agdb__conn_close(conn);
}

/* One keyspace that need not be in the stamp, and one that must. */
static void open_each_expected_keyspace_is_required_or_not(void **state)
{
    agdb__identity_t expect[2] = {{"no-such-keyspace", "only-1", 4096, false},
                                  {"nor-this-one", "east-1", 4096, true}};
    agdb__statement_t s = {.sql = "SELECT keyspace, shard, slots FROM agencydb.identity"};
    agdb__login_t login = g_login;
    struct pg_result *rows = NULL;
    agdb__conn_t *conn;

    (void)state;
    login.expect = expect;
    login.nexpect = 2;
    expect_dead(&login, AGDB_E_WRONG_SHARD, AGDB_STAGE_CONNECT, "keyspace 'nor-this-one'");
    assert_int_equal(run_on(g_conn, &s, &rows, NULL), AGDB_OK);
    expect[1].keyspace = PQgetvalue(rows, 0, 0);
    expect[1].shard = PQgetvalue(rows, 0, 1);
    expect[1].slots = (uint32_t)strtoul(PQgetvalue(rows, 0, 2), NULL, 10);
    conn = try_connect(&login);
    assert_int_equal(agdb__conn_state(conn), AGDB__CONN_READY);
    assert_false(agdb__conn_hello(conn)->stamped);
    agdb__conn_close(conn);
    PQclear(rows);
}

/* The server has been stamped by `agencydb init`. */
static void open_stamped_server_must_be_the_expected_one(void **state)
{
    agdb__statement_t s = {.sql = "SELECT keyspace, shard, slots FROM agencydb.identity"};
    agdb__identity_t expect = {0};
    agdb__login_t login = g_login;
    struct pg_result *rows = NULL;
    agdb__conn_t *conn;

    (void)state;
    assert_int_equal(run_on(g_conn, &s, &rows, NULL), AGDB_OK);
    assert_true(PQntuples(rows) >= 1);
    expect.keyspace = PQgetvalue(rows, 0, 0);
    expect.shard = PQgetvalue(rows, 0, 1);
    expect.slots = (uint32_t)strtoul(PQgetvalue(rows, 0, 2), NULL, 10);
    login.expect = &expect;
    login.nexpect = 1;
    conn = try_connect(&login);
    assert_int_equal(agdb__conn_state(conn), AGDB__CONN_READY);
    assert_true(agdb__conn_hello(conn)->stamped);
    assert_int_equal(agdb__conn_probe(conn, agdb__now_us(), soon_us()), AGDB_OK);
    assert_int_equal(drive(conn), AGDB__CONN_READY);
    agdb__conn_close(conn);
    expect.slots++;
    expect_dead(&login, AGDB_E_WRONG_SHARD, AGDB_STAGE_CONNECT, "slots, map says");
    expect.shard = "another";
    expect_dead(&login, AGDB_E_WRONG_SHARD, AGDB_STAGE_CONNECT, "map says 'another'");
    PQclear(rows);
}

/* Stands before the C library's: `two.test` has the addresses 127.0.0.2, where no server is, and
 * 127.0.0.1, in this order. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    typedef int look_up_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    look_up_fn *real;
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    int rc;

    memcpy(&real, &symbol, sizeof real);
    if (name == NULL || strcmp(name, "two.test") != 0)
        return real(name, service, hints, ret);
    rc = real("127.0.0.2", service, hints, ret);
    return rc != 0 ? rc : real("127.0.0.1", service, hints, &(*ret)->ai_next);
}

static void open_first_address_refusing_goes_on_to_the_second(void **state)
{
    agdb__login_t login = g_login;
    agdb__conn_t *conn;

    (void)state;
    login.host = "two.test";
    conn = try_connect(&login);
    if (agdb__conn_state(conn) != AGDB__CONN_READY)
        fail_msg("%s", agdb_error_message(agdb__conn_error(conn)));
    agdb__conn_close(conn);
}

static int listen_silently(const char *address, uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = inet_addr(address)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void open_silent_server_ends_at_the_deadline(void **state)
{
    agdb__login_t login = g_login;
    uint64_t start_us = agdb__now_us();
    agdb__conn_t *conn;
    int fd;

    (void)state;
    login.host = "127.0.0.1";
    fd = listen_silently("127.0.0.1", 0, &login.port);
    conn = agdb__conn_open(&login, g_resolver, start_us, agdb__after_ms(start_us, 150));
    assert_int_equal(drive(conn), AGDB__CONN_DEAD);
    assert_int_equal(agdb_error_status(agdb__conn_error(conn)), AGDB_E_TIMEOUT);
    assert_in_range(agdb__now_us() - start_us, 150000, 400000);
    agdb__conn_close(conn);
    close(fd);
}

/* Each address gets its share of the time, so a silent one leaves some for the next. */
static void open_first_address_silent_leaves_time_for_the_second(void **state)
{
    const uint64_t start_us = agdb__now_us();
    agdb__login_t login = g_login;
    agdb__conn_t *conn;
    uint16_t port;
    int fd;

    (void)state;
    login.host = "two.test";
    fd = listen_silently("127.0.0.2", login.port, &port);
    conn = agdb__conn_open(&login, g_resolver, start_us, agdb__after_ms(start_us, 2000));
    assert_int_equal(drive(conn), AGDB__CONN_READY);
    assert_in_range(agdb__now_us() - start_us, 1000000, 1900000);
    agdb__conn_close(conn);
    close(fd);
}

static void probe_asks_again_and_is_ready_again(void **state)
{
    const uint64_t lsn = agdb__conn_hello(g_conn)->lsn;

    (void)state;
    expect_sql("CREATE TEMP TABLE moves_the_lsn (a int)", "CREATE TABLE");
    assert_int_equal(agdb__conn_probe(g_conn, agdb__now_us(), soon_us()), AGDB_OK);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_IN_FLIGHT);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    assert_true(agdb__conn_hello(g_conn)->lsn >= lsn);
    expect_sql("SELECT 1", "1");
}

/* --- statements ------------------------------------------------------------------------------ */

static void run_ordinary_sql_with_untyped_and_typed_parameters(void **state)
{
    static const char *const items[] = {"a", NULL, "c,\"d\""};
    static const int64_t numbers[] = {1, -2, INT64_MAX};
    static const unsigned char uuid[16] = {0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8,
                                           0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11};
    static const char uuid_text[] = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    const struct {
        const char *sql;
        agdb_value_t v[2];
        size_t n;
        const char *value;
    } rows[] = {
        {"SELECT date '2026-11-23' = $1", {agdb_text("2026-11-23")}, 1, "t"},
        {"SELECT date '2026-11-23' + $1", {agdb_int4(1)}, 1, "2026-11-24"},
        {"SELECT date '2026-11-23' + $1::int", {agdb_text("7")}, 1, "2026-11-30"},
        {"SELECT timestamptz '2026-11-23 12:00+02' = $1",
         {agdb_text("2026-11-23T10:00:00Z")},
         1,
         "t"},
        {"SELECT $1::timestamptz",
         {agdb_text("2026-11-23 12:00:00+02")},
         1,
         "2026-11-23 10:00:00+00"},
        {"SELECT interval '1 day' = $1", {agdb_text("24:00:00")}, 1, "t"},
        {"SELECT $1::uuid = $2", {agdb_text(uuid_text), agdb_uuid(uuid)}, 2, "t"},
        {"SELECT $1::uuid", {agdb_uuid(uuid)}, 1, uuid_text},
        {"SELECT $1::jsonb -> 'a'", {agdb_text("{\"a\": [1, 2]}")}, 1, "[1, 2]"},
        {"SELECT $1 ->> 'a'", {agdb_json("{\"a\": 7}")}, 1, "7"},
        {"SELECT jsonb '{\"a\":1}' @> $1", {agdb_text("{\"a\":1}")}, 1, "t"},
        {"SELECT $1::numeric * 2",
         {agdb_text("12345678901234567890.5")},
         1,
         "24691357802469135781.0"},
        {"SELECT 1.5::numeric = $1", {agdb_text("1.50")}, 1, "t"},
        {"SELECT left($1, $2)", {agdb_text("agency"), agdb_text("3")}, 2, "age"},
        {"SELECT left($1, $2)", {agdb_text("agency"), agdb_int4(3)}, 2, "age"},
        {"SELECT $1 || 'x'", {agdb_text("y")}, 1, "yx"},
        {"SELECT 'epa' = ANY ($1)", {agdb_text("{epa,cdc}")}, 1, "t"},
        {"SELECT array_to_string($1, '|', 'NULL')",
         {agdb_text_array(items, 3)},
         1,
         "a|NULL|c,\"d\""},
        {"SELECT cardinality($1)", {agdb_text_array(NULL, 0)}, 1, "0"},
        {"SELECT $1::text", {agdb_int8_array(numbers, 3)}, 1, "{1,-2,9223372036854775807}"},
        {"SELECT 7 = ANY ($1)", {agdb_int8_array(NULL, 0)}, 1, "f"},
        {"SELECT $1", {agdb_int8(INT64_MIN)}, 1, "-9223372036854775808"},
        {"SELECT $1", {agdb_float8(0.1)}, 1, "0.1"},
        {"SELECT $1", {agdb_bool(false)}, 1, "f"},
        {"SELECT $1", {agdb_bytea("\0\xff", 2)}, 1, "\\x00ff"},
        {"SELECT $1::int IS NULL", {agdb_null()}, 1, "t"},
        {"SELECT $1::text", {agdb_text(NULL)}, 1, "NULL"},
        {"SELECT $1::text = ''", {agdb_text("")}, 1, "t"},
        {"SELECT length($1)", {agdb_text("\xc3\xa9t\xc3\xa9")}, 1, "3"},
        {"SELECT count(*) FROM generate_series(1, $1)", {agdb_int4(10)}, 1, "10"},
        {"SELECT 1 LIMIT $1", {agdb_text("0")}, 1, "NULL"},
        {"SELECT int4range(1, 5) @> $1", {agdb_int4(3)}, 1, "t"},
        {"SELECT inet '10.0.0.1' << $1", {agdb_text("10.0.0.0/8")}, 1, "t"},
        {"VALUES ($1::text)", {agdb_typed(25, "typed")}, 1, "typed"},
        {"SELECT 1.0::float8 / 3", {{0}}, 0, "0.3333333333333333"},
        {"/* c */ SELECT 1; -- end", {{0}}, 0, "1"},
    };
    size_t i;
    int round;

    (void)state;
    for (round = 0; round < 3; round++) /* prepared, from the cache, and read-only */
        for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
            expect_first(&(agdb__statement_t){.sql = rows[i].sql,
                                              .params = rows[i].v,
                                              .nparams = rows[i].n,
                                              .read_only = round == 2},
                         rows[i].value);
    assert_true(agdb__conn_is_clean(g_conn));
}

static void run_failing_statement_is_rejected_and_the_connection_stays(void **state)
{
    const agdb_value_t bad = agdb_text("not a date");
    agdb_error_t *error;

    (void)state;
    expect_sqlstate(&(agdb__statement_t){.sql = "SELECT x FROM nowhere"}, "42P01",
                    "ERROR 42P01: relation \"nowhere\" does not exist");
    expect_sqlstate(&(agdb__statement_t){.sql = "SELECT 1/0"}, "22012", "division by zero");
    expect_sqlstate(&(agdb__statement_t){.sql = "SELCT"}, "42601", "syntax error");
    expect_sqlstate(&(agdb__statement_t){.sql = "SELECT 1; SELECT 2"}, "42601",
                    "multiple commands");
    expect_sqlstate(&(agdb__statement_t){.sql = "SELECT $1"}, "08P01", "requires 1");
    expect_sqlstate(
        &(agdb__statement_t){.sql = "SELECT date '2026-01-01' = $1", .params = &bad, .nparams = 1},
        "22007", "invalid input syntax for type date");
    expect_sql("CREATE TEMP TABLE strict (a int CHECK (a > 0), b int UNIQUE DEFERRABLE INITIALLY "
               "DEFERRED)",
               "CREATE TABLE");
    error = expect_failure(&(agdb__statement_t){.sql = "INSERT INTO strict VALUES (0, 1)"},
                           AGDB_E_SERVER, AGDB_OUTCOME_REJECTED);
    assert_string_equal(agdb_error_field(error, AGDB_FIELD_CONSTRAINT), "strict_a_check");
    assert_string_equal(agdb_error_field(error, AGDB_FIELD_TABLE), "strict");
    assert_string_equal(agdb_error_field(error, AGDB_FIELD_SEVERITY), "ERROR");
    assert_true(*agdb_error_field(error, AGDB_FIELD_DETAIL) != '\0');
    assert_false(agdb_error_is_retriable(error));
    agdb_error_free(error);
    /* the commit fails, behind the statement's own success */
    expect_sqlstate(&(agdb__statement_t){.sql = "INSERT INTO strict VALUES (1, 1), (1, 1)"},
                    "23505", "strict_b_key");
    expect_sql("SELECT count(*) FROM strict", "0");
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_READY);
}

static void run_refused_parameters_are_not_sent(void **state)
{
    const agdb_value_t bad = agdb_text_n("a\0b", 3);
    agdb__statement_t s = {.sql = "SELECT $1", .params = &bad, .nparams = 1, .max_bytes = 1u << 20};
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__conn_run(g_conn, &s, soon_us(), &rows, &error), AGDB_E_INVAL);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_CHECK);
    agdb_error_clear(&error);
    s.nparams = 0;
    assert_int_equal(agdb__conn_run(g_conn, &s, agdb__now_us(), &rows, &error), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_clear(&error);
    expect_sql("SELECT 1", "1");
}

static void run_read_only_refuses_writes_and_switches_back(void **state)
{
    int i;

    (void)state;
    expect_sql("CREATE TEMP TABLE kept (a int)", "CREATE TABLE");
    for (i = 0; i < 3; i++) {
        expect_sqlstate(
            &(agdb__statement_t){.sql = "CREATE TABLE never (a int)", .read_only = true}, "25006",
            ".access = AGDB_READ lets nothing be written: use AGDB_WRITE");
        assert_true(agdb__conn_is_read_only(g_conn));
        expect_first(&(agdb__statement_t){.sql = "SHOW statement_timeout", .read_only = true},
                     "1500ms");
        expect_first(&(agdb__statement_t){.sql = "SHOW transaction_read_only", .read_only = true},
                     "on");
        expect_sql("INSERT INTO kept VALUES (1)", "INSERT 0 1");
        assert_false(agdb__conn_is_read_only(g_conn));
        expect_sql("SHOW statement_timeout", "0");
        expect_sql("SHOW transaction_read_only", "off");
    }
}

static void run_read_over_the_server_timeout_is_rejected(void **state)
{
    (void)state;
    expect_sqlstate(&(agdb__statement_t){.sql = "SELECT pg_sleep(5)", .read_only = true}, "57014",
                    "timeouts.server");
    expect_sql("SELECT 1", "1");
}

static void run_many_texts_evicts_the_oldest_and_stays_right(void **state)
{
    char sql[64];
    char value[16];
    int i;
    int round;

    (void)state;
    for (round = 0; round < 2; round++) {
        for (i = 0; i < 600; i++) {
            snprintf(sql, sizeof sql, "SELECT %d", i);
            snprintf(value, sizeof value, "%d", i);
            expect_sql(sql, value);
        }
    }
    /* 256 kept, one that waits to be dropped, and the one that counts */
    expect_sql("SELECT count(*) BETWEEN 250 AND 258 FROM pg_prepared_statements", "t");
    assert_true(agdb__conn_is_clean(g_conn));
}

static void run_long_text_is_not_kept(void **state)
{
    static char sql[80 * 1024];

    (void)state;
    memset(sql, ' ', sizeof sql - 1);
    memcpy(sql, "SELECT 1", 8);
    expect_sql(sql, "1");
    expect_sql(sql, "1");
    expect_sql("SELECT count(*) FROM pg_prepared_statements WHERE length(statement) > 60000", "0");
}

static void run_after_deallocate_all_fails_once_and_is_prepared_again(void **state)
{
    agdb_error_t *error;

    (void)state;
    expect_sql("SELECT 42", "42");
    assert_true(agdb__conn_is_clean(g_conn));
    expect_sql("DEALLOCATE ALL", "DEALLOCATE ALL");
    assert_false(agdb__conn_is_clean(g_conn));
    error = expect_failure(&(agdb__statement_t){.sql = "SELECT 42"}, AGDB_E_SERVER,
                           AGDB_OUTCOME_REJECTED);
    assert_string_equal(agdb_error_sqlstate(error), "26000");
    assert_true(agdb_error_is_retriable(error));
    agdb_error_free(error);
    expect_sql("SELECT 42", "42");
}

static void run_after_alter_table_fails_once_and_is_prepared_again(void **state)
{
    agdb_error_t *error;

    (void)state;
    expect_sql("CREATE TEMP TABLE altered (a int)", "CREATE TABLE");
    expect_sql("INSERT INTO altered VALUES (7)", "INSERT 0 1");
    expect_sql("SELECT * FROM altered", "7");
    expect_sql("ALTER TABLE altered ALTER a TYPE text", "ALTER TABLE");
    error = expect_failure(&(agdb__statement_t){.sql = "SELECT * FROM altered"}, AGDB_E_SERVER,
                           AGDB_OUTCOME_REJECTED);
    assert_string_equal(agdb_error_sqlstate(error), "0A000");
    assert_true(agdb_error_is_retriable(error));
    agdb_error_free(error);
    expect_sql("SELECT * FROM altered", "7");
    expect_sql("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '% altered'", "1");
}

static void run_session_statement_leaves_an_unclean_connection(void **state)
{
    (void)state;
    expect_sql("SELECT set_config('my.setting', '1', false)", "1");
    assert_false(agdb__conn_is_clean(g_conn));
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_READY);
}

static void run_statement_without_a_place_in_a_request_is_not_sent(void **state)
{
    static const char *const sql[] = {"BEGIN", "COPY (SELECT 1) TO STDOUT", "LISTEN x", " "};
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        assert_int_equal(run_on(g_conn, &(agdb__statement_t){.sql = sql[i]}, &rows, &error),
                         AGDB_E_UNSUPPORTED);
        assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
        assert_int_equal(agdb_error_stage(error), AGDB_STAGE_CHECK);
        assert_string_equal(agdb_error_message(error), agdb__statement_refusal(sql[i]));
    }
    agdb_error_clear(&error);
    assert_true(agdb__conn_is_clean(g_conn));
    expect_sql("SELECT 1", "1");
}

static void run_over_max_rows_says_that_it_was_executed(void **state)
{
    const char sql[] = "SELECT * FROM generate_series(1, 100)";
    agdb_error_t *error;

    (void)state;
    expect_first(&(agdb__statement_t){.sql = sql, .max_rows = 100}, "1");
    error = expect_failure(&(agdb__statement_t){.sql = sql, .max_rows = 99}, AGDB_E_TOO_BIG,
                           AGDB_OUTCOME_UNKNOWN);
    assert_non_null(strstr(agdb_error_message(error), "was executed, its result of 100 rows"));
    agdb_error_free(error);
    agdb_error_free(
        expect_failure(&(agdb__statement_t){.sql = sql, .max_rows = 99, .read_only = true},
                       AGDB_E_TOO_BIG, AGDB_OUTCOME_REJECTED));
    assert_true(agdb__conn_is_clean(g_conn));
}

static void run_over_max_bytes_gives_up_while_it_comes(void **state)
{
    const agdb__statement_t s = {.sql = "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)",
                                 .max_bytes = 1u << 20,
                                 .read_only = true};
    const uint64_t start_us = agdb__now_us();
    agdb_error_t *error;

    (void)state;
    expect_first(
        &(agdb__statement_t){.sql = "SELECT length(repeat('x', 1000000))", .max_bytes = 1u << 20},
        "1000000");
    error = expect_failure(&s, AGDB_E_TOO_BIG, AGDB_OUTCOME_REJECTED);
    assert_non_null(strstr(agdb_error_message(error), "still coming"));
    agdb_error_free(error);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_DEAD);
    assert_in_range(agdb__now_us() - start_us, 0, 3000000);
}

static void run_over_max_bytes_at_the_end_keeps_the_connection(void **state)
{
    agdb_error_t *error;

    (void)state;
    error =
        expect_failure(&(agdb__statement_t){.sql = "SELECT repeat('x', 9000)", .max_bytes = 8000},
                       AGDB_E_TOO_BIG, AGDB_OUTCOME_UNKNOWN);
    assert_non_null(strstr(agdb_error_message(error), "was executed"));
    agdb_error_free(error);
    expect_sql("SELECT 1", "1");
}

/* --- faults ---------------------------------------------------------------------------------- */

static void is_alive_after_the_backend_ended_is_false(void **state)
{
    (void)state;
    assert_true(agdb__conn_is_alive(g_conn));
    terminate_backend();
    assert_false(agdb__conn_is_alive(g_conn));
}

static void expect_ended(bool read_only)
{
    agdb_error_t *error;

    terminate_backend();
    error = expect_failure(&(agdb__statement_t){.sql = "SELECT 1", .read_only = read_only},
                           AGDB_E_LOST, AGDB_OUTCOME_REJECTED);
    assert_string_equal(agdb_error_sqlstate(error), "57P01");
    assert_true(agdb_error_is_retriable(error));
    agdb_error_free(error);
    assert_int_equal(agdb__conn_state(g_conn), AGDB__CONN_DEAD);
}

static void run_on_an_ended_backend_is_certainly_not_executed(void **state)
{
    (void)state;
    expect_ended(false);
}

/* The farewell answers the change of mode, which is ahead of the statement. */
static void run_on_an_ended_backend_with_a_change_of_mode_is_not_executed_either(void **state)
{
    (void)state;
    expect_ended(true);
}

static void send_then_ended_backend_is_rejected(void **state)
{
    const agdb__statement_t s = {.sql = "SELECT pg_sleep(60)", .max_bytes = 1u << 20};
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__conn_send(g_conn, &s, NULL), AGDB_OK);
    terminate_backend();
    assert_int_equal(drive(g_conn), AGDB__CONN_DEAD);
    assert_int_equal(agdb__conn_receive(g_conn, &rows, &error), AGDB_E_LOST);
    assert_string_equal(agdb_error_sqlstate(error), "57P01");
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_clear(&error);
}

static void expect_stopped(bool read_only)
{
    const agdb__statement_t s = {.sql = "SELECT 1", .max_bytes = 1u << 20, .read_only = read_only};
    const pid_t pid = agdb__conn_backend_pid(g_conn);
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;
    uint64_t start_us;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    start_us = agdb__now_us();
    assert_int_equal(agdb__conn_run(g_conn, &s, agdb__after_ms(start_us, 200), &rows, &error),
                     AGDB_E_TIMEOUT);
    assert_in_range(agdb__now_us() - start_us, 200000, 250000);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(agdb_error_is_retriable(error), read_only);
    assert_non_null(strstr(agdb_error_message(error), "no answer within"));
    agdb_error_clear(&error);
    assert_true(agdb__conn_can_be_left(g_conn)); /* somebody else may wait */
    assert_false(agdb__conn_is_clean(g_conn));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(drive(g_conn), AGDB__CONN_READY);
    assert_false(agdb__conn_forget(g_conn)); /* it was answered, not cancelled */
    assert_true(agdb__conn_is_clean(g_conn));
    expect_alone(g_conn, "SELECT 2", read_only, "2");
}

static void run_stopped_backend_ends_at_the_deadline_with_an_unknown_write(void **state)
{
    (void)state;
    expect_stopped(false);
}

static void run_stopped_backend_ends_at_the_deadline_with_a_retriable_read(void **state)
{
    (void)state;
    expect_stopped(true);
}

/* The server reads nothing: the end of a big statement stays here, and without its Sync nothing
 * happens. */
static void run_stopped_backend_with_unsent_rest_is_not_sent(void **state)
{
    static char big[32u << 20];
    const pid_t pid = agdb__conn_backend_pid(g_conn);
    agdb_value_t v = agdb_bytea(big, sizeof big);
    const agdb__statement_t s = {
        .sql = "SELECT length($1)", .params = &v, .nparams = 1, .max_bytes = 1u << 20};
    struct pg_result *rows = NULL;
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(agdb__conn_run(g_conn, &s, agdb__after_ms(agdb__now_us(), 300), &rows, &error),
                     AGDB_E_TIMEOUT);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    assert_true(agdb_error_is_retriable(error));
    agdb_error_clear(&error);
}

static void receive_without_a_statement_is_misuse(void **state)
{
    struct pg_result *rows = NULL;

    (void)state;
    assert_int_equal(agdb__conn_receive(g_conn, &rows, NULL), AGDB_E_MISUSE);
    assert_null(rows);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Connects and runs; whatever fails has a status and an outcome. */
static void live_a_short_life(void)
{
    static const char *const sql[] = {"SELECT $1::int + $20::int", "SELECT 1/0", "SELECT $1::int"};
    agdb__conn_t *conn = agdb__conn_open(&g_login, g_resolver, agdb__now_us(), soon_us());
    agdb_value_t v[20];
    size_t i;

    for (i = 0; i < 20; i++)
        v[i] = i == 0 || i == 19 ? agdb_int4(1) : agdb_typed(25, "x");
    if (conn != NULL && drive(conn) == AGDB__CONN_DEAD)
        assert_non_null(agdb__conn_error(conn));
    for (i = 0; conn != NULL && agdb__conn_state(conn) == AGDB__CONN_READY && i < 3; i++) {
        const agdb__statement_t s = {
            .sql = sql[i], .params = v, .nparams = i == 0 ? 20 : i == 2, .read_only = i != 0};
        struct pg_result *rows = NULL;
        agdb_error_t *error = NULL;
        if (run_on(conn, &s, &rows, &error) != AGDB_OK)
            assert_int_not_equal(agdb_error_outcome(error), AGDB_OUTCOME_NONE);
        PQclear(rows);
        agdb_error_free(error);
    }
    agdb__conn_close(conn);
}

static void open_and_run_each_allocation_failing_leaks_nothing(void **state)
{
    scarce_t scarce = {0, 0};
    const agdb_allocator_t allocator = scarce_allocator(&scarce);
    const agdb_allocator_t *before = agdb__alloc_enter(&allocator);
    int i;

    (void)state;
    for (i = 0; i == 0 || scarce.until < 0; i++) {
        scarce.until = i;
        live_a_short_life();
        assert_int_equal(scarce.alive, 0);
    }
    (void)agdb__alloc_enter(before);
    assert_in_range(i, 10, 1000); /* the last round had no failure */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONN_TEST(open_ready_connection_has_said_hello),
        CONN_TEST(open_hostile_environment_changes_nothing),
        CONN_TEST(open_refused_login_says_why),
        CONN_TEST(open_unstamped_server_is_refused_unless_allowed),
        CONN_TEST(open_each_expected_keyspace_is_required_or_not),
        CONN_TEST(open_stamped_server_must_be_the_expected_one),
        CONN_TEST(open_first_address_refusing_goes_on_to_the_second),
        CONN_TEST(open_first_address_silent_leaves_time_for_the_second),
        CONN_TEST(open_silent_server_ends_at_the_deadline),
        CONN_TEST(probe_asks_again_and_is_ready_again),
        CONN_TEST(run_ordinary_sql_with_untyped_and_typed_parameters),
        CONN_TEST(run_failing_statement_is_rejected_and_the_connection_stays),
        CONN_TEST(run_refused_parameters_are_not_sent),
        CONN_TEST(run_read_only_refuses_writes_and_switches_back),
        CONN_TEST(run_read_over_the_server_timeout_is_rejected),
        CONN_TEST(run_many_texts_evicts_the_oldest_and_stays_right),
        CONN_TEST(run_long_text_is_not_kept),
        CONN_TEST(run_after_deallocate_all_fails_once_and_is_prepared_again),
        CONN_TEST(run_after_alter_table_fails_once_and_is_prepared_again),
        CONN_TEST(run_session_statement_leaves_an_unclean_connection),
        CONN_TEST(run_statement_without_a_place_in_a_request_is_not_sent),
        CONN_TEST(run_over_max_rows_says_that_it_was_executed),
        CONN_TEST(run_over_max_bytes_gives_up_while_it_comes),
        CONN_TEST(run_over_max_bytes_at_the_end_keeps_the_connection),
        CONN_TEST(is_alive_after_the_backend_ended_is_false),
        CONN_TEST(run_on_an_ended_backend_is_certainly_not_executed),
        CONN_TEST(run_on_an_ended_backend_with_a_change_of_mode_is_not_executed_either),
        CONN_TEST(send_then_ended_backend_is_rejected),
        CONN_TEST(run_stopped_backend_ends_at_the_deadline_with_an_unknown_write),
        CONN_TEST(run_stopped_backend_ends_at_the_deadline_with_a_retriable_read),
        CONN_TEST(run_stopped_backend_with_unsent_rest_is_not_sent),
        CONN_TEST(receive_without_a_statement_is_misuse),
        cmocka_unit_test(open_and_run_each_allocation_failing_leaks_nothing),
    };

    return run_conn_tests(tests);
}
