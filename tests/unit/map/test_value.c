#include "map_test.h"

#define MAP(line)                                                                                  \
    "agencydb: 1\n" line "\nkeyspaces: { c: { shards: { s: { nodes: [ localhost ] } } } }\n"

static void uint_bounds_are_inclusive(void **state)
{
    agdb_map_t *map = good_map(MAP("epoch: 9223372036854775807"));

    (void)state;
    assert_true(map->epoch == INT64_MAX);
    agdb__map_unref(map);
    assert_refused(MAP("epoch: 9223372036854775808"),
                   "2:8: epoch: '9223372036854775808' is out of range: 1 to 9223372036854775807");
    assert_refused(MAP("epoch: +1"), "2:8: epoch: '+1' is not a number: write digits only");
}

static void word_quoted_or_plain_is_the_same(void **state)
{
    (void)state;
    agdb__map_unref(good_map(MAP("hash: { slots: \"128\", algorithm: 'xxh3_64' }")));
}

static void name_with_spaces_is_refused(void **state)
{
    (void)state;
    assert_refused(
        "agencydb: 1\nkeyspaces: { c: { shards: { s: { region: ' a', nodes: [ localhost "
        "] } } } }\n",
        "2:42: region: ' a' is not a name: 1 to 63 of A-Z a-z 0-9 _ . - and no . or - in "
        "front");
}

static void text_quoted_is_not_warned_about(void **state)
{
    static const char k_text[] = MAP("default_keyspace: 'c'");
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;

    (void)state;
    assert_int_equal(agdb__map_load_text(k_text, strlen(k_text), "t", &map, &diag, NULL), AGDB_OK);
    assert_null(diag);
    agdb__map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uint_bounds_are_inclusive),
        cmocka_unit_test(word_quoted_or_plain_is_the_same),
        cmocka_unit_test(name_with_spaces_is_refused),
        cmocka_unit_test(text_quoted_is_not_warned_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
