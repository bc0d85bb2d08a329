#include "exec/merge.h"

#include "base/alloc.h"
#include "base/error.h"
#include "exec/block.h"
#include "exec/merge_impl.h"
#include "exec/sort.h"
#include "pg/decode.h"

/* --- the wish ----------------------------------------------------------------------------------
 */

static agdb_status_t check_order(const agdb_merge_t *m, agdb_error_t **reterr)
{
    size_t i;

    if (m->order == NULL || m->norder < 1 || m->norder > AGDB_MERGE_COLUMNS_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL, "merge: AGDB_ORDERED needs .order and .norder");
    for (i = 0; i < m->norder; i++)
        if ((unsigned)m->order[i].nulls > AGDB_NULLS_LAST)
            return agdb__fail(reterr, AGDB_E_INVAL, "merge: unknown .nulls %d of .order %zu",
                              (int)m->order[i].nulls, i);
    return AGDB_OK;
}

static agdb_status_t check_column(const agdb_merge_t *m, size_t col, agdb_error_t **reterr)
{
    const agdb_combine_t *c = &m->combine[col];

    if ((unsigned)c->how > AGDB_AVG)
        return agdb__fail(reterr, AGDB_E_INVAL, "merge: unknown .how %d of column %zu", (int)c->how,
                          col);
    if (c->how == AGDB_AVG && (c->count >= m->ncombine || m->combine[c->count].how != AGDB_COUNT))
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "merge: AGDB_AVG of column %zu needs .count, the number of a column with "
                          "count(x) that is AGDB_COUNT",
                          col);
    if (c->by_bytes && c->how != AGDB_MIN && c->how != AGDB_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "merge: .by_bytes of column %zu is of AGDB_MIN and AGDB_MAX only", col);
    return AGDB_OK;
}

static agdb_status_t check_combine(const agdb_merge_t *m, agdb_error_t **reterr)
{
    size_t i;

    if (m->combine == NULL || m->ncombine < 1 || m->ncombine > AGDB_MERGE_COLUMNS_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "merge: AGDB_COMBINE needs .combine and .ncombine, one for each column");
    for (i = 0; i < m->ncombine; i++)
        if (check_column(m, i, reterr) != AGDB_OK)
            return AGDB_E_INVAL;
    return AGDB_OK;
}

agdb_status_t agdb__merge_check(const agdb_merge_t *merge, agdb_error_t **reterr)
{
    if (merge->kind != AGDB_ORDERED && merge->norder != 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "merge: .order is of AGDB_ORDERED only");
    if (merge->kind != AGDB_COMBINE && merge->ncombine != 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "merge: .combine is of AGDB_COMBINE only");
    switch (merge->kind) {
    case AGDB_CONCAT:
        return AGDB_OK;
    case AGDB_ORDERED:
        return check_order(merge, reterr);
    case AGDB_COMBINE:
        return check_combine(merge, reterr);
    }
    return agdb__fail(reterr, AGDB_E_INVAL, "merge: unknown .kind %d", (int)merge->kind);
}

bool agdb__merge_is_plain(const agdb_merge_t *merge)
{
    return merge == NULL || (merge->kind == AGDB_CONCAT && merge->limit == 0 && merge->offset == 0);
}

size_t agdb__merge_copy_size(const agdb_merge_t *merge)
{
    size_t size = agdb__block_step(merge->norder * sizeof *merge->order) +
                  agdb__block_step(merge->ncombine * sizeof *merge->combine);
    size_t i;

    for (i = 0; i < merge->norder; i++)
        if (merge->order[i].name != NULL)
            size += agdb__block_step(strlen(merge->order[i].name) + 1);
    return size;
}

void agdb__merge_copy(const agdb_merge_t *merge, void *block, agdb_merge_t *ret)
{
    char *at = block;
    agdb_order_by_t *order = agdb__block_put(&at, merge->order, merge->norder * sizeof *order);
    size_t i;

    *ret = *merge;
    ret->order = order;
    ret->combine = agdb__block_put(&at, merge->combine, merge->ncombine * sizeof *merge->combine);
    for (i = 0; i < merge->norder; i++)
        if (order[i].name != NULL)
            order[i].name = agdb__block_put(&at, order[i].name, strlen(order[i].name) + 1);
}

/* --- the rows ----------------------------------------------------------------------------------
 */

agdb__cell_t agdb__spot_cell(const void *spot, size_t column)
{
    const agdb__spot_t *at = spot;
    agdb__cell_t cell = {.text = NULL};

    cell.text = agdb__result_value(at->leg, at->row, column, &cell.len);
    return cell;
}

size_t agdb__mix_window(const agdb__mix_t *mix, size_t rows)
{
    const size_t left = mix->merge->offset < rows ? rows - (size_t)mix->merge->offset : 0;

    return mix->merge->limit != 0 && mix->merge->limit < left ? (size_t)mix->merge->limit : left;
}

agdb_status_t agdb__fail_unreadable(const agdb_result_t *leg, size_t col, agdb_error_t **reterr)
{
    (void)agdb__sort_fail_unreadable(leg->pg, col, reterr);
    agdb__error_place(reterr, leg->shard, NULL);
    return AGDB_E_MERGE;
}

/* A write that had happened before (its idempotency key says so) has neither columns nor rows. */
static bool is_blank(const agdb_result_t *leg)
{
    return leg->replayed && agdb__result_cols(leg) == 0;
}

static agdb_status_t compare_legs(agdb__mix_t *mix, agdb_error_t **reterr)
{
    size_t i;

    for (i = 0; i < mix->nlegs; i++) {
        const agdb_result_t *leg = mix->leg[i];

        mix->total += agdb__result_rows(leg);
        if (is_blank(leg))
            continue;
        if (mix->first == NULL) {
            mix->first = leg;
        } else if (agdb__sort_alike(mix->first->pg, mix->first->shard, leg->pg, reterr) !=
                   AGDB_OK) {
            agdb__error_place(reterr, leg->shard, NULL);
            return AGDB_E_MERGE;
        }
    }
    if (mix->first == NULL)
        mix->first = mix->leg[0];
    mix->cols = agdb__result_cols(mix->first);
    return AGDB_OK;
}

static agdb_status_t concat(const agdb__mix_t *mix, agdb__row_t **ret_row, size_t *ret_count,
                            agdb_error_t **reterr)
{
    const size_t count = agdb__mix_window(mix, mix->total);
    agdb__row_t *row = agdb__malloc((count + 1) * sizeof *row);
    uint64_t skip = mix->merge->offset;
    size_t n = 0;
    uint32_t leg;
    uint32_t i;

    if (row == NULL)
        return agdb__fail_nomem(reterr);
    for (leg = 0; leg < mix->nlegs && n < count; leg++) {
        const uint32_t rows = (uint32_t)agdb__result_rows(mix->leg[leg]);

        i = skip < rows ? (uint32_t)skip : rows;
        skip -= i;
        for (; i < rows && n < count; i++)
            row[n++] = (agdb__row_t){leg, i};
    }
    *ret_row = row;
    *ret_count = count;
    return AGDB_OK;
}

static agdb_status_t merge_mix(const agdb__mix_t *mix, agdb__row_t **ret_row,
                               struct pg_result **ret_rows, size_t *ret_count,
                               agdb_error_t **reterr)
{
    if (mix->merge->kind == AGDB_CONCAT || is_blank(mix->first))
        return concat(mix, ret_row, ret_count, reterr);
    if (mix->merge->kind == AGDB_ORDERED)
        return agdb__merge_ordered(mix, ret_row, ret_count, reterr);
    return agdb__merge_combine(mix, ret_rows, ret_count, reterr);
}

agdb_status_t agdb__merge_results(const agdb_merge_t *merge, agdb_result_t *const *legs,
                                  size_t nlegs, agdb_result_t **ret, agdb_error_t **reterr)
{
    const agdb_merge_t none = {.kind = AGDB_CONCAT};
    agdb__mix_t mix = {.merge = merge != NULL ? merge : &none, .leg = legs, .nlegs = nlegs};
    struct pg_result *rows = NULL;
    agdb__row_t *row = NULL;
    size_t count = 0;
    agdb_status_t st = compare_legs(&mix, reterr);

    if (st == AGDB_OK)
        st = merge_mix(&mix, &row, &rows, &count, reterr);
    if (st == AGDB_OK) {
        *ret = agdb__result_merge(legs, nlegs, row, count, rows);
        if (*ret != NULL)
            return AGDB_OK;
        st = agdb__fail_nomem(reterr);
    }
    agdb__free(row);
    agdb__rows_free(rows);
    agdb__error_stage(reterr, AGDB_STAGE_RESULT);
    return st;
}
