#include "pool/group.h"

#include "base/error.h"
#include "unit.h"

static bool is_at_fault(agdb_status_t status, const char *sqlstate)
{
    agdb_error_t *error = NULL;
    bool fault;

    (void)agdb__fail(&error, status, "scripted");
    agdb__error_sqlstate(&error, sqlstate);
    fault = agdb__group_is_at_fault(error);
    agdb__error_free(error);
    return fault;
}

static void the_group_is_at_fault_for_these_states_only(void **state)
{
    static const char *const faults[] = {"25001", "2D000", "25P01", "40001", "40P01",
                                         "55P03", "57014", "26000", "0A000"};
    static const char *const others[] = {"22012", "23505", "42601", "25006", "57P01", ""};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(faults); i++)
        assert_true(is_at_fault(AGDB_E_SERVER, faults[i]));
    for (i = 0; i < AGDB_COUNT(others); i++)
        assert_false(is_at_fault(AGDB_E_SERVER, others[i]));
    assert_false(is_at_fault(AGDB_E_LOST, "40001"));
    assert_false(agdb__group_is_at_fault(NULL));
}

static void a_group_is_stuck_and_slow_by_what_was_expected(void **state)
{
    (void)state;
    assert_int_equal(agdb__group_stuck_us(500, 0), 1000500);
    assert_int_equal(agdb__group_stuck_us(500, 1000), 1050500);
    assert_false(agdb__group_is_slow(1800, 100));
    assert_true(agdb__group_is_slow(1801, 100));
}

static void late_is_unknown_and_may_be_tried_again(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__group_fail_late(19001, &error), AGDB_E_TIMEOUT);
    assert_int_equal(error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(error->stage, AGDB_STAGE_EXECUTE);
    assert_true(error->retriable);
    assert_string_equal(error->message, "no answer within 20 ms");
    agdb__error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_group_is_at_fault_for_these_states_only),
        cmocka_unit_test(a_group_is_stuck_and_slow_by_what_was_expected),
        cmocka_unit_test(late_is_unknown_and_may_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
