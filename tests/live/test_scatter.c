/* One statement on several shards: targets, merges, policies, writes, each way to call. */
#include "agencydb/libpq.h"
#include "base/clock.h"
#include "legs.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { LEGS = 4, ROWS = 100 };

static agdb_t *g_db;

static const char *const k_agencies[] = {"epa", "cdc",  "fema", "usda", "noaa",  "fda",
                                         "nih", "nasa", "irs",  "ssa",  "us/ca", "o'hare"};

static size_t shard_of(const char *key)
{
    agdb_route_info_t info = {.struct_size = sizeof info};

    assert_int_equal(agdb_route(g_db, NULL, agdb_key(key), &info, NULL), AGDB_OK);
    return (size_t)strtoul(info.shard + 1, NULL, 10);
}

/* Each agency's rows are on its shard, its number in each. */
static void fill(void)
{
    size_t i;

    legs_do(LEGS, "DROP TABLE IF EXISTS reading; CREATE TABLE reading (agency text COLLATE \"C\", "
                  "n int4, big int8, v numeric, at timestamptz, f float8)");
    for (i = 0; i < AGDB_COUNT(k_agencies); i++) {
        PGconn *pg = legs_direct(shard_of(k_agencies[i]));
        char *quoted = PQescapeLiteral(pg, k_agencies[i], strlen(k_agencies[i]));

        direct_do(pg,
                  "INSERT INTO reading SELECT %s, g, g * 1000000007::int8, g / 7.0, "
                  "'2026-01-01'::timestamptz + g * interval '1 hour', g / 3.0 "
                  "FROM generate_series(1, %d) g",
                  quoted, ROWS);
        PQfreemem(quoted);
        PQfinish(pg);
    }
}

static int open_all(void **state)
{
    (void)state;
    g_db = legs_open(LEGS, "");
    fill();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_close(g_db);
    return 0;
}

static agdb_result_t *run_ok(const agdb_request_t *request)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    if (agdb_query(g_db, request, &res, &error) != AGDB_OK)
        fail_msg("%s: %s", request->sql, agdb_error_message(error));
    return res;
}

static agdb_error_t *run_bad(const agdb_request_t *request, agdb_status_t expected)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    agdb_status_t st = agdb_query(g_db, request, &res, &error);

    if (st != expected)
        fail_msg("%s: %s %s", request->sql, agdb_status_name(st), agdb_error_message(error));
    assert_null(res);
    return error;
}

static void expect_invalid(const agdb_request_t *request, const char *text)
{
    agdb_error_t *error = run_bad(request, AGDB_E_INVAL);

    if (strstr(agdb_error_message(error), text) == NULL)
        fail_msg("'%s' says nothing of '%s'", agdb_error_message(error), text);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_clear(&error);
}

/* --- targets ---------------------------------------------------------------------------------- */

static void all_shards_answer_in_the_order_of_their_names(void **state)
{
    agdb_result_t *res = run_ok(AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ,
                                             .sql = "SELECT current_database(), 'x'"));
    size_t i;

    (void)state;
    assert_int_equal(agdb_result_rows(res), LEGS);
    assert_int_equal(agdb_result_leg_count(res), LEGS);
    assert_int_equal(agdb_result_affected(res), LEGS);
    assert_string_equal(agdb_result_shard(res), "");
    assert_int_equal(agdb_result_role(res), AGDB_ROLE_PRIMARY);
    assert_null(agdb_result_pgresult(res));
    for (i = 0; i < LEGS; i++) {
        const agdb_result_t *leg = agdb_result_leg(res, i);

        assert_string_equal(agdb_result_text(res, i, 0), agdb_shard_name(g_db, NULL, i));
        assert_string_equal(agdb_result_row_shard(res, i), agdb_shard_name(g_db, NULL, i));
        assert_string_equal(agdb_result_shard(leg), agdb_shard_name(g_db, NULL, i));
        assert_string_equal(agdb_result_text(leg, 0, 0), agdb_shard_name(g_db, NULL, i));
        assert_non_null(agdb_result_pgresult(leg));
    }
    assert_null(agdb_result_leg(res, LEGS));
    assert_string_equal(agdb_result_row_shard(res, LEGS), "");
    assert_null(agdb_result_text(res, LEGS, 0));
    agdb_result_free(res);
}

static void a_region_has_its_shards_only(void **state)
{
    agdb_result_t *res = run_ok(
        AGDB_REQUEST(.region = "west", .access = AGDB_READ, .sql = "SELECT current_database()"));

    (void)state;
    assert_int_equal(agdb_result_rows(res), LEGS / 2);
    assert_string_equal(agdb_result_text(res, 0, 0), "s1");
    assert_string_equal(agdb_result_text(res, 1, 0), "s3");
    agdb_result_free(res);
}

static void each_shard_is_asked_for_its_own_keys(void **state)
{
    static const char sql[] =
        "SELECT current_database(), array_to_string($1::text[], ' '), count(*)"
        " FROM reading WHERE agency = ANY($1)";
    agdb_bytes_t keys[AGDB_COUNT(k_agencies)];
    size_t expected[LEGS] = {0};
    agdb_result_t *res;
    size_t i;
    size_t legs = 0;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_agencies); i++) {
        keys[i] = agdb_key(k_agencies[i]);
        legs += expected[shard_of(k_agencies[i])]++ == 0 ? 1 : 0;
    }
    res = run_ok(AGDB_REQUEST(.keys = keys, .nkeys = AGDB_COUNT(k_agencies), .sql = sql,
                              AGDB_PARAMS(agdb_shard_keys()), .access = AGDB_READ));
    assert_int_equal(agdb_result_rows(res), legs);
    for (i = 0; i < legs; i++) {
        const size_t shard = (size_t)strtoul(agdb_result_text(res, i, 0) + 1, NULL, 10);

        assert_int_equal(strtoul(agdb_result_text(res, i, 2), NULL, 10), expected[shard] * ROWS);
    }
    agdb_result_free(res);
    /* of one shard: the ordinary way, with the key */
    res = run_ok(AGDB_REQUEST(.keys = keys, .nkeys = 1, .sql = sql, AGDB_PARAMS(agdb_shard_keys()),
                              .access = AGDB_READ));
    assert_int_equal(agdb_result_rows(res), 1);
    assert_string_equal(agdb_result_text(res, 0, 1), k_agencies[0]);
    agdb_result_free(res);
}

static void a_frozen_agency_among_the_keys_refuses_the_write(void **state)
{
    const agdb_bytes_t keys[] = {agdb_key("epa"), agdb_key("nara")};
    agdb_t *db = cluster_open(NULL);
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb_query(db,
                                AGDB_REQUEST(.keys = keys, .nkeys = 2,
                                             .sql = "CREATE TABLE not_while_frozen (x int)"),
                                NULL, &error),
                     AGDB_E_FROZEN);
    assert_non_null(strstr(agdb_error_message(error), "nara"));
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_clear(&error);
    assert_int_equal(
        agdb_query(db,
                   AGDB_REQUEST(.keys = keys, .nkeys = 2, .access = AGDB_READ, .sql = "SELECT 1"),
                   NULL, NULL),
        AGDB_OK);
    cluster_close(db);
}

static void what_makes_no_sense_is_refused_before_it_is_sent(void **state)
{
    static const agdb_order_by_t by[] = {{.column = 0}};
    static const agdb_combine_t avg[] = {{.how = AGDB_AVG, .count = 1}, {.how = AGDB_SUM}};
    agdb_merge_t merge = AGDB_MERGE_INIT;
    const agdb_bytes_t key = agdb_key("epa");
    const agdb_bytes_t odd[] = {agdb_key("epa"), agdb_bytes("a\0b", 3)};
    const agdb_bytes_t empty[] = {agdb_key("epa"), agdb_key("")};

    (void)state;
    expect_invalid(AGDB_REQUEST(.key = key, .scope = AGDB_ALL, .sql = "SELECT 1"),
                   "two targets: .key and .scope");
    expect_invalid(AGDB_REQUEST(.keys = &key, .nkeys = 1, .region = "east", .sql = "SELECT 1"),
                   "two targets: .keys and .region");
    expect_invalid(AGDB_REQUEST(.keys = &key, .sql = "SELECT 1"), ".nkeys is 0");
    expect_invalid(AGDB_REQUEST(.nkeys = 1, .sql = "SELECT 1"), ".nkeys but no .keys");
    expect_invalid(AGDB_REQUEST(.keys = empty, .nkeys = 2, .sql = "SELECT 1"), "number 1");
    expect_invalid(AGDB_REQUEST(.region = "north", .sql = "SELECT 1"), "no shard of region");
    expect_invalid(AGDB_REQUEST(.scope = (agdb_scope_t)7, .sql = "SELECT 1"), "unknown .scope 7");
    expect_invalid(AGDB_REQUEST(.scope = AGDB_ALL, .partial = (agdb_partial_t)7, .sql = "SELECT 1"),
                   "unknown .partial 7");
    expect_invalid(
        AGDB_REQUEST(.keys = odd, .nkeys = 2, .sql = "SELECT $1", AGDB_PARAMS(agdb_shard_keys())),
        "key 1 is not UTF-8 text");
    expect_invalid(
        AGDB_REQUEST(.scope = AGDB_ALL, .sql = "SELECT $1", AGDB_PARAMS(agdb_shard_keys())),
        "needs a request with .keys");
    expect_invalid(AGDB_REQUEST(.key = key, .sql = "SELECT $1", AGDB_PARAMS(agdb_shard_keys())),
                   "needs a request with .keys");
    merge.kind = AGDB_ORDERED;
    expect_invalid(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .sql = "SELECT 1"), ".order");
    merge.kind = AGDB_COMBINE;
    expect_invalid(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .sql = "SELECT 1"), ".combine");
    merge.combine = avg;
    merge.ncombine = 2;
    expect_invalid(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .sql = "SELECT 1"), "AGDB_AVG");
    merge.kind = AGDB_CONCAT;
    expect_invalid(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .sql = "SELECT 1"),
                   ".combine is of AGDB_COMBINE only");
    merge = AGDB_MERGE_INIT;
    merge.order = by;
    merge.norder = 1;
    expect_invalid(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .sql = "SELECT 1"),
                   ".order is of AGDB_ORDERED only");
    merge.struct_size = 3;
    expect_invalid(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .sql = "SELECT 1"),
                   "struct_size");
}

/* --- merges ----------------------------------------------------------------------------------- */

static void ordered_rows_are_those_of_one_database(void **state)
{
    static const agdb_order_by_t by[] = {{.name = "at", .descending = true}, {.name = "agency"}};
    const agdb_merge_t merge = {.struct_size = sizeof merge,
                                .kind = AGDB_ORDERED,
                                .order = by,
                                .norder = 2,
                                .limit = 30,
                                .offset = 6};
    agdb_result_t *res = run_ok(
        AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                     .sql = "SELECT agency, at, n FROM reading ORDER BY at DESC, agency LIMIT 36"));
    size_t i;

    (void)state;
    assert_int_equal(agdb_result_rows(res), 30);
    for (i = 0; i < 30; i++) {
        const size_t place = i + 6;
        char n[8];

        snprintf(n, sizeof n, "%zu", ROWS - place / AGDB_COUNT(k_agencies));
        assert_string_equal(agdb_result_text(res, i, 2), n);
        if (i > 0 && strcmp(agdb_result_text(res, i - 1, 2), n) == 0)
            assert_true(strcmp(agdb_result_text(res, i - 1, 0), agdb_result_text(res, i, 0)) < 0);
        assert_int_equal(shard_of(agdb_result_text(res, i, 0)),
                         strtoul(agdb_result_row_shard(res, i) + 1, NULL, 10));
    }
    agdb_result_free(res);
}

static void a_leg_in_another_order_is_refused_with_the_remedy(void **state)
{
    static const agdb_order_by_t by[] = {{.name = "n"}};
    static const agdb_order_by_t name[] = {{.name = "x"}};
    agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = by, .norder = 1};
    agdb_error_t *error =
        run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                             .sql = "SELECT n FROM reading ORDER BY n DESC"),
                AGDB_E_MERGE);

    (void)state;
    assert_non_null(strstr(agdb_error_message(error), "column 'n'"));
    assert_non_null(strstr(agdb_error_message(error), "shard 's"));
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_RESULT);
    agdb_error_clear(&error);
    merge.order = name;
    error = run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                                 .sql = "SELECT x FROM (VALUES ('a'), ('B')) v(x)"),
                    AGDB_E_MERGE);
    assert_non_null(strstr(agdb_error_message(error), "COLLATE \"C\""));
    agdb_error_clear(&error);
    error = run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                                 .sql = "SELECT '{}'::jsonb AS x"),
                    AGDB_E_MERGE);
    assert_non_null(strstr(agdb_error_message(error), "jsonb"));
    agdb_error_clear(&error);
    error = run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
                                 .sql = "SELECT 1 AS y"),
                    AGDB_E_MERGE);
    assert_non_null(strstr(agdb_error_message(error), "no column 'x'"));
    agdb_error_clear(&error);
}

static void combined_groups_are_those_of_one_database(void **state)
{
    static const agdb_combine_t how[] = {{.how = AGDB_GROUP}, {.how = AGDB_SUM},
                                         {.how = AGDB_COUNT}, {.how = AGDB_MIN},
                                         {.how = AGDB_MAX},   {.how = AGDB_AVG, .count = 2}};
    const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_COMBINE, .combine = how, .ncombine = 6};
    static const char sql[] = "SELECT n %% 3 AS g, sum(big), count(n), min(at), max(v), %s(n) "
                              "FROM reading GROUP BY 1%s";
    char ours[256];
    char theirs[256];
    agdb_result_t *res;
    PGresult *all;
    PGconn *pg;
    size_t i;
    size_t k;

    (void)state;
    snprintf(ours, sizeof ours, sql, "sum", "");
    snprintf(theirs, sizeof theirs, sql, "avg", " ORDER BY 1");
    res =
        run_ok(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ, .sql = ours));
    pg = legs_direct(0);
    direct_do(pg,
              "CREATE TEMP TABLE reading AS SELECT n, n * 1000000007::int8 AS big, n / 7.0 AS v,"
              " '2026-01-01'::timestamptz + n * interval '1 hour' AS at"
              " FROM generate_series(1, %d) n, generate_series(1, %zu)",
              ROWS, AGDB_COUNT(k_agencies));
    direct_do(pg, "SET TimeZone = 'UTC'");
    all = PQexec(pg, theirs);
    assert_int_equal(PQntuples(all), 3);
    assert_int_equal(agdb_result_rows(res), 3);
    for (i = 0; i < 3; i++)
        for (k = 0; k < 6; k++)
            assert_string_equal(agdb_result_text(res, i, k), PQgetvalue(all, (int)i, (int)k));
    for (k = 0; k < 6; k++)
        assert_int_equal(agdb_result_column_oid(res, k), PQftype(all, (int)k));
    assert_string_equal(agdb_result_row_shard(res, 0), "");
    assert_int_equal(agdb_result_leg_count(res), LEGS);
    assert_int_equal(agdb_result_rows(agdb_result_leg(res, 1)), 0);
    assert_non_null(agdb_result_pgresult(res));
    agdb_result_free(res);
    PQclear(all);
    PQfinish(pg);
}

static void a_merge_holds_for_one_shard_too(void **state)
{
    static const agdb_combine_t how[] = {{.how = AGDB_AVG, .count = 1}, {.how = AGDB_COUNT}};
    const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_COMBINE, .combine = how, .ncombine = 2};
    agdb_result_t *res =
        run_ok(AGDB_REQUEST(.key = agdb_key("epa"), .merge = &merge, .access = AGDB_READ,
                            .sql = "SELECT sum(x), count(x) FROM (VALUES (1), (2),"
                                   " (NULL)) v(x)"));

    (void)state;
    assert_string_equal(agdb_result_text(res, 0, 0), "1.5000000000000000");
    assert_string_equal(agdb_result_text(res, 0, 1), "2");
    agdb_result_free(res);
}

static void what_cannot_be_combined_is_refused_with_the_reason(void **state)
{
    static const struct {
        agdb_combine_t how;
        const char *sql;
        const char *says;
    } rows[] = {
        {{.how = AGDB_SUM}, "SELECT sum(f) FROM reading", "sum(x::numeric)"},
        {{.how = AGDB_SUM}, "SELECT sum(n * interval '1 hour') FROM reading", "interval"},
        {{.how = AGDB_SUM}, "SELECT 9223372036854775807::int8", "out of the range of bigint"},
        {{.how = AGDB_SUM}, "SELECT 2147483647", "out of the range of integer"},
        {{.how = AGDB_COUNT}, "SELECT 'x'", "no count"},
        {{.how = AGDB_COUNT}, "SELECT NULL::int8", "that is no count"},
        {{.how = AGDB_MIN}, "SELECT min(agency) FROM reading", "COLLATE \"C\""},
        {{.how = AGDB_MAX}, "SELECT '1 hour'::interval", "interval"},
        {{.how = AGDB_GROUP}, "SELECT '{}'::jsonb", "jsonb"},
        {{.how = AGDB_GROUP}, "SELECT 1, 2", "2 columns, .combine is of 1"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        const agdb_merge_t merge = {.struct_size = sizeof merge,
                                    .kind = AGDB_COMBINE,
                                    .combine = &rows[i].how,
                                    .ncombine = 1};
        agdb_error_t *error = run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge,
                                                   .access = AGDB_READ, .sql = rows[i].sql),
                                      AGDB_E_MERGE);

        if (strstr(agdb_error_message(error), rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].sql, agdb_error_message(error));
        agdb_error_clear(&error);
    }
}

static void columns_that_differ_name_both_shards(void **state)
{
    agdb_error_t *error;

    (void)state;
    legs_do(LEGS, "DROP TABLE IF EXISTS odd; CREATE TABLE odd (x int4)");
    legs_do(1, "DROP TABLE odd; CREATE TABLE odd (x text)");
    error =
        run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .sql = "SELECT x FROM odd"),
                AGDB_E_MERGE);
    assert_non_null(strstr(agdb_error_message(error), "'s0'"));
    assert_non_null(strstr(agdb_error_message(error), "'s1'"));
    assert_non_null(strstr(agdb_error_message(error), "column 'x'"));
    agdb_error_clear(&error);
}

/* --- limits and policies ---------------------------------------------------------------------- */

static void limits_are_for_all_shards_together(void **state)
{
    static const char sql[] = "SELECT n FROM generate_series(1, 10) n";
    agdb_error_t *error;
    agdb_result_t *res = run_ok(
        AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .max_rows = 10 * LEGS, .sql = sql));

    (void)state;
    agdb_result_free(res);
    error = run_bad(
        AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .max_rows = 10 * LEGS - 1, .sql = sql),
        AGDB_E_TOO_BIG);
    assert_non_null(strstr(agdb_error_message(error), "together"));
    agdb_error_clear(&error);
    error = run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .max_bytes = 300000,
                                 .sql = "SELECT repeat('x', 100000)"),
                    AGDB_E_TOO_BIG);
    agdb_error_clear(&error);
}

/* Fails at s2 only. */
static const char k_fails[] = "SELECT 1 / (current_database() <> 's2')::int";

static void a_failed_shard_is_a_child_of_the_error(void **state)
{
    agdb_error_t *error = run_bad(
        AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .sql = k_fails), AGDB_E_SERVER);

    (void)state;
    assert_int_equal(agdb_error_child_count(error), 1);
    assert_string_equal(agdb_error_shard(agdb_error_child(error, 0)), "s2");
    assert_string_equal(agdb_error_sqlstate(error), "22012");
    assert_non_null(strstr(agdb_error_message(error), "1 of 4 shards failed (s2)"));
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_REJECTED);
    agdb_error_clear(&error);
}

static void partial_ok_has_result_and_error(void **state)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    (void)state;
    assert_int_equal(agdb_query(g_db,
                                AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ,
                                             .partial = AGDB_PARTIAL_OK, .sql = k_fails),
                                &res, &error),
                     AGDB_E_PARTIAL);
    assert_int_equal(agdb_error_status(error), AGDB_E_PARTIAL);
    assert_int_equal(agdb_error_child_count(error), 1);
    assert_int_equal(agdb_result_rows(res), LEGS - 1);
    assert_int_equal(agdb_result_leg_count(res), LEGS - 1);
    assert_int_equal(agdb_result_failure_count(res), 1);
    assert_string_equal(agdb_error_shard(agdb_result_failure(res, 0)), "s2");
    assert_null(agdb_result_failure(res, 1));
    assert_string_equal(agdb_result_row_shard(res, 2), "s3");
    agdb_result_free(res);
    agdb_error_clear(&error);
    /* all of them */
    error = run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .partial = AGDB_PARTIAL_OK,
                                 .sql = "SELECT 1/0"),
                    AGDB_E_SERVER);
    assert_int_equal(agdb_error_child_count(error), LEGS);
    agdb_error_clear(&error);
}

static void an_early_failure_ends_the_others(void **state)
{
    static const char sql[] =
        "SELECT CASE current_database() WHEN 's2' THEN 1 / (random() < 0)::int"
        " ELSE length(pg_sleep(3)::text) END /* ended */";
    const uint64_t start = agdb__now_us();
    agdb_error_t *error = run_bad(AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .sql = sql,
                                               .timeout_ms = 10000, .alone = true),
                                  AGDB_E_SERVER);
    PGconn *pg = legs_direct(0);
    int tries = 0;

    (void)state;
    assert_true(agdb__now_us() - start < 1500000);
    assert_int_equal(agdb_error_child_count(error), 1);
    agdb_error_clear(&error);
    while (direct_number(pg, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid "
                             "<> pg_backend_pid() AND query LIKE '%%/* ended */'") > 0 &&
           tries++ < 100)
        direct_do(pg, "SELECT pg_sleep(0.01)");
    assert_true(tries < 100); /* cancelled at their servers, not run for 3 s */
    PQfinish(pg);
}

/* --- writes ----------------------------------------------------------------------------------- */

static void a_write_to_all_shards_has_one_outcome_each(void **state)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res;
    size_t i;

    (void)state;
    legs_do(LEGS, "DROP TABLE IF EXISTS done; CREATE TABLE done (x int4 CHECK (x > 0 OR "
                  "current_database() <> 's2'))");
    res = run_ok(AGDB_REQUEST(.scope = AGDB_ALL, .sql = "INSERT INTO done VALUES (1), (2)"));
    assert_int_equal(agdb_result_affected(res), 2 * LEGS);
    for (i = 0; i < LEGS; i++)
        assert_int_equal(agdb_result_affected(agdb_result_leg(res, i)), 2);
    agdb_result_free(res);
    error = run_bad(
        AGDB_REQUEST(.scope = AGDB_ALL, .sql = "INSERT INTO done VALUES (0)", .alone = true),
        AGDB_E_PARTIAL);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_UNKNOWN);
    assert_false(agdb_error_is_retriable(error));
    for (i = 0; i < LEGS; i++) {
        const agdb_error_t *child = NULL;
        PGconn *pg = legs_direct(i);
        const long long zeros = direct_number(pg, "SELECT count(*) FROM done WHERE x = 0");
        size_t k;

        for (k = 0; k < agdb_error_child_count(error); k++)
            if (strcmp(agdb_error_shard(agdb_error_child(error, k)),
                       agdb_shard_name(g_db, NULL, i)) == 0)
                child = agdb_error_child(error, k);
        assert_int_equal(zeros, child == NULL ? 1 : 0); /* what is not a child was done */
        if (i == 2)
            assert_int_equal(agdb_error_outcome(child), AGDB_OUTCOME_REJECTED);
        PQfinish(pg);
    }
    agdb_error_clear(&error);
}

static void a_session_sees_the_writes_of_all_shards(void **state)
{
    agdb_session_t *session = NULL;
    char text[AGDB_SESSION_TEXT_MAX];
    agdb_result_t *res;

    (void)state;
    assert_int_equal(agdb_session_new(&session, NULL), AGDB_OK);
    legs_do(LEGS, "DROP TABLE IF EXISTS seen; CREATE TABLE seen (x int4)");
    res = run_ok(
        AGDB_REQUEST(.scope = AGDB_ALL, .sql = "INSERT INTO seen VALUES (1)", .session = session));
    agdb_result_free(res);
    assert_true(agdb_session_text(session, text, sizeof text) > 0);
    res = run_ok(AGDB_REQUEST(.scope = AGDB_ALL, .sql = "SELECT x FROM seen", .session = session,
                              .access = AGDB_READ_SESSION));
    assert_int_equal(agdb_result_rows(res), LEGS);
    agdb_result_free(res);
    agdb_session_free(session);
}

/* --- the other ways to call ------------------------------------------------------------------- */

static void many_takes_scatters_among_others(void **state)
{
    agdb_request_t request[4] = {AGDB_REQUEST_INIT, AGDB_REQUEST_INIT, AGDB_REQUEST_INIT,
                                 AGDB_REQUEST_INIT};
    const agdb_request_t *pointer[4] = {&request[0], &request[1], &request[2], &request[3]};
    agdb_result_t *res[4];
    agdb_error_t *error[4] = {NULL};
    size_t i;

    (void)state;
    for (i = 0; i < 4; i++) {
        request[i].scope = AGDB_ALL;
        request[i].access = AGDB_READ;
        request[i].sql = "SELECT current_database()";
    }
    request[1].scope = AGDB_ONE;
    request[1].shard = "s1";
    request[2].sql = k_fails;
    request[2].partial = AGDB_PARTIAL_OK;
    request[3].sql = k_fails;
    assert_int_equal(agdb_query_many(g_db, pointer, 4, 5000, res, error, NULL), AGDB_E_PARTIAL);
    assert_int_equal(agdb_result_rows(res[0]), LEGS);
    assert_null(error[0]);
    assert_int_equal(agdb_result_rows(res[1]), 1);
    assert_null(error[1]);
    assert_int_equal(agdb_result_rows(res[2]), LEGS - 1);
    assert_int_equal(agdb_error_status(error[2]), AGDB_E_PARTIAL);
    assert_null(res[3]);
    assert_int_equal(agdb_error_status(error[3]), AGDB_E_SERVER);
    for (i = 0; i < 4; i++) {
        agdb_result_free(res[i]);
        agdb_error_clear(&error[i]);
    }
}

typedef struct end {
    unsigned calls;
    agdb_status_t status;
    size_t rows;
    size_t children;
} end_t;

static void note_end(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    end_t *end = user;

    end->calls++;
    end->status = status;
    end->rows = agdb_result_rows(result);
    end->children = agdb_error_child_count(error);
    agdb_result_free(result);
    agdb_error_free(error);
}

static void submitted_scatters_are_called_back_once(void **state)
{
    static const agdb_order_by_t by[] = {{.name = "n"}};
    const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = by, .norder = 1, .limit = 7};
    end_t end[5] = {{0}};
    agdb_loop_t *loop = NULL;
    uint64_t id = 0;
    int tries;

    (void)state;
    assert_int_equal(agdb_loop_open(g_db, NULL, &loop, NULL), AGDB_OK);
    assert_int_equal(
        agdb_submit(loop,
                    AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .merge = &merge,
                                 .sql = "SELECT n FROM reading ORDER BY n"),
                    note_end, &end[0], NULL, NULL),
        AGDB_OK);
    assert_int_equal(agdb_submit(loop,
                                 AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ,
                                              .partial = AGDB_PARTIAL_OK, .sql = k_fails),
                                 note_end, &end[1], NULL, NULL),
                     AGDB_OK);
    assert_int_equal(
        agdb_submit(loop, AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ, .sql = k_fails),
                    note_end, &end[2], NULL, NULL),
        AGDB_OK);
    assert_int_equal(agdb_submit(loop,
                                 AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ,
                                              .sql = "SELECT pg_sleep(5)", .alone = true),
                                 note_end, &end[3], &id, NULL),
                     AGDB_OK);
    for (tries = 0; agdb_loop_outstanding(loop) > 1 && tries < 80; tries++)
        assert_int_equal(agdb_loop_run(loop, 50, NULL), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_loop_outstanding(loop), 1);
    assert_true(agdb_cancel(loop, id));
    assert_false(end[3].calls > 0);
    assert_int_equal(agdb_loop_run(loop, 5000, NULL), AGDB_OK);
    assert_int_equal(agdb_submit(loop,
                                 AGDB_REQUEST(.scope = AGDB_ALL, .access = AGDB_READ,
                                              .sql = "SELECT pg_sleep(5)", .alone = true),
                                 note_end, &end[4], NULL, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_loop_dispatch(loop, NULL), AGDB_OK);
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    assert_int_equal(end[0].status, AGDB_OK);
    assert_int_equal(end[0].rows, 7);
    assert_int_equal(end[1].status, AGDB_E_PARTIAL);
    assert_int_equal(end[1].rows, LEGS - 1);
    assert_int_equal(end[1].children, 1);
    assert_int_equal(end[2].status, AGDB_E_SERVER);
    assert_int_equal(end[2].rows, 0);
    assert_int_equal(end[3].status, AGDB_E_CANCELLED);
    assert_int_equal(end[4].status, AGDB_E_CLOSING);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(end[i].calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shards_answer_in_the_order_of_their_names),
        cmocka_unit_test(a_region_has_its_shards_only),
        cmocka_unit_test(each_shard_is_asked_for_its_own_keys),
        cmocka_unit_test(a_frozen_agency_among_the_keys_refuses_the_write),
        cmocka_unit_test(what_makes_no_sense_is_refused_before_it_is_sent),
        cmocka_unit_test(ordered_rows_are_those_of_one_database),
        cmocka_unit_test(a_leg_in_another_order_is_refused_with_the_remedy),
        cmocka_unit_test(combined_groups_are_those_of_one_database),
        cmocka_unit_test(a_merge_holds_for_one_shard_too),
        cmocka_unit_test(what_cannot_be_combined_is_refused_with_the_reason),
        cmocka_unit_test(columns_that_differ_name_both_shards),
        cmocka_unit_test(limits_are_for_all_shards_together),
        cmocka_unit_test(a_failed_shard_is_a_child_of_the_error),
        cmocka_unit_test(partial_ok_has_result_and_error),
        cmocka_unit_test(an_early_failure_ends_the_others),
        cmocka_unit_test(a_write_to_all_shards_has_one_outcome_each),
        cmocka_unit_test(a_session_sees_the_writes_of_all_shards),
        cmocka_unit_test(many_takes_scatters_among_others),
        cmocka_unit_test(submitted_scatters_are_called_back_once),
    };

    return cmocka_run_group_tests(tests, open_all, close_all);
}
