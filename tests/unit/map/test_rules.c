#include "map_test.h"

static void rules_sockets_and_loopback_need_no_tls(void **state)
{
    static const char *const k_nodes[] = {"/run/postgresql",
                                          "127.9.9.9",
                                          "\"[::1]:1\"",
                                          "localhost",
                                          "{ host: /run/pg, connection: { sslmode: verify-full } }",
                                          "{ host: localhost, connection: { sslmode: disable } }"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_nodes); i++)
        agdb__map_unref(map_with_node(k_nodes[i]));
}

static void rules_other_hosts_verify_or_say_insecure(void **state)
{
    static const char *const k_nodes[] = {
        "{ host: db.x, connection: { sslmode: verify-full, sslrootcert: /ca } }",
        "{ host: db.x, connection: { insecure: true } }",
        "{ host: db.x, connection: { sslmode: disable, insecure: true } }",
        "{ host: db.x, connection: { sslmode: verify-ca, sslrootcert: /ca, insecure: true } }"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_nodes); i++)
        agdb__map_unref(map_with_node(k_nodes[i]));
}

static void rules_one_wrong_line_for_many_nodes_is_one_remark(void **state)
{
    (void)state;
    assert_refused("agencydb: 1\ndefaults: { connection: { sslmode: allow } }\nkeyspaces: { c: { "
                   "shards: { s: { nodes: [ a.x, b.x, c.x, localhost ] } } } }\n",
                   "2:36: sslmode allow does not prove who node 'a.x' is: say sslmode: verify-full "
                   "with sslrootcert, or insecure: true beside it");
}

static void rules_pool_min_may_equal_max(void **state)
{
    (void)state;
    agdb__map_unref(map_with_node("{ host: localhost, pool: { min: 3, max: 3 } }"));
}

/* Two keyspaces of one node each on one server; `core` and `notes` are lines of theirs. */
static void shared_text(char *text, size_t size, const char *core, const char *notes)
{
    snprintf(text, size,
             "agencydb: 1\ndefault_keyspace: core\nkeyspaces:\n"
             "  core:\n    %s\n    shards: { main: { nodes: [ \"localhost:1\" ] } }\n"
             "  notes:\n    %s\n    shards: { main: { nodes: [ \"localhost:1\" ] } }\n",
             core, notes);
}

static void rules_keyspaces_on_one_database_may_differ_in_what_no_connection_has(void **state)
{
    static const char *const k_notes[] = {
        "grouping: off",
        "timeouts: { call: 9s, park: 8s }",
        "connection: { insecure: true }",
        /* another database or another user: other connections */
        "connection: { dbname: notes, search_path: notes }\n    pool: { max: 3 }",
        "connection: { user: notes, password_env: N }\n    timeouts: { queue: 3s }",
    };
    char text[1024];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_notes); i++) {
        shared_text(text, sizeof text, "grouping: on", k_notes[i]);
        agdb__map_unref(good_map(text));
    }
}

static void rules_keyspaces_on_one_database_agree_on_the_rest(void **state)
{
    static const struct {
        const char *notes;
        const char *setting;
    } k_cases[] = {
        {"connection: { sslmode: allow }", "connection.sslmode"},
        {"connection: { search_path: notes }", "connection.search_path"},
        {"connection: { tcp_user_timeout: 3s }", "connection.tcp_user_timeout"},
        {"pool: { queue: 0 }", "pool.queue"},
        {"timeouts: { server: 3s }", "timeouts.server"},
        {"via: pgbouncer", "via"},
    };
    char text[1024];
    char expected[256];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_cases); i++) {
        shared_text(text, sizeof text, "grouping: on", k_cases[i].notes);
        snprintf(expected, sizeof expected,
                 "9:32: node 'localhost:1' is the server, database and user of line 6 with another "
                 "%s: they share connections, so both must say the same",
                 k_cases[i].setting);
        assert_refused(text, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_sockets_and_loopback_need_no_tls),
        cmocka_unit_test(rules_other_hosts_verify_or_say_insecure),
        cmocka_unit_test(rules_one_wrong_line_for_many_nodes_is_one_remark),
        cmocka_unit_test(rules_pool_min_may_equal_max),
        cmocka_unit_test(rules_keyspaces_on_one_database_may_differ_in_what_no_connection_has),
        cmocka_unit_test(rules_keyspaces_on_one_database_agree_on_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
