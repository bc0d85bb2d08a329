#include "map_test.h"

#define SHARDS(a, b)                                                                               \
    "agencydb: 1\nhash: { slots: 64 }\nkeyspaces:\n  core:\n    shards:\n      a: { slots: " a     \
    ", nodes: [ localhost ] }\n      b: { slots: " b ", nodes: [ \"localhost:1\" ] }\n"

static void slots_are_joined_where_they_touch(void **state)
{
    agdb_map_t *map = good_map(SHARDS("[3, 0-2, \"4\", 10-63]", "[5-9]"));
    const agdb__map_shard_t *a = &map->keyspaces[0].shards[0];

    (void)state;
    assert_int_equal(a->nranges, 2);
    assert_int_equal(a->ranges[0].first, 0);
    assert_int_equal(a->ranges[0].last, 4);
    assert_int_equal(a->ranges[1].first, 10);
    assert_int_equal(a->ranges[1].last, 63);
    assert_int_equal(map->keyspaces[0].owner[4], 0);
    assert_int_equal(map->keyspaces[0].owner[5], 1);
    assert_int_equal(map->keyspaces[0].owner[9], 1);
    assert_int_equal(map->keyspaces[0].owner[63], 0);
    agdb__map_unref(map);
}

static void slots_empty_list_owns_nothing(void **state)
{
    agdb_map_t *map = good_map(SHARDS("[0-63]", "[]"));

    (void)state;
    assert_int_equal(map->keyspaces[0].shards[1].nranges, 0);
    agdb__map_unref(map);
}

static void slots_single_shard_owns_all_without_saying(void **state)
{
    agdb_map_t *map = map_with_node("localhost");

    (void)state;
    assert_int_equal(map->keyspaces[0].shards[0].nranges, 1);
    assert_int_equal(map->keyspaces[0].shards[0].ranges[0].last, 4095);
    agdb__map_unref(map);
}

static void slots_gap_and_overlap_name_both_lines(void **state)
{
    (void)state;
    assert_refused(SHARDS("[0-30]", "[32-63]"),
                   "6:20: slot 31 has no owner, between shard 'a' on line 6 and shard 'b' on line "
                   "7: give it to one");
    assert_refused(SHARDS("[0-32]", "[32-63]"),
                   "7:20: slot 32: shard 'a' has it on line 6 already: a slot has one owner");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_joined_where_they_touch),
        cmocka_unit_test(slots_empty_list_owns_nothing),
        cmocka_unit_test(slots_single_shard_owns_all_without_saying),
        cmocka_unit_test(slots_gap_and_overlap_name_both_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
