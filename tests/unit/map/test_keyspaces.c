#include "map_test.h"

static void load_orders_keyspaces_and_shards_by_bytes(void **state)
{
    agdb_map_t *map = good_file(AGDB_SOURCE_DIR "/tests/maps/valid/everything.yaml");

    (void)state;
    assert_int_equal(map->nkeyspaces, 2);
    assert_string_equal(map->keyspaces[0].name, "core");
    assert_string_equal(map->keyspaces[1].name, "events");
    assert_int_equal(map->default_keyspace, 0);
    assert_int_equal(map->keyspaces[0].nshards, 3);
    assert_string_equal(map->keyspaces[0].shards[0].name, "b");
    assert_string_equal(map->keyspaces[0].shards[2].name, "new");
    agdb__map_unref(map);
}

static void load_reads_what_a_keyspace_says(void **state)
{
    agdb_map_t *map = good_file(AGDB_SOURCE_DIR "/tests/maps/valid/everything.yaml");

    (void)state;
    assert_false(map->keyspaces[0].grouping);
    assert_false(map->keyspaces[0].via_pgbouncer);
    assert_true(map->keyspaces[1].grouping);
    assert_true(map->keyspaces[1].via_pgbouncer);
    assert_int_equal(map->keyspaces[0].shards[0].generation, 3);
    assert_string_equal(map->keyspaces[0].shards[0].region, "east");
    assert_string_equal(map->keyspaces[0].shards[1].region, "");
    agdb__map_unref(map);
}

static void load_more_shards_than_allowed_is_refused(void **state)
{
    enum { SHARDS = 4097, LINE = 48 };
    char *text = test_malloc(SHARDS * LINE + 256);
    size_t at = 0;
    unsigned i;

    (void)state;
    at += (size_t)snprintf(text, 256, "agencydb: 1\nkeyspaces:\n  c:\n    shards:\n");
    for (i = 0; i < SHARDS; i++)
        at += (size_t)snprintf(text + at, LINE, "      s%u: { slots: [], nodes: [ h ] }\n", i);
    assert_refused(text, "4:5: keyspace 'c' has 4097 shards: 1 to 4096 are possible");
    test_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_orders_keyspaces_and_shards_by_bytes),
        cmocka_unit_test(load_reads_what_a_keyspace_says),
        cmocka_unit_test(load_more_shards_than_allowed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
