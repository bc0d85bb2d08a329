/* PostgreSQL's own order of values, from their text in the library's fixed output settings. Only
 * for types whose order is certain from here: others are refused, never guessed. Text is ordered by
 * its bytes, which is the server's order under COLLATE "C" only; whoever merges has to see for each
 * row that it is not less than the one before. Pure. */
#ifndef AGDB_EXEC_ORDER_H
#define AGDB_EXEC_ORDER_H

#include "agencydb/error.h"
#include "exec/cell.h"

#include <stdint.h>

/* How the values of a type compare. */
typedef enum agdb__order {
    AGDB__ORDER_NONE = 0, /* not known here: refused */
    AGDB__ORDER_BOOL,
    AGDB__ORDER_NUMBER, /* NaN is the greatest, -0 is 0 */
    AGDB__ORDER_TEXT,   /* by bytes */
    AGDB__ORDER_PADDED, /* the same, blanks at the end do not count */
    AGDB__ORDER_MOMENT,
    AGDB__ORDER_TIME,
    AGDB__ORDER_UUID,
    AGDB__ORDER_BYTEA
} agdb__order_t;

/* One column to sort by. */
typedef struct agdb__sort_key {
    size_t column;
    agdb__order_t order;
    bool descending;
    bool nulls_first; /* PostgreSQL's default: last when ascending, first when descending */
} agdb__sort_key_t;

/* The value of a row's column; the row is the caller's. */
typedef agdb__cell_t (*agdb__cell_fn)(const void *row, size_t column);

agdb__order_t agdb__order_of(uint32_t oid);
/* *ret, or AGDB_E_MERGE that names the column, its type and what to do. */
agdb_status_t agdb__order_find(uint32_t oid, const char *column, agdb__order_t *ret,
                               agdb_error_t **reterr);

/* Whether the text is a value of that order; NULL is. What is not, compares as equal to all. */
bool agdb__order_is_readable(agdb__order_t order, agdb__cell_t cell);
/* Less than, equal to or greater than 0. Neither is NULL. */
int agdb__order_compare(agdb__order_t order, agdb__cell_t a, agdb__cell_t b);

/* By the first key that tells them apart. *ret_key, which may be NULL: its number. */
int agdb__order_rows(const agdb__sort_key_t *keys, size_t nkeys, agdb__cell_fn cell, const void *a,
                     const void *b, size_t *ret_key);
/* The number of the first key whose value cannot be read; nkeys: all can. */
size_t agdb__order_unreadable(const agdb__sort_key_t *keys, size_t nkeys, agdb__cell_fn cell,
                              const void *row);

#endif
