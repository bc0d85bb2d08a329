/* What is made of a dump. */
#include "cli/status_of.h"

#include "cli/control.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const json_t *parsed(const char *text)
{
    const char *why = NULL;
    const json_t *dump = cli_read_dump(text, strlen(text), &why);

    if (dump == NULL)
        fail_msg("%s", why);
    return dump;
}

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
    cli_shards_t sum;

    (void)state;
    sum = cli_dump_shards(parsed(text));
    assert_int_equal(sum.all, 3);
    assert_int_equal(sum.writable, 2);
    assert_int_equal(sum.parked, 7);
    sum = cli_dump_shards(parsed("{}"));
    assert_int_equal(sum.all, 0);
}

static const char *trouble(const char *text)
{
    return cli_shard_trouble(parsed(text));
}

static void shards_without_a_primary_say_how_long_and_who_waits(void **state)
{
    (void)state;
    assert_null(trouble("{\"state\": \"ready\", \"writable\": true, \"parked\": 0,"
                        " \"without_primary_s\": null}"));
    assert_string_equal(trouble("{\"state\": \"no-primary\", \"writable\": false, \"parked\": 3,"
                                " \"without_primary_s\": 42.017}"),
                        "has had no primary for 42 s; 3 calls wait for it");
    assert_string_equal(trouble("{\"state\": \"split\", \"writable\": false, \"parked\": 1,"
                                " \"without_primary_s\": 300.000}"),
                        "has had several primaries, and takes no writes, for 5 min; 1 call waits "
                        "for it");
    assert_string_equal(trouble("{\"state\": \"refused\", \"writable\": false, \"parked\": 0}"),
                        "has had no primary for -; 0 calls wait for it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(age_as_people_say_it),
        cmocka_unit_test(shards_of_all_keyspaces_are_counted),
        cmocka_unit_test(shards_without_a_primary_say_how_long_and_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
