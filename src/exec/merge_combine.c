/* AGDB_COMBINE: the shards' groups are sorted by the columns that name them, and those that are
 * equal become one. */
#include "base/alloc.h"
#include "base/error.h"
#include "exec/merge_impl.h"
#include "exec/numeric.h"
#include "pg/decode.h"

enum { OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_NUMERIC = 1700 };

typedef struct column {
    agdb_combine_t wish;
    agdb__order_t order; /* GROUP, MIN, MAX */
    uint32_t oid;        /* of the shards' */
} column_t;

typedef struct combiner {
    const agdb__mix_t *mix;
    column_t *column;
    uint32_t *oids; /* of the merged columns */
    agdb__sort_key_t *keys;
    size_t nkeys;
    agdb__spot_t *spot; /* all rows, group after group */
    agdb__spot_t *spare;
    struct pg_result *rows;
} combiner_t;

/* --- what can be combined ----------------------------------------------------------------------
 */

static bool is_whole(uint32_t oid)
{
    return oid == OID_INT8 || oid == OID_INT4 || oid == OID_INT2;
}

static const char *column_name(const combiner_t *c, size_t col)
{
    return agdb__result_name(c->mix->first, col);
}

static const char *type_of(const combiner_t *c, size_t col)
{
    const char *name = agdb__type_name(c->column[col].oid);

    return name != NULL ? name : "of another type";
}

static agdb_status_t check_sum(const combiner_t *c, size_t col, agdb_error_t **reterr)
{
    if (is_whole(c->column[col].oid) || c->column[col].oid == OID_NUMERIC)
        return AGDB_OK;
    return agdb__fail(reterr, AGDB_E_MERGE,
                      "column '%s' is %s, which cannot be added up exactly: use sum(x::numeric)",
                      column_name(c, col), type_of(c, col));
}

static agdb_status_t check_count(const combiner_t *c, size_t col, agdb_error_t **reterr)
{
    if (is_whole(c->column[col].oid))
        return AGDB_OK;
    return agdb__fail(reterr, AGDB_E_MERGE, "column '%s' is %s, and no count", column_name(c, col),
                      type_of(c, col));
}

static agdb_status_t check_extreme(combiner_t *c, size_t col, agdb_error_t **reterr)
{
    column_t *column = &c->column[col];
    agdb_status_t st = agdb__order_find(column->oid, column_name(c, col), &column->order, reterr);
    const bool text = column->order == AGDB__ORDER_TEXT || column->order == AGDB__ORDER_PADDED;

    if (st != AGDB_OK || !text || column->wish.by_bytes)
        return st;
    return agdb__fail(
        reterr, AGDB_E_MERGE,
        "column '%s' is text, whose least depends on a collation that cannot be seen: "
        "say COLLATE \"C\" inside min() or max(), and .by_bytes",
        column_name(c, col));
}

static agdb_status_t check_group(combiner_t *c, size_t col, agdb_error_t **reterr)
{
    column_t *column = &c->column[col];
    agdb_status_t st = agdb__order_find(column->oid, column_name(c, col), &column->order, reterr);

    c->keys[c->nkeys++] = (agdb__sort_key_t){.column = col, .order = column->order};
    return st;
}

static agdb_status_t check_column(combiner_t *c, size_t col, agdb_error_t **reterr)
{
    column_t *column = &c->column[col];

    column->wish = c->mix->merge->combine[col];
    column->oid = agdb__result_oid(c->mix->first, col);
    c->oids[col] = column->wish.how == AGDB_AVG ? (uint32_t)OID_NUMERIC : column->oid;
    switch (column->wish.how) {
    case AGDB_GROUP:
        return check_group(c, col, reterr);
    case AGDB_COUNT:
        return check_count(c, col, reterr);
    case AGDB_MIN:
    case AGDB_MAX:
        return check_extreme(c, col, reterr);
    case AGDB_SUM:
    case AGDB_AVG:
        break;
    }
    return check_sum(c, col, reterr);
}

static agdb_status_t check_columns(combiner_t *c, agdb_error_t **reterr)
{
    size_t i;

    if (c->mix->cols != c->mix->merge->ncombine)
        return agdb__fail(reterr, AGDB_E_MERGE,
                          "the result has %zu columns, .combine is of %zu: one for each is needed",
                          c->mix->cols, c->mix->merge->ncombine);
    for (i = 0; i < c->mix->cols; i++)
        if (check_column(c, i, reterr) != AGDB_OK)
            return AGDB_E_MERGE;
    return AGDB_OK;
}

/* --- sorting -----------------------------------------------------------------------------------
 */

static int compare(const combiner_t *c, const agdb__spot_t *a, const agdb__spot_t *b)
{
    return agdb__order_rows(c->keys, c->nkeys, agdb__spot_cell, a, b, NULL);
}

static void merge_runs(const combiner_t *c, const agdb__spot_t *from, agdb__spot_t *to, size_t left,
                       size_t middle, size_t right)
{
    size_t a = left;
    size_t b = middle;
    size_t i;

    for (i = left; i < right; i++) {
        const bool first = a < middle && (b == right || compare(c, &from[a], &from[b]) <= 0);

        to[i] = first ? from[a++] : from[b++];
    }
}

/* Stable: what is equal stays in the order of the shards. */
static void sort(combiner_t *c)
{
    const size_t total = c->mix->total;
    size_t width;
    size_t left;

    for (width = 1; c->nkeys > 0 && width < total; width *= 2) {
        agdb__spot_t *sorted = c->spare;

        for (left = 0; left < total; left += 2 * width) {
            const size_t middle = left + width < total ? left + width : total;
            const size_t right = middle + width < total ? middle + width : total;

            merge_runs(c, c->spot, sorted, left, middle, right);
        }
        c->spare = c->spot;
        c->spot = sorted;
    }
}

static agdb_status_t collect(combiner_t *c, agdb_error_t **reterr)
{
    size_t n = 0;
    size_t leg;
    size_t row;

    for (leg = 0; leg < c->mix->nlegs; leg++)
        for (row = 0; row < agdb__result_rows(c->mix->leg[leg]); row++) {
            agdb__spot_t *spot = &c->spot[n++];
            size_t key;

            *spot = (agdb__spot_t){c->mix->leg[leg], row};
            key = agdb__order_unreadable(c->keys, c->nkeys, agdb__spot_cell, spot);
            if (key < c->nkeys)
                return agdb__fail_unreadable(spot->leg, c->keys[key].column, reterr);
        }
    return AGDB_OK;
}

/* --- one value of a group ----------------------------------------------------------------------
 */

/* Rows of one group. */
typedef struct group {
    const agdb__spot_t *spot;
    size_t count;
} group_t;

/* *ret_any: not all are NULL. */
static agdb_status_t add_up(const combiner_t *c, const group_t *group, size_t col,
                            agdb__numeric_t *sum, bool *ret_any, agdb_error_t **reterr)
{
    size_t i;

    *ret_any = false;
    for (i = 0; i < group->count; i++) {
        const agdb__cell_t cell = agdb__spot_cell(&group->spot[i], col);

        if (cell.text == NULL && c->column[col].wish.how == AGDB_COUNT)
            return agdb__fail(reterr, AGDB_E_MERGE,
                              "column '%s' is NULL at shard '%s': that is no count",
                              column_name(c, col), group->spot[i].leg->shard);
        if (cell.text == NULL)
            continue;
        *ret_any = true;
        switch (agdb__numeric_add(sum, cell)) {
        case AGDB__NUMERIC_ADDED:
            break;
        case AGDB__NUMERIC_UNREADABLE:
            return agdb__fail_unreadable(group->spot[i].leg, col, reterr);
        case AGDB__NUMERIC_NOMEM:
            return agdb__fail_nomem(reterr);
        }
    }
    return AGDB_OK;
}

static bool fits(uint32_t oid, const char *text)
{
    const int64_t most = oid == OID_INT2 ? INT16_MAX : oid == OID_INT4 ? INT32_MAX : INT64_MAX;
    int64_t number;

    return oid == OID_NUMERIC ||
           (agdb__decode_int64(text, &number) && number <= most && number >= -most - 1);
}

static agdb_status_t put(const combiner_t *c, size_t row, size_t col, agdb__cell_t cell,
                         agdb_error_t **reterr)
{
    return agdb__rows_put(c->rows, row, col, cell.text, cell.len) ? AGDB_OK
                                                                  : agdb__fail_nomem(reterr);
}

/* Takes the text, which is NULL when memory is out. */
static agdb_status_t put_number(const combiner_t *c, size_t row, size_t col, char *take_text,
                                agdb_error_t **reterr)
{
    agdb_status_t st;

    if (take_text == NULL)
        return agdb__fail_nomem(reterr);
    if (fits(c->oids[col], take_text))
        st = put(c, row, col, (agdb__cell_t){take_text, strlen(take_text)}, reterr);
    else
        st = agdb__fail(reterr, AGDB_E_MERGE,
                        "the sum of column '%s' is out of the range of %s: use sum(x::numeric)",
                        column_name(c, col), type_of(c, col));
    agdb__free(take_text);
    return st;
}

static agdb_status_t put_sum(const combiner_t *c, const group_t *group, size_t row, size_t col,
                             agdb_error_t **reterr)
{
    agdb__numeric_t sum = {0};
    bool any;
    agdb_status_t st = add_up(c, group, col, &sum, &any, reterr);

    if (st == AGDB_OK && any)
        st = put_number(c, row, col, agdb__numeric_text(&sum), reterr);
    else if (st == AGDB_OK)
        st = put(c, row, col, (agdb__cell_t){NULL, 0}, reterr);
    agdb__numeric_fini(&sum);
    return st;
}

static agdb_status_t find_count(const combiner_t *c, const group_t *group, size_t col,
                                uint64_t *ret, agdb_error_t **reterr)
{
    agdb__numeric_t sum = {0};
    bool any;
    agdb_status_t st = add_up(c, group, col, &sum, &any, reterr);
    char *text = st == AGDB_OK ? agdb__numeric_text(&sum) : NULL;

    agdb__numeric_fini(&sum);
    if (st == AGDB_OK && text == NULL)
        st = agdb__fail_nomem(reterr);
    if (st == AGDB_OK && (!agdb__decode_uint64(text, ret) || *ret > AGDB__NUMERIC_COUNT_MAX))
        st = agdb__fail(reterr, AGDB_E_MERGE, "column '%s' adds up to %s, which is no count",
                        column_name(c, col), text);
    agdb__free(text);
    return st;
}

/* A sum of nothing, or of NULLs only, has no average; a sum of something has a count. */
static agdb_status_t put_average(const combiner_t *c, const group_t *group, size_t row, size_t col,
                                 agdb_error_t **reterr)
{
    const size_t count_col = c->column[col].wish.count;
    agdb__numeric_t sum = {0};
    uint64_t count = 0;
    bool any = false;
    agdb_status_t st = find_count(c, group, count_col, &count, reterr);

    if (st == AGDB_OK)
        st = add_up(c, group, col, &sum, &any, reterr);
    if (st == AGDB_OK && any != (count > 0))
        st = agdb__fail(reterr, AGDB_E_MERGE,
                        "column '%s' is not the count(x) that belongs to sum(x) in column '%s'",
                        column_name(c, count_col), column_name(c, col));
    if (st == AGDB_OK && any)
        st = put_number(c, row, col, agdb__numeric_average(&sum, count), reterr);
    else if (st == AGDB_OK)
        st = put(c, row, col, (agdb__cell_t){NULL, 0}, reterr);
    agdb__numeric_fini(&sum);
    return st;
}

static agdb_status_t put_extreme(const combiner_t *c, const group_t *group, size_t row, size_t col,
                                 agdb_error_t **reterr)
{
    const column_t *column = &c->column[col];
    agdb__cell_t best = {NULL, 0};
    size_t i;

    for (i = 0; i < group->count; i++) {
        const agdb__cell_t cell = agdb__spot_cell(&group->spot[i], col);
        int order;

        if (cell.text == NULL)
            continue;
        if (!agdb__order_is_readable(column->order, cell))
            return agdb__fail_unreadable(group->spot[i].leg, col, reterr);
        order = best.text != NULL ? agdb__order_compare(column->order, cell, best) : 0;
        if (best.text == NULL || (column->wish.how == AGDB_MIN ? order < 0 : order > 0))
            best = cell;
    }
    return put(c, row, col, best, reterr);
}

static agdb_status_t put_value(const combiner_t *c, const group_t *group, size_t row, size_t col,
                               agdb_error_t **reterr)
{
    switch (c->column[col].wish.how) {
    case AGDB_GROUP:
        return put(c, row, col, agdb__spot_cell(&group->spot[0], col), reterr);
    case AGDB_SUM:
    case AGDB_COUNT:
        return put_sum(c, group, row, col, reterr);
    case AGDB_MIN:
    case AGDB_MAX:
        return put_extreme(c, group, row, col, reterr);
    case AGDB_AVG:
        break;
    }
    return put_average(c, group, row, col, reterr);
}

/* --- all groups --------------------------------------------------------------------------------
 */

static size_t group_length(const combiner_t *c, size_t from)
{
    size_t end = from + 1;

    while (end < c->mix->total && compare(c, &c->spot[from], &c->spot[end]) == 0)
        end++;
    return end - from;
}

static agdb_status_t combine(combiner_t *c, size_t *ret_count, agdb_error_t **reterr)
{
    const agdb_merge_t *merge = c->mix->merge;
    uint64_t skip = merge->offset;
    size_t row = 0;
    size_t from;
    size_t col;
    group_t group;

    for (from = 0; from < c->mix->total && (merge->limit == 0 || row < merge->limit);
         from += group.count) {
        group = (group_t){&c->spot[from], group_length(c, from)};
        if (skip > 0) {
            skip--;
            continue;
        }
        for (col = 0; col < c->mix->cols; col++) {
            agdb_status_t st = put_value(c, &group, row, col, reterr);

            if (st != AGDB_OK)
                return st;
        }
        row++;
    }
    *ret_count = row;
    return AGDB_OK;
}

static agdb_status_t run(combiner_t *c, size_t *ret_count, agdb_error_t **reterr)
{
    agdb_status_t st = check_columns(c, reterr);

    if (st == AGDB_OK)
        st = collect(c, reterr);
    if (st != AGDB_OK)
        return st;
    c->rows = agdb__rows_new(c->mix->first, c->oids);
    if (c->rows == NULL)
        return agdb__fail_nomem(reterr);
    sort(c);
    return combine(c, ret_count, reterr);
}

agdb_status_t agdb__merge_combine(const agdb__mix_t *mix, struct pg_result **ret_rows,
                                  size_t *ret_count, agdb_error_t **reterr)
{
    const size_t cols = mix->cols + 1;
    combiner_t c = {.mix = mix,
                    .column = agdb__calloc(cols, sizeof *c.column),
                    .oids = agdb__calloc(cols, sizeof *c.oids),
                    .keys = agdb__calloc(cols, sizeof *c.keys),
                    .spot = agdb__malloc((mix->total + 1) * sizeof *c.spot),
                    .spare = agdb__malloc((mix->total + 1) * sizeof *c.spare)};
    agdb_status_t st;

    if (c.column == NULL || c.oids == NULL || c.keys == NULL || c.spot == NULL || c.spare == NULL)
        st = agdb__fail_nomem(reterr);
    else
        st = run(&c, ret_count, reterr);
    if (st == AGDB_OK) {
        *ret_rows = c.rows;
        c.rows = NULL;
    }
    agdb__rows_free(c.rows);
    agdb__free(c.column);
    agdb__free(c.oids);
    agdb__free(c.keys);
    agdb__free(c.spot);
    agdb__free(c.spare);
    return st;
}
