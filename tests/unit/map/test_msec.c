#include "unit.h"

#include "map/level.h"

static void parse_knows_all_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } k_rows[] = {{"0ms", 0},     {"7ms", 7},       {"7s", 7000},
                  {"7m", 420000}, {"7h", 25200000}, {"7d", 604800000}};
    uint64_t ms;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        assert_true(agdb__msec_parse(k_rows[i].text, strlen(k_rows[i].text), &ms));
        assert_int_equal(ms, k_rows[i].ms);
    }
}

static void parse_anything_else_is_refused(void **state)
{
    static const char *const k_bad[] = {"", "5", "s", "5 s", "5S", "1.5s", "-1s", "5sec", "5s "};
    uint64_t ms;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_bad); i++)
        assert_false(agdb__msec_parse(k_bad[i], strlen(k_bad[i]), &ms));
}

static void parse_too_much_is_the_largest_number(void **state)
{
    uint64_t ms = 0;

    (void)state;
    assert_true(agdb__msec_parse("18446744073709551615d", 21, &ms));
    assert_true(ms == UINT64_MAX);
    assert_true(agdb__msec_parse("99999999999999999999ms", 22, &ms));
    assert_true(ms == UINT64_MAX);
}

static void write_uses_the_largest_exact_unit(void **state)
{
    char buf[AGDB__MSEC_SIZE];

    (void)state;
    agdb__msec_write(0, buf);
    assert_string_equal(buf, "0ms");
    agdb__msec_write(1500, buf);
    assert_string_equal(buf, "1500ms");
    agdb__msec_write(90000, buf);
    assert_string_equal(buf, "90s");
    agdb__msec_write(86400000, buf);
    assert_string_equal(buf, "1d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_knows_all_units),
        cmocka_unit_test(parse_anything_else_is_refused),
        cmocka_unit_test(parse_too_much_is_the_largest_number),
        cmocka_unit_test(write_uses_the_largest_exact_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
