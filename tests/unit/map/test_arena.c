#include "unit.h"

#include "map/arena.h"

static void alloc_many_sizes_gives_zeroed_aligned_blocks(void **state)
{
    agdb__arena_t *arena = agdb__arena_new();
    size_t size;

    (void)state;
    for (size = 1; size < 100000; size = size * 3 + 1) {
        unsigned char *block = agdb__arena_alloc(arena, size);
        size_t i;
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        for (i = 0; i < size; i++)
            assert_int_equal(block[i], 0);
        block[0] = 1;
        block[size - 1] = 1;
    }
    assert_false(agdb__arena_failed(arena));
    agdb__arena_free(arena);
}

static void array_size_overflows_fails_for_good(void **state)
{
    agdb__arena_t *arena = agdb__arena_new();

    (void)state;
    assert_null(agdb__arena_array(arena, SIZE_MAX / 4, 16));
    assert_true(agdb__arena_failed(arena));
    agdb__arena_free(arena);
}

static void text_is_copied_with_a_nul(void **state)
{
    agdb__arena_t *arena = agdb__arena_new();

    (void)state;
    assert_string_equal(agdb__arena_text(arena, "abcdef", 3), "abc");
    assert_string_equal(agdb__arena_text(arena, NULL, 0), "");
    agdb__arena_free(arena);
    agdb__arena_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alloc_many_sizes_gives_zeroed_aligned_blocks),
        cmocka_unit_test(array_size_overflows_fails_for_good),
        cmocka_unit_test(text_is_copied_with_a_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
