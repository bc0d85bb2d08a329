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

static void what_says_nothing_about_a_statement_is_spared(void **state)
{
    (void)state;
    assert_true(agdb__group_spares(AGDB_E_LOST));
    assert_true(agdb__group_spares(AGDB_E_NOT_FRESH));
    assert_false(agdb__group_spares(AGDB_E_SERVER));
    assert_false(agdb__group_spares(AGDB_E_TOO_BIG));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_of_riding_are_told_by_their_states),
        cmocka_unit_test(a_group_is_stuck_and_slow_by_what_was_expected),
        cmocka_unit_test(what_says_nothing_about_a_statement_is_spared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
