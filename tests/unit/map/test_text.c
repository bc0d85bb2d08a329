#include "unit.h"

#include "map/text.h"

#include <string.h>

static void printable_invalid_utf8_is_refused(void **state)
{
    static const char *const k_bad[] = {"\x80",         "\xC0\xAF",         "\xE0\x80\xAF",
                                        "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xC3",
                                        "\xE2\x82",     "\xF4\x90\x80\x80", "a\x01",
                                        "\x7F",         "\xC2\x85",         "\xE2\x80\xA8"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_bad); i++)
        assert_false(agdb__text_is_printable(k_bad[i], strlen(k_bad[i])));
    assert_true(agdb__text_is_printable("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8F\x9B", 14));
}

static void find_bad_gives_the_first_offset(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_int_equal(agdb__text_find_bad("a\tb\r\n\xC3\xA9", 7, &why), -1);
    assert_int_equal(agdb__text_find_bad("ab\x00", 3, &why), 2);
    assert_non_null(strstr(why, "NUL"));
    assert_int_equal(agdb__text_find_bad("abc\xFF", 4, &why), 3);
    assert_non_null(strstr(why, "UTF-8"));
}

static void name_is_judged_by_length_and_characters(void **state)
{
    char longest[64];

    (void)state;
    memset(longest, 'x', sizeof longest);
    assert_true(agdb__text_is_name("a-b_c.9", 7));
    assert_true(agdb__text_is_name(longest, 63));
    assert_false(agdb__text_is_name(longest, 64));
    assert_false(agdb__text_is_name("", 0));
    assert_false(agdb__text_is_name("-a", 2));
    assert_false(agdb__text_is_name(".a", 2));
    assert_false(agdb__text_is_name("a b", 3));
}

static void rewritten_scalars_are_known(void **state)
{
    static const char *const k_yes[] = {
        "no",   "Yes",   "ON",   "off",        "true",
        "NULL", "~",     "y",    "N",          "0123",
        "12",   "1e3",   "1E-3", "12:30",      "12:30:45",
        "1.5",  "-7",    "+3",   ".5",         "0x1f",
        "0o17", "1_000", ".inf", "2026-11-23", "2026-11-23T10:00:00Z",
        ""};
    static const char *const k_no[] = {"epa",  "us/ca/dph", "10.0.0.1", "db-1",        "1-2",
                                       "none", "e3",        "0x",       "nope",        "a:b",
                                       "-",    "v1.2.3",    "2026-11",  "12:30:45:50", "fe80"};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_yes); i++)
        if (!agdb__text_is_rewritten(k_yes[i], strlen(k_yes[i])))
            fail_msg("'%s' is rewritten", k_yes[i]);
    for (i = 0; i < AGDB_COUNT(k_no); i++)
        if (agdb__text_is_rewritten(k_no[i], strlen(k_no[i])))
            fail_msg("'%s' is text", k_no[i]);
}

static void digits_in_front_are_read_and_saturate(void **state)
{
    static const struct {
        const char *text;
        size_t digits;
        uint64_t number;
    } k_rows[] = {{"", 0, 0},
                  {"a1", 0, 0},
                  {"0", 1, 0},
                  {"042ms", 3, 42},
                  {"18446744073709551615", 20, UINT64_MAX},
                  {"18446744073709551616", 20, UINT64_MAX},
                  {"99999999999999999999999", 23, UINT64_MAX}};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        uint64_t n = 7;
        assert_int_equal(agdb__text_digits(k_rows[i].text, strlen(k_rows[i].text), &n),
                         k_rows[i].digits);
        assert_true(n == k_rows[i].number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(printable_invalid_utf8_is_refused),
        cmocka_unit_test(find_bad_gives_the_first_offset),
        cmocka_unit_test(name_is_judged_by_length_and_characters),
        cmocka_unit_test(rewritten_scalars_are_known),
        cmocka_unit_test(digits_in_front_are_read_and_saturate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
