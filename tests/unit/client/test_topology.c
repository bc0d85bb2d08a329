/* What a map becomes: endpoints and whom they expect. */
#include "client/topology.h"

#include "base/error.h"
#include "map/load.h"
#include "unit.h"

static const char k_shared_database[] =
    "agencydb: 1\n"
    "default_keyspace: core\n"
    "defaults: { connection: { user: app, dbname: agency } }\n"
    "keyspaces:\n"
    "  core:\n"
    "    shards:\n"
    "      east-1: { slots: [ 0-2047 ], nodes: [ \"127.0.0.1:5001\" ] }\n"
    "      west-1: { slots: [ 2048-4095 ], nodes: [ \"127.0.0.1:5002\" ] }\n"
    "  notes:\n"
    "    shards: { only-1: { nodes: [ \"127.0.0.1:5001\" ] } }\n";

static void wake(void *user)
{
    (void)user;
}

static agdb_map_t *load(const char *text)
{
    agdb_error_t *error = NULL;
    agdb_map_t *map = NULL;

    if (agdb__map_load_text(text, strlen(text), "test", &map, NULL, &error) != AGDB_OK)
        fail_msg("%s", error->message);
    return map;
}

static agdb__topology_t build(const agdb_map_t *map, bool allow_unstamped)
{
    const agdb__topology_env_t env = {
        .service = "test", .allow_unstamped = allow_unstamped, .wake = wake};
    agdb__topology_t t = {0};

    assert_int_equal(agdb__topology_build(map, &env, &t, NULL), AGDB_OK);
    return t;
}

static const agdb__identity_t *expected(const agdb__topology_t *t, const char *shard)
{
    size_t i;
    size_t n;

    for (i = 0; i < t->nendpoints; i++)
        for (n = 0; n < t->endpoints[i].login.nexpect; n++)
            if (strcmp(t->endpoints[i].login.expect[n].shard, shard) == 0)
                return &t->endpoints[i].login.expect[n];
    fail_msg("nobody expects '%s'", shard);
    return NULL;
}

static void build_keyspace_of_one_shard_beside_another_needs_no_stamp(void **state)
{
    agdb_map_t *map = load(k_shared_database);
    agdb__topology_t t = build(map, false);

    (void)state;
    assert_int_equal(t.nendpoints, 2);
    assert_true(expected(&t, "east-1")->required);
    assert_true(expected(&t, "west-1")->required);
    assert_false(expected(&t, "only-1")->required);
    agdb__topology_fini(&t);
    agdb__map_unref(map);
}

static void build_for_unstamped_servers_requires_no_stamp(void **state)
{
    agdb_map_t *map = load(k_shared_database);
    agdb__topology_t t = build(map, true);

    (void)state;
    assert_false(expected(&t, "east-1")->required);
    assert_false(expected(&t, "only-1")->required);
    agdb__topology_fini(&t);
    agdb__map_unref(map);
}

static void build_knows_the_nodes_of_the_own_zone(void **state)
{
    agdb_map_t *map = load("agencydb: 1\n"
                           "defaults: { connection: { user: app, dbname: agency } }\n"
                           "keyspaces:\n"
                           "  core:\n"
                           "    shards:\n"
                           "      only-1:\n"
                           "        nodes:\n"
                           "          - { host: 127.0.0.1, port: 5001, zone: a }\n"
                           "          - { host: 127.0.0.1, port: 5002, zone: b }\n"
                           "          - { host: 127.0.0.1, port: 5003 }\n");
    const agdb__topology_env_t env = {.service = "test", .zone = "b", .wake = wake};
    agdb__topology_t t = {0};

    (void)state;
    assert_int_equal(agdb__topology_build(map, &env, &t, NULL), AGDB_OK);
    assert_int_equal(agdb__topology_shard(&t, 0, 0)->near, 2);
    agdb__topology_fini(&t);
    t = build(map, false); /* no zone: nothing is near, nor is what has none */
    assert_int_equal(agdb__topology_shard(&t, 0, 0)->near, 0);
    agdb__topology_fini(&t);
    agdb__map_unref(map);
}

static void build_keeps_no_connection_to_what_is_out(void **state)
{
    agdb_map_t *map =
        load("agencydb: 1\n"
             "default_keyspace: core\n"
             "defaults: { connection: { user: app, dbname: agency }, pool: { min: 3, idle: 5m } }\n"
             "keyspaces:\n"
             "  core:\n"
             "    shards:\n"
             "      only-1:\n"
             "        nodes:\n"
             "          - { host: 127.0.0.1, port: 5001 }\n"
             "          - { host: 127.0.0.1, port: 5002, state: out }\n"
             "          - { host: 127.0.0.1, port: 5003, state: out }\n"
             "  notes:\n"
             "    shards: { n-1: { nodes: [ \"127.0.0.1:5003\" ] } }\n");
    agdb__topology_t t = build(map, true);

    (void)state;
    assert_int_equal(t.nendpoints, 3);
    assert_int_equal(t.endpoints[0].limits.min, 3);
    assert_int_equal(t.endpoints[1].limits.min, 0);
    assert_int_equal(t.endpoints[1].limits.idle_ms, 0);
    assert_int_equal(t.endpoints[2].limits.min, 3); /* another keyspace uses it */
    assert_int_equal(t.endpoints[2].limits.idle_ms, 300000);
    agdb__topology_fini(&t);
    agdb__map_unref(map);
}

static void probes_add_keeper_to_the_name_of_the_service(void **state)
{
    static const char k_long[] = "a-service-whose-name-is-as-long-as-the-server-keeps-a-name-63-c";
    static const struct {
        const char *service;
        const char *probe;
    } rows[] = {
        {"foundation-api", "foundation-api keeper"},
        {"", "agencydb keeper"},
        {k_long, "a-service-whose-name-is-as-long-as-the-server-keeps-a-na keeper"},
    };
    agdb_map_t *map = load(k_shared_database);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const agdb__topology_env_t env = {.service = rows[i].service, .wake = wake};
        agdb__topology_t t = {0};

        assert_int_equal(agdb__topology_build(map, &env, &t, NULL), AGDB_OK);
        assert_string_equal(t.servers[0].login.service, rows[i].probe);
        assert_string_equal(t.endpoints[0].login.service, rows[i].service);
        assert_true(strlen(t.servers[0].login.service) < AGDB__SERVICE_SIZE);
        agdb__topology_fini(&t);
    }
    agdb__map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(build_keyspace_of_one_shard_beside_another_needs_no_stamp),
        cmocka_unit_test(build_for_unstamped_servers_requires_no_stamp),
        cmocka_unit_test(build_knows_the_nodes_of_the_own_zone),
        cmocka_unit_test(build_keeps_no_connection_to_what_is_out),
        cmocka_unit_test(probes_add_keeper_to_the_name_of_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
