/* Listeners on the cluster: what they are told, and in which order, while connections die,
 * callbacks stand still, and listeners come and go. */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "journal.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static cluster_node_t g_east;
static cluster_node_t g_west;
static agdb_t *g_db;
static journal_t *g_journal;
static PGconn *g_say; /* to east */

static agdb_listener_t *listen_to(const agdb_listen_options_t *options, journal_t *journal)
{
    agdb_listener_t *listener = NULL;
    agdb_error_t *error = NULL;

    if (agdb_listen(g_db, options, journal_write, journal, &listener, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return listener;
}

static agdb_listener_t *listen_east(const char *channel)
{
    return listen_to(AGDB_LISTEN(.shard = "east-1", .channel = channel), g_journal);
}

/* The only process that listens on east for this client. */
static long long listening_pid(void)
{
    return direct_number(g_say, "SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE"
                                " application_name = 'listen test' AND query LIKE '%%LISTEN %%'");
}

static int setup(void **state)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = "listen test"};

    (void)state;
    g_east = cluster_node("core", "east-1", "primary");
    g_west = cluster_node("core", "west-1", "primary");
    g_db = cluster_open_core("pool: { max: 2 }", "", &options);
    g_journal = journal_new();
    g_say = direct_open_admin(&g_east);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (g_db != NULL)
        cluster_close(g_db);
    g_db = NULL;
    journal_free(g_journal);
    PQfinish(g_say);
    return 0;
}

/* --- what is said ------------------------------------------------------------------------------
 */

static void payloads_arrive_exactly_and_in_order(void **state)
{
    agdb_listener_t *l = listen_east("alerts");
    size_t i;

    (void)state;
    journal_expect(g_journal, 0, "1 subscribed east-1");
    direct_do(g_say, "NOTIFY alerts");
    journal_expect(g_journal, 1, "2 notified east-1 ");
    direct_do(g_say, "NOTIFY alerts, 'Überschwemmung 洪水 \"x\" ''y'' \\n'");
    journal_expect(g_journal, 2, "3 notified east-1 Überschwemmung 洪水 \"x\" 'y' \\n");
    assert_int_equal(g_journal->pid, PQbackendPID(g_say));
    direct_do(g_say, "SELECT pg_notify('alerts', repeat('ab', 3999) || 'c')");
    journal_expect(g_journal, 3, "4 notified east-1 (7999 bytes)");
    for (i = 0; i < 7998; i++)
        assert_int_equal(g_journal->payload[i], i % 2 == 0 ? 'a' : 'b');
    assert_int_equal(g_journal->payload[7998], 'c');
    direct_do(g_say, "SELECT pg_notify('alerts', g::text) FROM generate_series(1, 500) g");
    journal_wait(g_journal, 504);
    for (i = 1; i <= 500; i++) {
        char line[64];

        snprintf(line, sizeof line, "%zu notified east-1 %zu", i + 4, i);
        journal_expect(g_journal, i + 3, line);
    }
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
}

static void a_name_is_exact_and_needs_no_quotes(void **state)
{
    static const char *const name[] = {"Mixed \"Case\" ü", "'; DROP TABLE t; --", "select"};
    agdb_listener_t *l[AGDB_COUNT(name)];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(name); i++)
        l[i] = listen_east(name[i]);
    journal_wait(g_journal, 3);
    for (i = 0; i < AGDB_COUNT(name); i++) {
        direct_do(g_say, "SELECT pg_notify($x$%s$x$, '%zu')", name[i], i);
        journal_wait(g_journal, 4 + i);
        assert_int_equal(g_journal->payload[0], '0' + (int)i);
    }
    direct_do(g_say, "SELECT pg_notify('mixed \"case\" ü', 'other')");
    direct_do(g_say, "NOTIFY \"select\", 'end'");
    journal_expect(g_journal, 6, "3 notified east-1 end");
    for (i = 0; i < AGDB_COUNT(name); i++)
        assert_int_equal(agdb_unlisten(l[i]), AGDB_OK);
}

static void all_shards_are_heard_and_told_apart(void **state)
{
    agdb_listener_t *l = listen_to(AGDB_LISTEN(.all_shards = true, .channel = "a"), g_journal);
    PGconn *west = direct_open_admin(&g_west);

    (void)state;
    journal_wait(g_journal, 2);
    assert_string_not_equal(g_journal->line[0] + 2, g_journal->line[1] + 2);
    direct_do(west, "NOTIFY a, 'from the west'");
    journal_expect(g_journal, 2, "3 notified west-1 from the west");
    direct_do(g_say, "NOTIFY a, 'from the east'");
    journal_expect(g_journal, 3, "4 notified east-1 from the east");
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
    PQfinish(west);
}

static void a_key_leads_to_its_shard_and_what_requests_say_is_heard(void **state)
{
    agdb_listener_t *l = listen_to(AGDB_LISTEN(.key = agdb_key("epa"), .channel = "a"), g_journal);
    agdb_route_info_t route = {.struct_size = sizeof route};
    char line[128];

    (void)state;
    assert_int_equal(agdb_route(g_db, NULL, agdb_key("epa"), &route, NULL), AGDB_OK);
    journal_wait(g_journal, 1);
    cluster_do(g_db, AGDB_REQUEST(.key = agdb_key("epa"), .sql = "SELECT pg_notify('a', $1)",
                                  AGDB_PARAMS(agdb_text("hello")), .timeout_ms = 5000));
    snprintf(line, sizeof line, "2 notified %s hello", route.shard);
    journal_expect(g_journal, 1, line);
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
}

/* --- what is shared ----------------------------------------------------------------------------
 */

static void listeners_share_one_connection_beside_the_pool(void **state)
{
    agdb_listener_t *l[20];
    size_t i;
    char name[16];

    (void)state;
    for (i = 0; i < AGDB_COUNT(l); i++) {
        snprintf(name, sizeof name, "c%zu", i / 2); /* two each */
        l[i] = listen_east(name);
    }
    journal_wait(g_journal, 20);
    assert_int_equal(direct_number(g_say, "SELECT count(*) FROM pg_stat_activity WHERE"
                                          " application_name = 'listen test' AND query LIKE "
                                          "'%%LISTEN %%'"),
                     1);
    direct_do(g_say, "NOTIFY c3, 'x'");
    journal_wait(g_journal, 22);
    assert_int_equal(agdb_unlisten(l[6]), AGDB_OK);
    direct_do(g_say, "NOTIFY c3, 'y'"); /* the other one hears it still */
    journal_expect(g_journal, 22, "3 notified east-1 y");
    assert_int_equal(agdb_unlisten(l[7]), AGDB_OK);
    while (direct_number(g_say, "SELECT count(*) FROM pg_stat_activity WHERE"
                                " application_name = 'listen test' AND query LIKE "
                                "'UNLISTEN \"c3\"'") != 1)
        (void)poll(NULL, 0, 5);
    direct_do(g_say, "NOTIFY c3, 'z'");
    direct_do(g_say, "NOTIFY c4, 'end'");
    journal_wait(g_journal, 25);
    assert_int_equal(journal_count(g_journal), 25);
    for (i = 0; i < AGDB_COUNT(l); i++)
        if (i != 6 && i != 7)
            assert_int_equal(agdb_unlisten(l[i]), AGDB_OK);
    while (listening_pid() != 0) /* and with the last one the connection goes */
        (void)poll(NULL, 0, 5);
}

/* --- what is lost ------------------------------------------------------------------------------
 */

static void a_killed_backend_is_lost_missed_and_heard_again(void **state)
{
    agdb_listener_t *l = listen_east("alerts");
    long long pid;

    (void)state;
    journal_expect(g_journal, 0, "1 subscribed east-1");
    pid = listening_pid();
    assert_int_not_equal(pid, 0);
    direct_do(g_say, "SELECT pg_terminate_backend(%lld)", pid);
    journal_expect(g_journal, 1, "2 lost east-1");
    journal_expect(g_journal, 2, "3 missed east-1");
    journal_expect_reason(g_journal, 2, "the server ended the connection");
    assert_string_not_equal(g_journal->node[2], "");
    direct_do(g_say, "NOTIFY alerts, 'again'"); /* MISSED is told when LISTEN is committed */
    journal_expect(g_journal, 3, "4 notified east-1 again");
    assert_int_not_equal(listening_pid(), pid);
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
}

/* The process stands still, its kernel goes on: no connection breaks. */
static void a_silent_server_is_noticed_within_four_seconds(void **state)
{
    agdb_listener_t *l = listen_east("alerts");
    uint64_t start_us;
    uint64_t took_ms;
    pid_t pid;

    (void)state;
    journal_expect(g_journal, 0, "1 subscribed east-1");
    pid = (pid_t)listening_pid();
    assert_true(pid > 1);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    start_us = agdb__now_us();
    journal_expect(g_journal, 1, "2 lost east-1");
    took_ms = (agdb__now_us() - start_us) / 1000;
    journal_expect(g_journal, 2, "3 missed east-1");
    assert_int_equal(kill(pid, SIGCONT), 0);
    print_message("noticed after %llu ms\n", (unsigned long long)took_ms);
    journal_expect_reason(g_journal, 1, "does not answer in time");
    assert_in_range(took_ms, 1, 5000); /* 4000 and what a busy machine takes */
    direct_do(g_say, "NOTIFY alerts, 'again'");
    journal_expect(g_journal, 3, "4 notified east-1 again");
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
}

/* --- callbacks ---------------------------------------------------------------------------------
 */

static void a_full_queue_is_one_event_and_nothing_else_waits(void **state)
{
    journal_t *other = journal_new();
    agdb_listener_t *slow =
        listen_to(AGDB_LISTEN(.shard = "east-1", .channel = "a", .max_queued = 10), g_journal);
    uint64_t start_us;

    (void)state;
    journal_expect(g_journal, 0, "1 subscribed east-1");
    journal_hold(g_journal, true);
    direct_do(g_say, "NOTIFY a, 'first'");
    journal_wait_inside(g_journal);
    direct_do(g_say, "SELECT pg_notify('a', g::text) FROM generate_series(1, 300) g");
    start_us = agdb__now_us();
    cluster_do(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .timeout_ms = 5000));
    assert_true(agdb__now_us() - start_us < 4000000);
    (void)poll(NULL, 0, 300); /* all 300 have come */
    journal_hold(g_journal, false);
    journal_expect(g_journal, 1, "2 notified east-1 first");
    journal_expect(g_journal, 2, "3 notified east-1 1");
    journal_expect(g_journal, 11, "12 notified east-1 10");
    journal_expect(g_journal, 12, "13 missed east-1");
    journal_expect_reason(g_journal, 12, "the queue is full: 290 events");
    direct_do(g_say, "NOTIFY a, 'end'");
    journal_expect(g_journal, 13, "14 notified east-1 end");
    assert_int_equal(agdb_unlisten(slow), AGDB_OK);
    journal_free(other);
}

typedef struct asker {
    agdb_listener_t *own;
    agdb_listener_t *other;
    atomic_int calls;
    atomic_int rows;
    atomic_int close_status;
} asker_t;

/* Asks the library, and ends itself. */
static void ask_and_end(const agdb_notification_t *n, void *user)
{
    asker_t *asker = user;
    agdb_result_t *res = NULL;

    if (agdb_notification_kind(n) != AGDB_LISTEN_NOTIFIED)
        return;
    if (agdb_query(g_db, AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1", .timeout_ms = 5000),
                   &res, NULL) == AGDB_OK)
        atomic_fetch_add(&asker->rows, (int)agdb_result_rows(res));
    agdb_result_free(res);
    atomic_store(&asker->close_status, agdb_close(g_db, 1000));
    (void)agdb_unlisten(asker->other);
    (void)agdb_unlisten(asker->own);
    (void)poll(NULL, 0, 50); /* whoever frees it meanwhile */
    if (strcmp(agdb_notification_channel(n), "a") == 0 &&
        strcmp(agdb_notification_payload(n), "x") == 0)
        atomic_fetch_add(&asker->calls, 1);
}

static void a_callback_may_ask_and_end_listeners_but_not_close(void **state)
{
    asker_t asker = {0};
    journal_t *other = journal_new();

    (void)state;
    asker.other = listen_to(AGDB_LISTEN(.shard = "east-1", .channel = "b"), other);
    assert_int_equal(agdb_listen(g_db, AGDB_LISTEN(.shard = "east-1", .channel = "a"), ask_and_end,
                                 &asker, &asker.own, NULL),
                     AGDB_OK);
    journal_wait(other, 1);
    while (atomic_load(&asker.calls) == 0) {
        direct_do(g_say, "NOTIFY a, 'x'"); /* perhaps before it is subscribed */
        (void)poll(NULL, 0, 20);
    }
    assert_int_equal(atomic_load(&asker.rows), 1);
    assert_int_equal(atomic_load(&asker.close_status), AGDB_E_MISUSE);
    direct_do(g_say, "NOTIFY a, 'x'; NOTIFY b, 'x'");
    (void)poll(NULL, 0, 200);
    assert_int_equal(atomic_load(&asker.calls), 1);
    assert_int_equal(journal_count(other), 1);
    journal_free(other);
}

/* --- the end -----------------------------------------------------------------------------------
 */

static void close_ends_listeners_and_their_handles_stay(void **state)
{
    agdb_listener_t *one = listen_east("a");
    agdb_listener_t *two = listen_east("never subscribed");
    size_t count;

    (void)state;
    journal_wait(g_journal, 1);
    cluster_close(g_db);
    g_db = NULL;
    count = journal_count(g_journal);
    direct_do(g_say, "NOTIFY a, 'x'");
    (void)poll(NULL, 0, 100);
    assert_int_equal(journal_count(g_journal), count);
    assert_int_equal(agdb_unlisten(one), AGDB_OK);
    assert_int_equal(agdb_unlisten(two), AGDB_OK);
}

static void close_does_not_wait_for_ever_for_a_callback(void **state)
{
    agdb_listener_t *l = listen_east("a");
    uint64_t start_us;

    (void)state;
    journal_hold(g_journal, true);
    journal_wait_inside(g_journal);
    start_us = agdb__now_us();
    assert_int_equal(agdb_close(g_db, 200), AGDB_E_TIMEOUT);
    assert_true(agdb__now_us() - start_us < 2000000);
    g_db = NULL;
    journal_hold(g_journal, false);
    assert_int_equal(agdb_unlisten(l), AGDB_OK); /* waits for the callback */
    assert_int_equal(journal_count(g_journal), 1);
    while (direct_number(g_say, "SELECT count(*) FROM pg_stat_activity WHERE application_name ="
                                " 'listen test'") != 0)
        (void)poll(NULL, 0, 5);
}

static void a_child_touches_nothing(void **state)
{
    agdb_listener_t *l = listen_east("a");
    agdb_listener_t *more = NULL;
    int status = 0;
    pid_t pid;

    (void)state;
    journal_wait(g_journal, 1);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(agdb_unlisten(l) == AGDB_E_FORKED &&
                      agdb_listen(g_db, AGDB_LISTEN(.shard = "east-1", .channel = "b"),
                                  journal_write, g_journal, &more, NULL) == AGDB_E_FORKED
                  ? 0
                  : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    direct_do(g_say, "NOTIFY a, 'still here'");
    journal_expect(g_journal, 1, "2 notified east-1 still here");
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
}

/* --- refusals ----------------------------------------------------------------------------------
 */

static void expect_refused(const agdb_listen_options_t *options, agdb_status_t want,
                           const char *part)
{
    agdb_listener_t *l = NULL;
    agdb_error_t *error = NULL;

    assert_int_equal(agdb_listen(g_db, options, journal_write, g_journal, &l, &error), want);
    assert_null(l);
    if (strstr(agdb_error_message(error), part) == NULL)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(agdb_error_outcome(error), AGDB_OUTCOME_NOT_SENT);
    agdb_error_clear(&error);
}

static void what_is_not_right_is_refused(void **state)
{
    static const char long_name[] =
        "0123456789012345678901234567890123456789012345678901234567890123";

    (void)state;
    expect_refused(AGDB_LISTEN(.shard = "east-1"), AGDB_E_INVAL, "0 bytes");
    expect_refused(AGDB_LISTEN(.shard = "east-1", .channel = long_name), AGDB_E_INVAL, "64 bytes");
    expect_refused(AGDB_LISTEN(.shard = "east-1", .channel = "a\xff"), AGDB_E_INVAL, "UTF-8");
    expect_refused(AGDB_LISTEN(.channel = "a"), AGDB_E_NO_TARGET, "2 shards");
    expect_refused(AGDB_LISTEN(.shard = "east-9", .channel = "a"), AGDB_E_INVAL, "east-9");
    expect_refused(AGDB_LISTEN(.keyspace = "x", .channel = "a"), AGDB_E_INVAL, "'x'");
    expect_refused(AGDB_LISTEN(.shard = "east-1", .all_shards = true, .channel = "a"), AGDB_E_INVAL,
                   "targets");
    assert_int_equal(agdb_listen(g_db, NULL, journal_write, NULL, NULL, NULL), AGDB_E_MISUSE);
    assert_int_equal(agdb_unlisten(NULL), AGDB_OK);
}

static void a_pgbouncer_is_refused_with_the_reason(void **state)
{
    char text[512];
    agdb_t *direct = g_db;

    (void)state;
    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: 1\ndefaults:\n  connection: { user: %s, dbname: %s }\n"
             "keyspaces:\n  core:\n    via: pgbouncer\n"
             "    shards: { east-1: { nodes: [ \"127.0.0.1:1\" ] } }\n",
             cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"));
    assert_int_equal(agdb_open_text(text, strlen(text), NULL, &g_db, NULL), AGDB_OK);
    expect_refused(AGDB_LISTEN(.channel = "a"), AGDB_E_UNSUPPORTED, "PgBouncer");
    cluster_close(g_db);
    g_db = direct;
}

/* --- many at once ------------------------------------------------------------------------------
 */

typedef struct guest {
    atomic_bool gone; /* agdb_unlisten has returned */
    atomic_ullong sequence;
    atomic_uint wrongs;
} guest_t;

static void see_guest(const agdb_notification_t *n, void *user)
{
    guest_t *guest = user;

    if (atomic_load(&guest->gone) ||
        agdb_notification_sequence(n) != atomic_fetch_add(&guest->sequence, 1) + 1)
        atomic_fetch_add(&guest->wrongs, 1);
}

static atomic_bool g_enough;

static void come_and_go(crew_hand_t *hand)
{
    while (!atomic_load(&g_enough)) {
        guest_t guest = {0};
        agdb_listener_t *l = NULL;
        agdb_error_t *error = NULL;

        if (agdb_listen(
                g_db,
                AGDB_LISTEN(.all_shards = true, .channel = crew_random(hand, 2) == 0 ? "a" : "b"),
                see_guest, &guest, &l, &error) != AGDB_OK) {
            crew_wrong(hand, "%s", agdb_error_message(error));
            agdb_error_clear(&error);
            return;
        }
        if (crew_random(hand, 4) != 0)
            (void)poll(NULL, 0, (int)crew_random(hand, 20));
        if (agdb_unlisten(l) != AGDB_OK)
            crew_wrong(hand, "unlisten");
        atomic_store(&guest.gone, true);
        if (atomic_load(&guest.wrongs) != 0)
            crew_wrong(hand, "%u wrong callbacks", atomic_load(&guest.wrongs));
    }
}

static void listeners_come_and_go_under_load(void **state)
{
    static crew_t crew;
    agdb_listener_t *l = listen_east("a");
    int lost = 0;
    int i;

    (void)state;
    journal_wait(g_journal, 1);
    atomic_store(&g_enough, false);
    crew_start(&crew, 6, 1, come_and_go, NULL);
    for (i = 0; i < 100; i++) {
        direct_do(g_say,
                  "SELECT pg_notify('a', g::text), pg_notify('b', g::text)"
                  " FROM generate_series(%d, %d) g",
                  i * 20, i * 20 + 19);
        if (i % 25 == 10)
            direct_do(g_say, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
                             " application_name = 'listen test' AND query LIKE '%%LISTEN %%'");
        (void)poll(NULL, 0, 5);
    }
    atomic_store(&g_enough, true);
    assert_int_equal(crew_join(&crew), 0);
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
    for (i = 0; i < (int)journal_count(g_journal); i++) {
        assert_int_equal(strtol(g_journal->line[i], NULL, 10), i + 1);
        lost += strstr(g_journal->line[i], " lost ") != NULL;
    }
    assert_true(lost > 0); /* the kills have hit */
}

/* --- memory ------------------------------------------------------------------------------------
 * Of the library; libpq has its own. */

static _Thread_local int t_refuse; /* the n-th allocation of this thread, counted down; 0: none */
static atomic_uint g_refuse_every; /* one in so many of all threads; 0: none */
static atomic_uint g_turn;
static atomic_long g_alive;

static bool is_refused(void)
{
    const unsigned every = atomic_load(&g_refuse_every);

    if (t_refuse > 0 && --t_refuse == 0)
        return true;
    return every != 0 && atomic_fetch_add(&g_turn, 1) % every == 0;
}

static void *scarce_alloc(size_t size, void *user)
{
    void *block = is_refused() ? NULL : malloc(size);

    (void)user;
    atomic_fetch_add(&g_alive, block != NULL);
    return block;
}

static void *scarce_resize(void *block, size_t size, void *user)
{
    (void)user;
    return is_refused() ? NULL : realloc(block, size);
}

static void scarce_release(void *block, void *user)
{
    (void)user;
    atomic_fetch_sub(&g_alive, block != NULL);
    free(block);
}

static int setup_scarce(void **state)
{
    static const agdb_allocator_t scarce = {scarce_alloc, scarce_resize, scarce_release, NULL};
    const agdb_options_t options = {
        .struct_size = sizeof options, .service = "listen test", .allocator = &scarce};

    if (setup(state) != 0)
        return -1;
    cluster_close(g_db);
    atomic_store(&g_alive, 0);
    g_db = cluster_open_core("pool: { max: 2 }", "", &options);
    return 0;
}

static int teardown_scarce(void **state)
{
    atomic_store(&g_refuse_every, 0);
    return teardown(state) == 0 && atomic_load(&g_alive) == 0 ? 0 : -1;
}

static void listen_fails_at_each_allocation_and_leaves_nothing(void **state)
{
    agdb_listener_t *l = NULL;
    agdb_error_t *error = NULL;
    int failures = 0;
    int i;

    (void)state;
    for (i = 1; l == NULL; i++) {
        agdb_status_t st;

        t_refuse = i;
        st = agdb_listen(g_db, AGDB_LISTEN(.all_shards = true, .channel = "a"), journal_write,
                         g_journal, &l, &error);
        t_refuse = 0;
        assert_int_equal(st, l != NULL ? AGDB_OK : AGDB_E_NOMEM);
        failures += st != AGDB_OK;
        agdb_error_clear(&error);
    }
    assert_true(failures > 0);
    journal_wait(g_journal, 2);
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
}

/* Every third allocation of all threads is refused while connections die: what is told has no gap,
 * and with memory the listener hears again. */
static void scarce_memory_is_told_and_does_not_stay(void **state)
{
    agdb_listener_t *l = listen_east("a");
    size_t count;
    size_t i;

    (void)state;
    journal_wait(g_journal, 1);
    atomic_store(&g_refuse_every, 3);
    for (i = 0; i < 60; i++) {
        direct_do(g_say, "SELECT pg_notify('a', g::text) FROM generate_series(1, 10) g");
        if (i % 20 == 10)
            direct_do(g_say, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
                             " application_name = 'listen test'");
        (void)poll(NULL, 0, 20);
    }
    atomic_store(&g_refuse_every, 0);
    for (i = 0; !journal_ends_with(g_journal, "end"); i++) {
        assert_true(i < 400);
        direct_do(g_say, "NOTIFY a, 'end'");
        (void)poll(NULL, 0, 50);
    }
    assert_int_equal(agdb_unlisten(l), AGDB_OK);
    count = journal_count(g_journal);
    for (i = 0; i < count; i++)
        assert_int_equal(strtol(g_journal->line[i], NULL, 10), i + 1);
    for (i = 0; i < count && strstr(g_journal->reason[i], "out of memory: ") == NULL; i++)
        ;
    assert_true(i < count);
}

#define SCARCE_TEST(f) cmocka_unit_test_setup_teardown(f, setup_scarce, teardown_scarce)
#define LISTEN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTEN_TEST(payloads_arrive_exactly_and_in_order),
        LISTEN_TEST(a_name_is_exact_and_needs_no_quotes),
        LISTEN_TEST(all_shards_are_heard_and_told_apart),
        LISTEN_TEST(a_key_leads_to_its_shard_and_what_requests_say_is_heard),
        LISTEN_TEST(listeners_share_one_connection_beside_the_pool),
        LISTEN_TEST(a_killed_backend_is_lost_missed_and_heard_again),
        LISTEN_TEST(a_silent_server_is_noticed_within_four_seconds),
        LISTEN_TEST(a_full_queue_is_one_event_and_nothing_else_waits),
        LISTEN_TEST(a_callback_may_ask_and_end_listeners_but_not_close),
        LISTEN_TEST(close_ends_listeners_and_their_handles_stay),
        LISTEN_TEST(close_does_not_wait_for_ever_for_a_callback),
        LISTEN_TEST(a_child_touches_nothing),
        LISTEN_TEST(what_is_not_right_is_refused),
        LISTEN_TEST(a_pgbouncer_is_refused_with_the_reason),
        LISTEN_TEST(listeners_come_and_go_under_load),
        SCARCE_TEST(listen_fails_at_each_allocation_and_leaves_nothing),
        SCARCE_TEST(scarce_memory_is_told_and_does_not_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
