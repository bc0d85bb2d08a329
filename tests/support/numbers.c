#include "numbers.h"

#include "unit.h"

#include <string.h>

static agdb_role_t s_role;

agdb_stream_t *numbers_open(agdb_t *db, const agdb_request_t *request)
{
    agdb_stream_t *stream = NULL;
    agdb_error_t *error = NULL;

    if (agdb_stream_open(db, request, &stream, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return stream;
}

agdb_result_t *numbers_next(agdb_stream_t *stream, size_t rows)
{
    agdb_result_t *batch = NULL;
    agdb_error_t *error = NULL;

    if (agdb_stream_next(stream, rows, &batch, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return batch;
}

int64_t numbers_take(agdb_stream_t *stream, int64_t after, int64_t most, agdb_error_t **ret_error)
{
    agdb_result_t *batch = NULL;

    while (after < most && agdb_stream_next(stream, 0, &batch, ret_error) == AGDB_OK &&
           batch != NULL) {
        size_t i;

        assert_in_range(agdb_result_rows(batch), 1, AGDB_STREAM_ROWS);
        for (i = 0; i < agdb_result_rows(batch); i++) {
            int64_t n = 0;

            assert_int_equal(agdb_result_int64(batch, i, 0, &n, NULL), AGDB_OK);
            assert_int_equal(n, ++after);
        }
        s_role = agdb_result_role(batch);
        agdb_result_free(batch);
    }
    return after;
}

int64_t numbers_take_all(agdb_stream_t *stream)
{
    agdb_error_t *error = NULL;
    int64_t n = numbers_take(stream, 0, INT64_MAX, &error);

    if (error != NULL)
        fail_msg("%s", agdb_error_message(error));
    assert_null(numbers_next(stream, 0)); /* and stays at the end */
    return n;
}

void numbers_expect_all(agdb_stream_t *stream, int64_t count)
{
    assert_int_equal(numbers_take_all(stream), count);
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}

agdb_role_t numbers_role(void)
{
    return s_role;
}

agdb_stream_t *numbers_open_behind(agdb_t *db, const agdb_request_t *request, const char *cursor,
                                   int64_t count)
{
    static const agdb_order_by_t by_g[] = {{.name = "g"}};
    static const agdb_merge_t merge = {
        .struct_size = sizeof merge, .kind = AGDB_ORDERED, .order = by_g, .norder = 1};
    agdb_cursor_t *from = NULL;
    agdb_value_t params[2];
    agdb_request_t r = *request;
    agdb_error_t *error = NULL;
    agdb_stream_t *stream;

    if (agdb_cursor_read(cursor, strlen(cursor), &from, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    params[0] = agdb_cursor_value(from, 0);
    params[1] = agdb_int4((int32_t)count);
    r.sql = NUMBERS_BEHIND;
    r.params = params;
    r.nparams = 2;
    r.merge = &merge;
    r.cursor = from;
    stream = numbers_open(db, &r);
    agdb_cursor_free(from); /* it was copied */
    return stream;
}

void numbers_expect_rest(agdb_t *db, const agdb_request_t *request, agdb_stream_t *stream,
                         int64_t after, int64_t count)
{
    char cursor[AGDB_CURSOR_TEXT_MAX];
    agdb_error_t *error = NULL;

    if (agdb_stream_cursor(stream, cursor, sizeof cursor, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
    stream = numbers_open_behind(db, request, cursor, count);
    assert_int_equal(numbers_take(stream, after, INT64_MAX, &error), count);
    if (error != NULL)
        fail_msg("%s", agdb_error_message(error));
    assert_int_equal(agdb_stream_close(stream), AGDB_OK);
}
