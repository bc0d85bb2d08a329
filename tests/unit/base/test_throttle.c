/* So many a second. */
#include "base/throttle.h"

#include "unit.h"

static void pass_lets_so_many_through_and_tells_the_next_how_many_were_held(void **state)
{
    agdb__throttle_t t = {.second = 0};
    uint32_t held = 9;
    int i;

    (void)state;
    for (i = 0; i < AGDB__THROTTLE_PER_SECOND; i++) {
        assert_true(agdb__throttle_pass(&t, 5000000 + (uint64_t)i, &held));
        assert_int_equal(held, 0);
    }
    for (i = 0; i < 7; i++)
        assert_false(agdb__throttle_pass(&t, 5999999, &held));
    assert_true(agdb__throttle_pass(&t, 6000000, &held));
    assert_int_equal(held, 7);
    assert_true(agdb__throttle_pass(&t, 6000001, &held));
    assert_int_equal(held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pass_lets_so_many_through_and_tells_the_next_how_many_were_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
