/* Loads and unloads: agdb_copy_in_*, agdb_copy_out. */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "direct.h"
#include "proxy.h"
#include "unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AGENCIES = 50, SHARDS = 2 };

static PGconn *g_pg[SHARDS]; /* past the library: east-1, west-1 */
static const char *const k_shard[SHARDS] = {"east-1", "west-1"};

static int setup(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < SHARDS; i++) {
        cluster_node_t node = cluster_node("core", k_shard[i], "primary");

        g_pg[i] = direct_open(&node);
        direct_do(g_pg[i], "SET client_min_messages = warning; DROP TABLE IF EXISTS copy_row;"
                           "CREATE TABLE copy_row (agency text NOT NULL, n bigint PRIMARY KEY,"
                           " note text)");
    }
    return 0;
}

static int teardown(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < SHARDS; i++) {
        direct_do(g_pg[i], "DROP TABLE copy_row");
        PQfinish(g_pg[i]);
    }
    return 0;
}

/* --- data ---------------------------------------------------------------------------------------
 */

typedef struct text {
    char *data;
    size_t len;
    size_t room;
} text_t;

static void add(text_t *t, const void *data, size_t len)
{
    if (t->len + len + 1 > t->room) {
        t->room = 2 * (t->len + len + 1);
        t->data = realloc(t->data, t->room);
        assert_non_null(t->data);
    }
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

static void add_text(text_t *t, const char *text)
{
    add(t, text, strlen(text));
}

/* Numbers from `first` on, agencies in turn. */
static text_t rows_of(size_t first, size_t count)
{
    text_t t = {NULL, 0, 0};
    char line[96];
    size_t i;

    for (i = first; i < first + count; i++) {
        snprintf(line, sizeof line, "agency-%zu\t%zu\tnote\\t%zu of many\n", i % AGENCIES, i, i);
        add_text(&t, line);
    }
    return t;
}

static int shard_of(agdb_t *db, const char *key)
{
    agdb_route_info_t route = {.struct_size = sizeof route};

    assert_int_equal(agdb_route(db, NULL, agdb_key(key), &route, NULL), AGDB_OK);
    return strcmp(route.shard, "west-1") == 0;
}

static size_t expected_on(agdb_t *db, int shard, size_t first, size_t count)
{
    char key[32];
    size_t n = 0;
    size_t i;

    for (i = first; i < first + count; i++) {
        snprintf(key, sizeof key, "agency-%zu", i % AGENCIES);
        n += shard_of(db, key) == shard;
    }
    return n;
}

/* Every row is there once, on its own shard, as it was sent. */
static void expect_rows(agdb_t *db, size_t first, size_t count)
{
    int i;

    for (i = 0; i < SHARDS; i++) {
        assert_int_equal(direct_number(g_pg[i], "SELECT count(*) FROM copy_row"),
                         expected_on(db, i, first, count));
        assert_int_equal(direct_number(g_pg[i],
                                       "SELECT count(*) FROM copy_row WHERE note IS DISTINCT FROM"
                                       " E'note\\t' || n || ' of many'"
                                       " OR agency <> 'agency-' || n %% %d",
                                       AGENCIES),
                         0);
    }
}

static void empty(void)
{
    direct_do(g_pg[0], "TRUNCATE copy_row");
    direct_do(g_pg[1], "TRUNCATE copy_row");
}

/* --- loads --------------------------------------------------------------------------------------
 */

static const char *const k_columns[] = {"agency", "n", "note"};

static agdb_copy_options_t options(void)
{
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;

    o.table = "copy_row";
    o.columns = k_columns;
    o.ncolumns = AGDB_COUNT(k_columns);
    o.key_column = "agency";
    return o;
}

static agdb_copy_t *open_copy(agdb_t *db, const agdb_copy_options_t *o)
{
    agdb_error_t *error = NULL;
    agdb_copy_t *copy = NULL;

    if (agdb_copy_in_open(db, o, &copy, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return copy;
}

static agdb_status_t write_in_chunks(agdb_copy_t *copy, const text_t *t, size_t chunk,
                                     agdb_error_t **reterr)
{
    agdb_status_t st = AGDB_OK;
    size_t at;

    for (at = 0; at < t->len && st == AGDB_OK; at += chunk)
        st = agdb_copy_in_write(copy, t->data + at, t->len - at < chunk ? t->len - at : chunk,
                                reterr);
    return st;
}

static void must_write(agdb_copy_t *copy, const text_t *t, size_t chunk)
{
    agdb_error_t *error = NULL;

    if (write_in_chunks(copy, t, chunk, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
}

static void must_finish(agdb_copy_t *copy, agdb_copy_report_t **report)
{
    agdb_error_t *error = NULL;

    if (agdb_copy_in_finish(copy, report, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
}

static void load(agdb_t *db, const agdb_copy_options_t *o, const text_t *t, size_t chunk)
{
    agdb_copy_t *copy = open_copy(db, o);

    must_write(copy, t, chunk);
    must_finish(copy, NULL);
}

static agdb_copy_shard_t shard_in(const agdb_copy_report_t *report, size_t i)
{
    agdb_copy_shard_t shard = {.struct_size = sizeof shard};

    assert_true(agdb_copy_report_shard(report, i, &shard));
    assert_string_equal(shard.shard, k_shard[i]);
    return shard;
}

static bool take_out(const void *data, size_t len, void *user)
{
    add(user, data, len);
    return true;
}

static text_t unload(agdb_t *db, const agdb_copy_options_t *o)
{
    agdb_error_t *error = NULL;
    text_t t = {NULL, 0, 0};

    if (agdb_copy_out(db, o, take_out, &t, NULL, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return t;
}

/* --- formats ------------------------------------------------------------------------------------
 */

static void text_rows_arrive_however_they_are_cut(void **state)
{
    static const size_t chunk[] = {1, 7, 1000, 1 << 20};
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    text_t t = rows_of(0, 3000);
    size_t i;

    (void)state;
    o.commit_every = 700;
    for (i = 0; i < AGDB_COUNT(chunk); i++) {
        load(db, &o, &t, chunk[i]);
        expect_rows(db, 0, 3000);
        empty();
    }
    free(t.data);
    cluster_close(db);
}

static void csv_keeps_quotes_and_line_ends(void **state)
{
    static const char csv[] = "note,agency,n\r\n"
                              "\"one, \"\"two\"\"\r\nthree\",epa,1\r\n"
                              ",\"cdc\",2\r\n"
                              "\"\",us/ca/dph,3"; /* no line end */
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    text_t t = {NULL, 0, 0};
    text_t back;
    size_t chunk;

    (void)state;
    o.format = AGDB_COPY_CSV;
    o.header = true;
    o.columns = NULL;
    o.ncolumns = 0;
    add_text(&t, csv);
    for (chunk = 1; chunk < sizeof csv; chunk += 5) {
        char *text;

        load(db, &o, &t, chunk);
        text = direct_text(g_pg[shard_of(db, "epa")], "SELECT note FROM copy_row WHERE n = 1");
        assert_string_equal(text, "one, \"two\"\r\nthree");
        free(text);
        assert_int_equal(
            direct_number(g_pg[shard_of(db, "cdc")],
                          "SELECT count(*) FROM copy_row WHERE n = 2 AND note IS NULL"),
            1);
        assert_int_equal(direct_number(g_pg[shard_of(db, "us/ca/dph")],
                                       "SELECT count(*) FROM copy_row WHERE n = 3 AND note = ''"),
                         1);
        empty();
    }
    free(t.data);
    o = options();
    o.key_column = NULL;
    o.format = AGDB_COPY_CSV;
    o.header = true;
    back = unload(db, &o);
    assert_string_equal(back.data, "agency,n,note\n"); /* once, for two empty tables */
    free(back.data);
    cluster_close(db);
}

static void binary_goes_out_and_in_again(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t in = options();
    agdb_copy_options_t out = options();
    text_t t = rows_of(0, 2000);
    text_t binary;

    (void)state;
    load(db, &in, &t, 1 << 20);
    out.key_column = NULL;
    out.format = in.format = AGDB_COPY_BINARY;
    binary = unload(db, &out);
    empty();
    load(db, &in, &binary, 11);
    expect_rows(db, 0, 2000);
    empty();
    load(db, &in, &binary, 1 << 20);
    expect_rows(db, 0, 2000);
    free(binary.data);
    empty();
    binary = unload(db, &out); /* header and trailer only */
    assert_int_equal(binary.len, 21);
    load(db, &in, &binary, 4);
    free(binary.data);
    free(t.data);
    cluster_close(db);
}

static void a_row_may_come_with_its_key_beside_it(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    agdb_error_t *error = NULL;
    agdb_copy_t *copy;
    char row[64];
    size_t i;

    (void)state;
    o.key_column = NULL;
    copy = open_copy(db, &o);
    assert_int_equal(agdb_copy_in_write(copy, "x\n", 2, &error), AGDB_E_MISUSE);
    for (i = 0; i < 100; i++) {
        char key[32];

        snprintf(key, sizeof key, "agency-%zu", i % AGENCIES);
        snprintf(row, sizeof row, "%s\t%zu\tnote\\t%zu of many%s", key, i, i, i % 2 ? "\n" : "");
        if (agdb_copy_in_row(copy, agdb_key(key), row, strlen(row), &error) != AGDB_OK)
            fail_msg("%s", agdb_error_message(error));
    }
    must_finish(copy, NULL);
    expect_rows(db, 0, 100);
    agdb_error_clear(&error);
    cluster_close(db);
}

static void a_key_or_a_shard_or_all_go_out(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t in = options();
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;
    text_t t = rows_of(0, 5000);
    agdb_copy_report_t *report = NULL;
    text_t back;
    int i;

    (void)state;
    load(db, &in, &t, 4096);
    o.query = "SELECT n FROM copy_row WHERE agency = 'agency-7' ORDER BY n LIMIT 2";
    o.key = agdb_key("agency-7");
    back = unload(db, &o);
    assert_string_equal(back.data, "7\n57\n");
    free(back.data);
    o.key = agdb_bytes(NULL, 0);
    o.query = "SELECT count(*) FROM copy_row -- all of them";
    o.access = AGDB_READ_REPLICA_OK;
    for (i = 0; i < SHARDS; i++) {
        o.shard = k_shard[i];
        o.access = AGDB_READ;
        back = unload(db, &o);
        assert_int_equal(strtoul(back.data, NULL, 10), expected_on(db, i, 0, 5000));
        free(back.data);
    }
    o = options();
    o.key_column = NULL;
    back = (text_t){NULL, 0, 0};
    assert_int_equal(agdb_copy_out(db, &o, take_out, &back, &report, NULL), AGDB_OK);
    assert_int_equal(back.len, t.len);
    assert_int_equal(agdb_copy_report_rows(report), 5000);
    assert_int_equal(agdb_copy_report_bytes(report), t.len);
    assert_int_equal(shard_in(report, 0).rows, expected_on(db, 0, 0, 5000));
    assert_int_equal(shard_in(report, 1).rows, expected_on(db, 1, 0, 5000));
    agdb_copy_report_free(report);
    free(back.data);
    free(t.data);
    cluster_close(db);
}

/* --- refusals -----------------------------------------------------------------------------------
 */

static void out_refuses_what_writes_and_more_than_one_statement(void **state)
{
    static const char *const query[] = {
        "INSERT INTO copy_row VALUES ('x', 1) RETURNING n",
        "SELECT 1) TO STDOUT; DROP TABLE copy_row; COPY (SELECT 1",
        "SELECT 1 / (n - 4000) FROM generate_series(1, 5000) n", /* after it has begun */
    };
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(query); i++) {
        agdb_copy_report_t *report = NULL;
        agdb_error_t *error = NULL;
        text_t t = {NULL, 0, 0};

        o.query = query[i];
        assert_int_equal(agdb_copy_out(db, &o, take_out, &t, &report, &error), AGDB_E_SERVER);
        assert_string_equal(agdb_error_shard(error), "east-1");
        assert_int_equal(shard_in(report, 0).status, AGDB_E_SERVER);
        assert_int_equal(shard_in(report, 1).status, AGDB_OK);
        agdb_copy_report_free(report);
        agdb_error_clear(&error);
        free(t.data);
    }
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT count(*) FROM copy_row"));
    cluster_close(db);
}

static void a_wrong_row_is_named_and_the_ones_before_it_stay(void **state)
{
    static const char *const wrong[] = {"agency-1\\", "\\N\t1\tx\n", "\t1\tx\n",
                                        "agency-1\t1\\.\n"};
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(wrong); i++) {
        agdb_copy_report_t *report = NULL;
        agdb_error_t *error = NULL;
        agdb_copy_t *copy = open_copy(db, &o);
        text_t t = rows_of(0, 100);
        const size_t before = t.len;
        char byte[64];

        add_text(&t, wrong[i]);
        if (write_in_chunks(copy, &t, 33, &error) == AGDB_OK)
            assert_int_equal(i, 0); /* known at the end only */
        assert_int_equal(agdb_copy_in_finish(copy, &report, &error), AGDB_E_INVAL);
        assert_non_null(strstr(agdb_error_message(error), "row 101 of the input"));
        snprintf(byte, sizeof byte, "byte %zu ", before);
        assert_non_null(strstr(agdb_error_message(error), byte));
        assert_int_equal(agdb_copy_report_rows(report), 100);
        assert_int_equal(agdb_copy_report_bytes(report), before);
        expect_rows(db, 0, 100);
        empty();
        agdb_copy_report_free(report);
        agdb_error_clear(&error);
        free(t.data);
    }
    cluster_close(db);
}

static void a_frozen_agency_is_refused(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    agdb_copy_t *copy = open_copy(db, &o);
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb_copy_in_write(copy, "epa\t1\tx\nnara\t2\tx\n", 18, &error),
                     AGDB_E_FROZEN);
    assert_non_null(strstr(agdb_error_message(error), "row 2 "));
    assert_non_null(strstr(agdb_error_message(error), "'nara'"));
    assert_int_equal(agdb_copy_in_write(copy, "epa\t3\tx\n", 8, &error), AGDB_E_FROZEN);
    assert_int_equal(agdb_copy_in_finish(copy, NULL, &error), AGDB_E_FROZEN);
    assert_int_equal(direct_number(g_pg[shard_of(db, "epa")], "SELECT count(*) FROM copy_row"), 1);
    agdb_error_clear(&error);
    cluster_close(db);
}

/* --- one shard fails ----------------------------------------------------------------------------
 */

static void a_violated_constraint_stops_its_shard_only_and_the_rest_resumes(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    text_t t = rows_of(0, 20000);
    agdb_copy_report_t *report = NULL;
    agdb_error_t *error = NULL;
    agdb_copy_shard_t east, west;
    agdb_copy_t *copy;
    char name[64];
    size_t first;

    (void)state;
    direct_do(g_pg[1], "ALTER TABLE copy_row ADD CONSTRAINT few CHECK (n < 12000)");
    o.commit_every = 1000;
    copy = open_copy(db, &o);
    must_write(copy, &t, 5000);
    assert_int_equal(agdb_copy_in_finish(copy, &report, &error), AGDB_E_PARTIAL);
    assert_int_equal(agdb_error_child_count(error), 1);
    assert_string_equal(agdb_error_sqlstate(agdb_error_child(error, 0)), "23514");
    assert_string_equal(agdb_error_field(agdb_error_child(error, 0), AGDB_FIELD_CONSTRAINT), "few");
    for (first = 12000; expected_on(db, 1, first, 1) == 0; first++)
        ;
    snprintf(name, sizeof name, ": row %zu of the input: ERROR 23514", first + 1);
    assert_non_null(strstr(agdb_error_message(agdb_error_child(error, 0)), name));
    east = shard_in(report, 0);
    west = shard_in(report, 1);
    assert_int_equal(east.status, AGDB_OK);
    assert_int_equal(east.committed, expected_on(db, 0, 0, 20000));
    assert_int_equal(west.status, AGDB_E_SERVER);
    assert_int_equal(west.rows, expected_on(db, 1, 0, 20000));
    assert_int_equal(west.committed % 1000, 0);
    assert_int_equal(west.unknown, 0);
    assert_int_equal(west.committed, direct_number(g_pg[1], "SELECT count(*) FROM copy_row"));
    assert_int_equal(west.upto_row,
                     1 + direct_number(g_pg[1], "SELECT coalesce(max(n), -1) FROM copy_row"));
    agdb_error_clear(&error);

    direct_do(g_pg[1], "ALTER TABLE copy_row DROP CONSTRAINT few");
    o.resume = agdb_copy_report_resume(report);
    copy = open_copy(db, &o);
    agdb_copy_report_free(report);
    must_write(copy, &t, 777);
    must_finish(copy, &report);
    assert_int_equal(shard_in(report, 0).skipped, east.committed);
    assert_int_equal(shard_in(report, 0).committed, 0);
    assert_int_equal(shard_in(report, 1).skipped, west.committed);
    assert_int_equal(shard_in(report, 1).committed, west.rows - west.committed);
    expect_rows(db, 0, 20000);
    agdb_copy_report_free(report);
    free(t.data);
    cluster_close(db);
}

static void resume_refuses_another_input(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    text_t t = rows_of(0, 1000);
    text_t less = rows_of(0, 500);
    agdb_copy_report_t *report = NULL;
    agdb_error_t *error = NULL;
    agdb_copy_t *copy = open_copy(db, &o);

    (void)state;
    must_write(copy, &t, 5000);
    must_finish(copy, &report);
    o.resume = agdb_copy_report_resume(report);
    copy = open_copy(db, &o);
    must_write(copy, &less, 1000);
    assert_int_equal(agdb_copy_in_finish(copy, NULL, &error), AGDB_E_INVAL);
    o.key_column = "note";
    assert_int_equal(agdb_copy_in_open(db, &o, &copy, &error), AGDB_E_INVAL);
    o.key_column = "agency";
    o.resume = "agdb-copy 1 zz";
    assert_int_equal(agdb_copy_in_open(db, &o, &copy, &error), AGDB_E_INVAL);
    expect_rows(db, 0, 1000);
    agdb_copy_report_free(report);
    agdb_error_clear(&error);
    free(t.data);
    free(less.data);
    cluster_close(db);
}

static void a_killed_backend_is_reported_and_resumed(void **state)
{
    cluster_node_t node = cluster_node("core", "west-1", "primary");
    agdb_t *db = cluster_open(NULL);
    PGconn *admin = direct_open_admin(&node);
    agdb_copy_options_t o = options();
    text_t t = rows_of(0, 30000);
    int round;

    (void)state;
    o.commit_every = 1500;
    for (round = 0; round < 6; round++) {
        agdb_copy_report_t *report = NULL;
        agdb_error_t *error = NULL;
        agdb_copy_t *copy = open_copy(db, &o);
        agdb_status_t st;
        size_t at;
        int runs;

        for (at = 0; at < t.len; at += 20000) {
            if (at / 20000 == 10 + (size_t)round * 5)
                direct_do(admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                 " WHERE query LIKE '%%COPY \"copy_row\"%%'"
                                 " AND pid <> pg_backend_pid()");
            assert_int_equal(agdb_copy_in_write(copy, t.data + at,
                                                t.len - at < 20000 ? t.len - at : 20000, &error),
                             AGDB_OK);
        }
        st = agdb_copy_in_finish(copy, &report, &error);
        for (runs = 0; st != AGDB_OK && runs < 5; runs++) {
            agdb_copy_options_t again = o;
            agdb_copy_report_t *before = report;

            assert_int_equal(st, AGDB_E_PARTIAL);
            assert_int_equal(shard_in(report, 1).unknown, 0);
            assert_int_equal(shard_in(report, 1).committed,
                             direct_number(g_pg[1], "SELECT count(*) FROM copy_row"));
            again.resume = agdb_copy_report_resume(before);
            copy = open_copy(db, &again);
            must_write(copy, &t, 100000);
            st = agdb_copy_in_finish(copy, &report, &error);
            agdb_copy_report_free(before);
        }
        assert_int_equal(st, AGDB_OK);
        expect_rows(db, 0, 30000);
        empty();
        agdb_copy_report_free(report);
        agdb_error_clear(&error);
    }
    PQfinish(admin);
    free(t.data);
    cluster_close(db);
}

/* --- ends, limits -------------------------------------------------------------------------------
 */

static long long backend(agdb_t *db, const char *shard)
{
    char *text = cluster_value(db, AGDB_REQUEST(.shard = shard, .sql = "SELECT pg_backend_pid()"));
    const long long pid = strtoll(text, NULL, 10);

    free(text);
    return pid;
}

static void what_was_aborted_is_gone_and_its_connection_clean(void **state)
{
    agdb_t *db = cluster_open_core("pool: { min: 1, max: 1 }", "grouping: on", NULL);
    agdb_copy_options_t o = options();
    const long long east = backend(db, "east-1");
    const long long west = backend(db, "west-1");
    text_t t = rows_of(0, 8000);
    agdb_copy_report_t *report = NULL;
    agdb_copy_t *copy;
    int round;

    (void)state;
    for (round = 0; round < 3; round++) {
        copy = open_copy(db, &o);
        must_write(copy, &t, round == 0 ? 100 : 200000);
        assert_int_equal(agdb_copy_in_abort(copy, &report), AGDB_OK);
        assert_int_equal(shard_in(report, 0).committed, 0);
        agdb_copy_report_free(report);
        expect_rows(db, 0, 0);
        assert_int_equal(backend(db, "east-1"), east); /* the same one, and in order */
        assert_int_equal(backend(db, "west-1"), west);
    }
    load(db, &o, &t, 10000);
    assert_int_equal(backend(db, "east-1"), east);
    assert_int_equal(backend(db, "west-1"), west);
    o.key_column = NULL;
    o.query = NULL;
    free(unload(db, &o).data);
    assert_int_equal(backend(db, "east-1"), east);
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .access = AGDB_READ, .sql = "SELECT 1"));
    o.key_column = "agency";
    empty();
    load(db, &o, &t, 10000); /* on a connection that was reading */
    expect_rows(db, 0, 8000);
    assert_int_equal(backend(db, "east-1"), east);
    free(t.data);
    cluster_close(db);
}

/* Both shards without TLS, west-1 through a proxy. */
static agdb_t *open_through(proxy_t *proxy)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    agdb_error_t *error = NULL;
    char east[96], west[96];
    agdb_t *db;

    snprintf(east, sizeof east, "\"127.0.0.1:%d\"", node.port);
    snprintf(west, sizeof west, "\"127.0.0.1:%d\"", proxy_port(proxy));
    db = cluster_open_nodes("pool: { min: 1, max: 4 }", east, west, NULL);
    if (agdb_wait_ready(db, AGDB_READY_ALL, 20000, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static void a_server_that_stands_still_holds_nobody_for_long(void **state)
{
    cluster_node_t node = cluster_node("core", "west-1", "primary");
    proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)node.port, NULL, NULL);
    agdb_t *db = open_through(proxy);
    agdb_copy_options_t o = options();
    text_t t = rows_of(0, 60000);
    const text_t half = {t.data, t.len / 2, 0};
    const text_t rest = {t.data + t.len / 2, t.len - t.len / 2, 0};
    agdb_copy_report_t *report = NULL;
    agdb_error_t *error = NULL;
    agdb_copy_t *copy;
    uint64_t start;

    (void)state;
    o.timeout_ms = 2000; /* more than a busy machine takes for the other shard */
    copy = open_copy(db, &o);
    must_write(copy, &half, 100000);
    proxy_hold(proxy, true);
    start = agdb__now_us();
    must_write(copy, &rest, 100000);
    assert_int_equal(agdb_copy_in_finish(copy, &report, &error), AGDB_E_PARTIAL);
    assert_true(agdb__now_us() - start < 15000000);
    assert_int_equal(shard_in(report, 0).committed, expected_on(db, 0, 0, 60000));
    assert_int_equal(agdb_error_child_count(error), 1);
    assert_string_equal(agdb_error_shard(agdb_error_child(error, 0)), "west-1");
    proxy_hold(proxy, false);
    agdb_error_clear(&error);
    o.resume = agdb_copy_report_resume(report);
    o.timeout_ms = 20000;
    copy = open_copy(db, &o);
    must_write(copy, &t, 100000);
    must_finish(copy, NULL);
    expect_rows(db, 0, 60000);
    agdb_copy_report_free(report);
    free(t.data);
    cluster_close(db);
    proxy_stop(proxy);
}

/* Loses one message of the commit. */
typedef struct thief {
    proxy_way_t way;
    char type;
    const char *text; /* in it; NULL: any */
    atomic_uint left; /* to be lost still */
    bool shuts;       /* and nothing passes from then on, until told otherwise */
    atomic_bool shut;
} thief_t;

static proxy_verdict_t steal(void *user, const proxy_message_t *m)
{
    thief_t *t = user;

    if (atomic_load(&t->shut))
        return PROXY_SWALLOW;
    if (m->way != t->way || m->type != t->type || atomic_load(&t->left) == 0 ||
        (t->text != NULL && !proxy_message_has(m, t->text)))
        return PROXY_PASS;
    atomic_fetch_sub(&t->left, 1);
    atomic_store(&t->shut, t->shuts);
    return t->shuts ? PROXY_SWALLOW : PROXY_RESET;
}

static void a_commit_whose_answer_is_lost_is_asked_for(void **state)
{
    static const struct {
        thief_t thief;
        bool committed;
    } cases[] = {
        {{.way = PROXY_TO_CLIENT, .type = 'C', .text = "COPY 1000"}, true}, /* the answer */
        {{.way = PROXY_TO_SERVER, .type = 'c'}, false},                     /* the rows' end */
    };
    cluster_node_t node = cluster_node("core", "west-1", "primary");
    text_t t = rows_of(0, 20000);
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(cases); i++) {
        thief_t thief = {.way = cases[i].thief.way,
                         .type = cases[i].thief.type,
                         .text = cases[i].thief.text,
                         .left = 1};
        proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)node.port, steal, &thief);
        agdb_t *db = open_through(proxy);
        agdb_copy_options_t o = options();
        agdb_copy_report_t *report = NULL;
        agdb_error_t *error = NULL;
        agdb_copy_t *copy;
        agdb_status_t st;

        o.commit_every = 1000;
        copy = open_copy(db, &o);
        must_write(copy, &t, 50000);
        st = agdb_copy_in_finish(copy, &report, &error);
        assert_int_equal(atomic_load(&thief.left), 0);
        assert_int_equal(st, cases[i].committed ? AGDB_OK : AGDB_E_PARTIAL);
        assert_int_equal(shard_in(report, 1).unknown, 0);
        assert_int_equal(shard_in(report, 1).committed,
                         direct_number(g_pg[1], "SELECT count(*) FROM copy_row"));
        if (!cases[i].committed)
            assert_int_equal(agdb_error_outcome(agdb_error_child(error, 0)), AGDB_OUTCOME_REJECTED);
        o.resume = agdb_copy_report_resume(report);
        load(db, &o, &t, 50000);
        expect_rows(db, 0, 20000);
        empty();
        agdb_copy_report_free(report);
        agdb_error_clear(&error);
        cluster_close(db);
        proxy_stop(proxy);
    }
    free(t.data);
}

/* The server cannot be asked either: the next run does. */
static void a_doubt_goes_along_in_the_text(void **state)
{
    static const struct {
        proxy_way_t way;
        char type;
        const char *text;
    } lost[] = {{PROXY_TO_CLIENT, 'C', "COPY"}, {PROXY_TO_SERVER, 'c', NULL}};
    cluster_node_t node = cluster_node("core", "west-1", "primary");
    text_t t = rows_of(0, 3000);
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(lost); i++) {
        thief_t thief = {.way = lost[i].way,
                         .type = lost[i].type,
                         .text = lost[i].text,
                         .left = 1,
                         .shuts = true};
        proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)node.port, steal, &thief);
        agdb_t *db = open_through(proxy);
        agdb_copy_options_t o = options();
        agdb_copy_report_t *report = NULL;
        agdb_error_t *error = NULL;
        agdb_copy_shard_t west;
        agdb_copy_t *copy;

        o.timeout_ms = 400;
        copy = open_copy(db, &o);
        must_write(copy, &t, 50000);
        assert_int_equal(agdb_copy_in_finish(copy, &report, &error), AGDB_E_PARTIAL);
        west = shard_in(report, 1);
        assert_int_equal(west.status, AGDB_E_TIMEOUT);
        assert_int_equal(west.committed, 0);
        assert_int_equal(west.unknown, west.rows);
        assert_int_equal(agdb_error_outcome(west.error), AGDB_OUTCOME_UNKNOWN);
        assert_non_null(strstr(agdb_copy_report_resume(report), "west-1 0 0 or "));
        atomic_store(&thief.shut, false);
        o.resume = agdb_copy_report_resume(report);
        o.timeout_ms = 10000;
        copy = open_copy(db, &o);
        agdb_copy_report_free(report);
        must_write(copy, &t, 50000);
        must_finish(copy, &report);
        assert_int_equal(shard_in(report, 1).skipped, i == 0 ? west.rows : 0);
        expect_rows(db, 0, 3000);
        empty();
        agdb_copy_report_free(report);
        agdb_error_clear(&error);
        cluster_close(db);
        proxy_stop(proxy);
    }
    free(t.data);
}

typedef struct loader {
    agdb_t *db;
    text_t text;
    bool reversed;
} loader_t;

static void *run_loader(void *arg)
{
    loader_t *l = arg;
    agdb_copy_options_t o = options();

    o.commit_every = 500;
    load(l->db, &o, &l->text, l->reversed ? 1000 : 300000);
    return NULL;
}

/* Rows of east first, of west later, or the other way round: each holds what the other one wants.
 */
static text_t sorted_rows(agdb_t *db, size_t first, size_t count, int shard)
{
    text_t sorted = {NULL, 0, 0};
    int turn;
    size_t i;

    for (turn = 0; turn < SHARDS; turn++, shard = !shard)
        for (i = first; i < first + count; i++) {
            text_t row = rows_of(i, 1);

            row.data[strcspn(row.data, "\t")] = '\0';
            if (shard_of(db, row.data) == shard) {
                row.data[strlen(row.data)] = '\t';
                add(&sorted, row.data, row.len);
            }
            free(row.data);
        }
    return sorted;
}

static void two_loads_share_one_connection_of_each_shard(void **state)
{
    agdb_t *db = cluster_open_core("pool: { min: 1, max: 1 }", "grouping: on", NULL);
    loader_t l[2] = {{db, sorted_rows(db, 0, 6000, 0), false},
                     {db, sorted_rows(db, 6000, 6000, 1), true}};
    uint64_t start = agdb__now_us();
    pthread_t thread[2];
    int i;

    (void)state;
    for (i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_loader, &l[i]), 0);
    for (i = 0; i < 2; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_true(agdb__now_us() - start < 20000000); /* nobody's timeout is what has freed it */
    expect_rows(db, 0, 12000);
    free(l[0].text.data);
    free(l[1].text.data);
    cluster_close(db);
}

/* --- callbacks, closing, forks ------------------------------------------------------------------
 */

typedef struct watch {
    agdb_t *db;
    unsigned calls;
    uint64_t rows;
    agdb_status_t inside;
    bool stop;
} watch_t;

static bool on_progress(const agdb_copy_progress_t *p, void *user)
{
    watch_t *w = user;

    w->calls++;
    assert_true(p->rows >= w->rows);
    w->rows = p->rows;
    w->inside = agdb_query(w->db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"), NULL, NULL);
    return !w->stop;
}

static void progress_is_told_and_may_stop_it(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    watch_t w = {.db = db};
    text_t t = rows_of(0, 20000);
    agdb_copy_report_t *report = NULL;
    agdb_error_t *error = NULL;
    agdb_copy_t *copy;

    (void)state;
    o.progress = on_progress;
    o.progress_user = &w;
    load(db, &o, &t, 10000);
    assert_int_equal(w.rows, 20000);
    assert_int_equal(w.inside, AGDB_E_MISUSE);
    empty();
    w = (watch_t){.db = db, .stop = true};
    copy = open_copy(db, &o);
    assert_int_equal(write_in_chunks(copy, &t, 10000, &error), AGDB_E_CANCELLED);
    assert_int_not_equal(agdb_copy_in_finish(copy, &report, &error), AGDB_OK);
    assert_int_equal(shard_in(report, 0).committed,
                     direct_number(g_pg[0], "SELECT count(*) FROM copy_row"));
    agdb_copy_report_free(report);
    agdb_error_clear(&error);
    free(t.data);
    cluster_close(db);
}

static bool refuse(const void *data, size_t len, void *user)
{
    (void)data;
    *(size_t *)user += len;
    return false;
}

static void the_sink_may_stop(void **state)
{
    agdb_t *db = cluster_open_core("pool: { min: 1, max: 1 }", "grouping: on", NULL);
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;
    agdb_error_t *error = NULL;
    size_t had = 0;

    (void)state;
    o.query = "SELECT repeat('x', 100) FROM generate_series(1, 1000000)";
    assert_int_equal(agdb_copy_out(db, &o, refuse, &had, NULL, &error), AGDB_E_CANCELLED);
    assert_true(had > 0 && had < 1000000);
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    agdb_error_clear(&error);
    cluster_close(db);
}

static void a_client_that_closes_ends_its_loads(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    agdb_copy_t *copy = open_copy(db, &o);
    text_t t = rows_of(0, 5000);
    agdb_error_t *error = NULL;

    (void)state;
    must_write(copy, &t, 100000);
    assert_int_equal(agdb_close(db, 50), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_copy_in_write(copy, t.data, 10, &error), AGDB_E_CLOSING);
    assert_int_not_equal(agdb_copy_in_finish(copy, NULL, &error), AGDB_OK);
    agdb_error_clear(&error);
    free(t.data);
}

static void a_forked_child_touches_nothing(void **state)
{
    agdb_t *db = cluster_open(NULL);
    agdb_copy_options_t o = options();
    agdb_copy_t *copy = open_copy(db, &o);
    text_t t = rows_of(0, 5000);
    int status = 0;
    pid_t child;

    (void)state;
    must_write(copy, &t, 100000);
    child = fork();
    if (child == 0)
        _exit(agdb_copy_in_write(copy, "x", 1, NULL) == AGDB_E_FORKED &&
                      agdb_copy_in_finish(copy, NULL, NULL) == AGDB_E_FORKED &&
                      agdb_copy_in_abort(copy, NULL) == AGDB_E_FORKED &&
                      agdb_copy_out(db, &o, take_out, NULL, NULL, NULL) != AGDB_OK
                  ? 0
                  : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    must_finish(copy, NULL);
    expect_rows(db, 0, 5000);
    free(t.data);
    cluster_close(db);
}

#define COPY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COPY_TEST(text_rows_arrive_however_they_are_cut),
        COPY_TEST(csv_keeps_quotes_and_line_ends),
        COPY_TEST(binary_goes_out_and_in_again),
        COPY_TEST(a_row_may_come_with_its_key_beside_it),
        COPY_TEST(a_key_or_a_shard_or_all_go_out),
        COPY_TEST(out_refuses_what_writes_and_more_than_one_statement),
        COPY_TEST(a_wrong_row_is_named_and_the_ones_before_it_stay),
        COPY_TEST(a_frozen_agency_is_refused),
        COPY_TEST(a_violated_constraint_stops_its_shard_only_and_the_rest_resumes),
        COPY_TEST(resume_refuses_another_input),
        COPY_TEST(a_killed_backend_is_reported_and_resumed),
        COPY_TEST(what_was_aborted_is_gone_and_its_connection_clean),
        COPY_TEST(a_server_that_stands_still_holds_nobody_for_long),
        COPY_TEST(a_commit_whose_answer_is_lost_is_asked_for),
        COPY_TEST(a_doubt_goes_along_in_the_text),
        COPY_TEST(two_loads_share_one_connection_of_each_shard),
        COPY_TEST(progress_is_told_and_may_stop_it),
        COPY_TEST(the_sink_may_stop),
        COPY_TEST(a_client_that_closes_ends_its_loads),
        COPY_TEST(a_forked_child_touches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
