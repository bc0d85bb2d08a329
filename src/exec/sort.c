#include "exec/sort.h"

#include "base/error.h"
#include "pg/decode.h"

static agdb_status_t find_key(const agdb_order_by_t *by, const struct pg_result *rows,
                              agdb__sort_key_t *ret, agdb_error_t **reterr)
{
    const size_t cols = agdb__rows_cols(rows);
    const int named = by->name != NULL ? agdb__rows_column(rows, by->name) : -1;
    const size_t col = by->name != NULL ? (size_t)named : by->column;

    if (by->name != NULL && named < 0)
        return agdb__fail(reterr, AGDB_E_MERGE,
                          "the result has no column '%s' to order by: select it, too", by->name);
    if (col >= cols)
        return agdb__fail(reterr, AGDB_E_MERGE,
                          "the result has no column %zu to order by: it has %zu, from 0", col,
                          cols);
    *ret = (agdb__sort_key_t){.column = col,
                              .descending = by->descending,
                              .nulls_first = by->nulls == AGDB_NULLS_DEFAULT
                                                 ? by->descending
                                                 : by->nulls == AGDB_NULLS_FIRST};
    return agdb__order_find(agdb__rows_column_oid(rows, col), agdb__rows_column_name(rows, col),
                            &ret->order, reterr);
}

agdb_status_t agdb__sort_find(const agdb_merge_t *merge, const struct pg_result *rows,
                              agdb__sort_key_t *ret, agdb_error_t **reterr)
{
    size_t i;

    for (i = 0; i < merge->norder; i++)
        if (find_key(&merge->order[i], rows, &ret[i], reterr) != AGDB_OK)
            return AGDB_E_MERGE;
    return AGDB_OK;
}

agdb__cell_t agdb__sort_cell(const void *row, size_t column)
{
    agdb__cell_t cell;

    cell.text = agdb__rows_value(row, column, &cell.len);
    return cell;
}

agdb_status_t agdb__sort_fail_unreadable(const struct pg_result *rows, size_t column,
                                         agdb_error_t **reterr)
{
    return agdb__fail(
        reterr, AGDB_E_MERGE,
        "a value of column '%s' has another form than the library's settings ask for: "
        "does the statement change DateStyle or bytea_output?",
        agdb__rows_column_name(rows, column));
}

agdb_status_t agdb__sort_fail_disorder(const struct pg_result *rows, const agdb__sort_key_t *key,
                                       uint64_t number, agdb_error_t **reterr)
{
    const bool text = key->order == AGDB__ORDER_TEXT || key->order == AGDB__ORDER_PADDED;
    const char *name = agdb__rows_column_name(rows, key->column);

    return agdb__fail(reterr, AGDB_E_MERGE,
                      "the rows are not ordered by column '%s' as the merge does (row %llu): order "
                      "by \"%s\"%s%s in the statement",
                      name, (unsigned long long)number, name, text ? " COLLATE \"C\"" : "",
                      key->descending ? " DESC" : "");
}

agdb_status_t agdb__sort_check(const agdb__sort_key_t *keys, size_t nkeys,
                               const struct pg_result *before, const struct pg_result *row,
                               uint64_t number, agdb_error_t **reterr)
{
    size_t key = agdb__order_unreadable(keys, nkeys, agdb__sort_cell, row);

    if (key < nkeys)
        return agdb__sort_fail_unreadable(row, keys[key].column, reterr);
    if (before != NULL && agdb__order_rows(keys, nkeys, agdb__sort_cell, before, row, &key) > 0)
        return agdb__sort_fail_disorder(row, &keys[key], number, reterr);
    return AGDB_OK;
}

static const char *type_name(uint32_t oid)
{
    const char *name = agdb__type_name(oid);

    return name != NULL ? name : "another type";
}

agdb_status_t agdb__sort_alike(const struct pg_result *a, const char *shard_a,
                               const struct pg_result *b, agdb_error_t **reterr)
{
    const size_t cols = agdb__rows_cols(a);
    size_t i;

    if (cols != agdb__rows_cols(b))
        return agdb__fail(reterr, AGDB_E_MERGE,
                          "there are %zu columns, and %zu at shard '%s': they are not alike",
                          agdb__rows_cols(b), cols, shard_a);
    for (i = 0; i < cols; i++) {
        const uint32_t x = agdb__rows_column_oid(a, i);
        const uint32_t y = agdb__rows_column_oid(b, i);

        if (x != y)
            return agdb__fail(reterr, AGDB_E_MERGE,
                              "column '%s' is %s (OID %u), and %s (OID %u) at shard '%s': cast it "
                              "in the statement",
                              agdb__rows_column_name(b, i), type_name(y), (unsigned)y, type_name(x),
                              (unsigned)x, shard_a);
    }
    return AGDB_OK;
}
