#include "exec/order.h"

#include "base/error.h"
#include "unit.h"

#include <string.h>

static agdb__cell_t cell(const char *text)
{
    return (agdb__cell_t){text, text != NULL ? strlen(text) : 0};
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

/* Each row lists values of one type in PostgreSQL's order; `=` between two that are equal. */
static const struct {
    uint32_t oid;
    const char *values[24];
} k_ascending[] = {
    {16, {"f", "t"}},
    {17, {"\\x", "\\x00", "\\x0000", "\\x01", "\\x7f", "\\x80", "\\xff", "\\xff00"}},
    {19, {"A", "Z", "a", "ab", "b"}},
    {20, {"-9223372036854775808", "-10", "-9", "-1", "0", "1", "9", "10", "9223372036854775807"}},
    {21, {"-32768", "-1", "0", "32767"}},
    {23, {"-2147483648", "-100", "-99", "0", "99", "100", "2147483647"}},
    {25, {"", " ", "  ", "A", "B", "a", "a ", "aa", "ab", "\xc3\xa4", "\xe2\x82\xac"}},
    {26, {"0", "9", "10", "4294967295"}},
    {700,
     {"-Infinity", "-3.4028235e+38", "-1", "-1e-45", "-0", "=", "0", "1e-45", "1.5e-07", "0.1", "1",
      "1e+06", "2e+06", "16777216", "3.4028235e+38", "Infinity", "NaN"}},
    {701, {"-Infinity", "-1.7976931348623157e+308",
           "-1e+16",    "-5e-324",
           "0",         "=",
           "-0",        "5e-324",
           "1e-05",     "0.0001",
           "0.1",       "0.10000000000000002",
           "1",         "9007199254740993",
           "1e+16",     "1.7976931348623157e+308",
           "Infinity",  "NaN",
           "=",         "NaN"}},
    {1700,
     {"-Infinity",
      "-100000000000000000000000000000000000001",
      "-100000000000000000000000000000000000000",
      "-1.01",
      "-1.0",
      "=",
      "-1",
      "-0.00001",
      "0.000",
      "=",
      "0",
      "0.00000000000000000000000000001",
      "0.09",
      "0.1",
      "=",
      "0.1000",
      "9.99",
      "10",
      "123456789012345678901234567890.123",
      "123456789012345678901234567890.1230001",
      "Infinity",
      "NaN"}},
    {1042, {"", "=", "  ", "A", "a", "=", "a   ", "a b", "ab"}},
    {1043, {"", "A", "a", "a "}},
    {1082,
     {"-infinity", "4713-01-01 BC", "0044-03-15 BC", "0001-12-31 BC", "0001-01-01", "1969-12-31",
      "1970-01-01", "2024-02-28", "2024-02-29", "2024-03-01", "9999-12-31", "10000-01-01",
      "5874897-12-31", "infinity"}},
    {1083,
     {"00:00:00", "00:00:00.000001", "00:00:00.1", "09:59:59.999999", "10:00:00", "23:59:59",
      "24:00:00"}},
    {1114,
     {"-infinity", "4713-01-01 00:00:00 BC", "0044-03-15 12:00:00 BC", "0044-03-15 12:00:00.5 BC",
      "0001-01-01 00:00:00", "2026-11-23 09:00:00", "2026-11-23 10:00:00", "2026-11-23 10:00:00.25",
      "2026-11-23 10:00:00.3", "10000-01-01 00:00:00", "294276-12-31 23:59:59.999999", "infinity"}},
    {1184,
     {"-infinity", "0044-03-15 12:00:00+00 BC", "0001-12-31 23:00:00-02 BC",
      "2026-11-23 08:59:59+00", "2026-11-23 10:00:00+01", "=", "2026-11-23 09:00:00+00", "=",
      "2026-11-23 03:30:00-05:30", "2026-11-23 23:30:00-01", "=", "2026-11-24 00:30:00+00",
      "infinity"}},
    {2950,
     {"00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001",
      "7fffffff-ffff-ffff-ffff-ffffffffffff", "a0000000-0000-0000-0000-000000000000",
      "ffffffff-ffff-ffff-ffff-ffffffffffff"}},
};

/* The place of each value in the order; equal ones have the same. */
static size_t rank_all(const char *const *values, const char **ret, size_t *ret_rank)
{
    size_t n = 0;
    size_t rank = 0;
    size_t i;

    for (i = 0; i < 24 && values[i] != NULL; i++) {
        if (strcmp(values[i], "=") == 0)
            continue;
        if (i > 0 && strcmp(values[i - 1], "=") != 0)
            rank++;
        ret[n] = values[i];
        ret_rank[n++] = rank;
    }
    return n;
}

static void each_type_has_the_order_of_the_server(void **state)
{
    size_t row;

    (void)state;
    for (row = 0; row < AGDB_COUNT(k_ascending); row++) {
        const agdb__order_t order = agdb__order_of(k_ascending[row].oid);
        const char *value[24];
        size_t rank[24];
        const size_t n = rank_all(k_ascending[row].values, value, rank);
        size_t i;
        size_t k;

        assert_int_not_equal(order, AGDB__ORDER_NONE);
        for (i = 0; i < n; i++)
            assert_true(agdb__order_is_readable(order, cell(value[i])));
        for (i = 0; i < n; i++)
            for (k = 0; k < n; k++)
                assert_int_equal(sign(agdb__order_compare(order, cell(value[i]), cell(value[k]))),
                                 (rank[i] > rank[k]) - (rank[i] < rank[k]));
    }
}

static void what_is_no_value_of_the_type_is_not_readable(void **state)
{
    static const struct {
        uint32_t oid;
        const char *text;
    } rows[] = {
        {16, "true"},
        {16, ""},
        {17, "abc"},
        {17, "\\x0"},
        {23, ""},
        {23, "-"},
        {23, "1 "},
        {23, "+1"},
        {701, "1,5"},
        {701, "1e"},
        {701, "1e+"},
        {701, "."},
        {701, "1.2.3"},
        {701, "1e9999999999999"},
        {701, "nan"},
        {1700, "0x10"},
        {1082, "11/23/2026"},
        {1082, "2026-13-01"},
        {1082, "2026-11-32"},
        {1082, "26-11-23"},
        {1082, "2026-11-23 AD"},
        {1082, "infinity BC"},
        {1082, "99999999999999999999-01-01"},
        {1082, ""},
        {1083, "10:00"},
        {1083, "10:60:00"},
        {1083, "10:00:00+01"},
        {1083, "10:00:00."},
        {1114, "Mon Nov 23 10:00:00 2026"},
        {1114, "2026-11-23 10:00"},
        {1184, "2026-11-23 10:00:00+1"},
        {1184, "2026-11-23 10:00:00 CET"},
        {2950, "00000000-0000-0000-0000-00000000000"},
        {2950, "00000000-0000-0000-0000-00000000000G"},
        {2950, "00000000+0000-0000-0000-000000000000"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++)
        assert_false(agdb__order_is_readable(agdb__order_of(rows[i].oid), cell(rows[i].text)));
    assert_false(agdb__order_is_readable(AGDB__ORDER_NONE, cell("1")));
    assert_true(agdb__order_is_readable(AGDB__ORDER_MOMENT, cell(NULL)));
}

static void a_type_without_certain_order_is_refused_with_a_remedy(void **state)
{
    static const uint32_t others[] = {18, 114, 1186, 1266, 3802, 1009, 790, 600, 99999};
    agdb__order_t order;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(others); i++) {
        agdb_error_t *error = NULL;

        assert_int_equal(agdb__order_find(others[i], "doc", &order, &error), AGDB_E_MERGE);
        assert_non_null(strstr(error->message, "column 'doc'"));
        assert_non_null(strstr(error->message, "COLLATE \"C\""));
        agdb__error_free(error);
    }
    assert_int_equal(agdb__order_find(1700, "sum", &order, NULL), AGDB_OK);
    assert_int_equal(order, AGDB__ORDER_NUMBER);
}

static agdb__cell_t cell_of(const void *row, size_t column)
{
    const char *const *texts = row;

    return cell(texts[column]);
}

static void rows_are_compared_key_after_key(void **state)
{
    static const char *const rows[][2] = {{"1", "b"}, {"1", "a"}, {"2", NULL}, {NULL, "a"}};
    static const struct {
        agdb__sort_key_t key[2];
        int sorted[4]; /* the rows in the expected order */
        size_t by[3];  /* the key that tells each from the next */
    } cases[] = {
        {{{0, AGDB__ORDER_NUMBER, false, false}, {1, AGDB__ORDER_TEXT, false, false}},
         {1, 0, 2, 3},
         {1, 0, 0}},
        {{{0, AGDB__ORDER_NUMBER, true, true}, {1, AGDB__ORDER_TEXT, true, true}},
         {3, 2, 0, 1},
         {0, 0, 1}},
        {{{0, AGDB__ORDER_NUMBER, true, false}, {1, AGDB__ORDER_TEXT, false, true}},
         {2, 1, 0, 3},
         {0, 1, 0}},
        {{{1, AGDB__ORDER_TEXT, false, true}, {0, AGDB__ORDER_NUMBER, false, true}},
         {2, 3, 1, 0},
         {0, 1, 0}},
    };
    size_t c;
    int i;
    int k;

    (void)state;
    for (c = 0; c < AGDB_COUNT(cases); c++) {
        for (i = 0; i < 4; i++)
            for (k = 0; k < 4; k++)
                assert_int_equal(
                    sign(agdb__order_rows(cases[c].key, 2, cell_of, rows[cases[c].sorted[i]],
                                          rows[cases[c].sorted[k]], NULL)),
                    (i > k) - (i < k));
        for (i = 0; i < 3; i++) {
            size_t key = 9;

            (void)agdb__order_rows(cases[c].key, 2, cell_of, rows[cases[c].sorted[i]],
                                   rows[cases[c].sorted[i + 1]], &key);
            assert_int_equal(key, cases[c].by[i]);
        }
    }
}

static void the_key_that_cannot_be_read_is_named(void **state)
{
    static const agdb__sort_key_t keys[] = {{1, AGDB__ORDER_TEXT, false, false},
                                            {0, AGDB__ORDER_NUMBER, false, false}};
    static const char *const good[] = {NULL, "x"};
    static const char *const bad[] = {"x", "x"};

    (void)state;
    assert_int_equal(agdb__order_unreadable(keys, 2, cell_of, good), 2);
    assert_int_equal(agdb__order_unreadable(keys, 2, cell_of, bad), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_the_order_of_the_server),
        cmocka_unit_test(what_is_no_value_of_the_type_is_not_readable),
        cmocka_unit_test(a_type_without_certain_order_is_refused_with_a_remedy),
        cmocka_unit_test(rows_are_compared_key_after_key),
        cmocka_unit_test(the_key_that_cannot_be_read_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
