#include "monitor/marks.h"

#include "unit.h"

enum { SYSTEM = 5, NODES = 3, NOW = 60000000 };

static agdb__marks_t g_marks;

static int setup(void **state)
{
    (void)state;
    return agdb__marks_init(&g_marks, NODES) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    agdb__marks_fini(&g_marks);
    return 0;
}

static agdb__fresh_t fresh(uint64_t lsn, uint64_t now_us)
{
    return agdb__marks_fresh(&g_marks, &(agdb__position_t){SYSTEM, lsn, 3}, 0x7, now_us);
}

static void what_the_keeper_hears_is_what_readers_see(void **state)
{
    agdb__position_t need = {SYSTEM, 100, 3};

    (void)state;
    assert_int_equal(fresh(100, NOW).maybe, 0);
    assert_false(agdb__marks_are_of(&g_marks, &need));
    agdb__marks_set_history(&g_marks, SYSTEM, 3);
    agdb__marks_set_node(&g_marks, 1, 3, 100);
    agdb__marks_set_node(&g_marks, 2, 3, 99);
    assert_true(agdb__marks_are_of(&g_marks, &need));
    assert_int_equal(fresh(100, NOW).sure, 0x2);
    assert_int_equal(fresh(100, NOW).maybe, 0x4);
    agdb__marks_set_node(&g_marks, 1, 0, 0); /* gone: it may come back with an older copy */
    assert_int_equal(fresh(100, NOW).sure, 0);
}

static void who_fell_behind_is_not_asked_for_a_moment(void **state)
{
    (void)state;
    agdb__marks_set_history(&g_marks, SYSTEM, 3);
    agdb__marks_set_node(&g_marks, 2, 3, 99);
    agdb__marks_fell_behind(&g_marks, 2, 200, NOW);
    agdb__marks_fell_behind(&g_marks, 2, 150, NOW);
    agdb__marks_fell_behind(&g_marks, 2, 180, NOW); /* the least counts */
    assert_int_equal(fresh(150, NOW + AGDB__BEHIND_US - 1).maybe, 0);
    assert_int_equal(fresh(149, NOW + AGDB__BEHIND_US - 1).maybe, 0x4); /* that much it may have */
    assert_int_equal(fresh(150, NOW + AGDB__BEHIND_US).maybe, 0x4);
    assert_int_equal(fresh(99, NOW).sure, 0x4); /* what it has it has */
}

static void bounds_and_lag_come_from_the_primary_s_samples(void **state)
{
    agdb__position_t need;

    (void)state;
    agdb__marks_set_history(&g_marks, SYSTEM, 3);
    agdb__marks_add_sample(&g_marks, 3, 50, NOW - 2000000);
    agdb__marks_add_sample(&g_marks, 3, 100, NOW - 1000000);
    agdb__marks_set_node(&g_marks, 1, 3, 60);
    assert_false(agdb__marks_bound(&g_marks, 500000, NOW, &need));
    assert_true(agdb__marks_bound(&g_marks, 1500000, NOW, &need));
    assert_int_equal(need.lsn, 100);
    assert_int_equal(need.timeline, 3);
    assert_int_equal(need.system_identifier, SYSTEM);
    assert_int_equal(agdb__marks_lag_us(&g_marks, 1, NOW), 2000000);
    assert_int_equal(agdb__marks_lag_us(&g_marks, 2, NOW), AGDB__LAG_UNKNOWN);
    agdb__marks_set_history(&g_marks, SYSTEM, 4); /* nothing is known of the new primary yet */
    assert_false(agdb__marks_bound(&g_marks, 1500000, NOW, &need));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_keeper_hears_is_what_readers_see, setup, teardown),
        cmocka_unit_test_setup_teardown(who_fell_behind_is_not_asked_for_a_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_and_lag_come_from_the_primary_s_samples, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
