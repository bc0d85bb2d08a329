/* JSON that is read, and what is none. */
#include "cli/json_read.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const cli_json_value_t *parsed(const char *text)
{
    return cli_json_read(text, strlen(text));
}

static void read_values_of_each_kind(void **state)
{
    const cli_json_value_t *v = parsed(" { \"a\" : [1, -2.5e+3, true, false, null, \"x\"], \"b\": "
                                       "{\"c\": 12}, \"e\": [], \"o\": {} } \n");
    const cli_json_value_t *a;

    (void)state;
    assert_non_null(v);
    assert_int_equal(v->kind, CLI_JSON_OBJECT);
    assert_int_equal(v->count, 4);
    a = cli_json_get(v, "a");
    assert_int_equal(a->kind, CLI_JSON_ARRAY);
    assert_int_equal(a->count, 6);
    assert_string_equal(a->items[1].text, "-2.5e+3");
    assert_true(a->items[2].truth);
    assert_int_equal(a->items[3].kind, CLI_JSON_BOOL);
    assert_false(a->items[3].truth);
    assert_int_equal(a->items[4].kind, CLI_JSON_NULL);
    assert_string_equal(a->items[5].text, "x");
    assert_int_equal(cli_json_whole(cli_json_get(v, "b"), "c"), 12);
    assert_int_equal(cli_json_get(v, "e")->count, 0);
    assert_int_equal(cli_json_get(v, "o")->kind, CLI_JSON_OBJECT);
}

static void read_escapes_of_strings(void **state)
{
    (void)state;
    assert_string_equal(parsed("\"\\\"\\\\\\/\\n\\t\\u0041\\u00e4\\u20ac\"")->text,
                        "\"\\/\n\tA\xc3\xa4\xe2\x82\xac");
    assert_string_equal(parsed("\"\\u0000\\ud800\"")->text, "\xef\xbf\xbd\xef\xbf\xbd");
}

static void get_what_is_not_there_is_nothing(void **state)
{
    const cli_json_value_t *v = parsed("{\"n\": -3, \"t\": \"x\"}");

    (void)state;
    assert_int_equal(cli_json_get(v, "m")->kind, CLI_JSON_NULL);
    assert_string_equal(cli_json_string(v, "m"), "");
    assert_false(cli_json_truth(v, "m"));
    assert_int_equal(cli_json_whole(v, "n"), 0);
    assert_int_equal(cli_json_whole(v, "t"), 0);
    assert_string_equal(cli_json_string(cli_json_get(cli_json_get(v, "a"), "b"), "c"), "");
}

static void read_what_is_no_json_gives_nothing(void **state)
{
    static const char *const bad[] = {
        "",      "{",     "[1,]", "{\"a\":}", "{a:1}",   "{\"a\" 1}", "[1 2]",       "01",
        "-",     "1.",    "1e",   "\"\n\"",   "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "tru",
        "nullx", "{} {}", "[1",   "\"a",      "'a'",
    };
    char deep[2 * CLI_JSON_NESTING + 8];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parsed(bad[i]) != NULL)
            fail_msg("%s was read", bad[i]);
    memset(deep, '[', CLI_JSON_NESTING);
    memset(deep + CLI_JSON_NESTING, ']', CLI_JSON_NESTING);
    assert_non_null(cli_json_read(deep, 2 * CLI_JSON_NESTING));
    memset(deep, '[', CLI_JSON_NESTING + 1);
    memset(deep + CLI_JSON_NESTING + 1, ']', CLI_JSON_NESTING + 1);
    assert_null(cli_json_read(deep, 2 * CLI_JSON_NESTING + 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_values_of_each_kind),
        cmocka_unit_test(read_escapes_of_strings),
        cmocka_unit_test(get_what_is_not_there_is_nothing),
        cmocka_unit_test(read_what_is_no_json_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
