/* A call returns within its deadline, whatever hangs: name look-up, TCP, login, server, statement.
 * Where no server will hang on demand, a socket of the test does. */
#include "base/clock.h"
#include "cluster.h"
#include "meter.h"
#include "unit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALL_MS = 300, SLACK_MS = 50, CALLS = 4, FILLERS = 8 };

/* --- name look-up that hangs --------------------------------------------------------------------
 */

static atomic_bool g_names_hang;

/* Stands before the C library's. */
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    union {
        void *object;
        int (*function)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    } next = {dlsym(RTLD_NEXT, "getaddrinfo")};
    bool numeric = hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0;

    while (!numeric && atomic_load(&g_names_hang))
        (void)poll(NULL, 0, 5);
    return next.function(host, service, hints, ret);
}

/* --- sockets that hang --------------------------------------------------------------------------
 */

static int listen_somewhere(int backlog, int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* Once its queue is full, the kernel drops further SYNs. */
static void fill_queue(int port, int *filler)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int i;

    for (i = 0; i < FILLERS; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(filler[i] >= 0);
        (void)connect(filler[i], (struct sockaddr *)&to, sizeof to);
    }
    (void)poll(NULL, 0, 50);
}

static agdb_t *open_node(const char *host, int port)
{
    char text[1024];
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    snprintf(
        text, sizeof text,
        "agencydb: 1\nepoch: 1\n"
        "defaults: { connection: { user: %s, dbname: %s, password_file: %s, insecure: true } }\n"
        "keyspaces: { core: { shards: { east-1: { nodes: [ \"%s:%d\" ] } } } }\n",
        cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
        cluster_env("AGDB_TEST_PASSWORD_FILE"), host, port);
    if (agdb_open_text(text, strlen(text), NULL, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

/* --- what a call makes of it --------------------------------------------------------------------
 */

static uint64_t g_worst_us;

static int start_meter(void **state)
{
    (void)state;
    meter_start(1);
    return 0;
}

static int stop_meter(void **state)
{
    (void)state;
    meter_stop();
    return 0;
}

static void expect_failure_in_time(agdb_t *db, const agdb_request_t *request,
                                   agdb_outcome_t outcome)
{
    agdb_error_t *error = NULL;
    uint64_t start = agdb__now_us();
    agdb_status_t st = agdb_query(db, request, NULL, &error);
    uint64_t took = agdb__now_us() - start;

    assert_int_not_equal(st, AGDB_OK);
    if (took > g_worst_us)
        g_worst_us = took;
    if (took > (CALL_MS + SLACK_MS) * 1000 + meter_worst_us())
        fail_msg("%llu ms (the machine was late by %llu): %s", (unsigned long long)took / 1000,
                 (unsigned long long)meter_worst_us() / 1000, agdb_error_message(error));
    assert_int_equal(agdb_error_outcome(error), outcome);
    assert_int_not_equal(agdb_error_stage(error), AGDB_STAGE_NONE);
    assert_string_not_equal(agdb_error_shard(error), "");
    agdb_error_clear(&error);
}

static void calls_fail_in_time(agdb_t *db, agdb_outcome_t outcome)
{
    int i;

    g_worst_us = 0;
    for (i = 0; i < CALLS; i++) {
        expect_failure_in_time(db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = CALL_MS), outcome);
        expect_failure_in_time(
            db,
            AGDB_REQUEST(.sql = "SELECT 1", .access = AGDB_READ_REPLICA_OK, .timeout_ms = CALL_MS),
            outcome);
    }
    print_message(
        "worst call %llu us over its %d ms\n",
        (unsigned long long)(g_worst_us > CALL_MS * 1000 ? g_worst_us - CALL_MS * 1000 : 0),
        CALL_MS);
}

/* Closing waits for no network either. */
static void close_at_once(agdb_t *db)
{
    uint64_t start = agdb__now_us();

    cluster_close(db);
    assert_true(agdb__now_us() - start < 500000);
}

/* --- tests --------------------------------------------------------------------------------------
 */

static void a_name_that_does_not_resolve_in_time(void **state)
{
    agdb_t *db;

    (void)state;
    atomic_store(&g_names_hang, true);
    db = open_node("db.agency.example", 5432);
    calls_fail_in_time(db, AGDB_OUTCOME_NOT_SENT);
    close_at_once(db);
    atomic_store(&g_names_hang, false);
    (void)poll(NULL, 0, 100); /* the helpers end: leak checkers see whether all is given back */
}

static void a_host_that_drops_packets(void **state)
{
    int filler[FILLERS];
    int port = 0;
    int fd = listen_somewhere(0, &port);
    agdb_t *db;
    int i;

    (void)state;
    fill_queue(port, filler);
    db = open_node("127.0.0.1", port);
    calls_fail_in_time(db, AGDB_OUTCOME_NOT_SENT);
    close_at_once(db);
    for (i = 0; i < FILLERS; i++)
        close(filler[i]);
    close(fd);
}

static void a_server_that_accepts_and_says_nothing(void **state)
{
    int port = 0;
    int fd = listen_somewhere(64, &port);
    agdb_t *db;

    (void)state;
    db = open_node("127.0.0.1", port);
    calls_fail_in_time(db, AGDB_OUTCOME_NOT_SENT);
    close_at_once(db);
    close(fd);
}

static void a_stopped_postmaster(void **state)
{
    cluster_node_t primary = cluster_node("core", "east-1", "primary");
    agdb_t *db;

    (void)state;
    cluster_signal(&primary, SIGSTOP);
    db = open_node("127.0.0.1", primary.port);
    calls_fail_in_time(db, AGDB_OUTCOME_NOT_SENT);
    close_at_once(db);
    cluster_signal(&primary, SIGCONT);
}

/* Stops or continues the backend of the client's only connection, and leaves the probe's. */
static void a_stopped_backend(void **state)
{
    agdb_t *db = cluster_open(NULL);
    char *pid = cluster_value(
        db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT pg_backend_pid()"));
    pid_t backend = (pid_t)strtol(pid, NULL, 10);

    (void)state;
    assert_int_equal(kill(backend, SIGSTOP), 0);
    g_worst_us = 0;
    expect_failure_in_time(
        db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1", .timeout_ms = CALL_MS),
        AGDB_OUTCOME_UNKNOWN);
    print_message("worst call %llu us\n", (unsigned long long)g_worst_us);
    /* The connection is not used again: the next call has another one. */
    cluster_do(db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1", .timeout_ms = 3000));
    assert_int_equal(kill(backend, SIGCONT), 0);
    free(pid);
    cluster_close(db);
}

static void a_statement_that_does_not_end(void **state)
{
    agdb_t *db = cluster_open(NULL);
    int i;

    (void)state;
    g_worst_us = 0;
    for (i = 0; i < CALLS; i++) {
        /* sees to a connection: the one of the call before is gone */
        cluster_do(db, AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT 1"));
        expect_failure_in_time(db,
                               AGDB_REQUEST(.keyspace = "notification", .sql = "SELECT pg_sleep(1)",
                                            .timeout_ms = CALL_MS),
                               AGDB_OUTCOME_UNKNOWN);
    }
    print_message("worst call %llu us\n", (unsigned long long)g_worst_us);
    cluster_close(db);
}

int main(void)
{
#define TIMED(test) cmocka_unit_test_setup_teardown(test, start_meter, stop_meter)
    const struct CMUnitTest tests[] = {
        TIMED(a_name_that_does_not_resolve_in_time),
        TIMED(a_host_that_drops_packets),
        TIMED(a_server_that_accepts_and_says_nothing),
        TIMED(a_stopped_postmaster),
        TIMED(a_stopped_backend),
        TIMED(a_statement_that_does_not_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
