/* Members of objects, and what is not there. */
#include "cli/json_member.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state =
        json_loads("{\"n\": 12, \"below\": -3, \"ms\": 1.5, \"t\": \"x\\u00e4\", \"yes\": true,"
                   " \"no\": false, \"null\": null, \"a\": [], \"o\": {\"n\": 7}}",
                   0, NULL);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    json_decref(*state);
    return 0;
}

static void texts_are_as_people_read_them(void **state)
{
    const json_t *v = *state;

    assert_string_equal(cli_json_string(v, "t"), "x\xc3\xa4");
    assert_string_equal(cli_json_string(v, "n"), "12");
    assert_string_equal(cli_json_string(v, "below"), "-3");
    assert_string_equal(cli_json_string(v, "ms"), "1.500");
    assert_string_equal(cli_json_string(v, "yes"), "");
    assert_string_equal(cli_json_string(v, "a"), "");
}

static void numbers_are_whole_and_not_below_0(void **state)
{
    const json_t *v = *state;

    assert_int_equal(cli_json_whole(v, "n"), 12);
    assert_int_equal(cli_json_whole(json_object_get(v, "o"), "n"), 7);
    assert_int_equal(cli_json_whole(v, "below"), 0);
    assert_int_equal(cli_json_whole(v, "ms"), 0);
    assert_int_equal(cli_json_whole(v, "t"), 0);
}

static void truth_is_true_only(void **state)
{
    const json_t *v = *state;

    assert_true(cli_json_truth(v, "yes"));
    assert_false(cli_json_truth(v, "no"));
    assert_false(cli_json_truth(v, "n"));
}

static void what_is_not_there_is_nothing(void **state)
{
    const json_t *v = *state;

    assert_string_equal(cli_json_string(v, "none"), "");
    assert_string_equal(cli_json_string(v, "null"), "");
    assert_int_equal(cli_json_whole(v, "none"), 0);
    assert_false(cli_json_truth(v, "none"));
    assert_string_equal(cli_json_string(json_object_get(json_object_get(v, "x"), "y"), "z"), "");
    assert_string_equal(cli_json_string(json_object_get(v, "a"), "n"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_as_people_read_them),
        cmocka_unit_test(numbers_are_whole_and_not_below_0),
        cmocka_unit_test(truth_is_true_only),
        cmocka_unit_test(what_is_not_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
