/* agdb_result_t: a PGresult and where it came from, in one block; or the results of several shards,
 * its legs, as one. */
#ifndef AGDB_PG_RESULT_H
#define AGDB_PG_RESULT_H

#include "agencydb/result.h"

struct pg_result;

/* Where a row of a merged result is. */
typedef struct agdb__row {
    uint32_t leg;
    uint32_t row;
} agdb__row_t;

typedef struct agdb__merged {
    agdb_result_t **leg; /* in the order of the shards' names */
    size_t nlegs;
    agdb__row_t *row; /* NULL: the rows are new ones, in `combined` */
    size_t nrows;
    struct pg_result *combined;
    agdb_error_t **failure; /* of shards that are missing */
    size_t nfailures;
    uint64_t affected;
} agdb__merged_t;

struct agdb_result {
    struct pg_result *pg; /* of a merged result: names and types of the columns; borrowed then */
    const char *shard;    /* behind the struct */
    const char *node;
    agdb_role_t role;
    bool replayed;
    agdb_timing_t timing;
    agdb__merged_t *merged; /* NULL: one shard's */
};

/* Takes `pg` also on failure. NULL: no memory. */
agdb_result_t *agdb__result_new(struct pg_result *take_pg, const char *shard, const char *node);
void agdb__result_free(agdb_result_t *res);
/* For rows that become no result. NULL is fine. */
void agdb__rows_free(struct pg_result *take_rows);

/* One of several: takes the legs, but for the array. `take_row` is `nrows` places, or NULL with
 * `take_combined`. On failure, NULL, nothing is taken. */
agdb_result_t *agdb__result_merge(agdb_result_t *const *legs, size_t nlegs, agdb__row_t *take_row,
                                  size_t nrows, struct pg_result *take_combined);
/* Copies the errors of the shards that are missing into a merged result. False: no memory. */
bool agdb__result_lack(agdb_result_t *res, const agdb_error_t *const *errors, size_t count);

/* Of one shard's result. */
size_t agdb__result_rows(const agdb_result_t *leg);
size_t agdb__result_cols(const agdb_result_t *leg);
const char *agdb__result_name(const agdb_result_t *leg, size_t col);
uint32_t agdb__result_oid(const agdb_result_t *leg, size_t col);
size_t agdb__result_bytes(const agdb_result_t *leg); /* of memory */
uint64_t agdb__result_affected(const agdb_result_t *leg);
/* NULL: SQL NULL. */
const char *agdb__result_value(const agdb_result_t *leg, size_t row, size_t col, size_t *ret_len);

/* Rows to be filled, with the columns of `like` but for their types. NULL: no memory. */
struct pg_result *agdb__rows_new(const agdb_result_t *like, const uint32_t *oids);
/* Rows are put one after the other, each from its first column on; text NULL is SQL NULL. False: no
 * memory. */
bool agdb__rows_put(struct pg_result *rows, size_t row, size_t col, const char *text, size_t len);

#endif
