#include "exec/merge.h"

#include "base/error.h"
#include "unit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLS = 2, LEGS_MAX = 4, ROWS_MAX = 6, TEXT = 25, INT4 = 23, INT8 = 20, NUMERIC = 1700 };

/* Rows of one shard; "-" is NULL, and an empty first value ends them. */
typedef struct rows {
    const char *cell[ROWS_MAX][COLS];
} rows_t;

static const char *const k_shards[LEGS_MAX] = {"a", "b", "c", "d"};

static agdb_result_t *make_leg(const char *shard, const Oid *oids, const rows_t *rows)
{
    PGresult *pg = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    char name[COLS][4] = {"x", "y"};
    PGresAttDesc desc[COLS] = {{.name = name[0], .typid = oids[0]},
                               {.name = name[1], .typid = oids[1]}};
    int i;
    int k;

    assert_int_equal(PQsetResultAttrs(pg, COLS, desc), 1);
    for (i = 0; i < ROWS_MAX && rows->cell[i][0] != NULL; i++)
        for (k = 0; k < COLS; k++) {
            char text[64];
            const bool null = strcmp(rows->cell[i][k], "-") == 0;

            snprintf(text, sizeof text, "%s", rows->cell[i][k]);
            assert_int_equal(
                PQsetvalue(pg, i, k, null ? NULL : text, null ? -1 : (int)strlen(text)), 1);
        }
    return agdb__result_new(pg, shard, "n");
}

static void make_legs(agdb_result_t **legs, size_t n, const Oid *oids, const rows_t *rows)
{
    size_t i;

    for (i = 0; i < n; i++)
        legs[i] = make_leg(k_shards[i], oids, &rows[i]);
}

static void free_legs(agdb_result_t **legs, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        agdb__result_free(legs[i]);
}

static const char *value_of(const agdb_result_t *res, size_t row, size_t col)
{
    const agdb_result_t *leg = res;
    const char *text;
    size_t len = 0;

    if (res->merged->row != NULL) {
        leg = res->merged->leg[res->merged->row[row].leg];
        row = res->merged->row[row].row;
    }
    text = agdb__result_value(leg, row, col, &len);
    return text != NULL ? text : "-";
}

/* `expected`: first value, blank, second value, semicolon, and so on. */
static void expect_rows(const agdb_merge_t *merge, const Oid *oids, const rows_t *rows, size_t n,
                        const char *expected)
{
    agdb_result_t *legs[LEGS_MAX];
    agdb_result_t *res = NULL;
    agdb_error_t *error = NULL;
    char got[512] = "";
    size_t i;

    make_legs(legs, n, oids, rows);
    if (agdb__merge_results(merge, legs, n, &res, &error) != AGDB_OK)
        fail_msg("%s", error->message);
    for (i = 0; i < res->merged->nrows; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s %s;", value_of(res, i, 0),
                 value_of(res, i, 1));
    assert_string_equal(got, expected);
    agdb__result_free(res);
}

static void expect_refusal(const agdb_merge_t *merge, const Oid *oids, const rows_t *rows, size_t n,
                           const char *says)
{
    agdb_result_t *legs[LEGS_MAX];
    agdb_result_t *res = NULL;
    agdb_error_t *error = NULL;

    make_legs(legs, n, oids, rows);
    assert_int_equal(agdb__merge_results(merge, legs, n, &res, &error), AGDB_E_MERGE);
    if (strstr(error->message, says) == NULL)
        fail_msg("'%s' says nothing of '%s'", error->message, says);
    assert_int_equal(error->stage, AGDB_STAGE_RESULT);
    assert_null(res);
    agdb__error_free(error);
    free_legs(legs, n); /* the caller's still */
}

static const Oid k_numbers[COLS] = {INT4, INT4};

static const rows_t k_sorted[3] = {{{{"1", "11"}, {"4", "12"}, {"-", "13"}}},
                                   {{{NULL, NULL}}},
                                   {{{"1", "31"}, {"2", "32"}, {"4", "33"}}}};

static void concat_has_a_window_over_all_shards(void **state)
{
    static const struct {
        uint64_t limit;
        uint64_t offset;
        const char *expected;
    } cases[] = {
        {0, 0, "1 11;4 12;- 13;1 31;2 32;4 33;"},
        {2, 0, "1 11;4 12;"},
        {2, 2, "- 13;1 31;"},
        {0, 4, "2 32;4 33;"},
        {9, 5, "4 33;"},
        {1, 6, ""},
        {UINT64_MAX, UINT64_MAX, ""},
    };
    size_t i;

    (void)state;
    expect_rows(NULL, k_numbers, k_sorted, 3, cases[0].expected);
    for (i = 0; i < AGDB_COUNT(cases); i++) {
        const agdb_merge_t merge = {
            .kind = AGDB_CONCAT, .limit = cases[i].limit, .offset = cases[i].offset};

        expect_rows(&merge, k_numbers, k_sorted, 3, cases[i].expected);
    }
}

static void equal_rows_come_in_the_order_of_their_shards(void **state)
{
    static const agdb_order_by_t by[] = {{.name = "x"}};
    static const agdb_order_by_t number[] = {{.column = 0}, {.column = 1, .descending = true}};
    agdb_merge_t merge = {.kind = AGDB_ORDERED, .order = by, .norder = 1};

    (void)state;
    expect_rows(&merge, k_numbers, k_sorted, 3, "1 11;1 31;2 32;4 12;4 33;- 13;");
    merge.limit = 2;
    merge.offset = 1;
    expect_rows(&merge, k_numbers, k_sorted, 3, "1 31;2 32;");
    merge = (agdb_merge_t){.kind = AGDB_ORDERED, .order = number, .norder = 2};
    expect_rows(&merge, k_numbers, k_sorted, 3, "1 31;1 11;2 32;4 33;4 12;- 13;");
    expect_rows(&merge, k_numbers, k_sorted + 1, 1, "");
}

static void a_leg_out_of_order_is_refused(void **state)
{
    static const rows_t late[2] = {{{{"1", "1"}, {"2", "2"}}}, {{{"5", "5"}, {"4", "4"}}}};
    static const rows_t odd[1] = {{{{"1", "1"}, {"1,5", "2"}}}};
    static const rows_t texts[1] = {{{{"a", "1"}, {"B", "2"}}}};
    static const Oid text[COLS] = {TEXT, INT4};
    static const agdb_order_by_t by[] = {{.name = "x"}};
    static const agdb_order_by_t none[] = {{.name = "X"}};
    static const agdb_order_by_t beyond[] = {{.column = 2}};
    agdb_merge_t merge = {.kind = AGDB_ORDERED, .order = by, .norder = 1, .limit = 1};

    (void)state;
    expect_refusal(&merge, k_numbers, late, 2, "shard 'b'"); /* also beyond the limit */
    expect_refusal(&merge, k_numbers, odd, 1, "another form");
    expect_refusal(&merge, text, texts, 1, "COLLATE \"C\"");
    merge.order = none;
    expect_refusal(&merge, k_numbers, k_sorted, 3, "no column 'X'");
    merge.order = beyond;
    expect_refusal(&merge, k_numbers, k_sorted, 3, "no column 2");
}

static void groups_that_are_equal_become_one(void **state)
{
    static const agdb_combine_t sum[] = {{.how = AGDB_GROUP}, {.how = AGDB_SUM}};
    static const Oid oids[COLS] = {NUMERIC, INT8};
    static const rows_t rows[3] = {{{{"2.0", "1"}, {"-", "5"}, {"-1", "-"}}},
                                   {{{"-", "6"}, {"2.00", "2"}, {"10", "-"}}},
                                   {{{"2", "-4"}, {"-1.0", "-"}, {"10.0", "9"}}}};
    agdb_merge_t merge = {.kind = AGDB_COMBINE, .combine = sum, .ncombine = 2};

    (void)state;
    expect_rows(&merge, oids, rows, 3, "-1 -;2.0 -1;10 9;- 11;");
    merge.limit = 2;
    merge.offset = 1;
    expect_rows(&merge, oids, rows, 3, "2.0 -1;10 9;");
    merge.offset = 4;
    expect_rows(&merge, oids, rows, 3, "");
}

static void averages_are_made_of_sums_and_counts(void **state)
{
    static const agdb_combine_t avg[] = {{.how = AGDB_AVG, .count = 1}, {.how = AGDB_COUNT}};
    static const Oid oids[COLS] = {INT8, INT8};
    static const rows_t some[3] = {{{{"7", "2"}}}, {{{"-", "0"}}}, {{{"3", "1"}}}};
    static const rows_t none[2] = {{{{"-", "0"}}}, {{{"-", "0"}}}};
    static const rows_t foreign[1] = {{{{"7", "0"}}}};
    static const rows_t negative[1] = {{{{"7", "-1"}}}};
    const agdb_merge_t merge = {.kind = AGDB_COMBINE, .combine = avg, .ncombine = 2};

    (void)state;
    expect_rows(&merge, oids, some, 3, "3.3333333333333333 3;");
    expect_rows(&merge, oids, none, 2, "- 0;");
    expect_refusal(&merge, oids, foreign, 1, "is not the count(x) that belongs to sum(x)");
    expect_refusal(&merge, oids, negative, 1, "no count");
}

static void sums_stay_inside_their_type(void **state)
{
    static const agdb_combine_t sum[] = {{.how = AGDB_SUM}, {.how = AGDB_SUM}};
    static const Oid oids[COLS] = {INT8, INT4};
    static const rows_t most[2] = {{{{"9223372036854775806", "-2147483647"}}}, {{{"1", "-1"}}}};
    static const rows_t eight[2] = {{{{"9223372036854775807", "0"}}}, {{{"1", "0"}}}};
    static const rows_t four[2] = {{{{"0", "-2147483648"}}}, {{{"0", "-1"}}}};
    const agdb_merge_t merge = {.kind = AGDB_COMBINE, .combine = sum, .ncombine = 2};

    (void)state;
    expect_rows(&merge, oids, most, 2, "9223372036854775807 -2147483648;");
    expect_refusal(&merge, oids, eight, 2, "out of the range of bigint");
    expect_refusal(&merge, oids, four, 2, "out of the range of integer");
}

static void shards_that_differ_are_both_named(void **state)
{
    static const Oid other[COLS] = {INT8, INT4};
    agdb_result_t *legs[2] = {make_leg("a", k_numbers, &k_sorted[0]),
                              make_leg("b", other, &k_sorted[0])};
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    (void)state;
    assert_int_equal(agdb__merge_results(NULL, legs, 2, &res, &error), AGDB_E_MERGE);
    assert_non_null(strstr(error->message, "integer (OID 23) at shard 'a'"));
    assert_non_null(strstr(error->message, "shard 'b': column 'x' is bigint (OID 20)"));
    assert_string_equal(error->shard, "b");
    agdb__error_free(error);
    free_legs(legs, 2);
}

/* It has neither columns nor rows, whatever the others have. */
static void a_write_that_had_happened_before_is_merged_with_others(void **state)
{
    static const agdb_order_by_t by[] = {{.name = "x"}};
    const agdb_merge_t merge = {.kind = AGDB_ORDERED, .order = by, .norder = 1};
    size_t others;

    (void)state;
    for (others = 0; others < 2; others++) {
        agdb_result_t *legs[2] = {
            agdb__result_new(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), "a", "n"),
            make_leg("b", k_numbers, &k_sorted[2])};
        agdb_result_t *res = NULL;

        legs[0]->replayed = true;
        assert_int_equal(agdb__merge_results(&merge, legs, 1 + others, &res, NULL), AGDB_OK);
        assert_int_equal(res->merged->nrows, 3 * others);
        assert_true(res->replayed);
        if (others == 0)
            agdb__result_free(legs[1]);
        agdb__result_free(res);
    }
}

static void a_copy_needs_nothing_of_the_original(void **state)
{
    char name[] = "column";
    agdb_order_by_t by[] = {{.name = name, .descending = true}, {.column = 3}};
    agdb_merge_t merge = {.kind = AGDB_ORDERED, .order = by, .norder = 2, .limit = 5, .offset = 6};
    void *block = malloc(agdb__merge_copy_size(&merge));
    agdb_merge_t copy;

    (void)state;
    agdb__merge_copy(&merge, block, &copy);
    memset(name, 'x', sizeof name - 1);
    memset(by, 0, sizeof by);
    assert_string_equal(copy.order[0].name, "column");
    assert_true(copy.order[0].descending);
    assert_int_equal(copy.order[1].column, 3);
    assert_int_equal(copy.limit, 5);
    assert_int_equal(copy.offset, 6);
    free(block);
}

static void a_plain_one_leaves_rows_as_they_are(void **state)
{
    static const agdb_merge_t plain = {.kind = AGDB_CONCAT};
    static const agdb_merge_t limit = {.kind = AGDB_CONCAT, .limit = 1};
    static const agdb_merge_t offset = {.kind = AGDB_CONCAT, .offset = 1};
    static const agdb_merge_t ordered = {.kind = AGDB_ORDERED};

    (void)state;
    assert_true(agdb__merge_is_plain(NULL));
    assert_true(agdb__merge_is_plain(&plain));
    assert_false(agdb__merge_is_plain(&limit));
    assert_false(agdb__merge_is_plain(&offset));
    assert_false(agdb__merge_is_plain(&ordered));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(concat_has_a_window_over_all_shards),
        cmocka_unit_test(equal_rows_come_in_the_order_of_their_shards),
        cmocka_unit_test(a_leg_out_of_order_is_refused),
        cmocka_unit_test(groups_that_are_equal_become_one),
        cmocka_unit_test(averages_are_made_of_sums_and_counts),
        cmocka_unit_test(sums_stay_inside_their_type),
        cmocka_unit_test(shards_that_differ_are_both_named),
        cmocka_unit_test(a_write_that_had_happened_before_is_merged_with_others),
        cmocka_unit_test(a_copy_needs_nothing_of_the_original),
        cmocka_unit_test(a_plain_one_leaves_rows_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
