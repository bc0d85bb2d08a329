/* Powers of two. */
#include "base/histogram.h"

#include "unit.h"

static void bucket_of_holds_up_to_its_power_of_two(void **state)
{
    unsigned i;

    (void)state;
    assert_int_equal(agdb__bucket_of(0), 0);
    assert_int_equal(agdb__bucket_of(1), 0);
    assert_int_equal(agdb__bucket_of(2), 1);
    for (i = 2; i < AGDB__BUCKETS - 1; i++) {
        assert_int_equal(agdb__bucket_of((uint64_t)1 << i), i);
        assert_int_equal(agdb__bucket_of(((uint64_t)1 << i) + 1), i + 1);
    }
    assert_int_equal(agdb__bucket_of(UINT64_MAX), AGDB__BUCKETS - 1);
}

static void what_is_noted_is_counted_and_summed(void **state)
{
    agdb__histogram_t h = {.sum = 0};
    agdb__counted_t sum = {.count = 0};

    (void)state;
    agdb__histogram_note(&h, 3);
    agdb__histogram_note(&h, 4);
    agdb__histogram_note(&h, 100);
    agdb__histogram_add_to(&h, &sum);
    agdb__histogram_add_to(&h, &sum); /* of two that are alike */
    assert_int_equal(sum.count, 6);
    assert_int_equal(sum.sum, 214);
    assert_int_equal(sum.bucket[2], 4);
    assert_int_equal(sum.bucket[7], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_of_holds_up_to_its_power_of_two),
        cmocka_unit_test(what_is_noted_is_counted_and_summed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
