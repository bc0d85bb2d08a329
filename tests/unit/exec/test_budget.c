#include "exec/budget.h"

#include "unit.h"

static void a_reserve_then_a_tenth(void **state)
{
    agdb__budget_t budget = {0};
    int repeated = 0;
    int i;

    (void)state;
    for (i = 0; i < 10000; i++)
        repeated += agdb__budget_spend(&budget) ? 1 : 0;
    assert_int_equal(repeated, AGDB__BUDGET_RESERVE);
    repeated = 0;
    for (i = 0; i < 10000; i++) {
        agdb__budget_earn(&budget);
        repeated += agdb__budget_spend(&budget) ? 1 : 0;
    }
    assert_int_equal(repeated, 10000 / AGDB__BUDGET_COST);
}

static void it_does_not_grow_beyond_the_reserve(void **state)
{
    agdb__budget_t budget = {0};
    int i;

    (void)state;
    for (i = 0; i < 100000; i++)
        agdb__budget_earn(&budget);
    for (i = 0; i < AGDB__BUDGET_RESERVE; i++)
        assert_true(agdb__budget_spend(&budget));
    assert_false(agdb__budget_spend(&budget));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reserve_then_a_tenth),
        cmocka_unit_test(it_does_not_grow_beyond_the_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
