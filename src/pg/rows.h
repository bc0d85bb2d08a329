/* Rows of libpq for those who may not see its header: how one looks, and many of them in one. */
#ifndef AGDB_PG_ROWS_H
#define AGDB_PG_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_result;

size_t agdb__rows_count(const struct pg_result *rows);
size_t agdb__rows_cols(const struct pg_result *rows);
const char *agdb__rows_column_name(const struct pg_result *rows, size_t col);
uint32_t agdb__rows_column_oid(const struct pg_result *rows, size_t col);
/* By its exact name, the first of it; -1: none. */
int agdb__rows_column(const struct pg_result *rows, const char *name);
/* The text of a value of the first row, borrowed; NULL for SQL NULL. There must be such a column.
 */
const char *agdb__rows_value(const struct pg_result *row, size_t col, size_t *ret_len);

/* Whether the server says that they come from SELECT. */
bool agdb__rows_are_selected(const struct pg_result *rows);

/* No rows, of the same columns. NULL: no memory. */
struct pg_result *agdb__rows_like(const struct pg_result *row);
/* Appends a copy of the first row of `row`, of the same columns. False: no memory, and what there
 * is of it is of no use. */
bool agdb__rows_add(struct pg_result *rows, const struct pg_result *row);
/* What libpq holds for them, and what a row would add to that at most, but for the tables that grow
 * by doubling. */
size_t agdb__rows_bytes(const struct pg_result *rows);
size_t agdb__rows_cost(const struct pg_result *row);

#endif
