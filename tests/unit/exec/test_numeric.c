#include "exec/numeric.h"

#include "base/alloc.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static agdb__cell_t cell(const char *text)
{
    return (agdb__cell_t){text, strlen(text)};
}

/* Sums, and averages over `count`, as PostgreSQL 15 gives them. */
static const struct {
    const char *values[6];
    const char *sum;
    uint64_t count;
    const char *average;
} k_rows[] = {
    {{"1", "2"}, "3", 2, "1.5000000000000000"},
    {{"1"}, "1", 3, "0.33333333333333333333"},
    {{"2"}, "2", 3, "0.66666666666666666667"},
    {{"-2"}, "-2", 3, "-0.66666666666666666667"},
    {{"0"}, "0", 3, "0.00000000000000000000"},
    {{"0.00"}, "0.00", 7, "0.00000000000000000000"},
    {{"-0.00", "0"}, "0.00", 1, "0.00000000000000000000"},
    {{"10"}, "10", 4, "2.5000000000000000"},
    {{"10000"}, "10000", 3, "3333.3333333333333333"},
    {{"10001"}, "10001", 10000, "1.00010000000000000000"},
    {{"9999"}, "9999", 10000, "0.99990000000000000000"},
    {{"123456789012345678901234567890"},
     "123456789012345678901234567890",
     7,
     "17636684144620811271604938270"},
    {{"1.5", "2.25", "-3.75"}, "0.00", 3, "0.00000000000000000000"},
    {{"999.99", "0.01"}, "1000.00", 2, "500.0000000000000000"},
    {{"-1", "0.999"}, "-0.001", 2, "-0.00050000000000000000"},
    {{"5", "-12", "3"}, "-4", 3, "-1.3333333333333333"},
    {{"99999999999999999999", "1"}, "100000000000000000000", 3, "33333333333333333333"},
    {{"9223372036854775807", "9223372036854775807"},
     "18446744073709551614",
     2,
     "9223372036854775807"},
    {{"0.00000000000000000000000001"},
     "0.00000000000000000000000001",
     3,
     "0.00000000000000000000000000333333333333333333"},
    {{"0.0001"}, "0.0001", 2, "0.000050000000000000000000"},
    {{"0.000001"}, "0.000001", 3, "0.000000333333333333333333"},
    {{".5", "1."}, "1.5", 2, "0.75000000000000000000"},
    {{"007", "-0007"}, "0", 2, "0.00000000000000000000"},
    {{"NaN", "1"}, "NaN", 2, "NaN"},
    {{"Infinity", "-1.5"}, "Infinity", 2, "Infinity"},
    {{"-Infinity", "1"}, "-Infinity", 2, "-Infinity"},
    {{"-Infinity", "Infinity"}, "NaN", 2, "NaN"},
};

static void sums_and_averages_are_those_of_the_server(void **state)
{
    size_t i;
    size_t k;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb__numeric_t sum = {0};
        char *text;

        for (k = 0; k < 6 && k_rows[i].values[k] != NULL; k++)
            assert_int_equal(agdb__numeric_add(&sum, cell(k_rows[i].values[k])),
                             AGDB__NUMERIC_ADDED);
        text = agdb__numeric_text(&sum);
        assert_string_equal(text, k_rows[i].sum);
        agdb__free(text);
        text = agdb__numeric_average(&sum, k_rows[i].count);
        assert_string_equal(text, k_rows[i].average);
        agdb__free(text);
        agdb__numeric_fini(&sum);
    }
}

static void what_is_no_number_is_not_added(void **state)
{
    static const char *const bad[] = {"", "-", ".", "1e5", "1.2.3", "abc", " 1", "1 ", "+1"};
    agdb__numeric_t sum = {0};
    char *text;
    size_t i;

    (void)state;
    assert_int_equal(agdb__numeric_add(&sum, cell("12.5")), AGDB__NUMERIC_ADDED);
    for (i = 0; i < AGDB_COUNT(bad); i++)
        assert_int_equal(agdb__numeric_add(&sum, cell(bad[i])), AGDB__NUMERIC_UNREADABLE);
    text = agdb__numeric_text(&sum);
    assert_string_equal(text, "12.5");
    agdb__free(text);
    agdb__numeric_fini(&sum);
}

static void a_sum_of_nothing_is_zero(void **state)
{
    agdb__numeric_t sum = {0};
    char *text = agdb__numeric_text(&sum);

    (void)state;
    assert_string_equal(text, "0");
    agdb__free(text);
}

/* Against 64-bit numbers, which hold these exactly. */
static void many_of_both_signs_stay_exact(void **state)
{
    agdb__numeric_t sum = {0};
    int64_t expected = 0;
    uint64_t random = 12345;
    char text[32];
    int i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        int64_t value;
        char *got;

        random = random * 6364136223846793005u + 1442695040888963407u;
        value = (int64_t)(random >> (20 + random % 40)) * (random & 1 ? 1 : -1);
        expected += value;
        snprintf(text, sizeof text, "%lld", (long long)value);
        assert_int_equal(agdb__numeric_add(&sum, cell(text)), AGDB__NUMERIC_ADDED);
        if (i % 100 != 0)
            continue;
        snprintf(text, sizeof text, "%lld", (long long)expected);
        got = agdb__numeric_text(&sum);
        assert_string_equal(got, text);
        agdb__free(got);
    }
    agdb__numeric_fini(&sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_averages_are_those_of_the_server),
        cmocka_unit_test(what_is_no_number_is_not_added),
        cmocka_unit_test(a_sum_of_nothing_is_zero),
        cmocka_unit_test(many_of_both_signs_stay_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
