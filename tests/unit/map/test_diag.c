#include "map_test.h"

static void finish_sorts_by_position_and_errors_first(void **state)
{
    agdb_diagnostics_t *diag = agdb__diag_new("f");

    (void)state;
    agdb__diag_error(diag, 3, 1, "third");
    agdb__diag_warn(diag, 1, 2, "second");
    agdb__diag_error(diag, 1, 2, "first");
    agdb__diag_finish(diag);
    assert_string_equal(diag->item[0].text, "first");
    assert_string_equal(diag->item[1].text, "second");
    assert_string_equal(diag->item[2].text, "third");
    assert_string_equal(diag->item[2].file, "f");
    agdb__diag_free(diag);
}

static void add_above_ceiling_counts_them_in_a_last_remark(void **state)
{
    agdb_diagnostics_t *diag = agdb__diag_new("f");
    agdb_error_t *error = NULL;
    unsigned i;

    (void)state;
    for (i = 0; i < 150; i++)
        agdb__diag_warn(diag, 1, 1 + i, "w");
    for (i = 0; i < 300; i++)
        agdb__diag_error(diag, 2, 1 + i, "e");
    assert_false(agdb__diag_has_room(diag));
    agdb__diag_finish(diag);
    assert_int_equal(diag->nitems, AGDB__DIAG_MAX);
    assert_int_equal(diag->nerrors, 300);
    assert_true(diag->item[AGDB__DIAG_MAX - 1].is_error);
    assert_string_equal(diag->item[AGDB__DIAG_MAX - 1].text,
                        "too many problems: 251 more are not shown; repair these first");
    assert_int_equal(agdb__diag_status(diag, &error), AGDB_E_MAP_INVALID);
    assert_string_equal(error->message, "f:2:1: e (and 299 more)");
    agdb__error_free(error);
    agdb__diag_free(diag);
}

static void status_warnings_only_is_ok(void **state)
{
    agdb_diagnostics_t *diag = agdb__diag_new("f");

    (void)state;
    agdb__diag_warn(diag, 1, 1, "w");
    agdb__diag_finish(diag);
    assert_int_equal(agdb__diag_status(diag, NULL), AGDB_OK);
    agdb__diag_free(diag);
}

static void status_lost_remark_is_no_memory(void **state)
{
    agdb_diagnostics_t *diag = agdb__diag_new("f");

    (void)state;
    diag->lost_memory = true;
    assert_int_equal(agdb__diag_status(diag, NULL), AGDB_E_NOMEM);
    agdb__diag_free(diag);
}

static void quote_makes_text_printable_and_short(void **state)
{
    char text[300];

    (void)state;
    assert_string_equal(AGDB__Q("a\nb\x80\xC3\xA9", 6), "a\\x0ab\\x80\xC3\xA9");
    memset(text, 'x', sizeof text);
    assert_int_equal(strlen(AGDB__Q(text, sizeof text)), AGDB__QUOTE_MAX + 3);
    memset(text, 1, sizeof text);
    assert_int_equal(strlen(AGDB__Q(text, sizeof text)), AGDB__QUOTE_MAX * 4 + 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finish_sorts_by_position_and_errors_first),
        cmocka_unit_test(add_above_ceiling_counts_them_in_a_last_remark),
        cmocka_unit_test(status_warnings_only_is_ok),
        cmocka_unit_test(status_lost_remark_is_no_memory),
        cmocka_unit_test(quote_makes_text_printable_and_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
