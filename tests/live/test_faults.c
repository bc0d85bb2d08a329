/* Servers die and come back while callers call. */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "direct.h"
#include "proxy.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALL_MS = 400, THREADS = 3, POOL = 6, ENDED = 2 };

#define SERVICE "faults test"

typedef struct load {
    agdb_t *db;
    const char *shard;
    const char *node; /* the one that is hurt */
    agdb_access_t access;
    atomic_bool stop;
    atomic_uint ok;
    atomic_uint failed;
    atomic_ullong worst_us;
    atomic_uint wrong; /* an error that does not say where, when, or what became of it */
    char sample[512];
} load_t;

static void check_error(load_t *load, const agdb_error_t *error)
{
    bool names_node = strstr(agdb_error_message(error), load->node) != NULL;
    bool ok = strcmp(agdb_error_shard(error), load->shard) == 0 && names_node &&
              agdb_error_stage(error) >= AGDB_STAGE_PARK &&
              agdb_error_outcome(error) != AGDB_OUTCOME_NONE;

    if (!ok && atomic_fetch_add(&load->wrong, 1) == 0)
        snprintf(load->sample, sizeof load->sample, "%s [%s, %s]", agdb_error_message(error),
                 agdb_stage_name(agdb_error_stage(error)),
                 agdb_outcome_name(agdb_error_outcome(error)));
}

static void *call_in_a_loop(void *arg)
{
    load_t *load = arg;
    agdb_error_t *error = NULL;

    while (!atomic_load(&load->stop)) {
        uint64_t start = agdb__now_us();
        uint64_t took;

        if (agdb_query(load->db,
                       AGDB_REQUEST(.shard = load->shard, .sql = "SELECT 1", .access = load->access,
                                    .timeout_ms = CALL_MS),
                       NULL, &error) == AGDB_OK) {
            atomic_fetch_add(&load->ok, 1);
        } else {
            atomic_fetch_add(&load->failed, 1);
            check_error(load, error);
        }
        took = agdb__now_us() - start;
        if (took > atomic_load(&load->worst_us))
            atomic_store(&load->worst_us, took);
    }
    agdb_error_clear(&error);
    return NULL;
}

static void wait_ms(uint64_t ms)
{
    uint64_t until = agdb__after_ms(agdb__now_us(), ms);

    while (agdb__now_us() < until)
        (void)poll(NULL, 0, 5);
}

/* Calls until `more` further ones succeeded; false after `ms`. */
static bool wait_for_successes(load_t *load, unsigned more, uint64_t ms)
{
    unsigned goal = atomic_load(&load->ok) + more;
    uint64_t until = agdb__after_ms(agdb__now_us(), ms);

    while (atomic_load(&load->ok) < goal && agdb__now_us() < until)
        (void)poll(NULL, 0, 5);
    return atomic_load(&load->ok) >= goal;
}

static void start_load(load_t *load, pthread_t *thread)
{
    size_t i;

    for (i = 0; i < THREADS; i++)
        assert_true(agdb__thread_start(&thread[i], false, call_in_a_loop, load));
    assert_true(wait_for_successes(load, 50, 10000));
}

static void end_load(load_t *load, pthread_t *thread)
{
    size_t i;

    atomic_store(&load->stop, true);
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    if (atomic_load(&load->wrong) > 0)
        fail_msg("%u of %u errors do not say enough: %s", atomic_load(&load->wrong),
                 atomic_load(&load->failed), load->sample);
    print_message("ok %u, failed %u, worst call %llu ms\n", atomic_load(&load->ok),
                  atomic_load(&load->failed), atomic_load(&load->worst_us) / 1000);
    assert_true(atomic_load(&load->worst_us) < (CALL_MS + 50) * 1000);
}

static void a_killed_replica_costs_its_readers_nothing(void **state)
{
    cluster_node_t replica = cluster_node("core", "east-1", "replica");
    pthread_t thread[THREADS];
    load_t load = {.shard = "east-1", .node = replica.name, .access = AGDB_READ_REPLICA_OK};

    (void)state;
    load.db = cluster_open(NULL);
    start_load(&load, thread);
    cluster_signal(&replica, SIGKILL);
    assert_true(wait_for_successes(&load, 200, 10000)); /* the primary answers */
    assert_int_equal(atomic_load(&load.failed), 0);
    cluster_start(&replica);
    assert_int_equal(agdb_wait_ready(load.db, AGDB_READY_ALL, 20000, NULL), AGDB_OK);
    assert_true(wait_for_successes(&load, 200, 10000));
    end_load(&load, thread);
    cluster_close(load.db);
}

static void a_killed_primary_gives_clear_errors_until_it_is_back(void **state)
{
    cluster_node_t primary = cluster_node("core", "west-1", "primary");
    pthread_t thread[THREADS];
    load_t load = {.shard = "west-1", .node = primary.name, .access = AGDB_WRITE};

    (void)state;
    load.db = cluster_open(NULL);
    start_load(&load, thread);
    cluster_signal(&primary, SIGKILL);
    wait_ms(1500);
    assert_true(atomic_load(&load.failed) > 0);
    cluster_start(&primary);
    assert_true(wait_for_successes(&load, 200, 20000));
    end_load(&load, thread);
    cluster_close(load.db);
}

static long long sessions(PGconn *pg, const char *pids)
{
    return direct_number(
        pg,
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '" SERVICE
        "%%' AND pid = ANY (coalesce(nullif('%s', '')::int[], ARRAY[pid]))",
        pids);
}

/* The server is what it was, so its other connections are, too: making all of them anew would be
 * most of what happens where sessions are ended often. */
static void sessions_that_are_ended_take_no_other_one_along(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = SERVICE};
    cluster_node_t primary = cluster_node("core", "east-1", "primary");
    agdb_t *db = cluster_open_core("pool: { min: 6, max: 6 }", "", &options);
    PGconn *pg = direct_open_admin(&primary);
    char *before;
    int i;

    (void)state;
    for (i = 0; sessions(pg, "") < POOL + 1; i++) { /* the probe has one */
        assert_true(i < 2000);
        wait_ms(5);
    }
    before = direct_text(pg, "SELECT array_agg(pid) FROM pg_stat_activity WHERE application_name"
                             " LIKE '" SERVICE "%%'");
    for (i = 0; i < ENDED; i++) {
        char *pid = cluster_value(db, AGDB_REQUEST(.shard = "east-1", .access = AGDB_READ,
                                                   .sql = "SELECT pg_backend_pid()"));
        const uint64_t until_us = agdb__after_ms(agdb__now_us(), 1200);

        direct_do(pg, "SELECT pg_terminate_backend(%s)", pid);
        free(pid);
        while (agdb__now_us() < until_us)
            cluster_do(db, AGDB_REQUEST(.shard = "east-1", .access = AGDB_READ, .sql = "SELECT 1"));
    }
    assert_in_range(sessions(pg, before), POOL - ENDED, POOL - ENDED + 1); /* the probe is new */
    assert_int_equal(sessions(pg, ""), POOL + 1);
    free(before);
    PQfinish(pg);
    cluster_close(db);
}

/* Connections that are there when it is raised are not answered any more. */
static atomic_uint g_muted;

static proxy_verdict_t mute_what_was_there(void *user, const proxy_message_t *message)
{
    const unsigned muted = atomic_load(&g_muted);

    (void)user;
    if (message->type == 0)
        message->note[0] = muted + 1;
    if (message->note[0] > muted)
        return PROXY_PASS;
    return proxy_message_has(message, "cut me") ? PROXY_RESET : PROXY_MUTE;
}

/* As where a firewall has forgotten what went through it: one connection is reset, the others look
 * as they did, and only the server's silence tells. */
static void where_the_server_does_not_answer_the_others_go_with_a_lost_one(void **state)
{
    cluster_node_t primary = cluster_node("core", "east-1", "primary");
    proxy_t *proxy = proxy_start("127.0.0.1", 0, (uint16_t)primary.port, mute_what_was_there, NULL);
    const uint64_t until_us = agdb__after_ms(agdb__now_us(), 20000);
    char node[64];
    agdb_t *db;
    int i;

    (void)state;
    snprintf(node, sizeof node, "\"127.0.0.1:%d\"", proxy_port(proxy));
    db = cluster_open_nodes("pool: { min: 4, max: 4 }", node, NULL, NULL);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 10000, NULL), AGDB_OK);
    while (proxy_accepted(proxy) < 4 + 1) /* the probe has one */
        wait_ms(5);
    wait_ms(300); /* they are made */
    atomic_store(&g_muted, 1);
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.sql = "SELECT 'cut me'", .timeout_ms = CALL_MS), NULL, NULL),
        AGDB_E_LOST);
    while (proxy_accepted(proxy) < 4 + 1 + 4 + 1) { /* all of them anew */
        assert_true(agdb__now_us() < until_us);
        wait_ms(5);
    }
    for (i = 0; i < 8; i++)
        cluster_do(db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = 10 * CALL_MS));
    cluster_close(db);
    proxy_stop(proxy);
}

static void a_restart_while_idle_is_not_noticed(void **state)
{
    cluster_node_t primary = cluster_node("notification", "notification-1", "primary");
    agdb_t *db = cluster_open(NULL);
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        cluster_do(db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1"));
        cluster_signal(&primary, SIGQUIT);
        while (cluster_is_running(&primary))
            wait_ms(10);
        cluster_start(&primary);
        cluster_do(
            db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1", .timeout_ms = 10000));
    }
    cluster_close(db);
}

static void a_stopped_server_costs_its_callers_their_deadline_only(void **state)
{
    cluster_node_t primary = cluster_node("notification", "notification-1", "primary");
    agdb_t *db = cluster_open(NULL);
    agdb_error_t *error = NULL;
    int i;

    (void)state;
    cluster_signal(&primary, SIGSTOP);
    for (i = 0; i < 5; i++) {
        uint64_t start = agdb__now_us();
        agdb_status_t st = agdb_query(
            db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1", .timeout_ms = 300),
            NULL, &error);
        uint64_t took = agdb__now_us() - start;

        /* Its backends go on answering; only new connections hang. */
        if (st != AGDB_OK)
            assert_string_equal(agdb_error_shard(error), "notification-1");
        assert_true(took < 350000);
    }
    cluster_signal(&primary, SIGCONT);
    cluster_do(db,
               AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1", .timeout_ms = 10000));
    agdb_error_clear(&error);
    cluster_close(db);
}

static void a_client_opens_while_servers_are_down(void **state)
{
    cluster_node_t replica = cluster_node("core", "east-1", "replica");
    agdb_t *db = NULL;
    agdb_error_t *error = NULL;

    (void)state;
    cluster_signal(&replica, SIGKILL);
    while (cluster_is_running(&replica))
        wait_ms(10);
    assert_int_equal(agdb_open(cluster_env("AGDB_TEST_MAP"), NULL, &db, NULL), AGDB_OK);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_PRIMARIES, 10000, NULL), AGDB_OK);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 300, &error), AGDB_E_TIMEOUT);
    assert_int_equal(agdb_error_child_count(error), 1);
    assert_string_equal(agdb_error_node(agdb_error_child(error, 0)), replica.name);
    cluster_do(db,
               AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .access = AGDB_READ_REPLICA_OK));
    cluster_start(&replica);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_ALL, 20000, &error), AGDB_OK);
    agdb_error_clear(&error);
    cluster_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_replica_costs_its_readers_nothing),
        cmocka_unit_test(a_killed_primary_gives_clear_errors_until_it_is_back),
        cmocka_unit_test(sessions_that_are_ended_take_no_other_one_along),
        cmocka_unit_test(where_the_server_does_not_answer_the_others_go_with_a_lost_one),
        cmocka_unit_test(a_restart_while_idle_is_not_noticed),
        cmocka_unit_test(a_stopped_server_costs_its_callers_their_deadline_only),
        cmocka_unit_test(a_client_opens_while_servers_are_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
