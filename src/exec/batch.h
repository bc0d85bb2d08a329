/* Rows of several shards on their way into one result: each shard's in a part of its own, and where
 * each row of the whole is. Bounded by rows and bytes. */
#ifndef AGDB_EXEC_BATCH_H
#define AGDB_EXEC_BATCH_H

#include "pg/result.h"
#include "pg/rows.h"

typedef struct agdb__batch {
    struct pg_result **part; /* of each shard; NULL: no rows of it */
    size_t nparts;
    agdb__row_t *row; /* only where there is more than one part */
    size_t room;
    size_t nrows;
    uint64_t bytes; /* of all parts, with what libpq holds for them */
} agdb__batch_t;

/* Where it came from. */
typedef struct agdb__origin {
    const char *shard;
    const char *node;
    agdb_role_t role;
    agdb_timing_t timing;
} agdb__origin_t;

/* False: no memory. */
bool agdb__batch_init(agdb__batch_t *batch, size_t nparts);
void agdb__batch_fini(agdb__batch_t *batch);
/* Whether the batch has no place for a row that may bring it over so many bytes. */
bool agdb__batch_is_full(const agdb__batch_t *batch, const struct pg_result *row,
                         uint64_t max_bytes);
/* Appends a copy of a row of part `part`. False: no memory, the batch is of no use any more. */
bool agdb__batch_add(agdb__batch_t *batch, size_t part, const struct pg_result *row);
/* The rows as one result, which has one leg for each part that has rows; the batch is empty then.
 * `origin` is of each part. NULL: no memory. */
agdb_result_t *agdb__batch_result(agdb__batch_t *batch, const agdb__origin_t *origin);

#endif
