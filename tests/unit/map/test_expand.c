#include "map_test.h"

#include <stdlib.h>

/* The user name that `written` becomes. */
static void assert_expands(const char *written, const char *expected)
{
    char node[256];
    agdb_map_t *map;

    snprintf(node, sizeof node, "{ host: localhost, connection: { user: '%s' } }", written);
    map = map_with_node(node);
    assert_string_equal(map->keyspaces[0].shards[0].nodes[0].settings.text[AGDB_S_USER], expected);
    agdb__map_unref(map);
}

static void expand_set_variable_gives_its_value(void **state)
{
    (void)state;
    setenv("AGDB_TEST_X", "value", 1);
    assert_expands("${AGDB_TEST_X}", "value");
    assert_expands("a${AGDB_TEST_X}b${AGDB_TEST_X}", "avaluebvalue");
    assert_expands("${AGDB_TEST_X:-other}", "value");
    unsetenv("AGDB_TEST_X");
}

static void expand_unset_or_empty_variable_gives_the_default(void **state)
{
    (void)state;
    unsetenv("AGDB_TEST_X");
    assert_expands("${AGDB_TEST_X:-other}", "other");
    assert_expands("a${AGDB_TEST_X:-}b", "ab");
    setenv("AGDB_TEST_X", "", 1);
    assert_expands("${AGDB_TEST_X:-other}", "other");
    unsetenv("AGDB_TEST_X");
}

static void expand_two_dollars_gives_one(void **state)
{
    (void)state;
    assert_expands("a$$b", "a$b");
    assert_expands("$${HOME}", "${HOME}");
}

static void expand_value_is_never_expanded_or_parsed_again(void **state)
{
    (void)state;
    setenv("AGDB_TEST_X", "${HOME}, $$ {a: b}", 1);
    assert_expands("${AGDB_TEST_X}", "${HOME}, $$ {a: b}");
    unsetenv("AGDB_TEST_X");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expand_set_variable_gives_its_value),
        cmocka_unit_test(expand_unset_or_empty_variable_gives_the_default),
        cmocka_unit_test(expand_two_dollars_gives_one),
        cmocka_unit_test(expand_value_is_never_expanded_or_parsed_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
