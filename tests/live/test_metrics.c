/* What agdb_metrics says after calls whose number is known. */
#include "agencydb.h"

#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "page.h"
#include "unit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SOON_MS = 10000 };

static page_t *read_metrics(agdb_t *db)
{
    static page_t page;
    agdb_error_t *error = NULL;

    page.len = 0;
    if (agdb_metrics(db, page_take, &page, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return &page;
}

/* Of the sample that begins like this, labels and all; -1: there is none. */
static double value(agdb_t *db, const char *sample)
{
    const page_t *page = read_metrics(db);
    const size_t len = strlen(sample);
    const char *line = page->text;

    while (line != NULL && (strncmp(line, sample, len) != 0 || line[len] != ' ')) {
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return line != NULL ? strtod(line + len, NULL) : -1;
}

static void expect(agdb_t *db, const char *sample, double want)
{
    const double got = value(db, sample);

    if (got < want || got > want)
        fail_msg("%s is %g, not %g", sample, got, want);
}

static void wait_for(agdb_t *db, const char *sample, double want)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);
    double got;

    while ((got = value(db, sample)) < want || got > want) {
        if (agdb__now_us() > end_us)
            fail_msg("%s is %g, not %g", sample, got, want);
        (void)usleep(10000);
    }
}

#define EAST "keyspace=\"core\",shard=\"east-1\",node=\"%s:%d\""

static const char *at(const char *metric, const cluster_node_t *node, const char *more)
{
    static char text[256];

    snprintf(text, sizeof text, "%s{" EAST "%s}", metric, node->host, node->port, more);
    return text;
}

/* --- calls --------------------------------------------------------------------------------------
 */

static void calls_are_counted_by_access_and_status(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    cluster_node_t east = cluster_node("core", "east-1", "primary");
    agdb_error_t *error = NULL;
    int i;

    (void)state;
    for (i = 0; i < 5; i++)
        cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .access = AGDB_READ));
    for (i = 0; i < 3; i++)
        assert_int_equal(
            agdb_query(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1/0"), NULL, &error),
            AGDB_E_SERVER);
    assert_int_equal(
        agdb_query(db,
                   AGDB_REQUEST(.shard = "east-1", .sql = "SELECT pg_sleep(5)", .timeout_ms = 50),
                   NULL, &error),
        AGDB_E_TIMEOUT);
    agdb_error_free(error);
    expect(db, at("agdb_calls_total", &east, ",access=\"read\",status=\"OK\""), 5);
    expect(db, at("agdb_calls_total", &east, ",access=\"write\",status=\"SERVER\""), 3);
    expect(db, at("agdb_calls_total", &east, ",access=\"write\",status=\"TIMEOUT\""), 1);
    expect(db, at("agdb_execute_seconds_count", &east, ",access=\"read\""), 5);
    expect(db, at("agdb_execute_seconds_bucket", &east, ",access=\"read\",le=\"+Inf\""), 5);
    expect(db, at("agdb_wait_seconds_count", &east, ""), 5);
    expect(db, "agdb_abandoned_total{keyspace=\"core\",shard=\"east-1\"}", 1);
    cluster_close(db);
}

static void agencies_and_tags_are_ranked(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    int i;

    (void)state;
    for (i = 0; i < 7; i++)
        cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1", .tag = "site.list"));
    cluster_do(db, AGDB_REQUEST(.key = agdb_bytes("\xff\"", 2), .sql = "SELECT pg_sleep(0.2)",
                                .tag = "a \"tag\""));
    expect(db, "agdb_top_agency_calls{agency=\"epa\"}", 7);
    expect(db, "agdb_top_agency_calls{agency=\"hex:ff22\"}", 1);
    assert_true(value(db, "agdb_top_agency_seconds{agency=\"hex:ff22\"}") >= 0.2);
    expect(db, "agdb_top_tag_calls{tag=\"site.list\"}", 7);
    expect(db, "agdb_top_tag_calls{tag=\"a \\\"tag\\\"\"}", 1);
    cluster_close(db);
}

/* Two samples of one name would be refused. */
static void long_names_that_begin_alike_are_told_apart(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    char key[100];
    const page_t *page;
    const char *first;
    const char *second;

    (void)state;
    memset(key, 'k', sizeof key);
    memcpy(key + 47, "\xc3\xa9", 2); /* where it is cut */
    cluster_do(db, AGDB_REQUEST(.key = agdb_bytes(key, sizeof key), .sql = "SELECT 1"));
    key[99] = 'l';
    cluster_do(db, AGDB_REQUEST(.key = agdb_bytes(key, sizeof key), .sql = "SELECT 1"));
    page = read_metrics(db);
    first = strstr(page->text, "agdb_top_agency_calls{agency=\"kkk");
    assert_non_null(first);
    second = strstr(first + 1, "agdb_top_agency_calls{agency=\"kkk");
    assert_non_null(second);
    first += strlen("agdb_top_agency_calls{agency=\"");
    second += strlen("agdb_top_agency_calls{agency=\"");
    assert_memory_equal(first, key, 47);
    assert_int_equal(first[47], '~');
    assert_int_equal(first[56], '"');
    assert_memory_not_equal(first, second, 56);
    cluster_close(db);
}

static void transactions_and_loops_are_counted_too(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    cluster_node_t east = cluster_node("core", "east-1", "primary");
    agdb_tx_t *tx = NULL;

    (void)state;
    assert_int_equal(agdb_begin(db, AGDB_TX(.shard = "east-1", .tag = "close.site"), &tx, NULL),
                     AGDB_OK);
    assert_int_equal(agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"), NULL, NULL),
                     AGDB_OK);
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 2", .commit = true), NULL, NULL),
        AGDB_OK);
    assert_int_equal(agdb_commit(tx, NULL), AGDB_OK);
    expect(db, at("agdb_calls_total", &east, ",access=\"write\",status=\"OK\""), 2);
    expect(db, "agdb_top_tag_calls{tag=\"close.site\"}", 2);
    cluster_close(db);
}

/* --- pools, nodes, maps -------------------------------------------------------------------------
 */

static void hold(crew_hand_t *hand)
{
    cluster_do(hand->job, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT pg_sleep(1)"));
}

static void pools_show_what_they_do(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }\n  timeouts: { queue: 5s }", "", NULL);
    cluster_node_t east = cluster_node("core", "east-1", "primary");
    static crew_t crew;
    char pool[200];
    char sample[300];

    (void)state;
    snprintf(pool, sizeof pool, "node=\"%s:%d\",database=\"%s\",login=\"%s\"", east.host, east.port,
             cluster_env("AGDB_TEST_DBNAME"), cluster_env("AGDB_TEST_USER"));
    crew_start(&crew, 3, 1, hold, db);
    snprintf(sample, sizeof sample, "agdb_connections{%s,state=\"in_use\"}", pool);
    wait_for(db, sample, 2);
    snprintf(sample, sizeof sample, "agdb_waiting_calls{%s}", pool);
    wait_for(db, sample, 1);
    snprintf(sample, sizeof sample, "agdb_connections_max{%s}", pool);
    expect(db, sample, 2);
    assert_int_equal(crew_join(&crew), 0);
    snprintf(sample, sizeof sample, "agdb_connections{%s,state=\"idle\"}", pool);
    wait_for(db, sample, 2);
    snprintf(sample, sizeof sample, "agdb_connect_seconds_count{%s}", pool);
    expect(db, sample, 2);
    cluster_close(db);
}

static double closed_for(agdb_t *db, const char *reason)
{
    const cluster_node_t east = cluster_node("core", "east-1", "primary");
    char sample[256];

    snprintf(sample, sizeof sample,
             "agdb_connections_closed_total{node=\"%s:%d\",database=\"%s\",login=\"%s\",reason="
             "\"%s\"}",
             east.host, east.port, cluster_env("AGDB_TEST_DBNAME"), cluster_env("AGDB_TEST_USER"),
             reason);
    return value(db, sample);
}

/* Idle when it was lost, which is found by looking: neither idle for long nor unclean. */
static void connections_that_the_server_ends_are_lost(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    agdb_t *other = cluster_open_core("pool: { max: 1 }", "", NULL);

    (void)state;
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    cluster_do(other, AGDB_REQUEST(.shard = "east-1",
                                   .sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                          "WHERE usename = current_user AND datname = "
                                          "current_database() AND pid <> pg_backend_pid()"));
    (void)usleep(100000); /* not trusted any more */
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    assert_true(closed_for(db, "lost") + closed_for(db, "dropped") >= 1);
    assert_true(closed_for(db, "idle") <= 0);
    assert_true(closed_for(db, "unclean") <= 0);
    cluster_close(other);
    cluster_close(db);
}

static void counters_go_on_over_maps(void **state)
{
    agdb_t *db = cluster_open_core("pool: { max: 2 }", "", NULL);
    cluster_node_t east = cluster_node("core", "east-1", "primary");
    cluster_node_t west = cluster_node("core", "west-1", "primary");
    agdb_error_t *error = NULL;
    char text[2048];
    char closed[256];

    (void)state;
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    snprintf(
        text, sizeof text,
        "agencydb: 1\nepoch: 2\n"
        "defaults: { connection: { user: %s, dbname: %s, password_file: %s }, pool: { max: 3 } }\n"
        "keyspaces:\n  core:\n    shards:\n"
        "      east-1: { slots: [0-2047], nodes: [ \"%s:%d\" ] }\n"
        "      west-1: { slots: [2048-4095], nodes: [ \"%s:%d\" ] }\n",
        cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
        cluster_env("AGDB_TEST_PASSWORD_FILE"), east.host, east.port, west.host, west.port);
    if (agdb_reload_text(db, text, strlen(text), &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(agdb_reload_text(db, "epoch: 3", 8, &error), AGDB_E_MAP_INVALID);
    agdb_error_free(error);
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1"));
    expect(db, at("agdb_calls_total", &east, ",access=\"write\",status=\"OK\""), 2);
    expect(db, "agdb_map_epoch", 2);
    expect(db, "agdb_map_reloads_total", 1);
    expect(db, "agdb_map_refusals_total", 1);
    expect(db, "agdb_map_last_reload_successful", 0);
    assert_int_equal(agdb_reload_text(db, text, strlen(text), NULL), AGDB_OK); /* as it is */
    expect(db, "agdb_map_last_reload_successful", 1);
    expect(db, "agdb_map_reloads_total", 1);
    snprintf(closed, sizeof closed,
             "agdb_connections_closed_total{node=\"%s:%d\",database=\"%s\",login=\"%s\",reason="
             "\"retired\"}",
             east.host, east.port, cluster_env("AGDB_TEST_DBNAME"), cluster_env("AGDB_TEST_USER"));
    wait_for(db, closed, 1);
    cluster_close(db);
}

/* Nodes of different shards may have one name, and then one pair of samples. */
static void pools_called_alike_are_added_up(void **state)
{
    cluster_node_t east = cluster_node("core", "east-1", "primary");
    cluster_node_t west = cluster_node("core", "west-1", "primary");
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    char text[2048];
    char sample[256];
    const char *first;

    (void)state;
    snprintf(
        text, sizeof text,
        "agencydb: 1\n"
        "defaults: { connection: { user: %s, dbname: %s, password_file: %s }, pool: { max: 3 } }\n"
        "keyspaces:\n  core:\n    shards:\n"
        "      east-1: { slots: [0-2047], nodes: [ { name: db, host: \"%s\", port: %d } ] }\n"
        "      west-1: { slots: [2048-4095], nodes: [ { name: db, host: \"%s\", port: %d } ] }\n",
        cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
        cluster_env("AGDB_TEST_PASSWORD_FILE"), east.host, east.port, west.host, west.port);
    if (agdb_open_text(text, strlen(text), NULL, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    snprintf(sample, sizeof sample,
             "agdb_connections_max{node=\"db\",database=\"%s\",login=\"%s\"}",
             cluster_env("AGDB_TEST_DBNAME"), cluster_env("AGDB_TEST_USER"));
    expect(db, sample, 6);
    first = strstr(read_metrics(db)->text, sample);
    assert_non_null(first);
    assert_null(strstr(first + 1, sample));
    cluster_close(db);
}

static void nodes_show_role_and_lag(void **state)
{
    agdb_t *db = cluster_open(NULL);
    char build[96];

    (void)state;
    wait_for(db, "agdb_node_primary{keyspace=\"core\",shard=\"east-1\",node=\"east-1a\"}", 1);
    wait_for(db, "agdb_node_replica{keyspace=\"core\",shard=\"east-1\",node=\"east-1b\"}", 1);
    expect(db, "agdb_node_up{keyspace=\"core\",shard=\"east-1\",node=\"east-1b\"}", 1);
    snprintf(build, sizeof build, "agdb_build_info{version=\"%s\",libpq=\"%d.%d\"}", AGDB_VERSION,
             PQlibVersion() / 10000, PQlibVersion() % 10000);
    expect(db, build, 1);
    expect(db, "agdb_shard_writable{keyspace=\"core\",shard=\"east-1\"}", 1);
    expect(db, "agdb_shard_without_primary_seconds{keyspace=\"core\",shard=\"east-1\"}", 0);
    expect(db, "agdb_node_lag_seconds{keyspace=\"core\",shard=\"east-1\",node=\"east-1a\"}", 0);
    assert_true(
        value(db, "agdb_node_timeline{keyspace=\"core\",shard=\"east-1\",node=\"east-1a\"}") >= 1);
    assert_int_equal(agdb_metrics(db, NULL, NULL, NULL), AGDB_E_MISUSE);
    cluster_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_counted_by_access_and_status),
        cmocka_unit_test(agencies_and_tags_are_ranked),
        cmocka_unit_test(long_names_that_begin_alike_are_told_apart),
        cmocka_unit_test(transactions_and_loops_are_counted_too),
        cmocka_unit_test(pools_show_what_they_do),
        cmocka_unit_test(connections_that_the_server_ends_are_lost),
        cmocka_unit_test(counters_go_on_over_maps),
        cmocka_unit_test(pools_called_alike_are_added_up),
        cmocka_unit_test(nodes_show_role_and_lag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
