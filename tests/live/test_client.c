/* The handle: opening, options, identity, forks, closing, memory. */
#include "agencydb.h"

#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "unit.h"

#include <dirent.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A map of core's two primaries; `east` and `west` say which port each shard gets. */
static char *two_shards(int east, int west)
{
    static char text[1024];

    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: 1\ndefault_keyspace: core\n"
             "defaults: { connection: { user: %s, dbname: %s, password_file: %s } }\n"
             "keyspaces:\n  core:\n    shards:\n"
             "      east-1: { slots: [0-2047], nodes: [ \"127.0.0.1:%d\" ] }\n"
             "      west-1: { slots: [2048-4095], nodes: [ \"127.0.0.1:%d\" ] }\n",
             cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), east, west);
    return text;
}

static agdb_t *open_text(const char *text, const agdb_options_t *options)
{
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    if (agdb_open_text(text, strlen(text), options, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

/* --- opening ------------------------------------------------------------------------------------
 */

static void a_bad_map_gives_one_child_per_mistake(void **state)
{
    static const char text[] = "agencydb: 1\nepoch: x\ncolour: red\nkeyspaces: {}\n";
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    (void)state;
    assert_int_equal(agdb_open_text(text, sizeof text - 1, NULL, &db, &error), AGDB_E_MAP_INVALID);
    assert_null(db);
    assert_true(agdb_error_child_count(error) >= 3);
    assert_non_null(strstr(agdb_error_message(agdb_error_child(error, 0)), "inline:2:8"));
    agdb_error_clear(&error);
    assert_int_equal(agdb_open("/no/such/map.yaml", NULL, &db, &error), AGDB_E_MAP_INVALID);
    assert_non_null(strstr(agdb_error_message(error), "/no/such/map.yaml"));
    agdb_error_clear(&error);
}

static void options_of_another_size_are_understood_or_refused(void **state)
{
    struct {
        agdb_options_t ours;
        char newer[16];
    } options = {0};
    char *text = two_shards(1, 2);
    agdb_t *db = NULL;

    (void)state;
    options.ours.struct_size = sizeof options; /* a newer caller that sets nothing new */
    assert_int_equal(agdb_open_text(text, strlen(text), &options.ours, &db, NULL), AGDB_OK);
    cluster_close(db);
    options.newer[3] = 1;
    assert_int_equal(agdb_open_text(text, strlen(text), &options.ours, &db, NULL), AGDB_E_INVAL);
    options.ours.struct_size = offsetof(agdb_options_t, log); /* an older caller */
    assert_int_equal(agdb_open_text(text, strlen(text), &options.ours, &db, NULL), AGDB_OK);
    cluster_close(db);
    options.ours.struct_size = 0;
    assert_int_equal(agdb_open_text(text, strlen(text), &options.ours, &db, NULL), AGDB_E_INVAL);
}

static void the_service_name_is_seen_by_the_server(void **state)
{
    agdb_options_t options = {.struct_size = sizeof options, .service = "foundation-api"};
    agdb_t *db = cluster_open(&options);
    char *name =
        cluster_value(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SHOW application_name"));

    (void)state;
    assert_string_equal(name, "foundation-api");
    free(name);
    cluster_close(db);
}

/* --- identity -----------------------------------------------------------------------------------
 */

static void swapped_hosts_are_refused_by_identity(void **state)
{
    int east = cluster_node("core", "east-1", "primary").port;
    int west = cluster_node("core", "west-1", "primary").port;
    agdb_error_t *error = NULL;
    agdb_t *db = open_text(two_shards(west, east), NULL);

    (void)state;
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), NULL, &error),
        AGDB_E_WRONG_SHARD);
    print_message("%s\n", agdb_error_message(error));
    assert_non_null(strstr(agdb_error_message(error), "'east-1'"));
    assert_non_null(strstr(agdb_error_message(error), "'west-1'"));
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    cluster_close(db);
    db = open_text(two_shards(east, west), NULL);
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"));
    cluster_close(db);
    agdb_error_clear(&error);
}

/* --- callbacks ----------------------------------------------------------------------------------
 */

typedef struct seen {
    atomic_uint events;
    atomic_ullong last;
    atomic_bool gap;
    atomic_uint up;
    atomic_uint frozen; /* the agency `nara`, in each keyspace */
    atomic_uint lines;
    atomic_uint passwords;
    char secret[128];
} seen_t;

static void on_event(const agdb_event_t *event, void *user)
{
    seen_t *seen = user;

    if (agdb_event_sequence(event) != atomic_load(&seen->last) + 1)
        atomic_store(&seen->gap, true);
    atomic_store(&seen->last, agdb_event_sequence(event));
    if (agdb_event_type(event) == AGDB_EVENT_NODE_UP)
        atomic_fetch_add(&seen->up, 1);
    if (agdb_event_type(event) == AGDB_EVENT_FROZEN &&
        strstr(agdb_event_text(event), "'nara'") != NULL)
        atomic_fetch_add(&seen->frozen, 1);
    atomic_fetch_add(&seen->events, 1);
}

static void on_log(agdb_log_level_t level, const char *line, void *user)
{
    seen_t *seen = user;

    assert_true(level >= AGDB_LOG_ERROR && level <= AGDB_LOG_DEBUG);
    assert_null(strchr(line, '\n'));
    assert_true(seen->secret[0] == '\0' || strstr(line, seen->secret) == NULL);
    atomic_fetch_add(&seen->lines, 1);
}

static bool on_password(const char *node, const char *login, char *buf, size_t size, void *user)
{
    seen_t *seen = user;

    assert_true(node[0] != '\0');
    assert_string_equal(login, cluster_env("AGDB_TEST_USER"));
    snprintf(buf, size, "%s", seen->secret);
    atomic_fetch_add(&seen->passwords, 1);
    return true;
}

static void read_secret(seen_t *seen)
{
    FILE *file = fopen(cluster_env("AGDB_TEST_PASSWORD_FILE"), "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%127s", seen->secret), 1);
    fclose(file);
}

static void callbacks_tell_what_happens_and_give_the_password(void **state)
{
    seen_t seen = {0};
    agdb_options_t options = {.struct_size = sizeof options,
                              .event = on_event,
                              .event_user = &seen,
                              .log = on_log,
                              .log_user = &seen,
                              .log_level = AGDB_LOG_DEBUG,
                              .password = on_password,
                              .password_user = &seen,
                              .login = cluster_env("AGDB_TEST_USER")};
    agdb_t *db;
    int i;

    (void)state;
    read_secret(&seen);
    db = cluster_open(&options);
    assert_true(atomic_load(&seen.passwords) >= 5);
    for (i = 0; i < 1000 && atomic_load(&seen.up) < 5; i++)
        (void)poll(NULL, 0, 5); /* told right after the view that readiness waits for */
    assert_int_equal(atomic_load(&seen.up), 5);
    assert_int_equal(atomic_load(&seen.frozen), 2);
    assert_false(atomic_load(&seen.gap));
    assert_true(atomic_load(&seen.lines) >= 5);
    cluster_close(db);
}

static bool no_password(const char *node, const char *login, char *buf, size_t size, void *user)
{
    (void)node;
    (void)login;
    (void)user;
    snprintf(buf, size, "wrong");
    return true;
}

static void a_wrong_password_is_told_at_once_and_never_shown(void **state)
{
    agdb_options_t options = {.struct_size = sizeof options,
                              .password = no_password,
                              .login = cluster_env("AGDB_TEST_USER")};
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    uint64_t start = agdb__now_us();

    (void)state;
    assert_int_equal(agdb_open(cluster_env("AGDB_TEST_MAP"), &options, &db, NULL), AGDB_OK);
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), NULL, &error),
        AGDB_E_AUTH);
    assert_true(agdb__now_us() - start < 3000000);
    assert_non_null(strstr(agdb_error_message(error), cluster_env("AGDB_TEST_USER")));
    agdb_error_clear(&error);
    cluster_close(db);
}

/* --- fork ---------------------------------------------------------------------------------------
 */

/* TSan cannot follow threads that a forked child makes ("dup thread with used id"), so there the
 * child's own client is left to the other builds. */
static bool child_works_with_a_client_of_its_own(void)
{
#ifndef __SANITIZE_THREAD__
    agdb_t *own = NULL;

    return agdb_open(getenv("AGDB_TEST_MAP"), NULL, &own, NULL) == AGDB_OK &&
           agdb_query(own, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), NULL, NULL) ==
               AGDB_OK &&
           agdb_close(own, 5000) == AGDB_OK;
#else
    return true;
#endif
}

static void a_child_cannot_use_its_parents_client(void **state)
{
    agdb_t *db = cluster_open(NULL);
    int status = -1;
    pid_t pid;

    (void)state;
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        agdb_route_info_t route = {.struct_size = sizeof route};
        bool ok = agdb_query(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), NULL,
                             NULL) == AGDB_E_FORKED &&
                  agdb_route(db, NULL, agdb_key("epa"), &route, NULL) == AGDB_E_FORKED &&
                  agdb_wait_ready(db, AGDB_READY_ANY, 10, NULL) == AGDB_E_FORKED &&
                  agdb_shard_count(db, NULL) == 0 && agdb_shard_name(db, NULL, 0) == NULL &&
                  agdb_close(db, 10) == AGDB_E_FORKED;
        _exit(ok && child_works_with_a_client_of_its_own() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cluster_do(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1")); /* unharmed */
    cluster_close(db);
}

/* --- closing ------------------------------------------------------------------------------------
 */

typedef struct busy {
    agdb_t *db;
    atomic_uint answered;
    atomic_uint closing;
    atomic_uint other;
} busy_t;

static void *one_call(void *arg)
{
    busy_t *busy = arg;
    agdb_status_t st = agdb_query(
        busy->db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_sleep(0.4)"), NULL, NULL);

    if (st == AGDB_OK)
        atomic_fetch_add(&busy->answered, 1);
    else if (st == AGDB_E_CLOSING)
        atomic_fetch_add(&busy->closing, 1);
    else
        atomic_fetch_add(&busy->other, 1);
    return NULL;
}

static void close_under_load_ends_waiting_calls_and_lets_running_ones_finish(void **state)
{
    enum { THREADS = 24 };
    pthread_t thread[THREADS];
    busy_t busy = {.db = cluster_open(NULL)};
    uint64_t start;
    size_t i;

    (void)state;
    for (i = 0; i < THREADS; i++)
        assert_true(agdb__thread_start(&thread[i], false, one_call, &busy));
    (void)poll(NULL, 0, 250); /* pool.max of them run, the others wait */
    start = agdb__now_us();
    assert_int_equal(agdb_close(busy.db, 5000), AGDB_OK);
    assert_true(agdb__now_us() - start < 2000000);
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&busy.other), 0);
    assert_true(atomic_load(&busy.answered) > 0);
    assert_true(atomic_load(&busy.closing) >= THREADS - 16);
}

static void *one_slow_call(void *arg)
{
    busy_t *busy = arg;

    if (agdb_query(busy->db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_sleep(1)"),
                   NULL, NULL) == AGDB_OK)
        atomic_fetch_add(&busy->answered, 1);
    return NULL;
}

static void close_that_runs_out_of_time_leaves_the_call_alone(void **state)
{
    busy_t busy = {.db = cluster_open(NULL)};
    pthread_t thread;

    (void)state;
    assert_true(agdb__thread_start(&thread, false, one_slow_call, &busy));
    (void)poll(NULL, 0, 200);
    assert_int_equal(agdb_close(busy.db, 50), AGDB_E_TIMEOUT);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&busy.answered), 1);
    (void)poll(NULL, 0, 300); /* the last one out frees the rest: leak checkers see that */
}

/* --- memory -------------------------------------------------------------------------------------
 */

typedef struct counter {
    atomic_long live;
    atomic_long made;
    atomic_long fail_at; /* this allocation fails; 0: none */
    atomic_bool fail_on; /* and all after it */
} counter_t;

static bool must_fail(counter_t *c)
{
    long n = atomic_fetch_add(&c->made, 1) + 1;
    long at = atomic_load(&c->fail_at);

    return at > 0 && (n == at || (n > at && atomic_load(&c->fail_on)));
}

static void *count_alloc(size_t size, void *user)
{
    counter_t *c = user;

    if (must_fail(c))
        return NULL;
    atomic_fetch_add(&c->live, 1);
    return malloc(size);
}

static void *count_resize(void *block, size_t size, void *user)
{
    return must_fail(user) ? NULL : realloc(block, size);
}

static void count_release(void *block, void *user)
{
    counter_t *c = user;

    atomic_fetch_sub(&c->live, 1);
    free(block);
}

static void the_clients_allocator_gets_everything_back(void **state)
{
    counter_t c = {0};
    agdb_allocator_t allocator = {count_alloc, count_resize, count_release, &c};
    agdb_options_t options = {.struct_size = sizeof options, .allocator = &allocator};
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    agdb_t *db = cluster_open(&options);

    (void)state;
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1"), &res, &error),
        AGDB_OK);
    assert_int_equal(
        agdb_query(db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELEC"), NULL, &error),
        AGDB_E_SERVER);
    assert_true(atomic_load(&c.made) > 20);
    cluster_close(db);
    assert_int_equal(agdb_result_rows(res), 1); /* outlives the client */
    assert_true(atomic_load(&c.live) > 0);
    agdb_result_free(res);
    agdb_error_clear(&error);
    assert_int_equal(atomic_load(&c.live), 0);
}

static void calls_survive_a_failing_allocator(void **state)
{
    counter_t c = {0};
    agdb_allocator_t allocator = {count_alloc, count_resize, count_release, &c};
    agdb_options_t options = {.struct_size = sizeof options, .allocator = &allocator};
    agdb_t *db = cluster_open(&options);
    unsigned failures = 0;
    long n;
    int persistent;

    (void)state;
    for (persistent = 0; persistent < 2; persistent++) {
        for (n = 1; n < 40; n++) {
            char sql[64];
            agdb_error_t *error = NULL;
            agdb_status_t st;

            snprintf(sql, sizeof sql, "SELECT %d, %ld", persistent, n); /* a new statement */
            atomic_store(&c.fail_on, persistent == 1);
            atomic_store(&c.made, 0);
            atomic_store(&c.fail_at, n);
            st = agdb_query(db,
                            AGDB_REQUEST(.key = agdb_key("epa"), .sql = sql, .access = AGDB_READ,
                                         .timeout_ms = 3000),
                            NULL, &error);
            atomic_store(&c.fail_at, 0);
            if (st != AGDB_OK) {
                failures++;
                assert_non_null(error);
                assert_int_equal(agdb_error_status(error), st);
            }
            agdb_error_clear(&error);
            cluster_do(
                db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT 1", .timeout_ms = 10000));
        }
    }
    assert_true(failures > 0);
    cluster_close(db);
    assert_int_equal(atomic_load(&c.live), 0);
}

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void open_and_close_leave_no_descriptor(void **state)
{
    size_t before;
    int i;

    (void)state;
    cluster_close(cluster_open(NULL));
    before = open_descriptors();
    for (i = 0; i < 5; i++)
        cluster_close(cluster_open(NULL));
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_map_gives_one_child_per_mistake),
        cmocka_unit_test(options_of_another_size_are_understood_or_refused),
        cmocka_unit_test(the_service_name_is_seen_by_the_server),
        cmocka_unit_test(swapped_hosts_are_refused_by_identity),
        cmocka_unit_test(callbacks_tell_what_happens_and_give_the_password),
        cmocka_unit_test(a_wrong_password_is_told_at_once_and_never_shown),
        cmocka_unit_test(a_child_cannot_use_its_parents_client),
        cmocka_unit_test(close_under_load_ends_waiting_calls_and_lets_running_ones_finish),
        cmocka_unit_test(close_that_runs_out_of_time_leaves_the_call_alone),
        cmocka_unit_test(the_clients_allocator_gets_everything_back),
        cmocka_unit_test(calls_survive_a_failing_allocator),
        cmocka_unit_test(open_and_close_leave_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
