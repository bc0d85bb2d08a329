/* The map by which single nodes are asked: it is valid, and logs in as the real one does. */
#include "cli/inspect.h"
#include "cli/message.h"

#include "map/level.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char k_map[] =
    "agencydb: 1\n"
    "hash: { algorithm: xxh3_64, slots: 64 }\n"
    "default_keyspace: core\n"
    "defaults: { connection: { user: \"a \\\"$$x\", dbname: agency, password_file: /tmp/$$p } }\n"
    "keyspaces:\n"
    "  core:\n"
    "    shards:\n"
    "      east:\n"
    "        slots: [0-31]\n"
    "        nodes:\n"
    "          - 127.0.0.1:5001\n"
    "          - { host: 127.0.0.1, port: 5002, state: out }\n"
    "          - { host: db.example.gov, connection: { sslmode: require, insecure: true,\n"
    "              keepalives_idle: 7s, ssl_min_protocol_version: TLSv1.3 } }\n"
    "      west: { slots: [32-63], nodes: [ 127.0.0.1:5003 ] }\n"
    "  notes:\n"
    "    shards: { n-1: { nodes: [ 127.0.0.1:5001 ] } }\n"
    "  far:\n"
    "    via: pgbouncer\n"
    "    connection: { dbname: far }\n"
    "    shards: { f-1: { nodes: [ 127.0.0.1:6432 ] } }\n";

static agdb_map_t *load(const char *text)
{
    agdb_map_t *map = NULL;
    agdb_error_t *err = NULL;

    if (agdb_map_parse(text, strlen(text), "test", &map, NULL, &err) != AGDB_OK)
        fail_msg("%s: %s\n%s", agdb_error_message(err),
                 agdb_error_message(agdb_error_child(err, 0)), text);
    return map;
}

static size_t number_of(const agdb_map_t *map, const char *keyspace)
{
    size_t k = 0;

    while (agdb_map_keyspace_name(map, k) != NULL &&
           strcmp(agdb_map_keyspace_name(map, k), keyspace) != 0)
        k++;
    return k;
}

static size_t shard_of(const agdb_map_t *map, size_t keyspace, const char *shard)
{
    size_t s = 0;

    while (strcmp(agdb_map_shard_name(map, keyspace, s), shard) != 0)
        s++;
    return s;
}

static void expect_same(const agdb_map_t *a, const cli_node_t *node, const agdb_map_t *b,
                        size_t keyspace, size_t shard, const char *name)
{
    const char *here = cli_node_setting(a, node->keyspace_at, node->shard_at, node->node_at, name);
    const char *there = cli_node_setting(b, keyspace, shard, 0, name);

    print_message("%s %s: %s\n", node->where, name, here != NULL ? here : "-");
    assert_int_equal(here == NULL, there == NULL);
    if (here != NULL)
        assert_string_equal(here, there);
}

static void inspecting_map_has_each_node_with_its_login(void **state)
{
    agdb_map_t *map = load(k_map);
    cli_nodes_t nodes = cli_nodes_pick(map, NULL, NULL, NULL);
    cli_inspect_t inspect = {.map = map, .nodes = &nodes, .timeout_ms = 1500};
    agdb_map_t *made;
    size_t i;
    size_t s;

    (void)state;
    inspect.keyspaces = cli_inspect_keyspaces(&nodes);
    made = load(cli_inspect_map(&inspect));
    assert_int_equal(nodes.count, 6);
    for (i = 0; i < nodes.count; i++) {
        size_t keyspace = number_of(made, inspect.keyspaces[i]);
        size_t shard = shard_of(made, keyspace, cli_inspect_shard(i));

        assert_int_equal(agdb_map_node_count(made, keyspace, shard), 1);
        expect_same(map, &nodes.items[i], made, keyspace, shard, "host");
        expect_same(map, &nodes.items[i], made, keyspace, shard, "port");
        expect_same(map, &nodes.items[i], made, keyspace, shard, "via");
        for (s = 0; s < AGDB_S__COUNT; s++)
            if (strcmp(agdb__setting_rows[s].section, "connection") == 0 &&
                strcmp(agdb__setting_rows[s].key, "search_path") != 0)
                expect_same(map, &nodes.items[i], made, keyspace, shard,
                            agdb__setting_rows[s].name);
        assert_string_equal(cli_node_setting(made, keyspace, shard, 0, "state"), "active");
        assert_string_equal(cli_node_setting(made, keyspace, shard, 0, "pool.max"), "1");
        assert_string_equal(cli_node_setting(made, keyspace, shard, 0, "timeouts.connect"), "1500");
    }
    agdb_map_free(made);
    agdb_map_free(map);
}

static void nodes_that_share_a_database_come_apart(void **state)
{
    agdb_map_t *map = load(k_map);
    cli_nodes_t nodes = cli_nodes_pick(map, NULL, NULL, NULL);
    const char **names = cli_inspect_keyspaces(&nodes);

    (void)state;
    assert_string_equal(nodes.items[0].where, nodes.items[5].where); /* core/east and notes/n-1 */
    assert_string_equal(names[0], "agencydb-inspect.direct.0");
    assert_string_equal(names[4], "agencydb-inspect.bouncer.0");
    assert_string_equal(names[5], "agencydb-inspect.direct.1");
    agdb_map_free(map);
}

static void nodes_are_picked_by_name(void **state)
{
    agdb_map_t *map = load(k_map);

    (void)state;
    assert_int_equal(cli_nodes_pick(map, "core", NULL, NULL).count, 4);
    assert_int_equal(cli_nodes_pick(map, "core", "west", NULL).count, 1);
    assert_int_equal(cli_nodes_pick(map, NULL, NULL, "127.0.0.1:5001").count, 2);
    assert_int_equal(cli_nodes_pick(map, "none", NULL, NULL).count, 0);
    agdb_map_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inspecting_map_has_each_node_with_its_login),
        cmocka_unit_test(nodes_that_share_a_database_come_apart),
        cmocka_unit_test(nodes_are_picked_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
