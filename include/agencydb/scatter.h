/* One statement on several shards, and how their rows become one result.
 *
 *     static const agdb_order_by_t newest[] = {{.name = "at", .descending = true}};
 *     static const agdb_merge_t merge = {.struct_size = sizeof merge, .kind = AGDB_ORDERED,
 *                                        .order = newest, .norder = 1, .limit = 10};
 *     agdb_query(db, AGDB_REQUEST(.scope = AGDB_ALL, .merge = &merge, .access = AGDB_READ,
 *                                 .sql = "SELECT at, site FROM reading ORDER BY at DESC LIMIT 10"),
 *                &res, &err);
 *
 * The answer is the one that a single database with all rows would give, or an error: what cannot
 * be merged right is refused with AGDB_E_MERGE. What the library cannot see is the caller's part,
 * as each shard sees its own rows only:
 *   - LIMIT in the statement has to be limit + offset of the merge at least, and OFFSET is the
 *     merge's alone;
 *   - with AGDB_COMBINE: no count(DISTINCT), no HAVING, no LIMIT, and GROUP BY exactly the columns
 *     that are AGDB_GROUP;
 *   - joins, subqueries and window functions see the rows of one shard. */
#ifndef AGENCYDB_SCATTER_H
#define AGENCYDB_SCATTER_H

#include "agencydb/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How many shards a request without key, shard, keys and region is for. */
typedef enum agdb_scope {
    AGDB_ONE = 0, /* the only one of its keyspace */
    AGDB_ALL = 1  /* all of its keyspace. A write to several is not atomic: each does it or fails */
} agdb_scope_t;

/* What several shards' answers are worth when some of them fail. */
typedef enum agdb_partial {
    AGDB_ALL_OR_ERROR = 0, /* nothing; the first failure ends the other reads */
    AGDB_PARTIAL_OK = 1 /* AGDB_E_PARTIAL with result *and* error, see agdb_result_failure_count */
} agdb_partial_t;

/* How the rows of several shards become one result. */
typedef enum agdb_merge_kind {
    AGDB_CONCAT = 0, /* shard after shard, in the order of their names */
    AGDB_ORDERED =
        1,           /* by `order`, as each shard has ordered them; equals in the order of shards */
    AGDB_COMBINE = 2 /* groups of the shards become one each, ordered by the group's columns */
} agdb_merge_kind_t;

/* Where NULL stands in an order. */
typedef enum agdb_nulls {
    AGDB_NULLS_DEFAULT = 0, /* PostgreSQL's: last when ascending, first when descending */
    AGDB_NULLS_FIRST = 1,
    AGDB_NULLS_LAST = 2
} agdb_nulls_t;

/* One column of ORDER BY. Types: boolean, numbers, text, date, time and timestamp (with time zone,
 * too), uuid, bytea; others have to be cast. Text is ordered by its bytes: the statement has to say
 * COLLATE "C". Rows that a shard has ordered otherwise are AGDB_E_MERGE. */
typedef struct agdb_order_by {
    const char *name; /* exact name in the result (the first of that name), or NULL: */
    size_t column;    /* number, from 0 */
    bool descending;
    agdb_nulls_t nulls;
} agdb_order_by_t;

/* What becomes of one column with AGDB_COMBINE. NULLs count as in SQL. The merged column has the
 * type of the shards', but for AGDB_AVG. Numbers are exact; a sum that its type cannot hold is
 * AGDB_E_MERGE. */
typedef enum agdb_combine_how {
    AGDB_GROUP = 0, /* a column of GROUP BY: any type that can be ordered */
    AGDB_SUM = 1,   /* sum(x) of integers and numeric. Not of real and double precision, whose sum
                       depends on the order of the rows: sum(x::numeric) */
    AGDB_COUNT = 2, /* count(x), count(*) */
    AGDB_MIN = 3,   /* min(x), of a type that can be ordered */
    AGDB_MAX = 4,
    AGDB_AVG = 5 /* the statement has sum(x) here and count(x) in column `count`, which is
                    AGDB_COUNT; the merged column is avg(x), numeric */
} agdb_combine_how_t;

/* What becomes of one column. */
typedef struct agdb_combine {
    agdb_combine_how_t how;
    size_t count;  /* AGDB_AVG: number of the column with count(x), from 0 */
    bool by_bytes; /* AGDB_MIN, AGDB_MAX of text: the statement says COLLATE "C", which cannot be
                      seen from here; without it they are refused */
} agdb_combine_t;

/* How rows become one result. It is applied to one shard's answer, too, so that a program need not
 * know how many there are. Zero in a field means its default. */
typedef struct agdb_merge {
    size_t struct_size; /* set it to sizeof(agdb_merge_t) */
    agdb_merge_kind_t kind;
    const agdb_order_by_t *order; /* AGDB_ORDERED: at least one */
    size_t norder;
    const agdb_combine_t *combine; /* AGDB_COMBINE: one for each column of the statement */
    size_t ncombine;
    uint64_t limit;  /* of the merged rows; 0: all */
    uint64_t offset; /* so many of the merged rows are left out first */
} agdb_merge_t;

#define AGDB_MERGE_COLUMNS_MAX 1664u /* of order and of combine: a server's limit for columns */

/* An empty merge with its size set.
 * @return the merge: AGDB_CONCAT
 * @threads any */
static inline agdb_merge_t agdb_merge_init(void)
{
    agdb_merge_t merge;
    memset(&merge, 0, sizeof merge);
    merge.struct_size = sizeof merge;
    return merge;
}
#define AGDB_MERGE_INIT agdb_merge_init()

#ifdef __cplusplus
}
#endif
#endif
