/* What is made of a dump. */
#include "cli/status_of.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void age_as_people_say_it(void **state)
{
    (void)state;
    assert_string_equal(cli_age("0.277"), "0 s");
    assert_string_equal(cli_age("119.999"), "119 s");
    assert_string_equal(cli_age("120.000"), "2 min");
    assert_string_equal(cli_age("7199"), "119 min");
    assert_string_equal(cli_age("7200.5"), "2 h");
    assert_string_equal(cli_age("172799.9"), "47 h");
    assert_string_equal(cli_age("172800.0"), "2 d");
    assert_string_equal(cli_age(""), "-");
    assert_string_equal(cli_age("soon"), "-");
}

static void shards_of_all_keyspaces_are_counted(void **state)
{
    static const char text[] =
        "{\"keyspaces\": [{\"shards\": [{\"writable\": true, \"parked\": 0},"
        "                               {\"writable\": false, \"parked\": 5}]},"
        "                 {\"shards\": [{\"writable\": true, \"parked\": 2}]}]}";
    const cli_json_value_t *dump = cli_json_read(text, sizeof text - 1);
    cli_shards_t sum;

    (void)state;
    assert_non_null(dump);
    sum = cli_dump_shards(dump);
    assert_int_equal(sum.all, 3);
    assert_int_equal(sum.writable, 2);
    assert_int_equal(sum.parked, 7);
    sum = cli_dump_shards(cli_json_read("{}", 2));
    assert_int_equal(sum.all, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(age_as_people_say_it),
        cmocka_unit_test(shards_of_all_keyspaces_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
