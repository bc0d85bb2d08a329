#include "pg/rows.h"

#include "unit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

static PGresult *make_row(int number, bool null)
{
    char names[] = "n\0T";
    PGresAttDesc desc[] = {{.name = names, .typid = 23, .typlen = 4, .atttypmod = -1},
                           {.name = names + 2, .typid = 25, .typlen = -1, .atttypmod = -1},
                           {.name = names, .typid = 20, .typlen = 8, .atttypmod = -1}};
    PGresult *row = PQmakeEmptyPGresult(NULL, PGRES_SINGLE_TUPLE);
    char text[32];

    snprintf(text, sizeof text, "%d", number);
    assert_int_equal(PQsetResultAttrs(row, 3, desc), 1);
    assert_int_equal(PQsetvalue(row, 0, 0, text, (int)strlen(text)), 1);
    assert_int_equal(PQsetvalue(row, 0, 1, null ? NULL : text, null ? -1 : 1), 1);
    assert_int_equal(PQsetvalue(row, 0, 2, text, 0), 1);
    return row;
}

static void columns_are_found_by_their_exact_names(void **state)
{
    PGresult *row = make_row(1, false);

    (void)state;
    assert_int_equal(agdb__rows_cols(row), 3);
    assert_int_equal(agdb__rows_column(row, "n"), 0);
    assert_int_equal(agdb__rows_column(row, "T"), 1);
    assert_int_equal(agdb__rows_column(row, "t"), -1);
    assert_string_equal(agdb__rows_column_name(row, 2), "n");
    assert_int_equal(agdb__rows_column_oid(row, 2), 20);
    PQclear(row);
}

static void rows_are_copied_value_by_value(void **state)
{
    PGresult *first = make_row(7, false);
    PGresult *rows = agdb__rows_like(first);
    size_t len = 9;
    int i;

    (void)state;
    assert_int_equal(agdb__rows_count(rows), 0);
    for (i = 0; i < 1000; i++) {
        PGresult *row = make_row(i, i % 2 == 1);
        size_t before = agdb__rows_bytes(rows);

        assert_true(agdb__rows_add(rows, row));
        /* the table of rows doubles now and then */
        assert_true(agdb__rows_bytes(rows) - before <= agdb__rows_cost(row) || i % 128 == 0);
        PQclear(row);
    }
    PQclear(first);
    assert_int_equal(agdb__rows_count(rows), 1000);
    assert_int_equal(PQresultStatus(rows), PGRES_TUPLES_OK);
    assert_string_equal(PQgetvalue(rows, 998, 0), "998");
    assert_string_equal(PQgetvalue(rows, 998, 1), "9");
    assert_true(PQgetisnull(rows, 999, 1) != 0);
    assert_true(PQgetisnull(rows, 999, 2) == 0);
    assert_string_equal(agdb__rows_value(rows, 0, &len), "0");
    assert_int_equal(len, 1);
    PQclear(rows);
}

static void null_is_told_from_an_empty_text(void **state)
{
    PGresult *row = make_row(1, true);
    size_t len = 9;

    (void)state;
    assert_null(agdb__rows_value(row, 1, &len));
    assert_int_equal(len, 0);
    assert_string_equal(agdb__rows_value(row, 2, &len), "");
    assert_int_equal(len, 0);
    PQclear(row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_found_by_their_exact_names),
        cmocka_unit_test(rows_are_copied_value_by_value),
        cmocka_unit_test(null_is_told_from_an_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
