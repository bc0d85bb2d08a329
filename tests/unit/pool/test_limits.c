#include "pool/limits.h"

#include "base/clock.h"
#include "unit.h"

static void growth_follows_waiters_min_and_bounds(void **state)
{
    static const struct {
        unsigned min, max, handshakes, open, connecting, waiting;
        bool verified;
        unsigned want;
    } rows[] = {
        {1, 8, 4, 0, 0, 0, false, 1},                              /* min is kept */
        {0, 8, 4, 0, 0, 0, false, 1},                              /* one proves the identity */
        {0, 8, 4, 0, 0, 0, true, 0},                               /* proven: none needed */
        {4, 8, 4, 1, 0, 0, true, 3},                               /* up to min */
        {1, 8, 4, 1, 0, 3, true, 3},                               /* one for each waiter */
        {1, 8, 4, 1, 2, 3, true, 1},                               /* less those on their way */
        {1, 8, 4, 1, 0, 9, true, 4},                               /* handshakes at once */
        {1, 8, 4, 1, 3, 9, true, 1},                               /* handshakes under way count */
        {1, 8, 4, 1, 4, 9, true, 0},  {1, 8, 4, 7, 0, 9, true, 1}, /* up to max */
        {1, 8, 4, 8, 0, 9, true, 0},                               /* full */
        {1, 8, 4, 6, 2, 9, true, 0}, /* full with those on their way */
        {2, 2, 4, 0, 1, 0, false, 1},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__pool_limits_t limits = {
            .min = rows[i].min, .max = rows[i].max, .handshakes = rows[i].handshakes};
        agdb__pool_load_t load = {.open = rows[i].open,
                                  .connecting = rows[i].connecting,
                                  .waiting = rows[i].waiting,
                                  .verified = rows[i].verified};

        if (agdb__pool_growth(&limits, &load) != rows[i].want)
            fail_msg("row %zu: %u, not %u", i, agdb__pool_growth(&limits, &load), rows[i].want);
    }
}

static void a_doubted_server_is_tried_again_although_nobody_waits(void **state)
{
    agdb__pool_limits_t limits = {.min = 1, .max = 2, .handshakes = 4};
    agdb__pool_load_t load = {.open = 1, .doubted = true};

    (void)state;
    assert_int_equal(agdb__pool_growth(&limits, &load), 1);
    load.connecting = 1;
    assert_int_equal(agdb__pool_growth(&limits, &load), 0);
    load = (agdb__pool_load_t){.open = 2, .doubted = true};
    assert_int_equal(agdb__pool_growth(&limits, &load), 0);
}

static void backoff_grows_and_stays_bounded(void **state)
{
    agdb__rng_t rng = {42};
    unsigned failures;

    (void)state;
    for (failures = 1; failures < 200; failures++) {
        uint64_t ms = agdb__connect_backoff_ms(&rng, failures, AGDB__TROUBLE_PASSING);
        uint64_t base = failures < 5 ? (uint64_t)50 << (failures - 1) : 1000;

        assert_in_range(ms, base - base / 4, base + base / 4);
    }
    assert_in_range(agdb__connect_backoff_ms(&rng, 1, AGDB__TROUBLE_OVERLOAD), 750, 1250);
    assert_in_range(agdb__connect_backoff_ms(&rng, 1, AGDB__TROUBLE_REFUSED), 37, 63);
    assert_in_range(agdb__connect_backoff_ms(&rng, 9, AGDB__TROUBLE_REFUSED), 2250, 3750);
}

static void spent_is_idle_above_min_or_end_of_life(void **state)
{
    agdb__pool_limits_t limits = {.min = 2, .max = 8, .idle_ms = 1000};
    const uint64_t s = 1000000;

    (void)state;
    assert_false(agdb__pool_is_spent(&limits, 3, 10 * s, 10 * s - 999999, 99 * s));
    assert_true(agdb__pool_is_spent(&limits, 3, 10 * s, 9 * s, 99 * s));
    assert_false(agdb__pool_is_spent(&limits, 2, 10 * s, 1 * s, 99 * s));
    assert_true(agdb__pool_is_spent(&limits, 1, 10 * s, 10 * s, 10 * s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growth_follows_waiters_min_and_bounds),
        cmocka_unit_test(a_doubted_server_is_tried_again_although_nobody_waits),
        cmocka_unit_test(backoff_grows_and_stays_bounded),
        cmocka_unit_test(spent_is_idle_above_min_or_end_of_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
