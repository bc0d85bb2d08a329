#include "exec/grade.h"

#include "base/rng.h"
#include "unit.h"

enum { SECOND = 1000000, NOW = 50 * SECOND };

static agdb__grade_t g_grade;

static int reset(void **state)
{
    (void)state;
    atomic_store(&g_grade.latency_us, 0);
    atomic_store(&g_grade.failures, 0);
    atomic_store(&g_grade.ejections, 0);
    atomic_store(&g_grade.out_until_us, 0);
    atomic_store(&g_grade.seen_us, 0);
    return 0;
}

/* Failures until it is out. */
static int fail_until_out(uint64_t now_us)
{
    int n = 0;

    while (!agdb__grade_is_out(&g_grade, now_us) && n < 100) {
        agdb__grade_bad(&g_grade, now_us);
        n++;
    }
    return n;
}

static void a_few_failures_in_a_row_put_it_out(void **state)
{
    (void)state;
    agdb__grade_good(&g_grade, 100, NOW);
    assert_in_range(fail_until_out(NOW), 3, 5);
    assert_true(agdb__grade_is_out(&g_grade, NOW + SECOND - 1));
    assert_false(agdb__grade_is_out(&g_grade, NOW + SECOND));
}

static void it_is_out_for_longer_each_time_until_it_does_well(void **state)
{
    uint64_t now_us = NOW;
    int i;

    (void)state;
    (void)fail_until_out(now_us);
    now_us += SECOND;
    assert_in_range(fail_until_out(now_us), 1, 3); /* sooner than the first time */
    assert_true(agdb__grade_is_out(&g_grade, now_us + 2 * SECOND - 1));
    assert_false(agdb__grade_is_out(&g_grade, now_us + 2 * SECOND));
    for (i = 0; i < 20; i++) {
        now_us += 60 * (uint64_t)SECOND;
        (void)fail_until_out(now_us);
    }
    assert_false(agdb__grade_is_out(&g_grade, now_us + 30 * SECOND));
    for (i = 0; i < 50; i++)
        agdb__grade_good(&g_grade, 100, NOW);
    now_us += 60 * (uint64_t)SECOND;
    assert_in_range(fail_until_out(now_us), 3, 5);
    assert_false(agdb__grade_is_out(&g_grade, now_us + SECOND));
}

static void one_failure_in_twenty_is_no_reason(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 10000; i++) {
        if (i % 20 == 0)
            agdb__grade_bad(&g_grade, NOW);
        else
            agdb__grade_good(&g_grade, 100, NOW);
    }
    assert_false(agdb__grade_is_out(&g_grade, NOW));
}

/* 30 % of errors at random: out again and again, and for most of the time. */
static void a_flapping_replica_is_out_most_of_the_time(void **state)
{
    agdb__rng_t rng = {.state = 7};
    uint64_t now_us = NOW;
    int out = 0;
    int i;

    (void)state;
    for (i = 0; i < 100000; i++) {
        now_us += 1000;
        if (agdb__grade_is_out(&g_grade, now_us))
            out++;
        else if (agdb__rng_next(&rng) % 10 < 3)
            agdb__grade_bad(&g_grade, now_us);
        else
            agdb__grade_good(&g_grade, 100, NOW);
    }
    assert_in_range(out, 60000, 99900);
}

static void cost_follows_latency_and_the_queue(void **state)
{
    uint64_t idle;
    int i;

    (void)state;
    assert_int_equal(agdb__grade_cost(&g_grade, 5, NOW), 0); /* not known: worth a try */
    agdb__grade_good(&g_grade, 100, NOW);
    idle = agdb__grade_cost(&g_grade, 0, NOW);
    assert_in_range(idle, 100, 102);
    assert_int_equal(agdb__grade_cost(&g_grade, 2, NOW), 3 * idle);
    for (i = 0; i < 100; i++)
        agdb__grade_good(&g_grade, 1000, NOW);
    assert_in_range(agdb__grade_cost(&g_grade, 0, NOW), 900, 1010);
    for (i = 0; i < 200; i++)
        agdb__grade_good(&g_grade, 100, NOW);
    assert_in_range(agdb__grade_cost(&g_grade, 0, NOW), 95, 120);
    /* nobody asks it any more: it gets another chance */
    assert_in_range(agdb__grade_cost(&g_grade, 0, NOW + 2 * SECOND), 23, 30);
    assert_int_equal(agdb__grade_cost(&g_grade, 0, NOW + 90 * (uint64_t)SECOND), 0);
}

/* Asked again only once in a while, it must not take as many answers as there are to be forgiven.
 */
static void one_slow_answer_of_long_ago_is_forgotten_by_the_next(void **state)
{
    (void)state;
    agdb__grade_good(&g_grade, 100000, NOW);
    agdb__grade_good(&g_grade, 100, NOW + 10 * (uint64_t)SECOND);
    assert_in_range(agdb__grade_cost(&g_grade, 0, NOW + 10 * (uint64_t)SECOND), 50, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_slow_answer_of_long_ago_is_forgotten_by_the_next, reset),
        cmocka_unit_test_setup(a_few_failures_in_a_row_put_it_out, reset),
        cmocka_unit_test_setup(it_is_out_for_longer_each_time_until_it_does_well, reset),
        cmocka_unit_test_setup(one_failure_in_twenty_is_no_reason, reset),
        cmocka_unit_test_setup(a_flapping_replica_is_out_most_of_the_time, reset),
        cmocka_unit_test_setup(cost_follows_latency_and_the_queue, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
