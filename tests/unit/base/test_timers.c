#include "base/timers.h"

#include "base/rng.h"
#include "unit.h"

enum { TIMERS = 200, ROUNDS = 2000 };

static agdb__timer_t g_timer[TIMERS];
static agdb__timers_t g_all;
static uint64_t g_last_us;
static unsigned g_rung;

static void ring(agdb__timer_t *timer, void *user, uint64_t now_us)
{
    assert_ptr_equal(user, &g_all);
    assert_true(timer->at_us <= now_us);
    assert_true(timer->at_us >= g_last_us); /* earliest first */
    assert_int_equal(timer->place, 0);
    g_last_us = timer->at_us;
    g_rung++;
}

static void ring_again(agdb__timer_t *timer, void *user, uint64_t now_us)
{
    (void)user;
    g_rung++;
    agdb__timers_set(&g_all, timer, now_us);
}

static int setup(void **state)
{
    size_t i;

    (void)state;
    g_all = (agdb__timers_t){0};
    g_rung = 0;
    g_last_us = 0;
    for (i = 0; i < TIMERS; i++)
        g_timer[i] = (agdb__timer_t){.ring = ring};
    return agdb__timers_reserve(&g_all, TIMERS) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    agdb__timers_fini(&g_all);
    return 0;
}

static void the_earliest_is_first_whatever_is_set_moved_and_cleared(void **state)
{
    agdb__rng_t rng = {.state = 42};
    size_t i;

    (void)state;
    for (i = 0; i < ROUNDS; i++) {
        agdb__timer_t *t = &g_timer[agdb__rng_next(&rng) % TIMERS];
        uint64_t least = AGDB__NEVER;
        size_t k;

        if (agdb__rng_next(&rng) % 4 == 0)
            agdb__timers_clear(&g_all, t);
        else
            agdb__timers_set(&g_all, t, 1 + agdb__rng_next(&rng) % 1000);
        for (k = 0; k < TIMERS; k++)
            if (g_timer[k].place != 0)
                least = agdb__min_us(least, g_timer[k].at_us);
        assert_int_equal(agdb__timers_next_us(&g_all), least);
    }
}

static void those_whose_time_has_come_ring_in_order(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < TIMERS; i++)
        agdb__timers_set(&g_all, &g_timer[i], 1 + i * 7919 % TIMERS);
    agdb__timers_run(&g_all, TIMERS / 2, &g_all);
    assert_int_equal(g_rung, TIMERS / 2);
    assert_int_equal(agdb__timers_next_us(&g_all), TIMERS / 2 + 1);
    agdb__timers_run(&g_all, TIMERS, &g_all);
    assert_int_equal(g_rung, TIMERS);
    assert_int_equal(agdb__timers_next_us(&g_all), AGDB__NEVER);
}

static void one_that_sets_itself_again_does_not_ring_for_ever(void **state)
{
    (void)state;
    g_timer[0].ring = ring_again;
    agdb__timers_set(&g_all, &g_timer[0], 5);
    agdb__timers_run(&g_all, 10, &g_all);
    assert_int_equal(g_rung, 1);
    assert_int_equal(g_all.count, 1);
}

static void never_takes_it_out(void **state)
{
    (void)state;
    agdb__timers_set(&g_all, &g_timer[0], 5);
    agdb__timers_set(&g_all, &g_timer[0], AGDB__NEVER);
    agdb__timers_clear(&g_all, &g_timer[0]);
    assert_int_equal(g_all.count, 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_earliest_is_first_whatever_is_set_moved_and_cleared),
        CASE(those_whose_time_has_come_ring_in_order),
        CASE(one_that_sets_itself_again_does_not_ring_for_ever),
        CASE(never_takes_it_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
