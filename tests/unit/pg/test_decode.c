#include "pg/decode.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

static void decode_int64_takes_its_whole_range_and_nothing_else(void **state)
{
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1.0",
                                      "0x1",
                                      "9223372036854775808",
                                      "--1",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    int64_t n = 0;
    size_t i;

    (void)state;
    assert_true(agdb__decode_int64("9223372036854775807", &n) && n == INT64_MAX);
    assert_true(agdb__decode_int64("-9223372036854775808", &n) && n == INT64_MIN);
    assert_true(agdb__decode_int64("0", &n) && n == 0);
    assert_true(agdb__decode_int64("-7", &n) && n == -7);
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(agdb__decode_int64(bad[i], &n));
}

static void decode_uint64_takes_its_whole_range(void **state)
{
    uint64_t n = 0;

    (void)state;
    assert_true(agdb__decode_uint64("18446744073709551615", &n) && n == UINT64_MAX);
    assert_false(agdb__decode_uint64("18446744073709551616", &n));
    assert_false(agdb__decode_uint64("-1", &n));
}

static void decode_double_is_the_same_in_every_locale(void **state)
{
    static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
    double d = 0;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        (void)setlocale(LC_NUMERIC, locales[i]); /* where it is not installed: C */
        assert_true(agdb__decode_double("1.5", &d) && d == 1.5);
        assert_false(agdb__decode_double("1,5", &d));
    }
    (void)setlocale(LC_NUMERIC, "C");
    assert_true(agdb__decode_double("-1e-300", &d) && d == -1e-300);
    assert_true(agdb__decode_double("Infinity", &d) && isinf(d) && d > 0);
    assert_true(agdb__decode_double("-Infinity", &d) && isinf(d) && d < 0);
    assert_true(agdb__decode_double("NaN", &d) && isnan(d));
    assert_false(agdb__decode_double("", &d));
    assert_false(agdb__decode_double(" 1", &d));
    assert_false(agdb__decode_double("1x", &d));
}

static void decode_bool_takes_t_and_f(void **state)
{
    bool b = false;

    (void)state;
    assert_true(agdb__decode_bool("t", &b) && b);
    assert_true(agdb__decode_bool("f", &b) && !b);
    assert_false(agdb__decode_bool("true", &b));
    assert_false(agdb__decode_bool("", &b));
}

static void decode_bytea_takes_hex_only(void **state)
{
    unsigned char out[4] = {0};
    size_t n = 9;

    (void)state;
    assert_true(agdb__decode_bytea_length("\\x00ffAb", 8, &n) && n == 3);
    assert_true(agdb__decode_bytea("\\x00ffAb", 8, out));
    assert_memory_equal(out, "\x00\xff\xab", 3);
    assert_true(agdb__decode_bytea_length("\\x", 2, &n) && n == 0);
    assert_false(agdb__decode_bytea_length("\\x0", 3, &n));
    assert_false(agdb__decode_bytea_length("abc\\000", 7, &n));
    assert_false(agdb__decode_bytea("\\x0g", 4, out));
}

static void types_have_names(void **state)
{
    (void)state;
    assert_string_equal(agdb__type_name(1700), "numeric");
    assert_null(agdb__type_name(99999));
    assert_true(agdb__type_is_int64(21) && agdb__type_is_int64(26) && !agdb__type_is_int64(1700));
    assert_true(agdb__type_is_double(700) && agdb__type_is_double(23) && !agdb__type_is_double(20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decode_int64_takes_its_whole_range_and_nothing_else),
        cmocka_unit_test(decode_uint64_takes_its_whole_range),
        cmocka_unit_test(decode_double_is_the_same_in_every_locale),
        cmocka_unit_test(decode_bool_takes_t_and_f),
        cmocka_unit_test(decode_bytea_takes_hex_only),
        cmocka_unit_test(types_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
