#include "map_test.h"

static const agdb__map_node_t *nodes_of(const agdb_map_t *map)
{
    return map->keyspaces[0].shards[0].nodes;
}

static void load_short_forms_give_host_port_and_name(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
        const char *name;
    } k_rows[] = {{"127.0.0.1", "127.0.0.1", 5432, "127.0.0.1:5432"},
                  {"\"localhost:77\"", "localhost", 77, "localhost:77"},
                  {"\"[::1]:78\"", "::1", 78, "[::1]:78"},
                  {"\"[::1]\"", "::1", 5432, "[::1]:5432"},
                  {"/run/postgresql", "/run/postgresql", 5432, "/run/postgresql:5432"}};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb_map_t *map = map_with_node(k_rows[i].text);
        assert_string_equal(nodes_of(map)->host, k_rows[i].host);
        assert_int_equal(nodes_of(map)->port, k_rows[i].port);
        assert_string_equal(nodes_of(map)->name, k_rows[i].name);
        agdb__map_unref(map);
    }
}

static void load_full_form_gives_every_field(void **state)
{
    agdb_map_t *map = map_with_node(
        "{ host: \"::1\", port: 9, name: n-1, zone: z1, state: no-reads, reads: never }");
    const agdb__map_node_t *node = nodes_of(map);

    (void)state;
    assert_string_equal(node->host, "::1");
    assert_int_equal(node->port, 9);
    assert_string_equal(node->name, "n-1");
    assert_string_equal(node->zone, "z1");
    assert_int_equal(node->state, AGDB__NODE_NO_READS);
    assert_true(node->reads_never);
    agdb__map_unref(map);
}

static void load_nodes_keep_the_order_of_the_file(void **state)
{
    agdb_map_t *map =
        good_map("agencydb: 1\nkeyspaces: { c: { shards: { s: { nodes: [ \"localhost:9\", "
                 "\"localhost:1\", \"localhost:5\" ] } } } }\n");

    (void)state;
    assert_int_equal(map->keyspaces[0].shards[0].nnodes, 3);
    assert_int_equal(nodes_of(map)[0].port, 9);
    assert_int_equal(nodes_of(map)[2].port, 5);
    agdb__map_unref(map);
}

static void load_one_server_for_two_databases_of_a_keyspace_is_allowed(void **state)
{
    (void)state;
    agdb__map_unref(
        good_map("agencydb: 1\nhash: { slots: 64 }\nkeyspaces:\n  c:\n    shards:\n"
                 "      a: { slots: [0-31], nodes: [ localhost ], connection: { dbname: a } }\n"
                 "      b: { slots: [32-63], nodes: [ localhost ], connection: { dbname: b } }\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_short_forms_give_host_port_and_name),
        cmocka_unit_test(load_full_form_gives_every_field),
        cmocka_unit_test(load_nodes_keep_the_order_of_the_file),
        cmocka_unit_test(load_one_server_for_two_databases_of_a_keyspace_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
