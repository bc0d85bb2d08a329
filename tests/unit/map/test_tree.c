#include "unit.h"

#include "map/tree.h"

#include <stdio.h>

static void set_put_twice_gives_the_first(void **state)
{
    agdb__arena_t *arena = agdb__arena_new();
    agdb__set_t set = {.arena = arena};
    int a;
    int b;

    (void)state;
    assert_null(agdb__set_put(&set, "key", 3, &a));
    assert_ptr_equal(agdb__set_put(&set, "key", 3, &b), &a);
    assert_null(agdb__set_put(&set, "ke", 2, &b));
    agdb__arena_free(arena);
}

static void set_put_many_keeps_them_all(void **state)
{
    static char keys[5000][8];
    agdb__arena_t *arena = agdb__arena_new();
    agdb__set_t set = {.arena = arena};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(keys); i++) {
        snprintf(keys[i], sizeof keys[i], "k%zu", i);
        assert_null(agdb__set_put(&set, keys[i], strlen(keys[i]), keys[i]));
    }
    for (i = 0; i < AGDB_COUNT(keys); i++)
        assert_ptr_equal(agdb__set_put(&set, keys[i], strlen(keys[i]), &set), keys[i]);
    agdb__arena_free(arena);
}

static void sorted_orders_keys_by_bytes(void **state)
{
    agdb__arena_t *arena = agdb__arena_new();
    agdb_diagnostics_t *diag = agdb__diag_new("t");
    static const char k_text[] = "b: 1\na: 2\nab: 3\n\xC3\xA9: 4\nB: 5\n";
    const agdb__tree_t *root = agdb__yaml_parse(arena, diag, k_text, sizeof k_text - 1);
    static const char *const k_order[] = {"B", "a", "ab", "b", "\xC3\xA9"};
    agdb__tree_t **sorted;
    size_t i;

    (void)state;
    assert_non_null(root);
    assert_int_equal(root->count, AGDB_COUNT(k_order));
    sorted = agdb__tree_sorted(arena, root);
    for (i = 0; i < AGDB_COUNT(k_order); i++)
        assert_string_equal(sorted[i]->text, k_order[i]);
    assert_string_equal(agdb__tree_key(root, "ab")->of->text, "3");
    assert_null(agdb__tree_key(root, "abc"));
    agdb__diag_free(diag);
    agdb__arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_put_twice_gives_the_first),
        cmocka_unit_test(set_put_many_keeps_them_all),
        cmocka_unit_test(sorted_orders_keys_by_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
