#include "pool/width.h"

#include "unit.h"

static void width_follows_the_number_of_callers(void **state)
{
    static const struct {
        unsigned width;
        unsigned max;
        uint64_t groups;
        uint64_t riders;
        unsigned want;
    } rows[] = {
        {8, 8, 0, 0, 8},        /* nobody had to share: as it is */
        {8, 8, 10, 500, 8},     /* too few groups to tell */
        {8, 8, 1000, 1000, 2},  /* one more than there are connections */
        {2, 8, 1000, 2666, 8},  /* eight callers: a connection each again */
        {2, 8, 1000, 5333, 2},  /* 16 */
        {2, 8, 1000, 21000, 2}, /* 64 */
        {2, 64, 1000, 21000, 64}, {1, 1, 1000, 30000, 1}, /* no more than there may be */
        {2, 1, 0, 0, 1},          {2, 2, 1000, 30000, 2},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        unsigned got = agdb__width_next(rows[i].width, rows[i].max, rows[i].groups, rows[i].riders);

        if (got != rows[i].want)
            fail_msg("row %zu: %u, not %u", i, got, rows[i].want);
    }
}

static void width_settles(void **state)
{
    unsigned callers;

    (void)state;
    for (callers = 1; callers <= 64; callers++) {
        unsigned width = 8;
        unsigned last = 0;
        unsigned round;

        for (round = 0; round < 20; round++) {
            /* As many groups as callers in excess of the lanes make. */
            uint64_t groups = callers > width ? 1000 : 0;

            last = width;
            width = agdb__width_next(
                width, 8, groups,
                groups * callers / (width + 1) > groups ? groups * callers / (width + 1) : groups);
        }
        assert_int_equal(width, last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(width_follows_the_number_of_callers),
        cmocka_unit_test(width_settles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
