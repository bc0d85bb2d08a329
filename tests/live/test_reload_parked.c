/* A map that mends what calls wait for: they go on by it, in every way to call. */
#include "agencydb.h"

#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG_MS = 60000, SOON_MS = 10000 };

static cluster_node_t g_east;

static const char *text_named(unsigned epoch, int port, const char *shard)
{
    static _Thread_local char text[1024];

    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: %u\n%s"
             "defaults:\n  connection: { user: %s, dbname: %s, password_file: %s }\n"
             "  timeouts: { park: 1m, call: 1m }\n"
             "keyspaces:\n  core:\n    shards:\n"
             "      %s: { nodes: [ { host: %s, port: %d } ] }\n",
             epoch, strcmp(shard, "east-1") != 0 ? "moved_since: 1\n" : "",
             cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), shard, g_east.host, port);
    return text;
}

static const char *text_of(unsigned epoch, int port)
{
    return text_named(epoch, port, "east-1");
}

/* A client whose only node refuses connections, and will as long as *ret_fd is open. */
static agdb_t *open_in_vain(int *ret_fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    agdb_error_t *error = NULL;
    const char *text;
    agdb_t *db = NULL;

    *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&at, &len), 0);
    text = text_of(1, ntohs(at.sin_port));
    if (agdb_open_text(text, strlen(text), NULL, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

static void find_parked(const char *text, size_t len, void *user)
{
    bool *found = user;

    *found = *found || memmem(text, len, "\"parked\": 1", 11) != NULL;
}

static bool is_parked(agdb_t *db)
{
    bool found = false;

    assert_int_equal(agdb_dump(db, find_parked, &found, NULL), AGDB_OK);
    return found;
}

static void wait_until_parked(agdb_t *db)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), SOON_MS);

    while (!is_parked(db)) {
        assert_true(agdb__now_us() < end_us);
        (void)usleep(2000);
    }
}

/* Two maps later, so that a call has more than one step to go. */
static void mend(agdb_t *db)
{
    const char *text = text_of(2, g_east.port + 1);
    agdb_error_t *error = NULL;

    if (agdb_reload_text(db, text, strlen(text), &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    text = text_of(3, g_east.port);
    if (agdb_reload_text(db, text, strlen(text), &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
}

/* --- the ways to call ---------------------------------------------------------------------------
 */

static agdb_status_t query(agdb_t *db, agdb_error_t **reterr)
{
    return agdb_query(db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = LONG_MS), NULL, reterr);
}

static agdb_status_t briefly(agdb_t *db, agdb_error_t **reterr)
{
    return agdb_query(db, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = 1500), NULL, reterr);
}

static agdb_status_t transaction(agdb_t *db, agdb_error_t **reterr)
{
    agdb_tx_t *tx = NULL;
    agdb_status_t st = agdb_begin(db, AGDB_TX(.timeout_ms = LONG_MS), &tx, reterr);

    if (st != AGDB_OK)
        return st;
    st = agdb_query(db, AGDB_REQUEST(.tx = tx, .sql = "SELECT 1"), NULL, reterr);
    if (st != AGDB_OK) {
        agdb_rollback(tx);
        return st;
    }
    return agdb_commit(tx, reterr);
}

static agdb_status_t stream(agdb_t *db, agdb_error_t **reterr)
{
    agdb_stream_t *s = NULL;
    agdb_result_t *rows = NULL;
    agdb_status_t st = agdb_stream_open(
        db, AGDB_REQUEST(.sql = "SELECT 1", .access = AGDB_READ, .timeout_ms = LONG_MS), &s,
        reterr);

    if (st == AGDB_OK)
        st = agdb_stream_next(s, 10, &rows, reterr);
    agdb_result_free(rows);
    (void)agdb_stream_close(s);
    return st;
}

static agdb_status_t load(agdb_t *db, agdb_error_t **reterr)
{
    agdb_copy_options_t o = AGDB_COPY_OPTIONS_INIT;
    agdb_copy_t *copy = NULL;
    agdb_status_t st;

    o.shard = "east-1";
    o.table = "reload_parked";
    o.timeout_ms = LONG_MS;
    st = agdb_copy_in_open(db, &o, &copy, reterr);
    if (st != AGDB_OK)
        return st;
    st = agdb_copy_in_write(copy, "1\n", 2, reterr);
    return st == AGDB_OK ? agdb_copy_in_finish(copy, NULL, reterr) : st;
}

static agdb_status_t scatter(agdb_t *db, agdb_error_t **reterr)
{
    return agdb_query(db,
                      AGDB_REQUEST(.sql = "SELECT 1", .scope = AGDB_ALL, .access = AGDB_READ,
                                   .timeout_ms = LONG_MS),
                      NULL, reterr);
}

static void on_done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    *(agdb_status_t *)user = status;
    if (status != AGDB_OK)
        print_message("%s\n", agdb_error_message(error));
    agdb_result_free(result);
    agdb_error_free(error);
}

static agdb_status_t submit(agdb_t *db, agdb_error_t **reterr)
{
    agdb_status_t done = AGDB_E_CANCELLED;
    agdb_loop_t *loop = NULL;
    agdb_status_t st = agdb_loop_open(db, NULL, &loop, reterr);

    if (st == AGDB_OK)
        st = agdb_submit(loop, AGDB_REQUEST(.sql = "SELECT 1", .timeout_ms = LONG_MS), on_done,
                         &done, NULL, reterr);
    if (st == AGDB_OK)
        st = agdb_loop_run(loop, LONG_MS, reterr);
    agdb_loop_close(loop);
    return st == AGDB_OK ? done : st;
}

/* --- all alike ----------------------------------------------------------------------------------
 */

typedef struct caller {
    agdb_t *db;
    agdb_status_t (*call)(agdb_t *db, agdb_error_t **reterr);
    agdb_status_t status;
    agdb_error_t *error;
} caller_t;

static void *call_main(void *arg)
{
    caller_t *c = arg;

    c->status = c->call(c->db, &c->error);
    return NULL;
}

static void goes_on(agdb_status_t (*call)(agdb_t *db, agdb_error_t **reterr))
{
    int fd;
    caller_t c = {.db = open_in_vain(&fd), .call = call};
    uint64_t start_us;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, call_main, &c), 0);
    wait_until_parked(c.db);
    start_us = agdb__now_us();
    mend(c.db);
    pthread_join(thread, NULL);
    if (c.status != AGDB_OK)
        fail_msg("%s", agdb_error_message(c.error));
    assert_true(agdb__now_us() - start_us < (uint64_t)SOON_MS * 1000);
    assert_false(is_parked(c.db));
    cluster_close(c.db);
    close(fd);
}

static void a_call_that_waits_goes_on_by_the_new_map(void **state)
{
    (void)state;
    goes_on(query);
}

static void a_transaction_that_waits_to_begin_goes_on(void **state)
{
    (void)state;
    goes_on(transaction);
}

static void a_stream_that_waits_for_its_first_row_goes_on(void **state)
{
    (void)state;
    goes_on(stream);
}

static void a_leg_of_a_scatter_goes_on(void **state)
{
    (void)state;
    goes_on(scatter);
}

static void what_waits_on_a_loop_goes_on(void **state)
{
    (void)state;
    goes_on(submit);
}

static void a_load_that_waits_goes_on(void **state)
{
    agdb_t *db = cluster_open(NULL);

    (void)state;
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE IF EXISTS reload_parked"));
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "CREATE TABLE reload_parked (n int)"));
    goes_on(load);
    cluster_expect(db, "east-1", "SELECT count(*) FROM reload_parked", "1");
    cluster_do(db, AGDB_REQUEST(.shard = "east-1", .sql = "DROP TABLE reload_parked"));
    cluster_close(db);
}

/* Nothing has taken the shard's place: its time is over in the end. */
static void a_shard_that_is_gone_is_waited_for_in_vain(void **state)
{
    int fd;
    caller_t c = {.db = open_in_vain(&fd), .call = briefly};
    agdb_error_t *error = NULL;
    const char *text;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, call_main, &c), 0);
    wait_until_parked(c.db);
    text = text_named(2, g_east.port, "west-1");
    if (agdb_reload_text(c.db, text, strlen(text), &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    pthread_join(thread, NULL);
    assert_int_equal(c.status, AGDB_E_NO_PRIMARY);
    agdb_error_free(c.error);
    cluster_close(c.db);
    close(fd);
}

static int find_nodes(void **state)
{
    (void)state;
    g_east = cluster_node("core", "east-1", "primary");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_waits_goes_on_by_the_new_map),
        cmocka_unit_test(a_transaction_that_waits_to_begin_goes_on),
        cmocka_unit_test(a_stream_that_waits_for_its_first_row_goes_on),
        cmocka_unit_test(a_leg_of_a_scatter_goes_on),
        cmocka_unit_test(what_waits_on_a_loop_goes_on),
        cmocka_unit_test(a_load_that_waits_goes_on),
        cmocka_unit_test(a_shard_that_is_gone_is_waited_for_in_vain),
    };

    return cmocka_run_group_tests(tests, find_nodes, NULL);
}
