/* splitmix64 and jitter. */
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The published first outputs for the seed 1234567. */
static void next_gives_the_published_sequence(void **state)
{
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u,
                                        9817491932198370423u, 4593380528125082431u,
                                        16408922859458223821u};
    agdb__rng_t rng = {1234567};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_true(agdb__rng_next(&rng) == expected[i]);
}

static void jitter_stays_within_a_quarter_and_uses_both_sides(void **state)
{
    agdb__rng_t rng = {1};
    uint64_t low = UINT64_MAX;
    uint64_t high = 0;
    int i;

    (void)state;
    for (i = 0; i < 100000; i++) {
        uint64_t v = agdb__rng_jitter(&rng, 1000);
        assert_in_range(v, 750, 1250);
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    assert_true(low < 760 && high > 1240);
}

static void jitter_of_tiny_values_is_harmless(void **state)
{
    agdb__rng_t rng = {1};
    uint64_t value;

    (void)state;
    assert_int_equal(agdb__rng_jitter(&rng, 0), 0);
    assert_int_equal(agdb__rng_jitter(&rng, 1), 1);
    for (value = 2; value < 50; value++)
        assert_in_range(agdb__rng_jitter(&rng, value), value - value / 4, value + value / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_gives_the_published_sequence),
        cmocka_unit_test(jitter_stays_within_a_quarter_and_uses_both_sides),
        cmocka_unit_test(jitter_of_tiny_values_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
