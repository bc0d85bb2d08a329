/* Deadlines in monotonic microseconds. */
#include "base/clock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void now_never_goes_back(void **state)
{
    uint64_t before = agdb__now_us();
    int i;

    (void)state;
    assert_true(before > 0);
    for (i = 0; i < 10000; i++) {
        uint64_t now = agdb__now_us();
        assert_true(now >= before);
        before = now;
    }
}

static void poll_ms_rounds_up_and_keeps_to_its_bounds(void **state)
{
    static const struct {
        uint64_t now;
        uint64_t until;
        int ms;
    } row[] = {
        {1000, 1000, 0},
        {1000, 999, 0},
        {1000, 0, 0},
        {1000, 1001, 1},
        {1000, 2000, 1},
        {1000, 2001, 2},
        {0, 5000000, 5000},
        {7, AGDB__NEVER, -1},
        {0, AGDB__NEVER / 2, INT_MAX},
        {0, 1, 1},
        {0, AGDB__NEVER - 1, INT_MAX},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof row / sizeof row[0]; i++)
        assert_int_equal(agdb__poll_ms(row[i].now, row[i].until), row[i].ms);
}

static void after_ms_adds_without_overflow(void **state)
{
    (void)state;
    assert_int_equal(agdb__after_ms(5, 2), 2005);
    assert_int_equal(agdb__after_ms(5, 0), 5);
    assert_true(agdb__after_ms(5, UINT64_MAX) == AGDB__NEVER);
    assert_true(agdb__after_ms(AGDB__NEVER - 10, 1) == AGDB__NEVER);
    assert_true(agdb__after_ms(AGDB__NEVER, 1) == AGDB__NEVER);
    assert_true(agdb__after_ms(AGDB__NEVER, 0) == AGDB__NEVER);
}

static void min_us_takes_the_earlier(void **state)
{
    (void)state;
    assert_int_equal(agdb__min_us(1, 2), 1);
    assert_int_equal(agdb__min_us(2, 1), 1);
    assert_int_equal(agdb__min_us(AGDB__NEVER, 7), 7);
}

static void wall_text_is_a_time_in_utc(void **state)
{
    static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
    char text[AGDB__WALL_TEXT];
    size_t i;

    (void)state;
    agdb__wall_text(text);
    assert_int_equal(strlen(text), sizeof form - 1);
    for (i = 0; i < sizeof form - 1; i++)
        assert_true(form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == form[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_never_goes_back),
        cmocka_unit_test(poll_ms_rounds_up_and_keeps_to_its_bounds),
        cmocka_unit_test(after_ms_adds_without_overflow),
        cmocka_unit_test(min_us_takes_the_earlier),
        cmocka_unit_test(wall_text_is_a_time_in_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
