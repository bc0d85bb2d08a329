/* Maps of unusual shape, and what one part of them may not do to another. */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "direct.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 2048 };

/* A map of `keyspaces`, on the cluster's login. */
static agdb_t *open_map(const char *pool, const char *keyspaces, const agdb_options_t *options)
{
    char text[TEXT_MAX];
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    snprintf(
        text, sizeof text,
        "agencydb: 1\nepoch: 1\n"
        "defaults:\n  connection: { user: %s, dbname: %s, password_file: %s }\n  pool: { %s }\n"
        "keyspaces:\n%s",
        cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
        cluster_env("AGDB_TEST_PASSWORD_FILE"), pool, keyspaces);
    if (agdb_open_text(text, strlen(text), options, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static int port_of(const char *keyspace, const char *shard, const char *role)
{
    return cluster_node(keyspace, shard, role).port;
}

/* --- logins -------------------------------------------------------------------------------------
 */

static atomic_bool g_wrong_password;

static bool give_password(const char *node, const char *login, char *buf, size_t size, void *user)
{
    FILE *file = fopen(cluster_env("AGDB_TEST_PASSWORD_FILE"), "re");

    (void)node;
    (void)login;
    (void)user;
    assert_non_null(file);
    assert_non_null(fgets(buf, (int)size, file));
    fclose(file);
    buf[strcspn(buf, "\n")] = '\0';
    if (atomic_load(&g_wrong_password))
        snprintf(buf, size, "wrong");
    return true;
}

static void *call_slowly(void *arg)
{
    agdb_error_t *error = NULL;

    if (agdb_query(arg,
                   AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT pg_sleep(0.2)",
                                .timeout_ms = 3000),
                   NULL, &error) != AGDB_OK)
        print_message("%s\n", agdb_error_message(error));
    agdb_error_clear(&error);
    return NULL;
}

/* A password that changes on the server before it does in the file, while the pool wants to grow.
 */
static void a_failed_login_takes_no_open_connection_away(void **state)
{
    agdb_options_t options = {.struct_size = sizeof options,
                              .password = give_password,
                              .login = cluster_env("AGDB_TEST_USER")};
    agdb_t *db = cluster_open(&options);
    pthread_t thread[3];
    size_t i;

    (void)state;
    atomic_store(&g_wrong_password, true);
    for (i = 0; i < AGDB_COUNT(thread); i++)
        assert_true(agdb__thread_start(&thread[i], false, call_slowly, db));
    for (i = 0; i < AGDB_COUNT(thread); i++)
        pthread_join(thread[i], NULL);
    for (i = 0; i < 10; i++)
        cluster_do(db,
                   AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1", .timeout_ms = 500));
    atomic_store(&g_wrong_password, false);
    cluster_close(db);
}

static void a_database_that_is_not_there_leaves_its_neighbours_alone(void **state)
{
    char keyspaces[512];
    int port = port_of("notification", "notification-1", "primary");
    agdb_error_t *error = NULL;
    agdb_t *db;

    (void)state;
    snprintf(keyspaces, sizeof keyspaces,
             "  absent: { connection: { dbname: nosuch }, shards: { a-1: { nodes: [ "
             "\"127.0.0.1:%d\" ] } } }\n"
             "  notification: { connection: { dbname: notification }, shards: { notification-1: { "
             "nodes: [ \"127.0.0.1:%d\" ] } } }\n"
             "default_keyspace: notification\n",
             port, port);
    db = open_map("min: 1", keyspaces, NULL);
    cluster_do(db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1", .timeout_ms = 5000));
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.keyspace = "absent", .sql = "SELECT 1"), NULL, &error),
        AGDB_E_AUTH);
    assert_non_null(strstr(agdb_error_message(error), "nosuch"));
    agdb_error_clear(&error);
    cluster_close(db);
}

/* --- pools of extreme size ----------------------------------------------------------------------
 */

static agdb_t *open_one(const char *pool, const char *node_tail)
{
    char keyspaces[512];

    snprintf(keyspaces, sizeof keyspaces,
             "  core: { shards: { east-1: { nodes: [ { host: 127.0.0.1, port: %d }, "
             "{ host: 127.0.0.1, port: %d%s } ] } } }\n",
             port_of("core", "east-1", "primary"), port_of("core", "east-1", "replica"), node_tail);
    return open_map(pool, keyspaces, NULL);
}

static void a_pool_without_a_minimum_empties_and_fills_again(void **state)
{
    agdb_t *db = open_one("min: 0, idle: 1s", "");
    char *first =
        cluster_value(db, AGDB_REQUEST(.sql = "SELECT pg_backend_pid()", .timeout_ms = 5000));
    char *second;

    (void)state;
    (void)poll(NULL, 0, 1800);
    second = cluster_value(db, AGDB_REQUEST(.sql = "SELECT pg_backend_pid()", .timeout_ms = 500));
    assert_string_not_equal(first, second);
    free(first);
    free(second);
    cluster_close(db);
}

static void *call_in_turn(void *arg)
{
    int i;

    for (i = 0; i < 50; i++)
        cluster_do(arg, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = 5000));
    return NULL;
}

static void a_single_connection_serves_everybody(void **state)
{
    agdb_t *db = open_one("min: 1, max: 1", "");
    pthread_t thread[12];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(thread); i++)
        assert_true(agdb__thread_start(&thread[i], false, call_in_turn, db));
    for (i = 0; i < AGDB_COUNT(thread); i++)
        pthread_join(thread[i], NULL);
    cluster_close(db);
}

/* --- nodes that stand aside ---------------------------------------------------------------------
 */

static void expect_role(agdb_t *db, agdb_access_t access, agdb_role_t role)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    if (agdb_query(db, AGDB_REQUEST(.sql = "SELECT 1", .access = access, .timeout_ms = 5000), &res,
                   &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(agdb_result_role(res), role);
    agdb_result_free(res);
}

static void reads_go_past_replicas_that_take_none(void **state)
{
    static const char *const tail[] = {", state: out", ", state: no-reads", ", reads: never"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(tail); i++) {
        agdb_t *db = open_one("min: 1", tail[i]);

        assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 5000, NULL), AGDB_OK);
        expect_role(db, AGDB_READ_REPLICA_OK, AGDB_ROLE_PRIMARY);
        expect_role(db, AGDB_WRITE, AGDB_ROLE_PRIMARY);
        cluster_close(db);
    }
}

static void *sleep_on_the_replica(void *arg)
{
    agdb_error_t *error = NULL;

    if (agdb_query(arg,
                   AGDB_REQUEST(.sql = "SELECT pg_sleep(8)", .access = AGDB_READ_REPLICA_OK,
                                .timeout_ms = 8000),
                   NULL, &error) != AGDB_OK)
        print_message("%s\n", agdb_error_message(error));
    agdb_error_clear(&error);
    return NULL;
}

/* It has kept the connection for long enough. */
static void wake_on(const cluster_node_t *replica)
{
    PGconn *pg = direct_open(replica);

    direct_do(pg, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE"
                  " '%%pg_sleep(8)%%' AND pid <> pg_backend_pid()");
    PQfinish(pg);
}

/* The replica's clients' processes, stopped or continued. */
static void signal_backends(const char *pids, int number)
{
    const char *at = pids;
    char *end = NULL;

    while (*at != '\0') {
        pid_t pid = (pid_t)strtol(at, &end, 10);

        assert_true(pid > 1);
        assert_int_equal(kill(pid, number), 0);
        at = *end == ' ' ? end + 1 : end;
    }
}

/* The only connection is busy, and the server hangs: no connection breaks, so only the keeper can
 * tell those who wait for one. */
static void readers_queued_at_a_replica_that_hangs_go_to_the_primary(void **state)
{
    agdb_options_t options = {.struct_size = sizeof options, .service = "queue test"};
    cluster_node_t replica = cluster_node("core", "east-1", "replica");
    agdb_t *look = open_one("min: 1", "");
    char keyspaces[512];
    pthread_t sleeper;
    uint64_t start_us;
    char *pids = NULL;
    agdb_t *db;

    (void)state;
    snprintf(keyspaces, sizeof keyspaces,
             "  core: { timeouts: { queue: 20s }, shards: { east-1: { nodes: [ { host: 127.0.0.1, "
             "port: %d }, { host: 127.0.0.1, port: %d } ] } } }\n",
             port_of("core", "east-1", "primary"), replica.port);
    db = open_map("min: 1, max: 1", keyspaces, &options);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 5000, NULL), AGDB_OK);
    assert_int_equal(agdb_wait_ready(look, AGDB_READY_ALL, 5000, NULL), AGDB_OK);
    assert_true(agdb__thread_start(&sleeper, false, sleep_on_the_replica, db));
    do {
        free(pids);
        pids = cluster_value(
            look, AGDB_REQUEST(.sql = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity "
                                      "WHERE application_name LIKE 'queue test%' HAVING "
                                      "bool_or(query LIKE '%pg_sleep%' AND state = 'active')",
                               .access = AGDB_READ_REPLICA_OK, .timeout_ms = 3000));
    } while (*pids == '\0');
    cluster_signal(&replica, SIGSTOP);
    signal_backends(pids, SIGSTOP);
    start_us = agdb__now_us();
    cluster_do(db,
               AGDB_REQUEST(.sql = "SELECT 1", .access = AGDB_READ_REPLICA_OK, .timeout_ms = 7000));
    print_message("answered after %llu ms\n",
                  (unsigned long long)(agdb__now_us() - start_us) / 1000);
    signal_backends(pids, SIGCONT);
    cluster_signal(&replica, SIGCONT);
    wake_on(&replica);
    pthread_join(sleeper, NULL);
    free(pids);
    cluster_close(db);
    cluster_close(look);
}

static void a_primary_that_is_out_says_so(void **state)
{
    char keyspaces[512];
    agdb_error_t *error = NULL;
    agdb_t *db;

    (void)state;
    snprintf(keyspaces, sizeof keyspaces,
             "  core: { shards: { east-1: { nodes: [ { host: 127.0.0.1, port: %d, state: out }, "
             "{ host: 127.0.0.1, port: %d } ] } } }\n",
             port_of("core", "east-1", "primary"), port_of("core", "east-1", "replica"));
    db = open_map("min: 1", keyspaces, NULL);
    expect_role(db, AGDB_READ_REPLICA_OK, AGDB_ROLE_REPLICA);
    (void)poll(NULL, 0, 500); /* both were seen */
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = 200), NULL, &error),
        AGDB_E_NO_PRIMARY);
    assert_non_null(strstr(agdb_error_message(error), "state: out"));
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_clear(&error);
    cluster_close(db);
}

static void what_is_missing_is_not_what_stands_aside(void **state)
{
    char keyspaces[512];
    agdb_error_t *error = NULL;
    agdb_t *db;

    (void)state;
    snprintf(keyspaces, sizeof keyspaces,
             "  core: { shards: { east-1: { nodes: [ { host: 127.0.0.1, port: %d }, "
             "{ host: 127.0.0.1, port: 1, name: aside, state: out }, "
             "{ host: 127.0.0.1, port: 2, name: gone } ] } } }\n",
             port_of("core", "east-1", "primary"));
    db = open_map("min: 1", keyspaces, NULL);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 1500, &error), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_child_count(error), 1);
    assert_non_null(strstr(agdb_error_message(agdb_error_child(error, 0)), "gone"));
    agdb_error_clear(&error);
    cluster_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_login_takes_no_open_connection_away),
        cmocka_unit_test(a_database_that_is_not_there_leaves_its_neighbours_alone),
        cmocka_unit_test(a_pool_without_a_minimum_empties_and_fills_again),
        cmocka_unit_test(a_single_connection_serves_everybody),
        cmocka_unit_test(reads_go_past_replicas_that_take_none),
        cmocka_unit_test(readers_queued_at_a_replica_that_hangs_go_to_the_primary),
        cmocka_unit_test(a_primary_that_is_out_says_so),
        cmocka_unit_test(what_is_missing_is_not_what_stands_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
