/* Streams of several shards: order, ends, failures, and connections held together. Each shard is a
 * database of its own on one server. Longer: AGDB_STREAM_ROWS=1000000 rows on each of the shards of
 * the last test, which measures. */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "legs.h"
#include "unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LEGS = 8, ROWS = 3000, PATIENCE_MS = 30000, MEASURED = 20000 };

#define ALL .scope = AGDB_ALL, .access = AGDB_READ, .timeout_ms = PATIENCE_MS

static const agdb_order_by_t k_by_n[] = {{.name = "n"}, {.name = "leg", .descending = true}};
static const agdb_merge_t k_ordered = {
    .struct_size = sizeof k_ordered, .kind = AGDB_ORDERED, .order = k_by_n, .norder = 2};
#define ORDERED "SELECT n, leg FROM flow ORDER BY n, leg DESC"

static agdb_t *g_db;

/* Row k of all is on one of the legs; every tenth number is there twice. */
static int open_all(void **state)
{
    size_t i;

    (void)state;
    g_db = legs_open(LEGS, "pool: { min: 1, max: 1 }\n  timeouts: { queue: 30s }");
    for (i = 0; i < LEGS; i++) {
        PGconn *pg = legs_direct(i);

        direct_do(pg,
                  "DROP TABLE IF EXISTS flow; CREATE TABLE flow (n int8, leg int4, d numeric);"
                  "INSERT INTO flow SELECT k - k %% 10 / 9, %d, 1.5 FROM"
                  " generate_series(0, %d) k WHERE hashint4(k) & 7 = %d",
                  (int)i, LEGS * ROWS - 1, (int)i);
        direct_do(pg, "CREATE INDEX ON flow (n, leg DESC); ANALYZE flow; GRANT SELECT ON flow TO"
                      " PUBLIC");
        PQfinish(pg);
    }
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    cluster_close(g_db);
    return 0;
}

static agdb_stream_t *open_on(agdb_t *db, const agdb_request_t *request)
{
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;

    if (agdb_stream_open(db, request, &stream, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return stream;
}

static int64_t number(const agdb_result_t *batch, size_t row, size_t col)
{
    agdb_error_t *error = NULL;
    int64_t n = 0;

    if (agdb_result_int64(batch, row, col, &n, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return n;
}

/* What was seen so far. */
typedef struct seen {
    uint64_t rows;
    uint64_t sum;
    int64_t n;
    int64_t leg;
    bool ordered; /* by n, leg DESC */
} seen_t;

static void see(seen_t *seen, const agdb_result_t *batch)
{
    size_t i;

    for (i = 0; i < agdb_result_rows(batch); i++) {
        const int64_t n = number(batch, i, 0);
        const int64_t leg = number(batch, i, 1);
        char name[8];

        snprintf(name, sizeof name, "s%d", (int)leg);
        assert_string_equal(agdb_result_row_shard(batch, i), name);
        if (seen->ordered && seen->rows > 0)
            assert_true(seen->n < n || (seen->n == n && seen->leg >= leg));
        seen->n = n;
        seen->leg = leg;
        seen->sum += (uint64_t)n;
        seen->rows++;
    }
}

static seen_t take(agdb_stream_t *stream, bool ordered, uint64_t most, agdb_error_t **ret_error)
{
    seen_t seen = {.ordered = ordered};
    agdb_result_t *batch = NULL;

    while (seen.rows < most && agdb_stream_next(stream, 0, &batch, ret_error) == AGDB_OK &&
           batch != NULL) {
        see(&seen, batch);
        agdb_result_free(batch);
    }
    return seen;
}

static seen_t take_ok(const agdb_request_t *request, bool ordered)
{
    agdb_stream_t *stream = open_on(g_db, request);
    agdb_error_t *error = NULL;
    seen_t seen = take(stream, ordered, UINT64_MAX, &error);

    if (error != NULL)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    return seen;
}

static uint64_t sum_of_all(void)
{
    uint64_t sum = 0;
    uint64_t k;

    for (k = 0; k < (uint64_t)LEGS * ROWS; k++)
        sum += k - k % 10 / 9;
    return sum;
}

/* --- merges --------------------------------------------------------------------------------------
 */

static void rows_of_all_shards_come_in_one_order(void **state)
{
    seen_t seen = take_ok(AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = ORDERED), true);

    (void)state;
    assert_int_equal(seen.rows, LEGS * ROWS);
    assert_int_equal(seen.sum, sum_of_all());
}

static void concatenated_rows_come_shard_after_shard(void **state)
{
    agdb_stream_t *stream = open_on(g_db, AGDB_REQUEST(ALL, .sql = "SELECT n, leg FROM flow"));
    agdb_result_t *batch = NULL;
    uint64_t rows = 0;
    int64_t leg = 0;

    (void)state;
    while (agdb_stream_next(stream, 0, &batch, NULL) == AGDB_OK && batch != NULL) {
        size_t i;

        for (i = 0; i < agdb_result_rows(batch); i++, rows++) {
            assert_true(number(batch, i, 1) >= leg);
            leg = number(batch, i, 1);
        }
        agdb_result_free(batch);
    }
    assert_int_equal(rows, LEGS * ROWS);
    assert_int_equal(leg, LEGS - 1);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void limit_and_offset_are_of_the_merged_rows(void **state)
{
    static const uint64_t window[][3] = {/* limit, offset, rows */
                                         {10, 0, 10},
                                         {10, 25, 10},
                                         {0, LEGS * ROWS - 3, 3},
                                         {10, LEGS * ROWS - 3, 3},
                                         {5, LEGS * ROWS, 0},
                                         {LEGS * ROWS, 0, LEGS * ROWS}};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(window); i++) {
        agdb_merge_t merge = k_ordered;
        seen_t seen;

        merge.limit = window[i][0];
        merge.offset = window[i][1];
        seen = take_ok(AGDB_REQUEST(ALL, .merge = &merge, .sql = ORDERED), true);
        assert_int_equal(seen.rows, window[i][2]);
        if (i == 1) /* 25 to 34, of which 29 is 28 */
            assert_int_equal(seen.sum, 294);
    }
}

static void some_shards_by_keys_and_by_region(void **state)
{
    const agdb_bytes_t keys[] = {agdb_key("epa"), agdb_key("cdc")};
    seen_t seen = take_ok(
        AGDB_REQUEST(.region = "east", .access = AGDB_READ, .merge = &k_ordered, .sql = ORDERED),
        true);

    (void)state;
    assert_in_range(seen.rows, LEGS * ROWS / 4, LEGS * ROWS * 3 / 4);
    seen = take_ok(AGDB_REQUEST(.keys = keys, .nkeys = 2, .access = AGDB_READ, .merge = &k_ordered,
                                .sql = "SELECT n, leg FROM flow WHERE cardinality($1) > 0"
                                       " ORDER BY n, leg DESC",
                                AGDB_PARAMS(agdb_shard_keys())),
                   true);
    assert_in_range(seen.rows, ROWS / 2, LEGS * ROWS / 2);
}

static void expect_failure(const agdb_request_t *request, agdb_status_t status, const char *part)
{
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb_stream_open(g_db, request, &stream, &error);

    if (st == AGDB_OK)
        (void)take(stream, false, UINT64_MAX, &error);
    if (agdb_error_status(error) != status || strstr(agdb_error_message(error), part) == NULL)
        fail_msg("%s: %s", agdb_status_name(agdb_error_status(error)), agdb_error_message(error));
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void what_cannot_be_merged_as_it_comes_is_refused(void **state)
{
    static const agdb_combine_t sum[] = {{.how = AGDB_SUM}};
    static const agdb_merge_t combine = {
        .struct_size = sizeof combine, .kind = AGDB_COMBINE, .combine = sum, .ncombine = 1};
    static const agdb_order_by_t by_x[] = {{.name = "x"}};
    static const agdb_merge_t unknown = {
        .struct_size = sizeof unknown, .kind = AGDB_ORDERED, .order = by_x, .norder = 1};

    (void)state;
    expect_failure(AGDB_REQUEST(ALL, .merge = &combine, .sql = "SELECT sum(n) FROM flow"),
                   AGDB_E_UNSUPPORTED, "use agdb_query");
    expect_failure(AGDB_REQUEST(ALL, .partial = AGDB_PARTIAL_OK, .sql = ORDERED),
                   AGDB_E_UNSUPPORTED, "complete");
    expect_failure(AGDB_REQUEST(ALL, .merge = &unknown, .sql = ORDERED), AGDB_E_MERGE,
                   "no column 'x'");
    expect_failure(AGDB_REQUEST(ALL, .merge = &k_ordered,
                                .sql = "SELECT n, leg FROM flow"
                                       " ORDER BY n DESC, leg DESC"),
                   AGDB_E_MERGE, "not ordered by column 'n'");
    expect_failure(AGDB_REQUEST(ALL, .merge = &k_ordered,
                                .sql = "SELECT n, leg FROM flow ORDER BY n, leg DESC, d"
                                       " OFFSET CASE WHEN current_database() LIKE '%3' THEN 1 / 0"
                                       " END"),
                   AGDB_E_SERVER, "22012");
}

static void shards_with_other_columns_are_refused(void **state)
{
    PGconn *pg = legs_direct(5);

    (void)state;
    direct_do(pg, "ALTER TABLE flow ALTER n TYPE numeric");
    expect_failure(AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = ORDERED), AGDB_E_MERGE,
                   "cast it in the statement");
    direct_do(pg, "ALTER TABLE flow ALTER n TYPE int8");
    PQfinish(pg);
    /* prepared statements have gone stale meanwhile: before the first row that is not noticed */
    assert_int_equal(take_ok(AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = ORDERED), true).rows,
                     LEGS * ROWS);
}

/* --- cursors -------------------------------------------------------------------------------------
 */

#define PAGED                                                                                      \
    "SELECT n, leg FROM flow WHERE $1::int8 IS NULL OR n > $1 OR (n = $1 AND leg < $2::int4)"      \
    " ORDER BY n, leg DESC LIMIT 500"

/* A page; `text` is its cursor before, and behind it afterwards. */
static seen_t take_page(char *text, const agdb_merge_t *merge, const char *sql, const char *tag,
                        agdb_error_t **ret_error)
{
    agdb_cursor_t *from = NULL;
    agdb_stream_t *stream = NULL;
    seen_t seen = {0};

    if (agdb_cursor_read(text, strlen(text), &from, ret_error) != AGDB_OK)
        return seen;
    if (agdb_stream_open(
            g_db,
            AGDB_REQUEST(ALL, .merge = merge, .sql = sql, .tag = tag, .cursor = from,
                         AGDB_PARAMS(agdb_cursor_value(from, 0), agdb_cursor_value(from, 1))),
            &stream, ret_error) == AGDB_OK) {
        agdb_cursor_free(from); /* it was copied */
        from = NULL;
        seen = take(stream, true, UINT64_MAX, ret_error);
        if (*ret_error == NULL)
            assert_int_equal(agdb_stream_cursor(stream, text, AGDB_CURSOR_TEXT_MAX, ret_error),
                             AGDB_OK);
    }
    agdb_cursor_free(from);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    return seen;
}

static void pages_by_cursor_are_all_rows_once(void **state)
{
    char text[AGDB_CURSOR_TEXT_MAX] = "";
    agdb_merge_t merge = k_ordered;
    agdb_error_t *error = NULL;
    uint64_t rows = 0;
    uint64_t sum = 0;
    int64_t n = -1;
    seen_t page;

    (void)state;
    merge.limit = 500;
    do {
        page = take_page(text, &merge, PAGED, NULL, &error);
        if (error != NULL)
            fail_msg("%s", agdb_error_message(error));
        assert_true(page.rows == 0 || page.n >= n);
        n = page.n;
        rows += page.rows;
        sum += page.sum;
    } while (page.rows > 0);
    assert_int_equal(rows, LEGS * ROWS);
    assert_int_equal(sum, sum_of_all());
    /* behind the end it stays where it is */
    assert_non_null(strstr(text, "c1."));
}

static void expect_refused(const char *cursor, const agdb_merge_t *merge, const char *sql,
                           const char *tag, const char *part)
{
    char text[AGDB_CURSOR_TEXT_MAX];
    agdb_error_t *error = NULL;

    snprintf(text, sizeof text, "%s", cursor);
    (void)take_page(text, merge, sql, tag, &error);
    if (agdb_error_status(error) != AGDB_E_INVAL || strstr(agdb_error_message(error), part) == NULL)
        fail_msg("%s: %s", cursor, agdb_error_message(error));
    agdb_error_free(error);
}

static void cursors_of_other_requests_are_refused(void **state)
{
    static const agdb_order_by_t by_n[] = {{.name = "n"}, {.name = "leg"}};
    static const agdb_merge_t other = {
        .struct_size = sizeof other, .kind = AGDB_ORDERED, .order = by_n, .norder = 2};
    char text[AGDB_CURSOR_TEXT_MAX] = "";
    char tagged[AGDB_CURSOR_TEXT_MAX] = "";
    char bent[AGDB_CURSOR_TEXT_MAX];
    agdb_error_t *error = NULL;

    (void)state;
    (void)take_page(text, &k_ordered, PAGED, NULL, &error);
    (void)take_page(tagged, &k_ordered, PAGED, "flow.list", &error);
    assert_null(error);
    assert_int_equal(take_page(tagged, &k_ordered, PAGED " OFFSET 0", "flow.list", &error).rows,
                     LEGS * ROWS - LEGS * 500 > 0 ? LEGS * 500 : 0);
    assert_null(error);
    expect_refused(text, &k_ordered, PAGED " OFFSET 0", NULL, "of another request");
    expect_refused(text, &k_ordered, PAGED, "flow.list", "of another request");
    expect_refused(text, &other, PAGED, NULL, "of another request");
    expect_refused("nonsense", &k_ordered, PAGED, NULL, "no cursor");
    snprintf(bent, sizeof bent, "%.19s.v78.v31",
             text); /* x is no number: the server says so, too */
    (void)take_page(bent, &k_ordered, PAGED, NULL, &error);
    assert_string_equal(agdb_error_sqlstate(error), "22P02");
    agdb_error_clear(&error);
    snprintf(bent, sizeof bent, "%.19s.v31", text);
    expect_refused(bent, &k_ordered, PAGED, NULL, "of another request");
}

static void a_statement_that_forgets_its_cursor_is_refused(void **state)
{
    static const char forgets[] = "SELECT n, leg FROM flow WHERE $1::int8 IS NULL OR $2::int4 < 99"
                                  " ORDER BY n, leg DESC LIMIT 500";
    char text[AGDB_CURSOR_TEXT_MAX] = "";
    agdb_error_t *error = NULL;

    (void)state;
    (void)take_page(text, &k_ordered, forgets, NULL, &error);
    assert_null(error);
    expect_refused(text, &k_ordered, forgets, NULL, "not behind the cursor");
}

static void cursors_have_their_place(void **state)
{
    char text[AGDB_CURSOR_TEXT_MAX] = "";
    agdb_cursor_t *cursor = NULL;
    agdb_stream_t *stream;
    agdb_error_t *error = NULL;
    char small[10];

    (void)state;
    stream = open_on(g_db, AGDB_REQUEST(ALL, .sql = "SELECT n, leg FROM flow"));
    assert_int_equal(agdb_stream_cursor(stream, text, sizeof text, &error), AGDB_E_UNSUPPORTED);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    stream = open_on(g_db, AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = ORDERED));
    assert_int_equal(agdb_stream_cursor(stream, text, sizeof text, &error), AGDB_OK);
    assert_string_equal(text, ""); /* nothing was given */
    (void)take(stream, true, 1, &error);
    assert_int_equal(agdb_stream_cursor(stream, small, sizeof small, &error), AGDB_E_TOO_BIG);
    assert_int_equal(agdb_stream_cursor(stream, text, sizeof text, &error), AGDB_OK);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    assert_int_equal(agdb_cursor_read(text, strlen(text), &cursor, &error), AGDB_OK);
    assert_int_equal(
        agdb_query(g_db, AGDB_REQUEST(ALL, .sql = ORDERED, .cursor = cursor), NULL, &error),
        AGDB_E_INVAL);
    assert_int_equal(agdb_query(g_db, AGDB_REQUEST(.shard = "s0", .sql = ORDERED, .cursor = cursor),
                                NULL, &error),
                     AGDB_E_INVAL);
    agdb_cursor_free(cursor);
    agdb_error_free(error);
}

/* --- failures ------------------------------------------------------------------------------------
 */

static void an_error_in_the_last_row_of_one_shard_is_an_error(void **state)
{
    agdb_stream_t *stream =
        open_on(g_db, AGDB_REQUEST(ALL, .merge = &k_ordered,
                                   .sql = "SELECT n, leg, 1 / (n - 23993) FROM flow"
                                          " ORDER BY n, leg DESC"));
    agdb_error_t *error = NULL;
    seen_t seen = take(stream, true, UINT64_MAX, &error);

    (void)state;
    assert_int_equal(agdb_error_status(error), AGDB_E_SERVER);
    assert_string_equal(agdb_error_sqlstate(error), "22012");
    assert_string_not_equal(agdb_error_shard(error), "");
    assert_in_range(seen.rows, LEGS * ROWS / 2, 23993);
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    assert_int_equal(take_ok(AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = ORDERED), true).rows,
                     LEGS * ROWS);
}

/* Ends the backend that serves the client on a leg. */
static void end_backend(size_t leg)
{
    PGconn *pg = legs_direct(leg);

    direct_do(pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                  " current_database() AND state = 'active' AND pid <> pg_backend_pid()");
    PQfinish(pg);
}

static void a_backend_lost_before_the_first_row_is_not_noticed(void **state)
{
    agdb_stream_t *stream =
        open_on(g_db, AGDB_REQUEST(ALL, .merge = &k_ordered,
                                   .sql = "SELECT n, leg FROM (SELECT pg_sleep(0.3) OFFSET 0) s,"
                                          " flow ORDER BY n, leg DESC"));
    agdb_error_t *error = NULL;
    seen_t seen;

    (void)state;
    end_backend(2);
    end_backend(6);
    seen = take(stream, true, UINT64_MAX, &error);
    if (error != NULL)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(seen.rows, LEGS * ROWS);
    assert_int_equal(seen.sum, sum_of_all());
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

/* Rows of each shard that are too many for buffers between server and client. */
#define LONG_ROWS                                                                                  \
    "SELECT n, leg, repeat('x', 1000) FROM flow, generate_series(1, 10) ORDER BY n, leg DESC"

static void a_backend_lost_in_the_middle_is_an_error(void **state)
{
    agdb_stream_t *stream = open_on(g_db, AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = LONG_ROWS));
    agdb_error_t *error = NULL;
    seen_t seen = take(stream, true, 1, &error);

    (void)state;
    assert_null(error);
    end_backend(4);
    seen = take(stream, true, UINT64_MAX, &error);
    assert_int_equal(agdb_error_status(error), AGDB_E_LOST);
    assert_string_equal(agdb_error_shard(error), "s4");
    assert_in_range(seen.rows, 0, LEGS * ROWS * 10 - 1);
    agdb_error_free(error);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

static void closed_early_it_gives_all_connections_back(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        agdb_stream_t *stream =
            open_on(g_db, AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = LONG_ROWS));
        agdb_error_t *error = NULL;

        (void)take(stream, true, i == 0 ? 0 : 1, &error);
        assert_null(error);
        assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    }
    assert_int_equal(take_ok(AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = ORDERED), true).rows,
                     LEGS * ROWS);
}

/* Each needs all of the connections, of which there is one to a shard. */
static void stream_often(crew_hand_t *hand)
{
    const agdb_request_t *forms[] = {AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = ORDERED),
                                     AGDB_REQUEST(ALL, .sql = "SELECT n, leg FROM flow")};
    int i;

    for (i = 0; i < 6; i++) {
        agdb_stream_t *stream = NULL;
        agdb_result_t *batch = NULL;
        agdb_error_t *error = NULL;
        agdb_status_t st =
            agdb_stream_open(g_db, forms[(hand->number + (unsigned)i) % 2], &stream, &error);
        uint64_t rows = 0;

        while (st == AGDB_OK) {
            st = agdb_stream_next(stream, 500, &batch, &error);
            if (st != AGDB_OK || batch == NULL)
                break;
            rows += agdb_result_rows(batch);
            agdb_result_free(batch);
        }
        if (st != AGDB_OK || rows != (uint64_t)LEGS * ROWS)
            crew_wrong(hand, "%llu rows: %s", (unsigned long long)rows, agdb_error_message(error));
        agdb_error_free(error);
        (void)agdb_stream_close(stream);
    }
}

static void streams_that_need_all_connections_wait_for_each_other_in_turn(void **state)
{
    static crew_t crew;

    (void)state;
    crew_start(&crew, 4, 1, stream_often, NULL);
    assert_int_equal(crew_join(&crew), 0);
}

/* --- measured ------------------------------------------------------------------------------------
 */

static long peak_kib(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    fclose(file);
    assert_true(kib > 0);
    return kib;
}

typedef struct figures {
    uint64_t first_us;
    uint64_t all_us;
    uint64_t rows;
} figures_t;

static figures_t measure(const agdb_request_t *request)
{
    const uint64_t start_us = agdb__now_us();
    agdb_stream_t *stream = open_on(g_db, request);
    agdb_result_t *batch = NULL;
    agdb_error_t *error = NULL;
    figures_t f = {0};
    int64_t last = -1;

    while (agdb_stream_next(stream, f.rows == 0 ? 1 : 0, &batch, &error) == AGDB_OK &&
           batch != NULL) {
        size_t i;

        if (f.rows == 0)
            f.first_us = agdb__now_us() - start_us;
        for (i = 0; i < agdb_result_rows(batch); i++) {
            const int64_t n = number(batch, i, 0);

            assert_true(n > last);
            last = n;
        }
        f.rows += agdb_result_rows(batch);
        agdb_result_free(batch);
    }
    if (error != NULL)
        fail_msg("%s", agdb_error_message(error));
    f.all_us = agdb__now_us() - start_us;
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    return f;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a == 0 || b < a ? b : a;
}

/* The shards' rows, and on s0 those of all of them beside its own. */
static void fill_measured(long rows)
{
    size_t i;

    for (i = 0; i < LEGS; i++) {
        PGconn *pg = legs_direct(i);

        direct_do(pg,
                  "DROP TABLE IF EXISTS sorted, whole; CREATE UNLOGGED TABLE sorted AS SELECT"
                  " g::int8 * %d + %d AS n, md5(g::text) AS v FROM generate_series(0, %ld) g;"
                  " CREATE UNLOGGED TABLE whole AS SELECT g::int8 AS n, md5(g::text) AS v FROM"
                  " generate_series(0, %ld) g;",
                  LEGS, (int)i, rows - 1, i == 0 ? rows * LEGS - 1 : 0);
        direct_do(pg, "CREATE UNIQUE INDEX ON sorted (n); CREATE UNIQUE INDEX ON whole (n);"
                      " GRANT SELECT ON sorted, whole TO PUBLIC");
        direct_do(pg, "VACUUM ANALYZE sorted, whole");
        PQfinish(pg);
    }
}

static void drop_measured(void)
{
    legs_do(LEGS, "DROP TABLE sorted, whole");
}

/* Each shard's first row takes its time, all of them at once. */
static void the_first_row_comes_with_the_slowest_shard_s(void **state)
{
    static const char late[] = "SELECT n, leg FROM (SELECT pg_sleep(0.2) OFFSET 0) s, flow"
                               " WHERE n < 100 ORDER BY n, leg DESC";
    const uint64_t start_us = agdb__now_us();
    uint64_t one_us;
    uint64_t all_us;

    (void)state;
    (void)take_ok(AGDB_REQUEST(.shard = "s0", .access = AGDB_READ, .timeout_ms = PATIENCE_MS,
                               .merge = &k_ordered, .sql = late),
                  true);
    one_us = agdb__now_us() - start_us;
    (void)take_ok(AGDB_REQUEST(ALL, .merge = &k_ordered, .sql = late), true);
    all_us = agdb__now_us() - start_us - one_us;
    print_message("one shard %llu ms, %d shards %llu ms\n", (unsigned long long)one_us / 1000, LEGS,
                  (unsigned long long)all_us / 1000);
    assert_in_range(all_us, 200000, 2 * one_us);
}

/* --- the first row -------------------------------------------------------------------------------
 * On fewer cores than servers a server that has begun keeps the others from their first row, and
 * the last of them is what a merge has to wait for. So it is compared with streams that are read by
 * as many threads side by side: with the last one's first row. */

enum { FIRSTS = 9 };
#define SORTED "SELECT n, v FROM sorted ORDER BY n"

static uint64_t g_began_us;
static atomic_ullong g_last_us;

static uint64_t first_row_us(const agdb_request_t *request, uint64_t since_us)
{
    agdb_stream_t *stream = open_on(g_db, request);
    agdb_result_t *batch = NULL;
    agdb_error_t *error = NULL;
    uint64_t took_us;

    if (agdb_stream_next(stream, 1, &batch, &error) != AGDB_OK || batch == NULL)
        fail_msg("%s", agdb_error_message(error));
    took_us = agdb__now_us() - since_us;
    agdb_result_free(batch);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    return took_us;
}

static void read_first(crew_hand_t *hand)
{
    char shard[8];

    snprintf(shard, sizeof shard, "s%u", hand->number);
    crew_raise(&g_last_us, first_row_us(AGDB_REQUEST(.shard = shard, .access = AGDB_READ,
                                                     .sql = SORTED, .timeout_ms = PATIENCE_MS),
                                        g_began_us));
}

/* A stream that is closed early has cost its connection. */
static void connect_all(void)
{
    (void)take_ok(AGDB_REQUEST(ALL, .merge = &k_ordered,
                               .sql = "SELECT n, leg FROM flow WHERE n < 9 ORDER BY n, leg DESC"),
                  true);
}

static uint64_t last_of_all_us(void)
{
    static crew_t crew;

    connect_all();
    atomic_store(&g_last_us, 0);
    g_began_us = agdb__now_us();
    crew_start(&crew, LEGS, 1, read_first, NULL);
    assert_int_equal(crew_join(&crew), 0);
    return atomic_load(&g_last_us);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

static uint64_t median(uint64_t *of)
{
    qsort(of, FIRSTS, sizeof *of, by_size);
    return of[FIRSTS / 2];
}

static void a_merge_has_its_first_row_with_the_last_shard(void **state)
{
    static const agdb_order_by_t by_n[] = {{.name = "n"}};
    static const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = by_n, .norder = 1};
    uint64_t merged[FIRSTS];
    uint64_t last[FIRSTS];
    uint64_t merged_us;
    uint64_t last_us;
    int i;

    (void)state;
    fill_measured(MEASURED);
    for (i = 0; i < FIRSTS; i++) {
        last[i] = last_of_all_us();
        connect_all();
        merged[i] = first_row_us(AGDB_REQUEST(ALL, .merge = &merge, .sql = SORTED), agdb__now_us());
    }
    merged_us = median(merged);
    last_us = median(last);
    print_message("first row: merged %llu us (%llu-%llu), last of %d read side by side %llu us "
                  "(%llu-%llu): %.2f\n",
                  (unsigned long long)merged_us, (unsigned long long)merged[0],
                  (unsigned long long)merged[FIRSTS - 1], LEGS, (unsigned long long)last_us,
                  (unsigned long long)last[0], (unsigned long long)last[FIRSTS - 1],
                  (double)merged_us / (double)last_us);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(merged_us <= 2 * last_us);
#endif
    drop_measured();
}

static void merged_streams_are_small_and_fast(void **state)
{
    static const agdb_order_by_t by_n[] = {{.name = "n"}};
    static const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = by_n, .norder = 1};
    const char *text = getenv("AGDB_STREAM_ROWS");
    const long rows = text != NULL ? strtol(text, NULL, 10) : MEASURED;
    const agdb_request_t *one =
        AGDB_REQUEST(.shard = "s0", .access = AGDB_READ, .merge = &merge, .timeout_ms = PATIENCE_MS,
                     .sql = "SELECT n, v FROM sorted ORDER BY n");
    const agdb_request_t *all =
        AGDB_REQUEST(ALL, .merge = &merge, .sql = "SELECT n, v FROM sorted ORDER BY n");
    const agdb_request_t *whole =
        AGDB_REQUEST(.shard = "s0", .access = AGDB_READ, .merge = &merge, .timeout_ms = PATIENCE_MS,
                     .sql = "SELECT n, v FROM whole ORDER BY n");
    uint64_t first_one = 0;
    uint64_t first_all = 0;
    figures_t f_all = {0};
    figures_t f_whole;
    long before;
    long grown;
    int i;

    (void)state;
    fill_measured(rows);
    (void)measure(AGDB_REQUEST(.shard = "s0", .access = AGDB_READ, .timeout_ms = PATIENCE_MS,
                               .sql = "SELECT n, v FROM sorted ORDER BY n LIMIT 2000"));
    before = peak_kib();
    f_all = measure(all);
    grown = peak_kib() > before ? peak_kib() - before : 0;
    f_whole = measure(whole);
    for (i = 0; i < 3; i++) {
        first_one = least(first_one, measure(one).first_us);
        first_all = least(first_all, i == 0 ? f_all.first_us : measure(all).first_us);
    }
    assert_int_equal(f_all.rows, rows * LEGS);
    assert_int_equal(f_whole.rows, rows * LEGS);
    print_message("%d shards x %ld rows: peak memory grew by %ld KiB; first row %llu us, of one "
                  "shard %llu us; all %llu ms, from one server that has all %llu ms: %.2f\n",
                  LEGS, rows, grown, (unsigned long long)first_all, (unsigned long long)first_one,
                  (unsigned long long)f_all.all_us / 1000,
                  (unsigned long long)f_whole.all_us / 1000,
                  (double)f_all.all_us / (double)f_whole.all_us);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(grown, 0, 16384);
#endif
    drop_measured();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_all_shards_come_in_one_order),
        cmocka_unit_test(concatenated_rows_come_shard_after_shard),
        cmocka_unit_test(limit_and_offset_are_of_the_merged_rows),
        cmocka_unit_test(some_shards_by_keys_and_by_region),
        cmocka_unit_test(what_cannot_be_merged_as_it_comes_is_refused),
        cmocka_unit_test(shards_with_other_columns_are_refused),
        cmocka_unit_test(pages_by_cursor_are_all_rows_once),
        cmocka_unit_test(cursors_of_other_requests_are_refused),
        cmocka_unit_test(a_statement_that_forgets_its_cursor_is_refused),
        cmocka_unit_test(cursors_have_their_place),
        cmocka_unit_test(an_error_in_the_last_row_of_one_shard_is_an_error),
        cmocka_unit_test(a_backend_lost_before_the_first_row_is_not_noticed),
        cmocka_unit_test(a_backend_lost_in_the_middle_is_an_error),
        cmocka_unit_test(closed_early_it_gives_all_connections_back),
        cmocka_unit_test(streams_that_need_all_connections_wait_for_each_other_in_turn),
        cmocka_unit_test(the_first_row_comes_with_the_slowest_shard_s),
        cmocka_unit_test(a_merge_has_its_first_row_with_the_last_shard),
        cmocka_unit_test(merged_streams_are_small_and_fast),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
