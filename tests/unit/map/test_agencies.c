#include "map_test.h"

#include "map/route.h"

static agdb_map_t *everything(void)
{
    return good_file(AGDB_SOURCE_DIR "/tests/maps/valid/everything.yaml");
}

static void load_pins_send_keys_to_their_shards(void **state)
{
    agdb_map_t *map = everything();
    agdb__route_t route = agdb__map_route(map, 0, agdb_key("us/ca/dph"));

    (void)state;
    assert_true(route.pinned);
    assert_string_equal(map->keyspaces[0].shards[route.shard].name, "new");
    route = agdb__map_route(map, 0, agdb_key("0123"));
    assert_true(route.pinned && route.frozen);
    assert_string_equal(map->keyspaces[0].shards[route.shard].name, "c");
    assert_false(agdb__map_route(map, 1, agdb_key("0123")).pinned);
    agdb__map_unref(map);
}

static void load_hex_keys_are_bytes(void **state)
{
    agdb_map_t *map = everything();

    (void)state;
    assert_true(agdb__map_route(map, 0, agdb_bytes("\x00\xFF", 2)).pinned);
    assert_false(agdb__map_route(map, 0, agdb_key("hex:00ff")).pinned);
    assert_true(agdb__map_route(map, 0, agdb_key("hex:")).frozen);
    agdb__map_unref(map);
}

static void load_many_agencies_finds_each(void **state)
{
    enum { AGENCIES = 3000, LINE = 40 };
    char *text = test_malloc(AGENCIES * LINE + 256);
    size_t at = 0;
    agdb_map_t *map;
    char key[16];
    unsigned i;

    (void)state;
    at += (size_t)snprintf(text, 256,
                           "agencydb: 1\nkeyspaces: { c: { shards: { s: { nodes: [ "
                           "localhost ] } } } }\nagencies:\n");
    for (i = 0; i < AGENCIES; i++)
        at += (size_t)snprintf(text + at, LINE, "  a%u: { writes: refuse }\n", i);
    map = good_map(text);
    assert_int_equal(map->nagencies, AGENCIES);
    for (i = 0; i < AGENCIES; i++) {
        snprintf(key, sizeof key, "a%u", i);
        assert_true(agdb__map_route(map, 0, agdb_key(key)).frozen);
    }
    assert_false(agdb__map_route(map, 0, agdb_key("b1")).frozen);
    agdb__map_unref(map);
    test_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_pins_send_keys_to_their_shards),
        cmocka_unit_test(load_hex_keys_are_bytes),
        cmocka_unit_test(load_many_agencies_finds_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
