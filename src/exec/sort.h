/* What rows are ordered by, found in their columns; and that two rows are in that order. */
#ifndef AGDB_EXEC_SORT_H
#define AGDB_EXEC_SORT_H

#include "agencydb/scatter.h"
#include "exec/order.h"
#include "pg/rows.h"

/* For the columns of `rows`; `ret` has norder places. AGDB_E_MERGE: no such column, or a type whose
 * order is not known. */
agdb_status_t agdb__sort_find(const agdb_merge_t *merge, const struct pg_result *rows,
                              agdb__sort_key_t *ret, agdb_error_t **reterr);
/* A value of a row; agdb__cell_fn. */
agdb__cell_t agdb__sort_cell(const void *row, size_t column);
/* A shard's row number `number` (from 0) and the one before it, or NULL. AGDB_E_MERGE: they are in
 * another order, or a value cannot be read. The error is the shard's. */
agdb_status_t agdb__sort_check(const agdb__sort_key_t *keys, size_t nkeys,
                               const struct pg_result *before, const struct pg_result *row,
                               uint64_t number, agdb_error_t **reterr);
/* The same two failures by themselves, with columns and names from `rows`. */
agdb_status_t agdb__sort_fail_unreadable(const struct pg_result *rows, size_t column,
                                         agdb_error_t **reterr);
agdb_status_t agdb__sort_fail_disorder(const struct pg_result *rows, const agdb__sort_key_t *key,
                                       uint64_t number, agdb_error_t **reterr);
/* Whether two shards' rows have the same columns. AGDB_E_MERGE: they have not. The error is that of
 * the second shard. */
agdb_status_t agdb__sort_alike(const struct pg_result *a, const char *shard_a,
                               const struct pg_result *b, agdb_error_t **reterr);

#endif
