#include "pool/width.h"

#include "unit.h"

static void few_callers_have_a_connection_each_and_many_share(void **state)
{
    static const struct {
        unsigned callers;
        unsigned busy;
        unsigned max;
        unsigned want;
    } rows[] = {
        {0, 0, 8, 2},   {1, 0, 8, 2},     {3, 1, 8, 3},
        {4, 2, 8, 4},   {4, 2, 3, 3},     {6, 0, 8, 6},
        {7, 0, 8, 2}, /* nothing known yet */
        {9, 3, 8, 3},   {64, 4, 8, 4},    {64, 4, 64, 4},
        {64, 40, 8, 8}, {64, 40, 64, 40}, {1000, 1, 64, 2},
        {64, 9, 1, 1},  {7, 9, 1, 1},     {64, 4294967295u, 64, 64},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        unsigned got = agdb__width(rows[i].callers, rows[i].busy, rows[i].max);

        if (got != rows[i].want)
            fail_msg("row %zu: %u, not %u", i, got, rows[i].want);
    }
}

static void busy_is_groups_times_time_and_a_third_more(void **state)
{
    static const struct {
        uint64_t lane_us;
        uint64_t window_us;
        unsigned want;
    } rows[] = {
        {0, 250000, 0},          {1, 250000, 1},      {100000, 250000, 1}, {337500, 250000, 2},
        {375000, 250000, 2},     {375001, 250000, 3}, {500000, 250000, 3}, {1500000, 1000000, 2},
        {15000000, 1000000, 20}, {1000, 0, 0}, /* no time has passed: nothing can be told */
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        unsigned got = agdb__width_busy(rows[i].lane_us, rows[i].window_us);

        if (got != rows[i].want)
            fail_msg("row %zu: %u, not %u", i, got, rows[i].want);
    }
}

/* Far servers: as long as all lanes are busy all the time, there is room for one more. */
static void the_width_grows_until_it_is_enough(void **state)
{
    unsigned width = 2;
    unsigned steps = 0;

    (void)state;
    while (width < 20 && steps < 100) {
        width = agdb__width(64, agdb__width_busy(width * 250000ull, 250000), 20);
        steps++;
    }
    assert_in_range(steps, 2, 20);
}

static void a_group_leaves_when_it_is_half_a_fair_share_or_nothing_is_under_way(void **state)
{
    static const struct {
        agdb__flow_t flow; /* queued, lanes, riders, callers */
        unsigned width;
        bool want;
    } rows[] = {
        {{0, 0, 0, 0}, 2, false},                             /* nobody there */
        {{0, 1, 5, 64}, 2, false},  {{1, 0, 0, 64}, 2, true}, /* nothing under way: nobody is waited
                                                                 for */
        {{1, 1, 1, 2}, 2, true},                              /* a connection each */
        {{1, 3, 3, 4}, 4, true},    {{1, 4, 4, 5}, 4, false}, /* no more lanes than the width */
        {{3, 1, 8, 16}, 2, false}, /* those of the last group are coming back */
        {{4, 1, 8, 16}, 2, true},   {{1, 2, 8, 16}, 4, false},         {{2, 2, 8, 16}, 4, true},
        {{7, 1, 40, 20}, 3, false}, /* more callers than was thought */
        {{8, 1, 40, 20}, 3, true},  {{4000000000u, 1, 1, 5}, 2, true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++)
        if (agdb__group_is_due(&rows[i].flow, rows[i].width) != rows[i].want)
            fail_msg("row %zu", i);
}

static void the_estimate_of_callers_rises_at_once_and_falls_slowly(void **state)
{
    agdb__flow_t flow = {.queued = 10, .lanes = 2, .riders = 30, .callers = 0};
    unsigned rounds = 0;

    (void)state;
    flow.callers = agdb__callers_next(&flow);
    assert_int_equal(flow.callers, 40);
    flow.queued = 0;
    flow.riders = 20; /* half of them are between two calls */
    flow.callers = agdb__callers_next(&flow);
    assert_in_range(flow.callers, 37, 39);
    flow.riders = 1;
    while (flow.callers > 1 && rounds < 1000) {
        flow.callers = agdb__callers_next(&flow);
        rounds++;
    }
    assert_in_range(rounds, 20, 100);
}

/* A model of T callers in a closed loop: groups of callers / width, and never a lost one. */
static void groups_of_a_closed_loop_are_fair_shares(void **state)
{
    unsigned callers;

    (void)state;
    for (callers = 10; callers <= 64; callers += 6) {
        agdb__flow_t flow = {.callers = callers};
        unsigned width = 3;
        unsigned group[3] = {0};
        unsigned returned;

        for (returned = 0; returned < 300; returned++) {
            unsigned lane = returned % width;
            unsigned left;

            flow.riders -= group[lane];
            flow.lanes -= group[lane] > 0 ? 1 : 0;
            left = callers - flow.riders - flow.queued; /* they call again, one by one */
            group[lane] = 0;
            while (left-- > 0) {
                flow.queued++;
                if (group[lane] == 0 && agdb__group_is_due(&flow, width)) {
                    group[lane] = flow.queued;
                    flow.riders += flow.queued;
                    flow.lanes++;
                    flow.queued = 0;
                }
            }
            assert_true(flow.lanes > 0);
        }
        assert_in_range(group[0], callers / width / 4, callers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_callers_have_a_connection_each_and_many_share),
        cmocka_unit_test(busy_is_groups_times_time_and_a_third_more),
        cmocka_unit_test(the_width_grows_until_it_is_enough),
        cmocka_unit_test(a_group_leaves_when_it_is_half_a_fair_share_or_nothing_is_under_way),
        cmocka_unit_test(the_estimate_of_callers_rises_at_once_and_falls_slowly),
        cmocka_unit_test(groups_of_a_closed_loop_are_fair_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
