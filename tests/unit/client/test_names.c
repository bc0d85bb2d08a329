/* Texts that are kept once. */
#include "client/names.h"

#include "base/alloc.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

static void keep_same_text_again_gives_the_first_copy(void **state)
{
    agdb__names_t names = {.count = 0};
    char text[] = "east-1";
    const char *first = agdb__names_keep(&names, text);

    (void)state;
    assert_ptr_not_equal(first, text);
    assert_string_equal(first, "east-1");
    text[0] = 'w';
    assert_string_equal(first, "east-1");
    assert_ptr_equal(agdb__names_keep(&names, "east-1"), first);
    assert_ptr_not_equal(agdb__names_keep(&names, ""), first);
    assert_int_equal(names.count, 2);
    agdb__names_fini(&names);
}

static void keep_many_texts_moves_none_of_them(void **state)
{
    agdb__names_t names = {.count = 0};
    const char *kept[1000];
    char text[16];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(kept); i++) {
        snprintf(text, sizeof text, "db-%zu", i);
        kept[i] = agdb__names_keep(&names, text);
        assert_non_null(kept[i]);
    }
    for (i = 0; i < AGDB_COUNT(kept); i++) {
        snprintf(text, sizeof text, "db-%zu", i);
        assert_ptr_equal(agdb__names_keep(&names, text), kept[i]);
    }
    assert_int_equal(names.count, AGDB_COUNT(kept));
    agdb__names_fini(&names);
}

static long g_granted;

static void *scarce_alloc(size_t size, void *user)
{
    (void)user;
    return g_granted-- > 0 ? malloc(size) : NULL;
}

static void *scarce_resize(void *block, size_t size, void *user)
{
    (void)user;
    return realloc(block, size);
}

static void scarce_release(void *block, void *user)
{
    (void)user;
    free(block);
}

static void keep_without_memory_gives_nothing_and_loses_nothing(void **state)
{
    static const agdb_allocator_t scarce = {scarce_alloc, scarce_resize, scarce_release, NULL};
    agdb__names_t names = {.count = 0};
    const agdb_allocator_t *outer = agdb__alloc_enter(&scarce);

    (void)state;
    assert_null(agdb__names_keep(&names, "a"));
    g_granted = 1; /* the table, not the text */
    assert_null(agdb__names_keep(&names, "a"));
    g_granted = 1;
    assert_non_null(agdb__names_keep(&names, "a"));
    assert_null(agdb__names_keep(&names, "b"));
    assert_int_equal(names.count, 1);
    agdb__names_fini(&names);
    (void)agdb__alloc_enter(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keep_same_text_again_gives_the_first_copy),
        cmocka_unit_test(keep_many_texts_moves_none_of_them),
        cmocka_unit_test(keep_without_memory_gives_nothing_and_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
