/* The inside of a merge, for merge.c, merge_ordered.c and merge_combine.c only. */
#ifndef AGDB_EXEC_MERGE_IMPL_H
#define AGDB_EXEC_MERGE_IMPL_H

#include "exec/merge.h"
#include "exec/order.h"

/* What is merged. */
typedef struct agdb__mix {
    const agdb_merge_t *merge;
    agdb_result_t *const *leg;
    size_t nlegs;
    const agdb_result_t *first; /* a leg that has columns */
    size_t cols;
    size_t total; /* rows */
} agdb__mix_t;

/* A row of a leg, as agdb__order_rows wants it. */
typedef struct agdb__spot {
    const agdb_result_t *leg;
    size_t row;
} agdb__spot_t;

agdb__cell_t agdb__spot_cell(const void *spot, size_t column);
/* How many of `rows` are left by limit and offset. */
size_t agdb__mix_window(const agdb__mix_t *mix, size_t rows);
/* A value that the type does not have: the server's output settings are not the library's. */
agdb_status_t agdb__fail_unreadable(const agdb_result_t *leg, size_t col, agdb_error_t **reterr);

/* *ret_row: the places of the rows, from agdb__malloc. */
agdb_status_t agdb__merge_ordered(const agdb__mix_t *mix, agdb__row_t **ret_row, size_t *ret_count,
                                  agdb_error_t **reterr);
/* *ret_rows: new rows. */
agdb_status_t agdb__merge_combine(const agdb__mix_t *mix, struct pg_result **ret_rows,
                                  size_t *ret_count, agdb_error_t **reterr);

#endif
