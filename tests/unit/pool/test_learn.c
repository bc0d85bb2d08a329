#include "pool/learn.h"

#include "unit.h"

#include <string.h>

static agdb__learn_t g_learn;

static int reset(void **state)
{
    (void)state;
    memset(&g_learn, 0, sizeof g_learn);
    return 0;
}

static agdb__learnt_t *known(uint64_t hash, uint64_t us)
{
    agdb__learnt_t *e = agdb__learn_find(&g_learn, hash);
    int i;

    for (i = 0; i < 3; i++)
        agdb__learn_solo(e, true, us);
    return e;
}

static void a_statement_rides_after_three_runs_alone(void **state)
{
    agdb__learnt_t *e = agdb__learn_find(&g_learn, 42);
    int i;

    (void)state;
    for (i = 0; i < 3; i++) {
        assert_false(agdb__learn_may_ride(&g_learn, e));
        agdb__learn_solo(e, true, 30);
    }
    assert_true(agdb__learn_may_ride(&g_learn, e));
    assert_ptr_equal(agdb__learn_find(&g_learn, 42), e);
}

static void every_256th_run_is_a_sample(void **state)
{
    agdb__learnt_t *e = known(1, 20);
    int alone = 0;
    int i;

    (void)state;
    for (i = 0; i < 2560; i++)
        alone += agdb__learn_may_ride(&g_learn, e) ? 0 : 1;
    assert_int_equal(alone, 10);
}

static void what_had_nobody_to_share_with_is_no_sample_lost(void **state)
{
    agdb__learnt_t *e = known(8, 20);
    int i;

    (void)state;
    for (i = 0; i < 2560; i++)
        assert_true(agdb__learn_is_short(&g_learn, e));
    agdb__learn_slow(e);
    for (i = 0; i < 3; i++)
        assert_false(agdb__learn_is_short(&g_learn, e));
    assert_true(agdb__learn_is_short(&g_learn, e));
    assert_true(agdb__learn_rides(e)); /* its first */
}

static void slow_and_stateful_statements_never_ride(void **state)
{
    agdb__learnt_t *slow = known(2, 500);
    agdb__learnt_t *set = agdb__learn_find(&g_learn, 3);
    int i;

    (void)state;
    assert_false(agdb__learn_may_ride(&g_learn, slow));
    for (i = 0; i < 10; i++)
        agdb__learn_solo(set, false, 10);
    assert_false(agdb__learn_may_ride(&g_learn, set));
}

static void the_way_to_the_server_is_no_reason_to_stay_alone(void **state)
{
    agdb__learnt_t *read = known(40, 560);
    agdb__learnt_t *slow = known(50, 2500);

    (void)state;
    assert_false(agdb__learn_may_ride(&g_learn, read));
    agdb__learn_way(&g_learn, 530);
    assert_true(agdb__learn_may_ride(&g_learn, read));
    assert_false(agdb__learn_may_ride(&g_learn, slow));
    assert_in_range(agdb__learn_work_us(&g_learn, read, false), 15, 19); /* nor a Sync of its own */
    agdb__learn_way(&g_learn, 100000); /* a busy moment: nothing takes less than no time */
    assert_int_equal(agdb__learn_work_us(&g_learn, read, false), 1);
}

static void excluded_are_those_whose_timing_is_known_to_be_of_no_use(void **state)
{
    agdb__learnt_t *e = agdb__learn_find(&g_learn, 6);

    (void)state;
    agdb__learn_solo(e, true, 900); /* the first run also prepares */
    assert_false(agdb__learn_is_excluded(&g_learn, e));
    agdb__learn_solo(e, true, 20);
    agdb__learn_solo(e, true, 20);
    assert_false(agdb__learn_is_excluded(&g_learn, e));
    agdb__learn_failure(e, AGDB__FAULT_LASTING);
    assert_true(agdb__learn_is_excluded(&g_learn, e));
    assert_true(agdb__learn_is_excluded(&g_learn, known(7, 500)));
}

static void a_statement_that_becomes_fast_rides_again(void **state)
{
    agdb__learnt_t *e = known(4, 5000);
    int i;

    (void)state;
    for (i = 0; i < 30; i++)
        agdb__learn_solo(e, true, 20);
    assert_true(agdb__learn_may_ride(&g_learn, e));
    assert_in_range(agdb__learn_expected_us(e), 15, 40);
}

static void how_fast_it_can_be_outlasts_a_busy_time(void **state)
{
    agdb__learnt_t *e = known(70, 40);
    int i;

    (void)state;
    for (i = 0; i < 100; i++)
        agdb__learn_solo(e, true, 900);
    assert_true(agdb__learn_work_us(&g_learn, e, false) > 300);
    assert_in_range(agdb__learn_work_us(&g_learn, e, true), 26, 32);
}

static void a_slow_group_sends_its_members_alone_for_a_while(void **state)
{
    agdb__learnt_t *e = known(5, 20);
    int i;

    (void)state;
    agdb__learn_slow(e);
    for (i = 0; i < 3; i++)
        assert_false(agdb__learn_may_ride(&g_learn, e));
    assert_true(agdb__learn_may_ride(&g_learn, e));
}

static void failures_over_one_in_a_hundred_end_riding(void **state)
{
    agdb__learnt_t *good = known(10, 20);
    agdb__learnt_t *bad = known(20, 20);
    agdb__learnt_t *grouped = known(30, 20);
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        (void)agdb__learn_may_ride(&g_learn, good);
        (void)agdb__learn_may_ride(&g_learn, bad);
        if (i % 200 == 0)
            agdb__learn_failure(good, AGDB__FAULT_NONE);
        if (i % 20 == 0)
            agdb__learn_failure(bad, AGDB__FAULT_NONE);
    }
    assert_true(agdb__learn_may_ride(&g_learn, good));
    assert_false(agdb__learn_may_ride(&g_learn, bad));
    agdb__learn_failure(grouped, AGDB__FAULT_LASTING); /* once is enough */
    assert_false(agdb__learn_may_ride(&g_learn, grouped));
}

static void a_passing_failure_sends_a_statement_alone_for_a_while(void **state)
{
    agdb__learnt_t *e = known(60, 20);
    int alone = 0;

    (void)state;
    agdb__learn_failure(e, AGDB__FAULT_PASSING);
    while (!agdb__learn_may_ride(&g_learn, e) && alone < 10000)
        alone++;
    assert_in_range(alone, 200, 300);
}

static void a_full_table_forgets_nobody_and_takes_nobody(void **state)
{
    agdb__learnt_t *first = agdb__learn_find(&g_learn, 1);
    uint64_t hash;
    unsigned refused = 0;

    (void)state;
    for (hash = 2; hash < 200000; hash += 2)
        refused += agdb__learn_find(&g_learn, hash << 32 | 1) == NULL ? 1 : 0;
    assert_true(refused > 0);
    assert_ptr_equal(agdb__learn_find(&g_learn, 1), first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_statement_rides_after_three_runs_alone, reset),
        cmocka_unit_test_setup(what_had_nobody_to_share_with_is_no_sample_lost, reset),
        cmocka_unit_test_setup(every_256th_run_is_a_sample, reset),
        cmocka_unit_test_setup(slow_and_stateful_statements_never_ride, reset),
        cmocka_unit_test_setup(the_way_to_the_server_is_no_reason_to_stay_alone, reset),
        cmocka_unit_test_setup(excluded_are_those_whose_timing_is_known_to_be_of_no_use, reset),
        cmocka_unit_test_setup(a_statement_that_becomes_fast_rides_again, reset),
        cmocka_unit_test_setup(how_fast_it_can_be_outlasts_a_busy_time, reset),
        cmocka_unit_test_setup(a_slow_group_sends_its_members_alone_for_a_while, reset),
        cmocka_unit_test_setup(failures_over_one_in_a_hundred_end_riding, reset),
        cmocka_unit_test_setup(a_passing_failure_sends_a_statement_alone_for_a_while, reset),
        cmocka_unit_test_setup(a_full_table_forgets_nobody_and_takes_nobody, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
