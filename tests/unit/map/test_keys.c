#include "map_test.h"

#define REST "keyspaces: { c: { shards: { s: { nodes: [ localhost ] } } } }\n"

static void check_unknown_key_suggests_the_nearest(void **state)
{
    (void)state;
    assert_refused("agencydb: 1\nepock: 2\n" REST,
                   "2:1: unknown key 'epock' in the map: did you mean 'epoch'?");
}

static void check_unknown_key_far_from_all_lists_them(void **state)
{
    (void)state;
    assert_refused("agencydb: 1\nhash: { zzz: 1 }\n" REST,
                   "2:9: unknown key 'zzz' in hash: it knows algorithm, slots");
}

static void expect_mapping_names_what_stands_there(void **state)
{
    (void)state;
    assert_refused("agencydb: 1\nhash: [ 1 ]\n" REST,
                   "2:7: hash must be a mapping (`key: value` lines), not a list");
    assert_refused("agencydb: 1\nhash:\n" REST,
                   "2:1: hash is empty: write what belongs there, or remove the line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_unknown_key_suggests_the_nearest),
        cmocka_unit_test(check_unknown_key_far_from_all_lists_them),
        cmocka_unit_test(expect_mapping_names_what_stands_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
