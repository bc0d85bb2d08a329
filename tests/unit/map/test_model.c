#include "map_test.h"

static void lookup_names_gives_their_numbers(void **state)
{
    agdb_map_t *map = good_file(AGDB_SOURCE_DIR "/tests/maps/valid/everything.yaml");

    (void)state;
    assert_int_equal(agdb__map_keyspace(map, "core"), 0);
    assert_int_equal(agdb__map_keyspace(map, "events"), 1);
    assert_int_equal(agdb__map_keyspace(map, NULL), 0);
    assert_int_equal(agdb__map_keyspace(map, "d"), -1);
    assert_int_equal(agdb__map_shard(&map->keyspaces[0], "b"), 0);
    assert_int_equal(agdb__map_shard(&map->keyspaces[0], "c"), 1);
    assert_int_equal(agdb__map_shard(&map->keyspaces[0], "new"), 2);
    assert_int_equal(agdb__map_shard(&map->keyspaces[0], ""), -1);
    agdb__map_unref(map);
}

static void unref_last_reference_frees(void **state)
{
    agdb_map_t *map = map_with_node("localhost");

    (void)state;
    assert_ptr_equal(agdb__map_ref(map), map);
    agdb__map_unref(map);
    assert_int_equal(map->epoch, 1);
    agdb__map_unref(map);
    agdb__map_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookup_names_gives_their_numbers),
        cmocka_unit_test(unref_last_reference_frees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
