#include "pool/group.h"

#include "base/error.h"
#include "unit.h"

static void faults_of_riding_are_told_by_their_states(void **state)
{
    static const struct {
        agdb_status_t status;
        const char *sqlstate;
        agdb__group_fault_t want;
    } rows[] = {
        {AGDB_E_SERVER, "25001", AGDB__FAULT_LASTING},
        {AGDB_E_SERVER, "2D000", AGDB__FAULT_LASTING},
        {AGDB_E_SERVER, "40001", AGDB__FAULT_PASSING},
        {AGDB_E_SERVER, "55P03", AGDB__FAULT_PASSING},
        {AGDB_E_SERVER, "0A000", AGDB__FAULT_PASSING},
        {AGDB_E_SERVER, "23505", AGDB__FAULT_NONE},
        {AGDB_E_SERVER, "22012", AGDB__FAULT_NONE},
        {AGDB_E_LOST, "57P01", AGDB__FAULT_NONE},
        {AGDB_E_LOST, "40001", AGDB__FAULT_NONE}, /* not certainly rolled back */
    };
    size_t i;

    (void)state;
    assert_int_equal(agdb__group_fault(NULL), AGDB__FAULT_NONE);
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb_error_t *error = NULL;

        (void)agdb__fail(&error, rows[i].status, "x");
        agdb__error_sqlstate(&error, rows[i].sqlstate);
        assert_int_equal(agdb__group_fault(error), rows[i].want);
        agdb__error_free(error);
    }
}

static void a_group_is_stuck_and_slow_by_what_was_expected(void **state)
{
    (void)state;
    assert_int_equal(agdb__group_stuck_us(500, 0), 1000500);
    assert_int_equal(agdb__group_stuck_us(500, 1000), 1050500);
    assert_false(agdb__group_is_slow(1800, 100));
    assert_true(agdb__group_is_slow(1801, 100));
}

static void late_is_unknown_and_reads_may_be_tried_again(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__group_fail_late(19001, true, &error), AGDB_E_TIMEOUT);
    assert_int_equal(error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_int_equal(error->stage, AGDB_STAGE_EXECUTE);
    assert_true(error->retriable);
    assert_string_equal(error->message, "no answer within 20 ms");
    assert_int_equal(agdb__group_fail_late(1, false, &error), AGDB_E_TIMEOUT);
    assert_false(error->retriable); /* a write may be in */
    agdb__error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_of_riding_are_told_by_their_states),
        cmocka_unit_test(a_group_is_stuck_and_slow_by_what_was_expected),
        cmocka_unit_test(late_is_unknown_and_reads_may_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
