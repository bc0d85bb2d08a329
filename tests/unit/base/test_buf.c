/* A growing text with a ceiling. */
#include "base/buf.h"

#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void add_within_the_ceiling_grows_and_terminates(void **state)
{
    agdb__buf_t b;
    size_t i;

    (void)state;
    agdb__buf_init(&b, 100000);
    for (i = 0; i < 10000; i++) {
        agdb__buf_add(&b, "abc", 3);
        assert_int_equal(b.data[b.len], '\0');
    }
    assert_false(b.failed);
    assert_int_equal(b.len, 30000);
    assert_memory_equal(b.data + 29997, "abc", 4);
    agdb__buf_fini(&b);
}

static void add_up_to_the_ceiling_is_allowed_and_not_one_more(void **state)
{
    agdb__buf_t b;

    (void)state;
    agdb__buf_init(&b, 5);
    agdb__buf_text(&b, "12345");
    assert_false(b.failed);
    agdb__buf_text(&b, "6");
    assert_true(b.failed);
    assert_string_equal(b.data, "12345");
    agdb__buf_fini(&b);
}

static void after_a_failure_nothing_is_added(void **state)
{
    agdb__buf_t b;

    (void)state;
    agdb__buf_init(&b, 3);
    agdb__buf_text(&b, "four");
    agdb__buf_text(&b, "x");
    agdb__buf_printf(&b, "%d", 1);
    assert_int_equal(b.len, 0);
    assert_null(agdb__buf_take(&b));
    assert_false(b.failed);
    agdb__buf_text(&b, "abc");
    assert_string_equal(b.data, "abc");
    agdb__buf_fini(&b);
}

static void add_a_size_that_overflows_fails(void **state)
{
    volatile size_t huge = SIZE_MAX;
    agdb__buf_t b;

    (void)state;
    agdb__buf_init(&b, 100);
    agdb__buf_text(&b, "abc");
    agdb__buf_add(&b, "x", huge);
    assert_true(b.failed);
    agdb__buf_fini(&b);
}

static void printf_of_long_text_grows(void **state)
{
    agdb__buf_t b;

    (void)state;
    agdb__buf_init(&b, 10000);
    agdb__buf_printf(&b, "%05d|%s", 42, "shard");
    assert_string_equal(b.data, "00042|shard");
    agdb__buf_printf(&b, "%*s", 5000, "");
    assert_int_equal(b.len, 5011);
    agdb__buf_printf(&b, "%*s", 5000, "");
    assert_true(b.failed);
    agdb__buf_fini(&b);
}

static void take_hands_over_and_empties(void **state)
{
    agdb__buf_t b;
    char *text;

    (void)state;
    agdb__buf_init(&b, 100);
    text = agdb__buf_take(&b);
    assert_string_equal(text, "");
    agdb__free(text);
    agdb__buf_text(&b, "one");
    text = agdb__buf_take(&b);
    assert_string_equal(text, "one");
    assert_null(b.data);
    assert_int_equal(b.len, 0);
    agdb__free(text);
    agdb__buf_fini(&b);
}

static void add_bytes_with_nul_keeps_them(void **state)
{
    agdb__buf_t b;

    (void)state;
    agdb__buf_init(&b, 100);
    agdb__buf_add(&b, "a\0b", 3);
    agdb__buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b", 4);
    agdb__buf_fini(&b);
}

static void *no_alloc(size_t size, void *user)
{
    (void)size;
    (void)user;
    return NULL;
}

static void no_release(void *block, void *user)
{
    (void)block;
    (void)user;
}

static void add_without_memory_fails(void **state)
{
    const agdb_allocator_t none = {no_alloc, NULL, no_release, NULL};
    agdb__buf_t b;

    (void)state;
    agdb__buf_init(&b, 100);
    agdb__alloc_enter(&none);
    agdb__buf_text(&b, "x");
    agdb__alloc_enter(NULL);
    assert_true(b.failed);
    assert_null(agdb__buf_take(&b));
    agdb__buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_within_the_ceiling_grows_and_terminates),
        cmocka_unit_test(add_up_to_the_ceiling_is_allowed_and_not_one_more),
        cmocka_unit_test(after_a_failure_nothing_is_added),
        cmocka_unit_test(add_a_size_that_overflows_fails),
        cmocka_unit_test(printf_of_long_text_grows),
        cmocka_unit_test(take_hands_over_and_empties),
        cmocka_unit_test(add_bytes_with_nul_keeps_them),
        cmocka_unit_test(add_without_memory_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
