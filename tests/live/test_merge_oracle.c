/* Random queries over random rows on six shards, each compared with one database that holds all the
 * rows: equal, or refused where it has to be. The same seed asks the same again. */
#include "base/clock.h"
#include "base/rng.h"
#include "exec/order.h"
#include "legs.h"
#include "unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEGS = 6, QUERIES = 5000, QUERIES_OF_A_SET = 50, ROWS_MAX = 120, WISHES_MAX = 6 };

/* --- columns ---------------------------------------------------------------------------------- */

typedef enum trait {
    ORDERED = 1, /* the library knows its order */
    SUMMED = 2,  /* and adds it up */
    LOOSE = 4,   /* equal values have several texts: which of them is shown is nobody's promise */
    TEXT = 8,    /* min and max need a word */
    INEXACT = 16 /* the server adds it up, the library does not */
} trait_t;

typedef struct column {
    const char *name;
    const char *type;
    unsigned traits;
    const char *values[12]; /* a few, so that many rows are equal */
} column_t;

static const column_t k_columns[] = {
    {"b", "bool", ORDERED, {"true", "false"}},
    {"i2", "int2", ORDERED | SUMMED, {"-32768", "-7", "0", "3", "12", "32767"}},
    {"i4", "int4", ORDERED | SUMMED, {"-2147483648", "-10", "-9", "0", "9", "10", "2147483647"}},
    {"i8",
     "int8",
     ORDERED | SUMMED,
     {"-9223372036854775807", "-100", "-99", "0", "7", "1000000007", "9223372036854775807"}},
    {"o", "oid", ORDERED, {"0", "9", "10", "4000000000"}},
    {"n",
     "numeric",
     ORDERED | SUMMED | LOOSE,
     {"0", "0.00", "1", "1.0", "1.10", "-1.1", "9999", "10000.0001", "-0.000000000000000000012345",
      "123456789012345678901234567890.12", "-99999999999999999999999", "33.333"}},
    {"s",
     "numeric",
     ORDERED | SUMMED,
     {"'NaN'", "'Infinity'", "'-Infinity'", "2", "3", "5", "7", "11"}},
    {"m", "numeric(12,3)", ORDERED | SUMMED, {"0", "1.5", "-1.5", "2.25", "999999.999", "0.001"}},
    {"f4",
     "float4",
     ORDERED | LOOSE | INEXACT,
     {"0", "'-0'", "1.5", "-1e-20", "1e30", "'NaN'", "0.1"}},
    {"f8",
     "float8",
     ORDERED | LOOSE | INEXACT,
     {"0", "'-0'", "1e-300", "1e300", "'-Infinity'", "'Infinity'", "'NaN'", "0.1", "0.3", "1e15"}},
    {"t",
     "text COLLATE \"C\"",
     ORDERED | TEXT,
     {"''", "'a'", "'B'", "'b'", "' '", "'ab'", "U&'\\00e4'", "U&'\\20ac'", "'a b'", "'Z'"}},
    {"v", "varchar(9) COLLATE \"C\"", ORDERED | TEXT, {"''", "'x'", "'X '", "'x '", "'xy'", "'_'"}},
    {"c", "char(4) COLLATE \"C\"", ORDERED | TEXT, {"''", "'p'", "'P'", "'pq'", "'p q'", "'!'"}},
    {"d",
     "date",
     ORDERED,
     {"'2026-11-23'", "'2024-02-29'", "'0044-03-15 BC'", "'infinity'", "'-infinity'",
      "'10000-01-01'", "'1999-12-31'"}},
    {"ts",
     "timestamp",
     ORDERED,
     {"'2026-11-23 10:00'", "'2026-11-23 10:00:00.5'", "'0044-03-15 01:02:03 BC'", "'infinity'",
      "'20000-01-01'", "'1970-01-01'"}},
    {"tz",
     "timestamptz",
     ORDERED,
     {"'2026-11-23 10:00+00'", "'2026-11-23 10:00+05'", "'2026-11-23 09:59:59.999999+00'",
      "'0001-01-01 BC'", "'-infinity'", "'2026-06-01 00:00-07'"}},
    {"tm", "time", ORDERED, {"'00:00'", "'24:00'", "'10:00:00.25'", "'10:00:00.3'", "'09:59:59'"}},
    {"u",
     "uuid",
     ORDERED,
     {"'00000000-0000-0000-0000-000000000000'", "'a0000000-0000-0000-0000-000000000001'",
      "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'0fffffff-ffff-ffff-ffff-ffffffffffff'"}},
    {"y", "bytea", ORDERED, {"'\\x'", "'\\x00'", "'\\x0001'", "'\\xff'", "'\\x7f'", "'\\x80'"}},
    {"j", "jsonb", 0, {"'1'", "'{}'", "'[1]'"}},
    {"iv", "interval", LOOSE | INEXACT, {"'1 day'", "'24 hours'", "'0'", "'-3 months'"}},
};

enum { COLUMNS = AGDB_COUNT(k_columns) };

/* --- chance ----------------------------------------------------------------------------------- */

static agdb__rng_t g_rng;

static size_t below(size_t n)
{
    return (size_t)(agdb__rng_next(&g_rng) % n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static const column_t *any_column(unsigned traits, unsigned percent_of_others)
{
    const bool others = chance(percent_of_others);
    const column_t *c;

    do
        c = &k_columns[below(COLUMNS)];
    while ((c->traits & traits) != traits && !others);
    return c;
}

/* --- texts ------------------------------------------------------------------------------------ */

typedef struct text {
    char *data;
    size_t len;
    size_t room;
} text_t;

static void say(text_t *text, const char *format, ...) AGDB_PRINTF(2, 3);

static void say(text_t *text, const char *format, ...)
{
    va_list args;
    int n;

    if (text->room - text->len < 4096) {
        text->room = text->room * 2 + 8192;
        text->data = realloc(text->data, text->room);
        assert_non_null(text->data);
    }
    va_start(args, format);
    n = vsnprintf(text->data + text->len, text->room - text->len, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < text->room - text->len);
    text->len += (size_t)n;
}

static void forget(text_t *text)
{
    text->len = 0;
    say(text, "%s", "");
}

/* --- the data --------------------------------------------------------------------------------- */

static agdb_t *g_db;
static PGconn *g_leg[LEGS];
static PGconn *g_whole;
static char g_key[LEGS][16];
static text_t g_insert[LEGS + 1];

static void exec(PGconn *pg, const char *sql)
{
    PGresult *res = PQexec(pg, sql);

    if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%.2000s: %s", sql, PQerrorMessage(pg));
    PQclear(res);
}

static void make_tables(PGconn *pg)
{
    text_t sql = {NULL, 0, 0};
    size_t i;

    exec(pg, "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET extra_float_digits = 1;"
             "SET synchronous_commit = off; SET client_min_messages = warning;"
             "DROP TABLE IF EXISTS t");
    say(&sql, "CREATE TABLE t (id int4, leg int4");
    for (i = 0; i < COLUMNS; i++)
        say(&sql, ", %s %s", k_columns[i].name, k_columns[i].type);
    say(&sql, ")");
    exec(pg, sql.data);
    free(sql.data);
}

static const char *any_value(const column_t *c)
{
    size_t n = 0;

    while (n < 12 && c->values[n] != NULL)
        n++;
    return chance(20) ? "NULL" : c->values[below(n)];
}

/* One row, for its shard and for the whole. */
static void say_row(size_t id, size_t leg)
{
    text_t row = {NULL, 0, 0};
    size_t i;

    say(&row, "(%zu, %zu", id, leg);
    for (i = 0; i < COLUMNS; i++)
        say(&row, ", %s", any_value(&k_columns[i]));
    for (i = 0; i < 2; i++) {
        text_t *insert = &g_insert[i == 0 ? leg : LEGS];

        say(insert, "%s%s)", insert->len == 0 ? "TRUNCATE t; INSERT INTO t VALUES " : ", ",
            row.data);
    }
    free(row.data);
}

/* Rows are spread as it comes: some shards may have none. */
static void make_rows(void)
{
    const size_t rows = below(ROWS_MAX);
    const size_t used = 1 + below(LEGS);
    size_t i;

    for (i = 0; i <= LEGS; i++)
        g_insert[i].len = 0;
    for (i = 0; i < rows; i++)
        say_row(i, below(used));
    for (i = 0; i < LEGS; i++)
        exec(g_leg[i], g_insert[i].len > 0 ? g_insert[i].data : "TRUNCATE t");
    exec(g_whole, g_insert[LEGS].len > 0 ? g_insert[LEGS].data : "TRUNCATE t");
}

static void find_keys(void)
{
    size_t found = 0;
    unsigned i;

    for (i = 0; found < LEGS; i++) {
        agdb_route_info_t info = {.struct_size = sizeof info};
        char key[16];
        size_t leg;

        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(agdb_route(g_db, NULL, agdb_key(key), &info, NULL), AGDB_OK);
        leg = (size_t)strtoul(info.shard + 1, NULL, 10);
        if (g_key[leg][0] == '\0') {
            memcpy(g_key[leg], key, sizeof key);
            found++;
        }
    }
}

/* --- one query -------------------------------------------------------------------------------- */

typedef struct query {
    text_t ours;
    text_t theirs;
    text_t where; /* of the whole: the shards that are asked */
    agdb_merge_t merge;
    agdb_order_by_t order[WISHES_MAX];
    agdb_combine_t combine[2 * WISHES_MAX];
    agdb__order_t loose[2 * WISHES_MAX]; /* of each column: not NONE when it is */
    bool may_be_refused;
    bool must_be_refused;
    agdb_bytes_t keys[LEGS];
    size_t nkeys;
} query_t;

static query_t g_query;

static const char *any_filter(void)
{
    static const char *const filters[] = {"i4 > 0", "b",      "id % 3 = 1",      "n IS NOT NULL",
                                          "false",  "f8 < 1", "d > '2000-01-01'"};

    return filters[below(AGDB_COUNT(filters))];
}

/* Some of the shards, or all. */
static void choose_targets(query_t *q)
{
    size_t i;

    q->nkeys = 0;
    forget(&q->where);
    say(&q->where, " WHERE leg IN (-1");
    for (i = 0; i < LEGS; i++)
        if (chance(80)) {
            q->keys[q->nkeys++] = agdb_key(g_key[i]);
            say(&q->where, ", %zu", i);
        }
    say(&q->where, ")");
}

static void say_filter(query_t *q)
{
    const char *filter = chance(30) ? any_filter() : "true";

    say(&q->ours, " FROM t WHERE %s", filter);
    say(&q->theirs, " FROM t%s AND %s", q->where.data, filter);
}

static agdb__order_t order_of(const column_t *c)
{
    return (c->traits & LOOSE) != 0 ? AGDB__ORDER_NUMBER : AGDB__ORDER_NONE;
}

static void say_both(query_t *q, const char *text)
{
    say(&q->ours, "%s", text);
    say(&q->theirs, "%s", text);
}

/* LIMIT of the shards is what the merge needs at most. */
static void say_window(query_t *q, bool pushed)
{
    if (chance(40))
        q->merge.limit = 1 + below(40);
    if (chance(30))
        q->merge.offset = below(20);
    if (q->merge.limit != 0)
        say(&q->theirs, " LIMIT %zu", (size_t)q->merge.limit);
    if (pushed && q->merge.limit != 0 && chance(60))
        say(&q->ours, " LIMIT %zu", (size_t)(q->merge.limit + q->merge.offset));
    say(&q->theirs, " OFFSET %zu", (size_t)q->merge.offset);
}

static void ask_concat(query_t *q)
{
    say_both(q, "SELECT *");
    say_filter(q);
    say(&q->ours, " ORDER BY id");
    say(&q->theirs, " ORDER BY leg, id");
    say_window(q, true);
}

static void say_key(query_t *q, size_t i, const column_t *c, bool foreign)
{
    agdb_order_by_t *by = &q->order[i];
    const char *nulls = "";

    *by = (agdb_order_by_t){.descending = chance(40)};
    if (chance(50))
        by->name = c->name;
    else
        by->column = i;
    if (chance(40)) {
        by->nulls = chance(50) ? AGDB_NULLS_FIRST : AGDB_NULLS_LAST;
        nulls = by->nulls == AGDB_NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST";
    }
    say(&q->ours, "%s%s%s%s%s", i > 0 ? ", " : "", c->name, foreign ? " COLLATE \"en-x-icu\"" : "",
        by->descending ? " DESC" : "", nulls);
    say(&q->theirs, "%s%s%s%s", i > 0 ? ", " : "", c->name, by->descending ? " DESC" : "", nulls);
}

/* Columns are selected in the order of the keys; with `id` each row has its own place. */
static void ask_ordered(query_t *q)
{
    static const column_t id = {"id", "int4", ORDERED, {NULL}};
    const column_t *key[WISHES_MAX];
    const size_t n = 1 + below(3);
    const bool unique = chance(70);
    bool foreign = false;
    size_t i;

    say_both(q, "SELECT ");
    for (i = 0; i < n + (unique ? 1 : 0); i++) {
        key[i] = i < n ? any_column(ORDERED, 4) : &id;
        say_both(q, i > 0 ? ", " : "");
        say_both(q, key[i]->name);
        q->loose[i] = unique ? AGDB__ORDER_NONE : order_of(key[i]);
        q->must_be_refused |= (key[i]->traits & ORDERED) == 0;
    }
    if (unique)
        say_both(q, ", t.*");
    say_filter(q);
    say_both(q, " ORDER BY ");
    for (i = 0; i < n + (unique ? 1 : 0); i++) {
        const bool here = (key[i]->traits & TEXT) != 0 && chance(5);

        foreign |= here;
        say_key(q, i, key[i], here);
    }
    q->may_be_refused = foreign;
    q->merge.kind = AGDB_ORDERED;
    q->merge.order = q->order;
    q->merge.norder = i;
    say_window(q, !foreign);
}

static void say_call(query_t *q, const char *ours, const char *theirs, const column_t *c)
{
    say(&q->ours, "%s(%s)", ours, c->name);
    say(&q->theirs, "%s(%s)", theirs, c->name);
}

/* The count that an average needs follows it. */
static void say_aggregate(query_t *q, size_t *col)
{
    agdb_combine_t *how = &q->combine[*col];
    const column_t *c;

    say_both(q, *col > 0 ? ", " : "");
    switch (below(6)) {
    case 0:
        do
            c = any_column(SUMMED, 4);
        while ((c->traits & (SUMMED | INEXACT)) == 0); /* no sum() of these */
        q->must_be_refused |= (c->traits & SUMMED) == 0;
        how->how = AGDB_SUM;
        say_call(q, "sum", "sum", c);
        break;
    case 1:
        how->how = AGDB_COUNT;
        say_both(q, "count(*)");
        break;
    case 2:
        c = any_column(0, 0);
        how->how = AGDB_COUNT;
        say_call(q, "count", "count", c);
        break;
    case 3:
    case 4:
        do
            c = any_column(ORDERED, 0);
        while (strchr("buy", c->name[0]) != NULL); /* no min() of these */
        *how = (agdb_combine_t){.how = chance(50) ? AGDB_MIN : AGDB_MAX,
                                .by_bytes = (c->traits & TEXT) != 0 && chance(90)};
        q->must_be_refused |= (c->traits & TEXT) != 0 && !how->by_bytes;
        q->loose[*col] = order_of(c);
        say_call(q, how->how == AGDB_MIN ? "min" : "max", how->how == AGDB_MIN ? "min" : "max", c);
        break;
    default:
        c = any_column(SUMMED, 0);
        *how = (agdb_combine_t){.how = AGDB_AVG, .count = *col + 1};
        q->combine[*col + 1].how = AGDB_COUNT;
        say_call(q, "sum", "avg", c);
        say_both(q, ", ");
        say_call(q, "count", "count", c);
        ++*col;
        break;
    }
    ++*col;
}

static void ask_combine(query_t *q)
{
    const size_t groups = below(3);
    const size_t aggregates = 1 + below(3);
    size_t col = 0;
    size_t i;

    say_both(q, "SELECT ");
    for (; col < groups; col++) {
        const column_t *c = any_column(ORDERED, 3);

        say_both(q, col > 0 ? ", " : "");
        say_both(q, c->name);
        q->combine[col].how = AGDB_GROUP;
        q->loose[col] = order_of(c);
        q->must_be_refused |= (c->traits & ORDERED) == 0;
    }
    for (i = 0; i < aggregates; i++)
        say_aggregate(q, &col);
    say_filter(q);
    if (groups > 0) {
        say_both(q, groups == 1 ? " GROUP BY 1" : " GROUP BY 1, 2");
        say(&q->theirs, groups == 1 ? " ORDER BY 1" : " ORDER BY 1, 2");
    }
    q->merge.kind = AGDB_COMBINE;
    q->merge.combine = q->combine;
    q->merge.ncombine = col;
    say_window(q, false);
}

static void ask(query_t *q)
{
    size_t kind = below(10);

    forget(&q->ours);
    forget(&q->theirs);
    q->merge = AGDB_MERGE_INIT;
    memset(q->combine, 0, sizeof q->combine);
    memset(q->loose, 0, sizeof q->loose);
    q->may_be_refused = false;
    q->must_be_refused = false;
    do
        choose_targets(q);
    while (q->nkeys == 0);
    if (kind == 0)
        ask_concat(q);
    else if (kind < 5)
        ask_ordered(q);
    else
        ask_combine(q);
}

/* --- the judgement ---------------------------------------------------------------------------- */

static bool is_same(agdb__order_t loose, const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (strcmp(a, b) == 0)
        return true;
    return loose != AGDB__ORDER_NONE && agdb__order_compare(loose, (agdb__cell_t){a, strlen(a)},
                                                            (agdb__cell_t){b, strlen(b)}) == 0;
}

static void compare(const query_t *q, size_t number, const agdb_result_t *ours,
                    const PGresult *theirs)
{
    const size_t rows = (size_t)PQntuples(theirs);
    const size_t cols = (size_t)PQnfields(theirs);
    size_t i;
    size_t k;

    if (agdb_result_rows(ours) != rows || agdb_result_cols(ours) != cols)
        fail_msg("query %zu has %zu x %zu, not %zu x %zu\n%s\n%s", number, agdb_result_rows(ours),
                 agdb_result_cols(ours), rows, cols, q->ours.data, q->theirs.data);
    for (k = 0; k < cols; k++)
        if (agdb_result_column_oid(ours, k) != PQftype(theirs, (int)k))
            fail_msg("query %zu, column %zu: type %u, not %u\n%s\n%s", number, k,
                     agdb_result_column_oid(ours, k), PQftype(theirs, (int)k), q->ours.data,
                     q->theirs.data);
    for (i = 0; i < rows; i++)
        for (k = 0; k < cols; k++) {
            const char *a = agdb_result_text(ours, i, k);
            const char *b =
                PQgetisnull(theirs, (int)i, (int)k) ? NULL : PQgetvalue(theirs, (int)i, (int)k);
            const agdb__order_t loose = k < AGDB_COUNT(q->loose) ? q->loose[k] : AGDB__ORDER_NONE;

            if (!is_same(loose, a, b))
                fail_msg("query %zu, row %zu, column %zu: '%s', not '%s'\n%s\n%s", number, i, k,
                         a != NULL ? a : "NULL", b != NULL ? b : "NULL", q->ours.data,
                         q->theirs.data);
        }
}

/* True: refused. */
static bool run(const query_t *q, size_t number)
{
    agdb_error_t *error = NULL;
    agdb_result_t *ours = NULL;
    PGresult *theirs = PQexec(g_whole, q->theirs.data);
    const agdb_status_t st =
        agdb_query(g_db,
                   AGDB_REQUEST(.keys = q->keys, .nkeys = q->nkeys, .merge = &q->merge,
                                .access = AGDB_READ, .sql = q->ours.data, .timeout_ms = 20000),
                   &ours, &error);

    if (PQresultStatus(theirs) != PGRES_TUPLES_OK)
        fail_msg("query %zu: %s\n%s", number, PQerrorMessage(g_whole), q->theirs.data);
    if (st == AGDB_OK && !q->must_be_refused)
        compare(q, number, ours, theirs);
    else if (st != AGDB_E_MERGE || !(q->may_be_refused || q->must_be_refused))
        fail_msg("query %zu: %s %s\n%s", number, agdb_status_name(st), agdb_error_message(error),
                 q->ours.data);
    agdb_result_free(ours);
    agdb_error_clear(&error);
    PQclear(theirs);
    return st != AGDB_OK;
}

static size_t number_from(const char *name, size_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? (size_t)strtoull(text, NULL, 10) : otherwise;
}

static void every_answer_is_that_of_one_database(void **state)
{
    const size_t seed = number_from("AGDB_MERGE_SEED", (size_t)agdb__now_us());
    const size_t queries = number_from("AGDB_MERGE_QUERIES", QUERIES);
    size_t refused = 0;
    size_t i;

    (void)state;
    print_message("AGDB_MERGE_SEED=%zu\n", seed);
    for (i = 0; i < queries; i++) {
        g_rng.state = seed + i * 1000003;
        if (i % QUERIES_OF_A_SET == 0)
            make_rows();
        ask(&g_query);
        refused += run(&g_query, i) ? 1 : 0;
    }
    print_message("%zu queries: %zu equal, %zu refused (%.1f %%)\n", queries, queries - refused,
                  refused, 100.0 * (double)refused / (double)queries);
    assert_true(refused * 10 <= queries * 3);
    assert_true(refused > 0 || queries < 100);
}

static int set_up(void **state)
{
    size_t i;

    (void)state;
    legs_make(LEGS + 1);
    g_db = legs_open(LEGS, "");
    for (i = 0; i < LEGS; i++) {
        g_leg[i] = legs_direct(i);
        make_tables(g_leg[i]);
    }
    g_whole = legs_direct(LEGS);
    make_tables(g_whole);
    find_keys();
    return 0;
}

static int tear_down(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < LEGS; i++)
        PQfinish(g_leg[i]);
    PQfinish(g_whole);
    for (i = 0; i <= LEGS; i++)
        free(g_insert[i].data);
    free(g_query.ours.data);
    free(g_query.theirs.data);
    free(g_query.where.data);
    cluster_close(g_db);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_that_of_one_database),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
