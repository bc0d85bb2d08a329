/* Savepoints and the commands about them that wait. */
#include "exec/savepoints.h"

#include "base/error.h"
#include "unit.h"

#include <string.h>

static agdb__savepoints_t g_all;

static int teardown(void **state)
{
    (void)state;
    agdb__savepoints_clear(&g_all);
    return 0;
}

static void expect_waiting(unsigned i, const char *sql)
{
    assert_true(i < g_all.nwaiting);
    assert_string_equal(g_all.waiting[i], sql);
}

static void commands_wait_in_order_and_are_quoted(void **state)
{
    (void)state;
    assert_int_equal(agdb__savepoints_set(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_set(&g_all, "b\"; DROP TABLE x; --", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_go_back(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_release(&g_all, "a", NULL), AGDB_OK);
    expect_waiting(0, "SAVEPOINT \"a\"");
    expect_waiting(1, "SAVEPOINT \"b\"\"; DROP TABLE x; --\"");
    expect_waiting(2, "ROLLBACK TO SAVEPOINT \"a\"");
    expect_waiting(3, "RELEASE SAVEPOINT \"a\"");
    agdb__savepoints_sent(&g_all);
    assert_int_equal(g_all.nwaiting, 0);
    assert_int_equal(g_all.count, 0);
}

static void going_back_forgets_what_was_set_later_but_not_itself(void **state)
{
    (void)state;
    assert_int_equal(agdb__savepoints_set(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_set(&g_all, "b", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_go_back(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_go_back(&g_all, "b", NULL), AGDB_E_INVAL);
    assert_int_equal(agdb__savepoints_go_back(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_release(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_release(&g_all, "a", NULL), AGDB_E_INVAL);
}

static void of_a_name_the_last_one_counts(void **state)
{
    (void)state;
    assert_int_equal(agdb__savepoints_set(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_set(&g_all, "b", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_set(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_release(&g_all, "a", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_go_back(&g_all, "b", NULL), AGDB_OK);
    assert_int_equal(g_all.count, 2);
}

static void bad_names_are_refused(void **state)
{
    char name[80];
    agdb_error_t *error = NULL;

    (void)state;
    memset(name, 'x', sizeof name);
    name[AGDB__SAVEPOINT_NAME] = '\0';
    assert_int_equal(agdb__savepoints_set(&g_all, NULL, NULL), AGDB_E_INVAL);
    assert_int_equal(agdb__savepoints_set(&g_all, "", NULL), AGDB_E_INVAL);
    assert_int_equal(agdb__savepoints_set(&g_all, name, &error), AGDB_E_INVAL);
    assert_non_null(strstr(error->message, "1 to 63 bytes, not 64"));
    agdb__error_free(error);
    name[AGDB__SAVEPOINT_NAME - 1] = '\0';
    assert_int_equal(agdb__savepoints_set(&g_all, name, NULL), AGDB_OK);
}

static void there_is_an_end_to_both(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < AGDB__TX_CONTROLS; i++)
        assert_int_equal(agdb__savepoints_set(&g_all, "s", NULL), AGDB_OK);
    assert_int_equal(agdb__savepoints_set(&g_all, "s", NULL), AGDB_E_TOO_BIG);
    assert_int_equal(g_all.count, AGDB__TX_CONTROLS); /* nothing has changed */
    for (; i < AGDB_SAVEPOINTS; i++) {
        agdb__savepoints_sent(&g_all);
        assert_int_equal(agdb__savepoints_set(&g_all, "s", NULL), AGDB_OK);
    }
    agdb__savepoints_sent(&g_all);
    assert_int_equal(agdb__savepoints_set(&g_all, "s", NULL), AGDB_E_TOO_BIG);
}

#define CASE(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(commands_wait_in_order_and_are_quoted),
        CASE(going_back_forgets_what_was_set_later_but_not_itself),
        CASE(of_a_name_the_last_one_counts),
        CASE(bad_names_are_refused),
        CASE(there_is_an_end_to_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
