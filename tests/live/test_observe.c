/* What hosts see of their requests: hooks, slow calls, advice, comments in the server's view. */
#include "agencydb.h"

#include "base/clock.h"
#include "cluster.h"
#include "direct.h"
#include "miser.h"
#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* --- hooks --------------------------------------------------------------------------------------
 */

typedef struct span {
    char operation[16];
    char tag[32];
    char traceparent[64];
    size_t agency;
    unsigned ends;
    agdb_status_t status;
    agdb_outcome_t outcome;
    char sqlstate[6];
    char shard[32];
    uint64_t rows;
    uint64_t total_us;
    uint64_t wait_us;
    uint64_t exec_us;
    uint64_t parts_us; /* of wait_us, in sum */
    uint32_t attempts;
    uint32_t group;
} span_t;

typedef struct spans {
    span_t span[32];
    unsigned count;
    bool none;
} spans_t;

static void *on_begin(const agdb_trace_begin_t *begin, void *user)
{
    spans_t *spans = user;
    span_t *span = &spans->span[spans->count];

    assert_true(spans->count < AGDB_COUNT(spans->span));
    if (spans->none)
        return NULL;
    spans->count++;
    snprintf(span->operation, sizeof span->operation, "%s", begin->operation);
    snprintf(span->tag, sizeof span->tag, "%s", begin->tag);
    snprintf(span->traceparent, sizeof span->traceparent, "%s", begin->traceparent);
    span->agency = begin->agency.len;
    return span;
}

static void on_end(void *of, const agdb_trace_end_t *end, void *user)
{
    span_t *span = of;

    (void)user;
    span->ends++;
    span->status = end->status;
    span->outcome = end->outcome;
    snprintf(span->sqlstate, sizeof span->sqlstate, "%s", end->sqlstate);
    snprintf(span->shard, sizeof span->shard, "%s", end->shard);
    span->rows = end->rows;
    span->total_us = end->total_us;
    span->wait_us = end->wait_us;
    span->exec_us = end->exec_us;
    span->parts_us = end->park_us + end->earlier_us + end->queue_us + end->connect_us;
    span->attempts = end->attempts;
    span->group = end->group;
}

/* The call was sent once, and its parts are known. */
static void expect_parts(const span_t *span)
{
    assert_int_equal(span->attempts, 1);
    assert_int_equal(span->group, 1);
    assert_int_equal(span->parts_us, span->wait_us);
    assert_in_range(span->wait_us + span->exec_us, 1, span->total_us);
}

static agdb_t *open_traced(spans_t *spans)
{
    const agdb_options_t options = {.struct_size = sizeof options,
                                    .trace_begin = on_begin,
                                    .trace_end = on_end,
                                    .trace_user = spans};

    return cluster_open_core("pool: { max: 2 }", "", &options);
}

/* Each began once and ended once. */
static const span_t *only(spans_t *spans, unsigned count, const char *operation)
{
    unsigned i;

    assert_int_equal(spans->count, count);
    for (i = 0; i < count; i++)
        assert_int_equal(spans->span[i].ends, 1);
    assert_string_equal(spans->span[count - 1].operation, operation);
    return &spans->span[count - 1];
}

static void a_query_has_a_span_with_its_end(void **state)
{
    static spans_t spans;
    agdb_t *db = open_traced(&spans);
    agdb_error_t *error = NULL;
    const span_t *span;

    (void)state;
    spans = (spans_t){.count = 0};
    cluster_do(
        db, AGDB_REQUEST(.key = agdb_key("epa"), .tag = "site.list",
                         .sql = "SELECT n, pg_sleep(0.01) FROM generate_series(1, 3) n",
                         .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    span = only(&spans, 1, "query");
    assert_string_equal(span->tag, "site.list");
    assert_string_equal(span->traceparent,
                        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_int_equal(span->agency, 3);
    assert_int_equal(span->rows, 3);
    assert_in_range(span->total_us, 30000, 5000000);
    assert_true(span->exec_us >= 30000);
    expect_parts(span);
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1/0"), NULL, &error),
        AGDB_E_SERVER);
    span = only(&spans, 2, "query");
    assert_string_equal(span->sqlstate, "22012");
    assert_string_equal(span->shard, "west-1");
    assert_int_equal(span->outcome, AGDB_OUTCOME_REJECTED);
    expect_parts(span);
    assert_int_equal(agdb_query(db, AGDB_REQUEST(.sql = "SELECT 1"), NULL, &error),
                     AGDB_E_NO_TARGET);
    span = only(&spans, 3, "query");
    assert_int_equal(span->status, AGDB_E_NO_TARGET);
    assert_int_equal(span->attempts + span->wait_us + span->exec_us, 0); /* no shard was asked */
    spans.none = true; /* not followed: no end either */
    cluster_do(db, AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 1"));
    (void)only(&spans, 3, "query");
    agdb_error_free(error);
    cluster_close(db);
}

static void done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    span_t *span = user;

    assert_int_equal(span->ends, 1); /* told before */
    assert_int_equal(status, span->status);
    agdb_result_free(result);
    agdb_error_free(error);
}

static void all_ways_of_asking_have_spans(void **state)
{
    static spans_t spans;
    const agdb_request_t *const two[] = {AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"),
                                         AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 2")};
    agdb_t *db = open_traced(&spans);
    agdb_result_t *results[2] = {NULL, NULL};
    agdb_stream_t *stream = NULL;
    agdb_loop_t *loop = NULL;
    agdb_result_t *rows = NULL;
    agdb_tx_t *tx = NULL;

    (void)state;
    spans = (spans_t){.count = 0};
    assert_int_equal(agdb_query_many(db, two, 2, 1000, results, NULL, NULL), AGDB_OK);
    agdb_result_free(results[0]);
    agdb_result_free(results[1]);
    (void)only(&spans, 2, "query");
    assert_int_equal(agdb_loop_open(db, NULL, &loop, NULL), AGDB_OK);
    assert_int_equal(agdb_submit(loop, two[0], done, &spans.span[2], NULL, NULL), AGDB_OK);
    assert_int_equal(spans.span[2].ends, 0);
    assert_int_equal(agdb_loop_run(loop, 5000, NULL), AGDB_OK);
    (void)only(&spans, 3, "submit");
    assert_int_equal(agdb_begin(db, AGDB_TX(.shard = "east-1", .tag = "t"), &tx, NULL), AGDB_OK);
    assert_int_equal(agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"), NULL, NULL),
                     AGDB_OK);
    (void)only(&spans, 4, "transaction");
    assert_int_equal(agdb_submit(loop, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"), done,
                                 &spans.span[4], NULL, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_loop_run(loop, 5000, NULL), AGDB_OK);
    (void)only(&spans, 5, "transaction");
    assert_int_equal(agdb_commit(tx, NULL), AGDB_OK);
    assert_string_equal(only(&spans, 6, "commit")->tag, "t");
    assert_int_equal(agdb_query_tx(db, AGDB_TX(.shard = "east-1"), two, 1, NULL, NULL), AGDB_OK);
    (void)only(&spans, 7, "transaction");
    assert_int_equal(
        agdb_stream_open(db,
                         AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .access = AGDB_READ),
                         &stream, NULL),
        AGDB_OK);
    assert_int_equal(agdb_stream_next(stream, 10, &rows, NULL), AGDB_OK);
    agdb_result_free(rows);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    (void)only(&spans, 8, "stream");
    assert_int_equal(agdb_loop_close(loop), AGDB_OK);
    cluster_close(db);
}

/* Also when the whole call fails: whoever began a span has to hear of its end. */
static void spans_end_where_memory_is_out(void **state)
{
    static spans_t spans;
    const agdb_request_t *const two[] = {AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"),
                                         AGDB_REQUEST(.shard = "west-1", .sql = "SELECT 2")};
    const agdb_options_t options = {.struct_size = sizeof options,
                                    .trace_begin = on_begin,
                                    .trace_end = on_end,
                                    .trace_user = &spans,
                                    .allocator = &k_miser};
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", &options);
    bool refused = true;
    long granted;
    unsigned i;

    (void)state;
    for (granted = 0; refused && granted < 200; granted++) {
        agdb_result_t *results[2] = {NULL, NULL};

        spans = (spans_t){.count = 0};
        miser_begin(granted, false);
        (void)!agdb_query_many(db, two, 2, 5000, results, NULL, NULL);
        refused = miser_end();
        for (i = 0; i < spans.count; i++)
            assert_int_equal(spans.span[i].ends, 1);
        agdb_result_free(results[0]);
        agdb_result_free(results[1]);
    }
    assert_false(refused);
    assert_in_range(granted, 5, 199);
    cluster_close(db);
}

static void a_hook_alone_is_refused(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .trace_begin = on_begin};
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    (void)state;
    assert_int_equal(agdb_open(cluster_env("AGDB_TEST_MAP"), &options, &db, &error), AGDB_E_INVAL);
    agdb_error_free(error);
}

/* --- the log ------------------------------------------------------------------------------------
 */

typedef struct lines {
    unsigned slow;
    unsigned advice;
    char text[512];
    agdb_log_record_t last;
} lines_t;

static void on_record(const agdb_log_record_t *record, void *user)
{
    lines_t *lines = user;

    if (record->kind == AGDB_LOG_EVENT)
        return;
    lines->slow += record->kind == AGDB_LOG_SLOW;
    lines->advice += record->kind == AGDB_LOG_ADVICE;
    lines->last = *record;
    snprintf(lines->text, sizeof lines->text, "%s", record->message);
}

static void slow_calls_are_told_some_a_second(void **state)
{
    lines_t lines = {.slow = 0};
    const agdb_options_t options = {
        .struct_size = sizeof options, .record = on_record, .record_user = &lines};
    agdb_t *db = cluster_open_core("log: { slow: 20ms }", "", &options);
    agdb_error_t *error = NULL;
    int i;

    (void)state;
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1", .tag = "fast"));
    lines = (lines_t){.slow = 0}; /* it may have waited for a connection */
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_sleep($1)",
                                AGDB_PARAMS(agdb_float8(0.05)), .tag = "readings.list"));
    assert_int_equal(lines.slow, 1);
    print_message("%s\n", lines.text);
    assert_non_null(strstr(lines.text, " epa readings.list east-1/"));
    assert_non_null(strstr(lines.text, " connect 0 exec "));
    assert_non_null(strstr(lines.text, " group 1"));
    assert_null(strstr(lines.text, "pg_sleep"));
    assert_in_range(lines.last.exec_us, 50000, 5000000);
    assert_int_equal(
        agdb_query(db,
                   AGDB_REQUEST(.shard = "west-1", .sql = "SELECT pg_sleep(5)", .timeout_ms = 40),
                   NULL, &error),
        AGDB_E_TIMEOUT);
    agdb_error_free(error);
    print_message("%s\n", lines.text);
    assert_non_null(strstr(lines.text, " - - west-1/"));
    assert_non_null(strstr(lines.text, "TIMEOUT"));
    for (i = 0; i < 30; i++)
        cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT pg_sleep(0.021)"));
    assert_in_range(lines.slow, 10, 24); /* in less than two seconds */
    cluster_close(db);
}

static void what_was_never_sent_has_only_waited(void **state)
{
    lines_t lines = {.slow = 0};
    const agdb_options_t options = {
        .struct_size = sizeof options, .record = on_record, .record_user = &lines};
    agdb_t *db = cluster_open_nodes("timeouts: { park: 60ms }\n  log: { slow: 20ms }",
                                    "\"127.0.0.1:1\"", NULL, &options);
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_not_equal(
        agdb_query(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"), NULL, &error), AGDB_OK);
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    print_message("%s\n", lines.text);
    assert_int_equal(lines.slow, 1);
    assert_int_equal(lines.last.exec_us, 0);
    assert_in_range(lines.last.wait_us, 50000, 5000000);
    assert_in_range(lines.last.park_us, 50000, 5000000);
    assert_int_equal(lines.last.group, 0);
    agdb_error_free(error);
    cluster_close(db);
}

static void a_call_site_that_only_reads_is_advised_once(void **state)
{
    lines_t lines = {.slow = 0};
    const agdb_options_t options = {
        .struct_size = sizeof options, .record = on_record, .record_user = &lines};
    agdb_t *db = cluster_open_core("", "", &options);
    int i;

    (void)state;
    for (i = 0; i < 2200; i++) {
        cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .tag = "site.list"));
        if (i < 1100)
            cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .tag = "good",
                                        .access = AGDB_READ));
    }
    assert_int_equal(lines.advice, 1);
    print_message("%s\n", lines.text);
    assert_non_null(strstr(lines.text, "'site.list'"));
    assert_non_null(strstr(lines.text, "AGDB_READ"));
    cluster_close(db);
}

/* --- comments -----------------------------------------------------------------------------------
 */

static void expect_text(agdb_t *db, const agdb_request_t *request, const char *want)
{
    char *text = cluster_value(db, request);

    if (strcmp(text, want) != 0)
        fail_msg("'%s', not '%s'", text, want);
    free(text);
}

/* The server's own view of the statement that asks. */
static const char k_own[] = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()";

static void statements_say_who_sends_them_when_asked_to(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "api"};
    agdb_t *db = cluster_open_core("log: { comments: true }", "", &options);
    char want[256];
    agdb_tx_t *tx = NULL;
    int i;

    (void)state;
    snprintf(want, sizeof want, "%s /*action='a',application='api',db_driver='libagencydb'*/",
             k_own);
    for (i = 0; i < 3; i++) { /* prepared once, with its comment */
        expect_text(db, AGDB_REQUEST(.shard = "east-1", .sql = k_own, .tag = "a"), want);
        expect_text(db, AGDB_REQUEST(.shard = "east-1", .sql = k_own), k_own);
    }
    want[strlen(k_own) + strlen(" /*action='")] = 'b';
    expect_text(db, AGDB_REQUEST(.shard = "east-1", .sql = k_own, .tag = "b"), want);
    assert_int_equal(agdb_begin(db, AGDB_TX(.shard = "east-1"), &tx, NULL), AGDB_OK);
    expect_text(db, AGDB_REQUEST(.tx = tx, .sql = k_own, .tag = "b"), want);
    agdb_rollback(tx);
    cluster_close(db);
    db = cluster_open_core("", "", &options); /* not asked to */
    expect_text(db, AGDB_REQUEST(.shard = "east-1", .sql = k_own, .tag = "a"), k_own);
    cluster_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_has_a_span_with_its_end),
        cmocka_unit_test(all_ways_of_asking_have_spans),
        cmocka_unit_test(spans_end_where_memory_is_out),
        cmocka_unit_test(a_hook_alone_is_refused),
        cmocka_unit_test(slow_calls_are_told_some_a_second),
        cmocka_unit_test(what_was_never_sent_has_only_waited),
        cmocka_unit_test(a_call_site_that_only_reads_is_advised_once),
        cmocka_unit_test(statements_say_who_sends_them_when_asked_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
