/* agencydb/error.h: accessors are safe on NULL and show what is there. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void accessors_of_null_give_nothing(void **state)
{
    (void)state;
    assert_int_equal(agdb_error_status(NULL), AGDB_OK);
    assert_string_equal(agdb_error_message(NULL), "");
    assert_string_equal(agdb_error_sqlstate(NULL), "");
    assert_string_equal(agdb_error_shard(NULL), "");
    assert_string_equal(agdb_error_node(NULL), "");
    assert_int_equal(agdb_error_stage(NULL), AGDB_STAGE_NONE);
    assert_int_equal(agdb_error_outcome(NULL), AGDB_OUTCOME_NONE);
    assert_false(agdb_error_is_retriable(NULL));
    assert_int_equal(agdb_error_retry_after_ms(NULL), 0);
    assert_string_equal(agdb_error_field(NULL, AGDB_FIELD_HINT), "");
    assert_int_equal(agdb_error_child_count(NULL), 0);
    assert_null(agdb_error_child(NULL, 0));
    agdb_error_free(NULL);
    agdb_error_clear(NULL);
}

static void accessors_show_what_was_set(void **state)
{
    agdb_error_t *err = NULL;
    agdb_error_t *child = NULL;

    (void)state;
    agdb__fail(&err, AGDB_E_SERVER, "no");
    agdb__error_outcome(&err, AGDB_OUTCOME_UNKNOWN);
    agdb__error_stage(&err, AGDB_STAGE_PARK);
    agdb__error_retriable(&err, true, 40);
    agdb__error_sqlstate(&err, "57P01");
    agdb__error_field(&err, AGDB_FIELD_HINT, "wait");
    agdb__error_place(&err, "s", "n");
    agdb__fail(&child, AGDB_E_LOST, "part");
    agdb__error_add_child(&err, child);
    assert_int_equal(agdb_error_status(err), AGDB_E_SERVER);
    assert_string_equal(agdb_error_message(err), "shard 's' node 'n': no");
    assert_string_equal(agdb_error_sqlstate(err), "57P01");
    assert_string_equal(agdb_error_shard(err), "s");
    assert_string_equal(agdb_error_node(err), "n");
    assert_int_equal(agdb_error_stage(err), AGDB_STAGE_PARK);
    assert_int_equal(agdb_error_outcome(err), AGDB_OUTCOME_UNKNOWN);
    assert_true(agdb_error_is_retriable(err));
    assert_int_equal(agdb_error_retry_after_ms(err), 40);
    assert_string_equal(agdb_error_field(err, AGDB_FIELD_HINT), "wait");
    assert_string_equal(agdb_error_field(err, AGDB_FIELD_DETAIL), "");
    assert_string_equal(agdb_error_field(err, (agdb_field_t)99), "");
    assert_int_equal(agdb_error_child_count(err), 1);
    assert_int_equal(agdb_error_status(agdb_error_child(err, 0)), AGDB_E_LOST);
    assert_null(agdb_error_child(err, 1));
    agdb_error_clear(&err);
    assert_null(err);
    agdb_error_clear(&err);
}

static void outcomes_and_stages_have_names(void **state)
{
    static const char *const stage[] = {"",        "check",   "route",   "park",  "queue",
                                        "resolve", "connect", "execute", "result"};
    size_t i;

    (void)state;
    assert_string_equal(agdb_outcome_name(AGDB_OUTCOME_NONE), "");
    assert_string_equal(agdb_outcome_name(AGDB_OUTCOME_NOT_SENT), "not sent");
    assert_string_equal(agdb_outcome_name(AGDB_OUTCOME_REJECTED), "rejected");
    assert_string_equal(agdb_outcome_name(AGDB_OUTCOME_UNKNOWN), "unknown");
    for (i = 0; i <= AGDB_STAGE_RESULT; i++)
        assert_string_equal(agdb_stage_name((agdb_stage_t)i), stage[i]);
    assert_string_equal(agdb_stage_name((agdb_stage_t)9), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accessors_of_null_give_nothing),
        cmocka_unit_test(accessors_show_what_was_set),
        cmocka_unit_test(outcomes_and_stages_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
