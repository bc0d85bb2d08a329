/* One request at a time on a real cluster: targets, access, values, errors, limits, clean sessions.
 */
#include "base/clock.h"
#include "cluster.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static agdb_t *g_db;
static agdb_error_t *g_err;

static int open_client(void **state)
{
    (void)state;
    g_db = cluster_open(NULL);
    return 0;
}

static int close_client(void **state)
{
    (void)state;
    cluster_close(g_db);
    return 0;
}

static int clear_error(void **state)
{
    (void)state;
    agdb_error_clear(&g_err);
    return 0;
}

static void expect_answer(const agdb_request_t *request, const char *want)
{
    char *got = cluster_value(g_db, request);

    if (strcmp(got, want) != 0)
        fail_msg("%s: '%s', not '%s'", request->sql, got, want);
    free(got);
}

#define FAILS(status, ...)                                                                         \
    assert_int_equal(agdb_query(g_db, AGDB_REQUEST(__VA_ARGS__), NULL, &g_err), status)

/* --- values -------------------------------------------------------------------------------------
 */

static void ordinary_sql_takes_untyped_and_typed_values(void **state)
{
    static const unsigned char uuid[16] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0,
                                           0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};
    static const char *const words[] = {"a", NULL, "c,\"d\""};
    static const int64_t numbers[] = {1, -2, INT64_MIN};
    struct {
        const char *sql;
        agdb_value_t value;
        const char *want;
    } rows[] = {
        /* untyped: the server infers */
        {"SELECT date '2026-11-23' = $1", agdb_text("2026-11-23"), "t"},
        {"SELECT ($1::date + 7)::text", agdb_text("2026-11-23"), "2026-11-30"},
        {"SELECT date '2026-11-23' + $1::int", agdb_text("7"), "2026-11-30"},
        {"SELECT uuid '12345678-9abc-def0-1234-56789abcdef0' = $1",
         agdb_text("12345678-9ABC-def0-1234-56789abcdef0"), "t"},
        {"SELECT ($1::jsonb) ->> 'a'", agdb_text("{\"a\": [1, 2]}"), "[1, 2]"},
        {"SELECT left($1, 2)", agdb_text("agency"), "ag"},
        {"SELECT 0.1::numeric + $1", agdb_text("0.2"), "0.3"},
        {"SELECT 9007199254740993 + $1", agdb_text("1"), "9007199254740994"},
        {"SELECT $1 = ANY (ARRAY[1, 2, 3])", agdb_text("2"), "t"},
        {"SELECT 'b' = ANY ($1)", agdb_text("{a,b}"), "t"},
        {"SELECT inet '10.1.2.3' << $1", agdb_text("10.0.0.0/8"), "t"},
        {"SELECT interval '90 minutes' = $1", agdb_text("1:30"), "t"},
        {"SELECT timestamptz '2026-11-23 12:00+00' = $1", agdb_text("2026-11-23 07:00-05"), "t"},
        {"SELECT coalesce($1, 'none')", agdb_text(NULL), "none"},
        {"SELECT $1::text IS NULL", agdb_null(), "t"},
        {"SELECT length($1)", agdb_text_n("abcdef", 3), "3"},
        {"SELECT $1 || 'x'", agdb_text("it's; DROP TABLE students --"),
         "it's; DROP TABLE students --x"},
        /* typed */
        {"SELECT $1", agdb_int4(-7), "-7"},
        {"SELECT pg_typeof($1)", agdb_int4(1), "integer"},
        {"SELECT $1", agdb_int8(INT64_MIN), "-9223372036854775808"},
        {"SELECT $1", agdb_float8(0.1), "0.1"},
        {"SELECT $1", agdb_float8(1e300), "1e+300"},
        {"SELECT NOT $1", agdb_bool(false), "t"},
        {"SELECT $1", agdb_bytea("\0\1\xff", 3), "\\x0001ff"},
        {"SELECT octet_length($1)", agdb_bytea("", 0), "0"},
        {"SELECT $1", agdb_uuid(uuid), "12345678-9abc-def0-1234-56789abcdef0"},
        {"SELECT $1 ->> 'k'", agdb_json("{\"k\": \"v\"}"), "v"},
        {"SELECT $1", agdb_text_array(words, 3), "{a,NULL,\"c,\\\"d\\\"\"}"},
        {"SELECT cardinality($1)", agdb_text_array(words, 0), "0"},
        {"SELECT $1", agdb_int8_array(numbers, 3), "{1,-2,-9223372036854775808}"},
        {"SELECT pg_typeof($1)", agdb_typed(1082, "2026-11-23"), "date"},
        {"SELECT $1 + 1", agdb_typed(1700, "0.5"), "1.5"},
    };
    size_t i;
    size_t round;

    (void)state;
    for (round = 0; round < 3; round++) /* prepared from the second on */
        for (i = 0; i < AGDB_COUNT(rows); i++)
            expect_answer(AGDB_REQUEST(.key = agdb_key("epa"), .sql = rows[i].sql,
                                       .params = &rows[i].value, .nparams = 1, .access = AGDB_READ),
                          rows[i].want);
}

static void the_same_text_with_other_types_is_another_statement(void **state)
{
    (void)state;
    expect_answer(AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_typeof(coalesce($1, $1))",
                               AGDB_PARAMS(agdb_int8(1))),
                  "bigint");
    expect_answer(AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_typeof(coalesce($1, $1))",
                               AGDB_PARAMS(agdb_text("1"))),
                  "text");
}

static void values_that_cannot_be_sent_are_refused(void **state)
{
    (void)state;
    FAILS(AGDB_E_INVAL, .key = agdb_key("epa"), .sql = "SELECT $1",
          AGDB_PARAMS(agdb_text_n("a\0b", 3)));
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_NOT_SENT);
    FAILS(AGDB_E_SERVER, .key = agdb_key("epa"), .sql = "SELECT length($1)",
          AGDB_PARAMS(agdb_text("\xff\xfe")), .access = AGDB_READ);
    assert_string_equal(agdb_error_sqlstate(g_err), "22021");
}

/* --- targets ------------------------------------------------------------------------------------
 */

static void a_request_without_a_target_is_refused_where_it_matters(void **state)
{
    (void)state;
    FAILS(AGDB_E_NO_TARGET, .sql = "SELECT 1");
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_NOT_SENT);
    assert_int_equal(agdb_error_stage(g_err), AGDB_STAGE_ROUTE);
    expect_answer(AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT current_database()"),
                  "notification");
    FAILS(AGDB_E_INVAL, .key = agdb_key("epa"), .shard = "east-1", .sql = "SELECT 1");
    FAILS(AGDB_E_INVAL, .shard = "nowhere", .sql = "SELECT 1");
    FAILS(AGDB_E_INVAL, .keyspace = "nowhere", .sql = "SELECT 1");
    FAILS(AGDB_E_INVAL, .key = agdb_bytes("", 0), .sql = "SELECT 1");
    FAILS(AGDB_E_INVAL, .key = agdb_key("epa"));
}

static void keys_go_where_the_route_says(void **state)
{
    static const char *const keys[] = {"epa", "cdc", "fema", "noaa", "us/ca/dph", "usgs", "nasa"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(keys); i++) {
        agdb_route_info_t route = {.struct_size = sizeof route};
        agdb_result_t *res = NULL;
        cluster_node_t primary;
        char port[16];

        assert_int_equal(agdb_route(g_db, NULL, agdb_key(keys[i]), &route, NULL), AGDB_OK);
        assert_int_equal(
            agdb_query(g_db,
                       AGDB_REQUEST(.key = agdb_key(keys[i]), .sql = "SELECT inet_server_port()"),
                       &res, NULL),
            AGDB_OK);
        primary = cluster_node("core", route.shard, "primary");
        snprintf(port, sizeof port, "%d", primary.port);
        assert_string_equal(agdb_result_shard(res), route.shard);
        assert_string_equal(agdb_result_node(res), primary.name);
        assert_string_equal(agdb_result_text(res, 0, 0), port);
        agdb_result_free(res);
    }
}

static void a_pin_beats_the_slot_and_a_frozen_agency_only_reads(void **state)
{
    agdb_route_info_t route = {.struct_size = sizeof route};

    (void)state;
    assert_int_equal(agdb_route(g_db, "core", agdb_key("fema"), &route, NULL), AGDB_OK);
    assert_true(route.pinned);
    FAILS(AGDB_E_FROZEN, .key = agdb_key("nara"), .sql = "SELECT 1");
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_NOT_SENT);
    expect_answer(AGDB_REQUEST(.key = agdb_key("nara"), .sql = "SELECT 1", .access = AGDB_READ),
                  "1");
}

/* --- access -------------------------------------------------------------------------------------
 */

static void reads_may_go_to_a_replica_and_cannot_write(void **state)
{
    agdb_result_t *res = NULL;

    (void)state;
    assert_int_equal(
        agdb_query(g_db,
                   AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_is_in_recovery()",
                                .access = AGDB_READ_REPLICA_OK),
                   &res, &g_err),
        AGDB_OK);
    assert_string_equal(agdb_result_text(res, 0, 0), "t");
    assert_int_equal(agdb_result_role(res), AGDB_ROLE_REPLICA);
    agdb_result_free(res);
    expect_answer(AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT pg_is_in_recovery()",
                               .access = AGDB_READ_REPLICA_OK),
                  "f"); /* no replica: the primary */
    FAILS(AGDB_E_SERVER, .key = agdb_key("epa"), .sql = "CREATE TABLE never (a int)",
          .access = AGDB_READ);
    assert_string_equal(agdb_error_sqlstate(g_err), "25006");
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    FAILS(AGDB_E_SERVER, .key = agdb_key("epa"), .sql = "CREATE TABLE never (a int)",
          .access = AGDB_READ_REPLICA_OK);
    assert_string_equal(agdb_error_sqlstate(g_err), "25006");
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "CREATE TABLE once (a int)"));
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "DROP TABLE once"));
}

/* --- errors -------------------------------------------------------------------------------------
 */

static void server_errors_carry_all_fields(void **state)
{
    (void)state;
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"),
                                  .sql = "CREATE TABLE IF NOT EXISTS q_unique (a int CONSTRAINT "
                                         "q_unique_key PRIMARY KEY)"));
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"),
                                  .sql = "INSERT INTO q_unique VALUES (1) ON CONFLICT DO NOTHING"));
    FAILS(AGDB_E_SERVER, .key = agdb_key("epa"), .sql = "INSERT INTO q_unique VALUES (1)");
    assert_string_equal(agdb_error_sqlstate(g_err), "23505");
    assert_string_equal(agdb_error_field(g_err, AGDB_FIELD_CONSTRAINT), "q_unique_key");
    assert_string_equal(agdb_error_field(g_err, AGDB_FIELD_TABLE), "q_unique");
    assert_true(agdb_error_field(g_err, AGDB_FIELD_DETAIL)[0] != '\0');
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_REJECTED);
    assert_int_equal(agdb_error_stage(g_err), AGDB_STAGE_EXECUTE);
    assert_true(agdb_error_shard(g_err)[0] != '\0');
    assert_true(agdb_error_node(g_err)[0] != '\0');
    assert_false(agdb_error_is_retriable(g_err));
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "DROP TABLE q_unique"));
}

static void a_slow_statement_ends_at_the_deadline(void **state)
{
    uint64_t start = agdb__now_us();

    (void)state;
    FAILS(AGDB_E_TIMEOUT, .key = agdb_key("epa"), .sql = "SELECT pg_sleep(5)", .timeout_ms = 200);
    assert_in_range(agdb__now_us() - start, 190000, 250000);
    assert_int_equal(agdb_error_stage(g_err), AGDB_STAGE_EXECUTE);
    assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_UNKNOWN);
    expect_answer(AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), "1");
}

static void an_abandoned_statement_is_stopped_by_the_server(void **state)
{
    const char *sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(59)%'"
                      " AND pid <> pg_backend_pid() AND state = 'active'";
    uint64_t until = agdb__after_ms(agdb__now_us(), 10000);
    bool gone = false;

    (void)state;
    FAILS(AGDB_E_TIMEOUT, .key = agdb_key("epa"), .sql = "SELECT pg_sleep(59)", .timeout_ms = 100);
    while (!gone && agdb__now_us() < until) {
        char *count = cluster_value(
            g_db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = sql, .access = AGDB_READ));
        gone = strcmp(count, "0") == 0;
        free(count);
    }
    assert_true(gone);
}

static void results_over_their_limits_are_refused(void **state)
{
    (void)state;
    FAILS(AGDB_E_TOO_BIG, .key = agdb_key("epa"), .sql = "SELECT generate_series(1, 11)",
          .access = AGDB_READ, .max_rows = 10);
    expect_answer(AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT generate_series(1, 10)",
                               .access = AGDB_READ, .max_rows = 10),
                  "1");
    FAILS(AGDB_E_TOO_BIG, .key = agdb_key("epa"),
          .sql = "SELECT repeat('x', 1000) FROM generate_series(1, 100000)", .access = AGDB_READ,
          .max_bytes = 1 << 20);
    expect_answer(AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), "1");
}

/* --- clean sessions -----------------------------------------------------------------------------
 */

static void session_state_does_not_reach_the_next_caller(void **state)
{
    static const char *const residue[] = {
        "SET search_path = pg_catalog",
        "SET ROLE NONE",
        "SET statement_timeout = 1",
        "SELECT set_config('work_mem', '99MB', false)",
        "SET TIME ZONE 'Pacific/Auckland'",
        "SET bytea_output = 'escape'",
        "CREATE TEMP TABLE left_behind (a int)",
        "SELECT 1 AS a INTO TEMP left_behind_too",
        "SELECT pg_advisory_lock(4711)",
        "PREPARE left_behind AS SELECT 1",
        "SET default_transaction_read_only = on",
        "DO $$ BEGIN PERFORM set_config('my.x', 'poison', false); END $$",
    };
    static const char *const probe =
        "SELECT current_setting('search_path') || current_setting('statement_timeout') ||"
        " current_setting('work_mem') || current_setting('TimeZone') ||"
        " current_setting('bytea_output') || current_setting('default_transaction_read_only') ||"
        " coalesce(current_setting('my.x', true), '') ||"
        " (SELECT count(*) FROM pg_class WHERE relname LIKE 'left_behind%' AND"
        "  pg_table_is_visible(oid)) || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        "  AND pid = pg_backend_pid()) ||"
        " (SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'left%')";
    char *clean = cluster_value(g_db, AGDB_REQUEST(.keyspace = "notification", .sql = probe));
    size_t i;
    size_t n;

    (void)state;
    for (i = 0; i < AGDB_COUNT(residue); i++) {
        cluster_do(g_db, AGDB_REQUEST(.keyspace = "notification", .sql = residue[i]));
        for (n = 0; n < 10; n++)
            expect_answer(AGDB_REQUEST(.keyspace = "notification", .sql = probe), clean);
    }
    free(clean);
}

static void what_has_no_place_in_a_request_is_refused(void **state)
{
    static const char *const refused[] = {"BEGIN",
                                          "COMMIT",
                                          "ROLLBACK",
                                          "SAVEPOINT a",
                                          "LISTEN a",
                                          "COPY pg_class TO STDOUT",
                                          "START TRANSACTION",
                                          "-- x\n /* y */ begin"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(refused); i++) {
        agdb_status_t st =
            agdb_query(g_db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = refused[i]), NULL, &g_err);

        if (st != AGDB_E_UNSUPPORTED)
            fail_msg("%s: %s", refused[i], agdb_status_name(st));
        assert_int_equal(agdb_error_outcome(g_err), AGDB_OUTCOME_NOT_SENT);
    }
    FAILS(AGDB_E_SERVER, .key = agdb_key("epa"), .sql = "SELECT 1; SELECT 2");
    assert_string_equal(agdb_error_sqlstate(g_err), "42601"); /* one statement */
}

static void statements_survive_a_change_of_the_table(void **state)
{
    const agdb_request_t *read =
        AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT * FROM q_plan");

    (void)state;
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"),
                                  .sql = "CREATE TABLE IF NOT EXISTS q_plan AS SELECT 1 AS a"));
    expect_answer(read, "1");
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"),
                                  .sql = "ALTER TABLE q_plan ALTER a TYPE text USING a || '!'"));
    expect_answer(read, "1!");
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "DROP TABLE q_plan"));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_teardown(test, clear_error)
    const struct CMUnitTest tests[] = {
        CASE(ordinary_sql_takes_untyped_and_typed_values),
        CASE(the_same_text_with_other_types_is_another_statement),
        CASE(values_that_cannot_be_sent_are_refused),
        CASE(a_request_without_a_target_is_refused_where_it_matters),
        CASE(keys_go_where_the_route_says),
        CASE(a_pin_beats_the_slot_and_a_frozen_agency_only_reads),
        CASE(reads_may_go_to_a_replica_and_cannot_write),
        CASE(server_errors_carry_all_fields),
        CASE(a_slow_statement_ends_at_the_deadline),
        CASE(an_abandoned_statement_is_stopped_by_the_server),
        CASE(results_over_their_limits_are_refused),
        CASE(session_state_does_not_reach_the_next_caller),
        CASE(what_has_no_place_in_a_request_is_refused),
        CASE(statements_survive_a_change_of_the_table),
    };
    return cmocka_run_group_tests(tests, open_client, close_client);
}
