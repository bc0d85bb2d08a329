/* Blocks remember the allocator that made them. */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct counter {
    int made;
    int resized;
    int released;
    bool empty; /* gives nothing any more */
} counter_t;

static void *count_alloc(size_t size, void *user)
{
    counter_t *c = user;

    if (c->empty)
        return NULL;
    c->made++;
    return malloc(size);
}

static void *count_resize(void *block, size_t size, void *user)
{
    counter_t *c = user;

    if (c->empty)
        return NULL;
    c->resized++;
    return realloc(block, size);
}

static void count_release(void *block, void *user)
{
    counter_t *c = user;

    c->released++;
    free(block);
}

static agdb_allocator_t counting(counter_t *c)
{
    return (agdb_allocator_t){count_alloc, count_resize, count_release, c};
}

static void enter_allocator_makes_it_the_threads_until_left(void **state)
{
    counter_t c = {0};
    agdb_allocator_t a = counting(&c);
    const agdb_allocator_t *before = agdb__alloc_enter(&a);
    void *inside = agdb__malloc(10);
    void *outside;

    (void)state;
    assert_null(before);
    assert_ptr_equal(agdb__alloc_enter(before), &a);
    outside = agdb__malloc(10);
    assert_int_equal(c.made, 1);
    agdb__free(inside);
    assert_int_equal(c.released, 1);
    agdb__free(outside);
    assert_int_equal(c.released, 1);
}

static void realloc_elsewhere_stays_with_the_blocks_allocator(void **state)
{
    counter_t c = {0};
    agdb_allocator_t a = counting(&c);
    char *block;

    (void)state;
    agdb__alloc_enter(&a);
    block = agdb__strdup("epa");
    agdb__alloc_enter(NULL);
    assert_non_null(block);
    block = agdb__realloc(block, 1000);
    assert_non_null(block);
    assert_string_equal(block, "epa");
    assert_int_equal(c.resized, 1);
    agdb__free(block);
    assert_int_equal(c.released, 1);
}

static void realloc_failing_leaves_the_block(void **state)
{
    counter_t c = {0};
    agdb_allocator_t a = counting(&c);
    char *block;

    (void)state;
    agdb__alloc_enter(&a);
    block = agdb__strdup("epa");
    c.empty = true;
    assert_null(agdb__realloc(block, 1000));
    assert_null(agdb__malloc(1));
    assert_null(agdb__calloc(1, 1));
    assert_null(agdb__strdup("x"));
    agdb__alloc_enter(NULL);
    assert_string_equal(block, "epa");
    agdb__free(block);
    assert_int_equal(c.made, c.released);
}

static void realloc_of_null_makes_a_block(void **state)
{
    char *block = agdb__realloc(NULL, 8);

    (void)state;
    assert_non_null(block);
    memset(block, 'x', 8);
    agdb__free(block);
}

static void malloc_gives_aligned_blocks(void **state)
{
    size_t size;

    (void)state;
    for (size = 0; size < 40; size++) {
        void *block = agdb__malloc(size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        agdb__free(block);
    }
}

static void calloc_gives_zeroes(void **state)
{
    unsigned char *block = agdb__calloc(7, 3);
    size_t i;

    (void)state;
    assert_non_null(block);
    for (i = 0; i < 21; i++)
        assert_int_equal(block[i], 0);
    agdb__free(block);
}

static void sizes_that_overflow_give_null(void **state)
{
    volatile size_t huge = SIZE_MAX;
    char *block = agdb__strdup("x");

    (void)state;
    assert_null(agdb__malloc(huge));
    assert_null(agdb__calloc(huge / 2, 3));
    assert_null(agdb__realloc(block, huge));
    agdb__free(block);
}

static void strndup_copies_so_many_bytes(void **state)
{
    char *copy = agdb__strndup("fema", 2);

    (void)state;
    assert_string_equal(copy, "fe");
    agdb__free(copy);
}

static void free_of_null_does_nothing(void **state)
{
    (void)state;
    agdb__free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enter_allocator_makes_it_the_threads_until_left),
        cmocka_unit_test(realloc_elsewhere_stays_with_the_blocks_allocator),
        cmocka_unit_test(realloc_failing_leaves_the_block),
        cmocka_unit_test(realloc_of_null_makes_a_block),
        cmocka_unit_test(malloc_gives_aligned_blocks),
        cmocka_unit_test(calloc_gives_zeroes),
        cmocka_unit_test(sizes_that_overflow_give_null),
        cmocka_unit_test(strndup_copies_so_many_bytes),
        cmocka_unit_test(free_of_null_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
