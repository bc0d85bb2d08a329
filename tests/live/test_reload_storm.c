/* A hundred maps a second while 64 threads work (AGDB_RELOAD_STORM_S seconds, 5 unless said
 * otherwise): nodes come and go and are set out, pools change their size. No call fails, and at the
 * end nothing is left: no connection, no descriptor, no memory. */
#include "agencydb.h"

#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 64, PERIOD_US = 10000, KINDS = 6 };
/* A pool, and the probe. What a reload holds until calls have left it is some KiB each. */
enum { SERVICE_SESSIONS = 9, GROWTH_KIB = 8192 };

static cluster_node_t g_east;
static cluster_node_t g_replica;
static cluster_node_t g_west;
static const char k_service[] = "reload-storm";

typedef struct storm {
    agdb_t *db;
    atomic_bool stop;
    atomic_ullong calls;
} storm_t;

/* Each kind differs from its neighbours in another thing. */
static const char *map_text(unsigned epoch)
{
    static const char *const replica[KINDS] = {"active", "", "out", "active", "no-reads", ""};
    static const char *const pool[KINDS] = {"max: 8", "max: 8", "max: 8",
                                            "max: 6", "max: 6", "max: 8, min: 0"};
    static char text[2048];
    const unsigned kind = epoch % KINDS;
    char node[256] = "";

    if (replica[kind][0] != '\0')
        snprintf(node, sizeof node, ", { host: %s, port: %d, state: %s }", g_replica.host,
                 g_replica.port, replica[kind]);
    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: %u\n"
             "defaults:\n  connection: { user: %s, dbname: %s, password_file: %s }\n"
             "  pool: { %s }\n  timeouts: { call: 20s, queue: 10s }\n"
             "keyspaces:\n  core:\n    shards:\n"
             "      east-1: { slots: [0-2047], nodes: [ { host: %s, port: %d }%s ] }\n"
             "      west-1: { slots: [2048-4095], nodes: [ { host: %s, port: %d } ] }\n",
             epoch, cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), pool[kind], g_east.host, g_east.port, node,
             g_west.host, g_west.port);
    return text;
}

/* --- those who work -----------------------------------------------------------------------------
 */

static void expect_ok(crew_hand_t *hand, agdb_status_t st, agdb_error_t **error)
{
    storm_t *storm = hand->job;

    if (st != AGDB_OK)
        crew_wrong(hand, "%s", agdb_error_message(*error));
    agdb_error_clear(error);
    atomic_fetch_add_explicit(&storm->calls, 1, memory_order_relaxed);
}

static void read_one(crew_hand_t *hand, agdb_access_t access)
{
    storm_t *storm = hand->job;
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    const int64_t nonce = crew_random(hand, 1000000);
    int64_t got = -1;
    char key[16];

    snprintf(key, sizeof key, "agency-%u", crew_random(hand, 100));
    expect_ok(hand,
              agdb_query(storm->db,
                         AGDB_REQUEST(.key = agdb_key(key), .sql = "SELECT $1::int8",
                                      AGDB_PARAMS(agdb_int8(nonce)), .access = access),
                         &res, &error),
              &error);
    if (res != NULL && (agdb_result_int64(res, 0, 0, &got, NULL) != AGDB_OK || got != nonce))
        crew_wrong(hand, "%lld, not %lld", (long long)got, (long long)nonce);
    agdb_result_free(res);
}

static void transact(crew_hand_t *hand)
{
    storm_t *storm = hand->job;
    agdb_error_t *error = NULL;
    agdb_tx_t *tx = NULL;

    expect_ok(hand, agdb_begin(storm->db, AGDB_TX(.key = agdb_key("epa")), &tx, &error), &error);
    expect_ok(
        hand,
        agdb_query(storm->db, AGDB_REQUEST(.tx = tx, .sql = "SELECT pg_sleep(0.01)"), NULL, &error),
        &error);
    expect_ok(hand, agdb_commit(tx, &error), &error);
}

static void scatter(crew_hand_t *hand)
{
    storm_t *storm = hand->job;
    agdb_error_t *error = NULL;

    expect_ok(hand,
              agdb_query(storm->db,
                         AGDB_REQUEST(.scope = AGDB_ALL, .sql = "SELECT 1", .access = AGDB_READ),
                         NULL, &error),
              &error);
}

static void on_done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    expect_ok(user, status, &error);
    agdb_result_free(result);
}

/* One that has something under way all the time. */
static void loop_on(crew_hand_t *hand)
{
    storm_t *storm = hand->job;
    agdb_error_t *error = NULL;
    agdb_loop_t *loop = NULL;

    if (agdb_loop_open(storm->db, NULL, &loop, &error) != AGDB_OK) {
        crew_wrong(hand, "%s", agdb_error_message(error));
        agdb_error_free(error);
        return;
    }
    while (!atomic_load_explicit(&storm->stop, memory_order_relaxed)) {
        while (agdb_loop_outstanding(loop) < 8)
            if (agdb_submit(loop,
                            AGDB_REQUEST(.key = agdb_key("cdc"), .sql = "SELECT 1",
                                         .access = AGDB_READ_REPLICA_OK),
                            on_done, hand, NULL, &error) != AGDB_OK)
                expect_ok(hand, AGDB_E_INVAL, &error);
        (void)!agdb_loop_dispatch(loop, NULL);
        (void)usleep(500);
    }
    (void)!agdb_loop_run(loop, 20000, NULL);
    (void)agdb_loop_close(loop);
}

static void ignore(const char *text, size_t len, void *user)
{
    (void)text;
    (void)len;
    (void)user;
}

/* Looks at what the others are on. */
static void show(crew_hand_t *hand)
{
    storm_t *storm = hand->job;

    if (agdb_dump(storm->db, ignore, NULL, NULL) != AGDB_OK ||
        agdb_metrics(storm->db, ignore, NULL, NULL) != AGDB_OK)
        crew_wrong(hand, "a dump or metrics failed");
    (void)usleep(1000);
}

static void work(crew_hand_t *hand)
{
    const storm_t *storm = hand->job;

    if (hand->number < 2)
        loop_on(hand);
    while (!atomic_load_explicit(&storm->stop, memory_order_relaxed)) {
        if (hand->number < 6)
            transact(hand);
        else if (hand->number < 8)
            scatter(hand);
        else if (hand->number == 8)
            show(hand);
        else
            read_one(hand, hand->number % 2 == 0 ? AGDB_READ_REPLICA_OK : AGDB_WRITE);
    }
}

/* --- the storm ----------------------------------------------------------------------------------
 */

/* One map each PERIOD_US, as far as the machine keeps up. Returns the last epoch. */
static unsigned blow(storm_t *storm, unsigned first, uint64_t end_us)
{
    uint64_t next_us = agdb__now_us();
    agdb_error_t *error = NULL;
    unsigned epoch = first;

    while (next_us < end_us) {
        const char *text = map_text(++epoch);
        uint64_t now_us;

        if (agdb_reload_text(storm->db, text, strlen(text), &error) != AGDB_OK)
            fail_msg("epoch %u: %s", epoch, agdb_error_message(error));
        now_us = agdb__now_us();
        next_us += PERIOD_US;
        if (now_us < next_us)
            (void)usleep((useconds_t)(next_us - now_us));
    }
    return epoch;
}

static long resident_kib(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[128];
    long kib = 0;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    fclose(file);
    return kib;
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

static void wait_until_only(const cluster_node_t *node, long long most)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), 10000);
    PGconn *admin = direct_open_admin(node);
    long long n;

    do {
        n = direct_number(
            admin, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%s%%'",
            k_service);
        if (n > most && agdb__now_us() > end_us)
            fail_msg("%s has %lld sessions, more than %lld", node->name, n, most);
        (void)usleep(20000);
    } while (n > most);
    PQfinish(admin);
}

static void no_call_fails_and_nothing_is_left_behind(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = k_service};
    const uint64_t seconds = crew_setting("AGDB_RELOAD_STORM_S", 5);
    const uint64_t begin_us = agdb__now_us();
    const char *text = map_text(1);
    agdb_error_t *error = NULL;
    static crew_t crew;
    storm_t storm = {.db = NULL};
    unsigned epoch;
    const unsigned fds = descriptors();
    long grown;
    long kib;

    (void)state;
    assert_int_equal(agdb_open_text(text, strlen(text), &options, &storm.db, &error), AGDB_OK);
    assert_int_equal(agdb_wait_ready(storm.db, AGDB_READY_PRIMARIES, 10000, &error), AGDB_OK);
    crew_start(&crew, THREADS, 7, work, &storm);
    epoch = blow(&storm, 1, begin_us + seconds * 1000000 / 4);
    kib = resident_kib();
    epoch = blow(&storm, epoch, begin_us + seconds * 1000000);
    atomic_store(&storm.stop, true);
    assert_int_equal(crew_join(&crew), 0);
    grown = resident_kib() - kib;
    print_message("%u reloads, %llu calls, resident memory %+ld KiB after the first quarter\n",
                  epoch - 1, atomic_load(&storm.calls), grown);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they keep what was freed */
    assert_true(grown < GROWTH_KIB);
#endif
    do { /* to a map without the replica */
        text = map_text(++epoch);
        assert_int_equal(agdb_reload_text(storm.db, text, strlen(text), &error), AGDB_OK);
    } while (epoch % KINDS != 1);
    wait_until_only(&g_replica, 0);
    wait_until_only(&g_east, SERVICE_SESSIONS);
    wait_until_only(&g_west, SERVICE_SESSIONS);
    cluster_close(storm.db);
    assert_int_equal(descriptors(), fds);
}

static int setup(void **state)
{
    (void)state;
    g_east = cluster_node("core", "east-1", "primary");
    g_replica = cluster_node("core", "east-1", "replica");
    g_west = cluster_node("core", "west-1", "primary");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_fails_and_nothing_is_left_behind),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
