#include "agencydb/result.h"

#include "agencydb/libpq.h"
#include "base/alloc.h"
#include "pg/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

/* One row: a bigint, a double, a boolean, a bytea, a NULL, a numeric, an odd column name. */
static agdb_result_t *sample(void)
{
    static const struct {
        char name[8];
        Oid type;
        char text[24];
        int len; /* -1: NULL */
    } col[] = {{"id", 20, "-9007199254740993", 17},
               {"pm", 701, "1.5", 3},
               {"ok", 16, "t", 1},
               {"raw", 17, "\\x00ff", 6},
               {"none", 23, "", -1},
               {"num", 1700, "1.10", 4},
               {"Id", 99999, "x", 1}};
    PGresult *pg = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc desc[7] = {{0}};
    char names[7][8];
    char text[24];
    int i;

    for (i = 0; i < 7; i++) {
        memcpy(names[i], col[i].name, sizeof names[i]);
        desc[i].name = names[i];
        desc[i].typid = col[i].type;
    }
    assert_int_equal(PQsetResultAttrs(pg, 7, desc), 1);
    for (i = 0; i < 7; i++) {
        memcpy(text, col[i].text, sizeof text);
        assert_int_equal(PQsetvalue(pg, 0, i, col[i].len < 0 ? NULL : text, col[i].len), 1);
    }
    return agdb__result_new(pg, "east-1", "db-e1");
}

static void getters_of_null_are_empty(void **state)
{
    agdb_timing_t timing = {.struct_size = sizeof timing, .attempts = 7};

    (void)state;
    assert_int_equal(agdb_result_rows(NULL), 0);
    assert_int_equal(agdb_result_cols(NULL), 0);
    assert_int_equal(agdb_result_column(NULL, "a"), -1);
    assert_string_equal(agdb_result_column_name(NULL, 0), "");
    assert_int_equal(agdb_result_column_oid(NULL, 0), 0);
    assert_true(agdb_result_is_null(NULL, 0, 0));
    assert_null(agdb_result_text(NULL, 0, 0));
    assert_int_equal(agdb_result_length(NULL, 0, 0), 0);
    assert_int_equal(agdb_result_affected(NULL), 0);
    assert_string_equal(agdb_result_tag(NULL), "");
    assert_string_equal(agdb_result_shard(NULL), "");
    assert_string_equal(agdb_result_node(NULL), "");
    assert_int_equal(agdb_result_role(NULL), AGDB_ROLE_UNKNOWN);
    agdb_result_timing(NULL, &timing);
    assert_int_equal(timing.attempts, 0);
    assert_null(agdb_result_pgresult(NULL));
    agdb_result_free(NULL);
}

static void getters_give_what_the_server_said(void **state)
{
    agdb_result_t *res = sample();
    unsigned char raw[2];
    agdb_error_t *error = NULL;
    size_t len = 0;
    int64_t n = 0;
    double d = 0;
    bool b = false;

    (void)state;
    assert_int_equal(agdb_result_rows(res), 1);
    assert_int_equal(agdb_result_cols(res), 7);
    assert_int_equal(agdb_result_column(res, "id"), 0);
    assert_int_equal(agdb_result_column(res, "Id"), 6);
    assert_int_equal(agdb_result_column(res, "ID"), -1);
    assert_int_equal(agdb_result_column(res, NULL), -1);
    assert_string_equal(agdb_result_column_name(res, 1), "pm");
    assert_int_equal(agdb_result_column_oid(res, 5), 1700);
    assert_int_equal(agdb_result_int64(res, 0, 0, &n, &error), AGDB_OK);
    assert_true(n == -9007199254740993);
    assert_int_equal(agdb_result_double(res, 0, 1, &d, &error), AGDB_OK);
    assert_true(d == 1.5);
    assert_int_equal(agdb_result_bool(res, 0, 2, &b, &error), AGDB_OK);
    assert_true(b);
    assert_int_equal(agdb_result_bytes(res, 0, 3, raw, sizeof raw, &len, &error), AGDB_OK);
    assert_int_equal(len, 2);
    assert_memory_equal(raw, "\0\xff", 2);
    assert_string_equal(agdb_result_text(res, 0, 5), "1.10");
    assert_int_equal(agdb_result_length(res, 0, 5), 4);
    assert_true(agdb_result_is_null(res, 0, 4));
    assert_null(agdb_result_text(res, 0, 4));
    assert_string_equal(agdb_result_shard(res), "east-1");
    assert_string_equal(agdb_result_node(res), "db-e1");
    assert_non_null(agdb_result_pgresult(res));
    assert_null(error);
    agdb_result_free(res);
}

static void expect_error(agdb_status_t st, agdb_error_t *error, agdb_status_t wanted,
                         const char *message)
{
    assert_int_equal(st, wanted);
    assert_int_equal(agdb_error_status(error), wanted);
    assert_string_equal(agdb_error_message(error), message);
    assert_int_equal(agdb_error_stage(error), AGDB_STAGE_RESULT);
    agdb_error_free(error);
}

static void typed_getters_never_guess(void **state)
{
    agdb_result_t *res = sample();
    agdb_error_t *e = NULL;
    agdb_status_t st;
    size_t len = 0;
    int64_t n = 5;
    double d = 5;
    bool b = true;

    (void)state;
    st = agdb_result_int64(res, 0, 5, &n, &e);
    expect_error(st, e, AGDB_E_TYPE,
                 "column 'num' is numeric, not an integer: cast it, or take the text");
    e = NULL;
    st = agdb_result_bool(res, 0, 6, &b, &e);
    expect_error(st, e, AGDB_E_TYPE,
                 "column 'Id' is of type OID 99999, not boolean: cast it, or take the text");
    e = NULL;
    st = agdb_result_double(res, 0, 0, &d, &e);
    expect_error(st, e, AGDB_E_TYPE,
                 "column 'id' is bigint, not a number that a double holds exactly: cast it, or "
                 "take the text");
    e = NULL;
    st = agdb_result_int64(res, 0, 4, &n, &e);
    expect_error(st, e, AGDB_E_NULL, "column 'none' of row 0 is NULL");
    e = NULL;
    st = agdb_result_int64(res, 1, 0, &n, &e);
    expect_error(st, e, AGDB_E_INVAL, "row 1 column 0 is outside of 1 x 7");
    e = NULL;
    st = agdb_result_int64(res, 0, 0, NULL, &e);
    expect_error(st, e, AGDB_E_INVAL, "there is no place for the value");
    e = NULL;
    st = agdb_result_bytes(res, 0, 3, &b, 1, &len, &e);
    expect_error(st, e, AGDB_E_TOO_BIG, "column 'raw' holds 2 bytes, there is room for 1");
    assert_int_equal(len, 2);
    assert_int_equal(agdb_result_bytes(res, 0, 3, NULL, 0, &len, NULL), AGDB_OK);
    assert_int_equal(agdb_result_bytes(res, 0, 0, NULL, 0, &len, NULL), AGDB_E_TYPE);
    assert_int_equal(n, 5);
    assert_true(d == 5 && b);
    agdb_result_free(res);
}

static void timing_fills_what_both_sides_know(void **state)
{
    agdb_result_t *res = sample();
    agdb_timing_t timing = {.struct_size = offsetof(agdb_timing_t, total_us), .total_us = 77};

    (void)state;
    res->timing.wait_us = 1;
    res->timing.exec_us = 2;
    res->timing.total_us = 3;
    agdb_result_timing(res, &timing);
    assert_int_equal(timing.struct_size, offsetof(agdb_timing_t, total_us));
    assert_int_equal(timing.wait_us, 1);
    assert_int_equal(timing.exec_us, 2);
    assert_int_equal(timing.total_us, 77);
    agdb_result_timing(res, NULL);
    agdb_result_free(res);
}

static void timing_of_several_shards_is_that_of_the_slowest(void **state)
{
    agdb_result_t *legs[2] = {sample(), sample()};
    agdb__row_t *row = agdb__malloc(sizeof *row);
    agdb_timing_t timing = {.struct_size = sizeof timing};
    agdb_result_t *res;

    (void)state;
    legs[0]->timing.total_us = 30;
    legs[0]->timing.exec_us = 10;
    legs[0]->timing.queue_us = legs[0]->timing.wait_us = 20;
    legs[1]->timing.total_us = legs[1]->timing.exec_us = 25;
    legs[1]->timing.attempts = 2;
    row[0] = (agdb__row_t){0, 0};
    res = agdb__result_merge(legs, 2, row, 1, NULL);
    assert_non_null(res);
    agdb_result_timing(res, &timing);
    assert_int_equal(timing.total_us, 30);
    assert_int_equal(timing.exec_us, 10);
    assert_int_equal(timing.queue_us, 20);
    assert_int_equal(timing.attempts, legs[0]->timing.attempts);
    agdb_result_free(res);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(getters_of_null_are_empty),
        cmocka_unit_test(getters_give_what_the_server_said),
        cmocka_unit_test(typed_getters_never_guess),
        cmocka_unit_test(timing_fills_what_both_sides_know),
        cmocka_unit_test(timing_of_several_shards_is_that_of_the_slowest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
