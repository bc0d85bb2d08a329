#include "exec/batch.h"

#include "unit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* A row with one column. */
static PGresult *make_row(const char *text)
{
    char name[] = "v";
    PGresAttDesc desc = {.name = name, .typid = 25, .typlen = -1, .atttypmod = -1};
    PGresult *row = PQmakeEmptyPGresult(NULL, PGRES_SINGLE_TUPLE);
    char value[64];

    assert_int_equal(PQsetResultAttrs(row, 1, &desc), 1);
    snprintf(value, sizeof value, "%s", text != NULL ? text : "");
    assert_int_equal(
        PQsetvalue(row, 0, 0, text != NULL ? value : NULL, text != NULL ? (int)strlen(value) : -1),
        1);
    return row;
}

static void add(agdb__batch_t *batch, size_t part, const char *text)
{
    PGresult *row = make_row(text);

    assert_true(agdb__batch_add(batch, part, row));
    PQclear(row);
}

static const agdb__origin_t k_origin[] = {
    {.shard = "a", .node = "a-1", .role = AGDB_ROLE_PRIMARY},
    {.shard = "b", .node = "b-1", .role = AGDB_ROLE_REPLICA},
    {.shard = "c", .node = "c-1", .role = AGDB_ROLE_PRIMARY},
};

static void expect_row(const agdb_result_t *res, size_t row, const char *shard, const char *text)
{
    const agdb__row_t at = res->merged->row[row];
    const agdb_result_t *leg = res->merged->leg[at.leg];
    size_t len = 0;
    const char *value = agdb__result_value(leg, at.row, 0, &len);

    assert_string_equal(leg->shard, shard);
    if (text == NULL)
        assert_null(value);
    else
        assert_string_equal(value, text);
}

static void rows_of_several_parts_keep_their_order_and_their_shard(void **state)
{
    agdb__batch_t batch;
    agdb_result_t *res;

    (void)state;
    assert_true(agdb__batch_init(&batch, 3));
    add(&batch, 2, "1");
    add(&batch, 0, "2");
    add(&batch, 2, NULL);
    add(&batch, 2, "");
    res = agdb__batch_result(&batch, k_origin);
    agdb__batch_fini(&batch);
    assert_int_equal(res->merged->nlegs, 2);
    assert_int_equal(res->merged->nrows, 4);
    expect_row(res, 0, "c", "1");
    expect_row(res, 1, "a", "2");
    expect_row(res, 2, "c", NULL);
    expect_row(res, 3, "c", "");
    agdb__result_free(res);
}

static void rows_of_one_part_are_a_plain_result(void **state)
{
    agdb__batch_t batch;
    agdb_result_t *res;

    (void)state;
    assert_true(agdb__batch_init(&batch, 3));
    add(&batch, 1, "x");
    res = agdb__batch_result(&batch, k_origin);
    agdb__batch_fini(&batch);
    assert_null(res->merged);
    assert_string_equal(res->shard, "b");
    assert_string_equal(res->node, "b-1");
    assert_int_equal(res->role, AGDB_ROLE_REPLICA);
    assert_int_equal(agdb__result_rows(res), 1);
    agdb__result_free(res);
}

static void a_batch_is_full_before_it_is_over_its_bytes(void **state)
{
    enum { LIMIT = 20000 };
    PGresult *row = make_row("some text");
    agdb__batch_t batch;

    (void)state;
    assert_true(agdb__batch_init(&batch, 1));
    assert_false(agdb__batch_is_full(&batch, row, 1)); /* one row it always takes */
    while (!agdb__batch_is_full(&batch, row, LIMIT))
        assert_true(agdb__batch_add(&batch, 0, row));
    assert_in_range(batch.nrows, 10, LIMIT / 16);
    assert_in_range(batch.bytes, LIMIT / 2, LIMIT);
    assert_int_equal(batch.bytes, agdb__rows_bytes(batch.part[0]));
    PQclear(row);
    agdb__batch_fini(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_several_parts_keep_their_order_and_their_shard),
        cmocka_unit_test(rows_of_one_part_are_a_plain_result),
        cmocka_unit_test(a_batch_is_full_before_it_is_over_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
