/* Listeners across a failover, on a cluster of this test's own: a primary that is killed, a replica
 * that is promoted, and the old primary that comes back with its old timeline. */
#include "base/clock.h"
#include "cluster.h"
#include "direct.h"
#include "journal.h"
#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char g_dir[128];

static void must(const char *format, ...) AGDB_PRINTF(1, 2);

static void must(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void set_env(const char *name, const char *file)
{
    char path[256];

    snprintf(path, sizeof path, "%s/c/%s", g_dir, file);
    assert_int_equal(setenv(name, path, 1), 0);
}

/* The support's functions find this cluster from here on. */
static int boot(void **state)
{
    char path[256];
    FILE *map;

    (void)state;
    snprintf(g_dir, sizeof g_dir, "%s/agdb.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(g_dir));
    must("chmod 755 %s", g_dir);
    snprintf(path, sizeof path, "%s/map.yaml", g_dir);
    map = fopen(path, "we");
    assert_non_null(map);
    fprintf(map,
            "agencydb: 1\nepoch: 1\n"
            "defaults:\n  connection: { user: agency_app, dbname: agency, password_file: pw }\n"
            "keyspaces:\n  core:\n    shards:\n"
            "      east-1:\n        slots: [0-2047]\n        nodes:\n"
            "          - { name: first, host: 127.0.0.1, port: 5431 }\n"
            "          - { name: second, host: 127.0.0.1, port: 5432 }\n"
            "      west-1:\n        slots: [2048-4095]\n        nodes:\n"
            "          - { name: third, host: 127.0.0.1, port: 5433 }\n"
            "          - { name: fourth, host: 127.0.0.1, port: 5434 }\n");
    fclose(map);
    must("\"$AGENCYDB\" up %s --free-ports --dir %s/c >%s/log 2>&1 &&"
         " \"$AGENCYDB\" init %s/c/map.yaml >>%s/log 2>&1 || { cat %s/log; exit 1; }",
         path, g_dir, g_dir, g_dir, g_dir, g_dir);
    set_env("AGDB_TEST_MAP", "map.yaml");
    set_env("AGDB_TEST_NODES", "nodes.tsv");
    set_env("AGDB_TEST_PASSWORD_FILE", "password");
    set_env("AGDB_TEST_PGPASS", "admin.pgpass");
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    must("\"$AGENCYDB\" down --dir %s/c >%s/log 2>&1; rm -rf %s", g_dir, g_dir, g_dir);
    return 0;
}

static void promote(const cluster_node_t *replica)
{
    PGconn *pg = direct_open_admin(replica);

    assert_int_equal(direct_number(pg, "SELECT pg_promote(true, 60)::int"), 1);
    PQfinish(pg);
}

static void say(const cluster_node_t *node, const char *text)
{
    PGconn *pg = direct_open_admin(node);

    direct_do(pg, "NOTIFY alerts, '%s'", text);
    PQfinish(pg);
}

/* In whatever state an earlier test has left the replicas. */
static agdb_t *open_primaries(void)
{
    agdb_t *db = NULL;

    assert_int_equal(agdb_open(cluster_env("AGDB_TEST_MAP"), NULL, &db, NULL), AGDB_OK);
    assert_int_equal(agdb_wait_ready(db, AGDB_READY_PRIMARIES, 20000, NULL), AGDB_OK);
    return db;
}

static agdb_listener_t *listen_to(agdb_t *db, const char *shard, journal_t *journal)
{
    agdb_listener_t *listener = NULL;

    assert_int_equal(agdb_listen(db, AGDB_LISTEN(.shard = shard, .channel = "alerts"),
                                 journal_write, journal, &listener, NULL),
                     AGDB_OK);
    return listener;
}

static void see_node(const agdb_node_info_t *node, void *user)
{
    const char **name = user;

    if (strcmp(node->node, *name) == 0 && node->state == AGDB_NODE_UP)
        *name = "";
}

/* The keeper knows that it is up again. */
static void wait_until_seen(agdb_t *db, const cluster_node_t *node)
{
    const uint64_t end_us = agdb__after_ms(agdb__now_us(), 20000);
    const char *name = node->name;

    while (*name != '\0') {
        assert_int_equal(agdb_status(db, see_node, &name, NULL), AGDB_OK);
        assert_true(agdb__now_us() < end_us);
        (void)poll(NULL, 0, 5);
    }
}

static void a_listener_follows_its_primary(void **state)
{
    const cluster_node_t first = cluster_node("core", "east-1", "primary");
    const cluster_node_t second = cluster_node("core", "east-1", "replica");
    agdb_t *db = open_primaries();
    journal_t *journal = journal_new();
    agdb_listener_t *listener = listen_to(db, "east-1", journal);
    uint64_t start_us;

    (void)state;
    journal_expect(journal, 0, "1 subscribed east-1");
    say(&first, "of the first");
    journal_expect(journal, 1, "2 notified east-1 of the first");
    cluster_signal(&first, SIGQUIT);
    journal_expect(journal, 2, "3 lost east-1");
    assert_string_equal(journal->node[2], "first");
    start_us = agdb__now_us();
    promote(&second);
    journal_expect(journal, 3, "4 missed east-1");
    print_message("heard again %llu ms after the promotion was asked for\n",
                  (unsigned long long)(agdb__now_us() - start_us) / 1000);
    assert_string_equal(journal->node[3], "second");
    say(&second, "of the second");
    journal_expect(journal, 4, "5 notified east-1 of the second");
    cluster_start(&first); /* a primary of a timeline that is over */
    say(&first, "of nobody");
    wait_until_seen(db, &first);
    (void)poll(NULL, 0, 500); /* time to do the wrong thing */
    say(&first, "of nobody");
    say(&second, "still of the second");
    journal_expect(journal, 5, "6 notified east-1 still of the second");
    assert_int_equal(agdb_unlisten(listener), AGDB_OK);
    cluster_close(db);
    journal_free(journal);
}

static void a_restart_is_missed_once(void **state)
{
    const cluster_node_t first = cluster_node("core", "east-1", "primary");
    agdb_t *db = open_primaries();
    journal_t *journal = journal_new();
    agdb_listener_t *listener = listen_to(db, "east-1", journal);

    (void)state;
    journal_expect(journal, 0, "1 subscribed east-1");
    cluster_signal(&first, SIGQUIT);
    journal_expect(journal, 1, "2 lost east-1");
    cluster_start(&first);
    journal_expect(journal, 2, "3 missed east-1");
    assert_string_equal(journal->node[2], "first");
    (void)poll(NULL, 0, 3000); /* the keeper has seen that it is another run of the server */
    say(&first, "again");
    journal_expect(journal, 3, "4 notified east-1 again");
    assert_int_equal(agdb_unlisten(listener), AGDB_OK);
    cluster_close(db);
    journal_free(journal);
}

/* Its connection still stands, and says what nobody should hear any more. */
static void a_listener_leaves_a_primary_that_lives_on_behind_a_newer_one(void **state)
{
    const cluster_node_t third = cluster_node("core", "west-1", "primary");
    const cluster_node_t fourth = cluster_node("core", "west-1", "replica");
    agdb_t *db = open_primaries();
    journal_t *journal = journal_new();
    agdb_listener_t *listener = listen_to(db, "west-1", journal);

    (void)state;
    journal_expect(journal, 0, "1 subscribed west-1");
    promote(&fourth);
    journal_expect(journal, 1, "2 lost west-1");
    journal_expect_reason(journal, 1, "the primary is node 'fourth' now");
    journal_expect(journal, 2, "3 missed west-1");
    assert_string_equal(journal->node[2], "fourth");
    say(&third, "of nobody");
    say(&fourth, "of the fourth");
    journal_expect(journal, 3, "4 notified west-1 of the fourth");
    assert_int_equal(agdb_unlisten(listener), AGDB_OK);
    cluster_close(db);
    journal_free(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restart_is_missed_once),
        cmocka_unit_test(a_listener_leaves_a_primary_that_lives_on_behind_a_newer_one),
        cmocka_unit_test(a_listener_follows_its_primary),
    };

    return cmocka_run_group_tests(tests, boot, take_down);
}
