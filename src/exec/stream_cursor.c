/* Where a stream begins and how far it has come, by the values of its order. */
#include "exec/stream_impl.h"

#include "base/alloc.h"
#include "base/error.h"

agdb_status_t agdb__stream_begin_behind(agdb__stream_t *s, uint64_t fingerprint,
                                        const agdb_cursor_t *cursor, agdb_error_t **reterr)
{
    s->fingerprint = fingerprint;
    if (cursor == NULL)
        return AGDB_OK;
    if (s->key == NULL)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "a cursor needs an order: set .merge with AGDB_ORDERED");
    if (cursor->fingerprint != fingerprint || cursor->count != s->merge.norder)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "the cursor is of another request: of another order or keyspace, or of "
                          "another tag or statement");
    s->behind = agdb__cursor_dup(cursor);
    return s->behind != NULL ? AGDB_OK : agdb__fail_nomem(reterr);
}

/* The cursor as a row of the stream's columns. */
agdb_status_t agdb__stream_find_start(agdb__stream_t *s, agdb_error_t **reterr)
{
    size_t key;
    size_t i;

    if (s->behind == NULL)
        return AGDB_OK;
    s->start = agdb__rows_like(s->columns);
    if (s->start == NULL)
        return agdb__fail_nomem(reterr);
    for (i = 0; i < s->merge.norder; i++) {
        const agdb__cell_t *value = &s->behind->value[i];

        if (!agdb__rows_put(s->start, 0, s->key[i].column, value->text, value->len))
            return agdb__fail_nomem(reterr);
    }
    key = agdb__order_unreadable(s->key, s->merge.norder, agdb__sort_cell, s->start);
    if (key == s->merge.norder)
        return AGDB_OK;
    return agdb__fail(reterr, AGDB_E_INVAL, "the cursor has no value of the type of column '%s'",
                      agdb__rows_column_name(s->columns, s->key[key].column));
}

agdb_status_t agdb__stream_check_start(const agdb__stream_t *s, const struct pg_result *row,
                                       agdb_error_t **reterr)
{
    if (s->start == NULL ||
        agdb__order_rows(s->key, s->merge.norder, agdb__sort_cell, s->start, row, NULL) < 0)
        return AGDB_OK;
    return agdb__fail(reterr, AGDB_E_INVAL,
                      "the first row is not behind the cursor: the statement has to ask for rows "
                      "greater than agdb_cursor_value(), in the columns of its order");
}

static agdb_status_t write_row(const agdb__stream_t *s, const struct pg_result *row, char *buf,
                               size_t size, agdb_error_t **reterr)
{
    agdb__cell_t *value = agdb__calloc(s->merge.norder, sizeof *value);
    agdb_status_t st;
    size_t i;

    if (value == NULL)
        return agdb__fail_nomem(reterr);
    for (i = 0; i < s->merge.norder; i++)
        value[i] = agdb__sort_cell(row, s->key[i].column);
    st = agdb__cursor_write(s->fingerprint, value, s->merge.norder, buf, size, reterr);
    agdb__free(value);
    return st;
}

agdb_status_t agdb__stream_cursor(const agdb__stream_t *s, char *buf, size_t size,
                                  agdb_error_t **reterr)
{
    if (s->key == NULL)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "a cursor needs an order: set .merge with AGDB_ORDERED");
    if (s->rows_lost)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "rows were lost for want of memory: go on from the cursor before");
    if (s->latest != NULL)
        return write_row(s, s->latest->last, buf, size, reterr);
    if (s->behind != NULL)
        return agdb__cursor_write(s->fingerprint, s->behind->value, s->behind->count, buf, size,
                                  reterr);
    if (size < 1)
        return agdb__fail(reterr, AGDB_E_TOO_BIG, "there is no room for the cursor");
    *buf = '\0';
    return AGDB_OK;
}
