/* Results: complete, immutable, independent of the client that made them.
 *
 * Values are text in fixed output settings (ISO dates, UTC, hex bytea, shortest exact floats).
 * A typed getter on NULL is AGDB_E_NULL, on another type AGDB_E_TYPE: never a silent 0. */
#ifndef AGENCYDB_RESULT_H
#define AGENCYDB_RESULT_H

#include "agencydb/base.h"
#include "agencydb/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Owned by the caller; may be shared between threads. @threads frozen */
typedef struct agdb_result agdb_result_t;

/* What a node was seen to be. */
typedef enum agdb_role {
    AGDB_ROLE_UNKNOWN = 0,
    AGDB_ROLE_PRIMARY = 1,
    AGDB_ROLE_REPLICA = 2
} agdb_role_t;

/* Where a call's time went, in microseconds: park, earlier, queue, connect and exec are all of it.
 * A statement of a transaction is a call of its own. */
typedef struct agdb_timing {
    size_t struct_size;  /* set it to sizeof(agdb_timing_t) */
    uint64_t wait_us;    /* park, earlier, queue and connect */
    uint64_t exec_us;    /* from the first byte sent to the answer, of the last attempt */
    uint64_t total_us;   /* the whole call */
    uint32_t attempts;   /* 1: the first one answered */
    uint32_t group;      /* how many statements were sent together, its own included */
    uint64_t park_us;    /* waiting for the shard to have a usable node, and between attempts */
    uint64_t earlier_us; /* what came to nothing: attempts before the last one, groups that had to
                            be left, the node that a hedged read was asked of first */
    uint64_t queue_us;   /* waiting for a connection of the node, or for a place in a group */
    uint64_t connect_us; /* of that wait, and not in queue_us: while the connection that came of it
                            was being made */
} agdb_timing_t;

/* @param res  may be NULL
 * @return number of rows
 * @threads any */
AGDB_API size_t agdb_result_rows(const agdb_result_t *res);

/* @param res  may be NULL
 * @return number of columns
 * @threads any */
AGDB_API size_t agdb_result_cols(const agdb_result_t *res);

/* @param res   may be NULL
 * @param name  exact name of the column (the first of that name)
 * @return its index from 0, or -1
 * @threads any */
AGDB_API int agdb_result_column(const agdb_result_t *res, const char *name);

/* @param res  may be NULL
 * @param col  from 0
 * @return borrowed from the result: the column's name; "" out of range
 * @threads any */
AGDB_API const char *agdb_result_column_name(const agdb_result_t *res, size_t col);

/* @param res  may be NULL
 * @param col  from 0
 * @return the column's type (pg_type OID); 0 out of range
 * @threads any */
AGDB_API uint32_t agdb_result_column_oid(const agdb_result_t *res, size_t col);

/* @param res  may be NULL
 * @param row  from 0
 * @param col  from 0
 * @return true for SQL NULL and out of range
 * @threads any */
AGDB_API bool agdb_result_is_null(const agdb_result_t *res, size_t row, size_t col);

/* @param res  may be NULL
 * @param row  from 0
 * @param col  from 0
 * @return borrowed from the result: the value's text form, NUL-terminated; NULL for SQL NULL and
 *         out of range
 * @threads any */
AGDB_API const char *agdb_result_text(const agdb_result_t *res, size_t row, size_t col);

/* @param res  may be NULL
 * @param row  from 0
 * @param col  from 0
 * @return length of the text form in bytes; 0 for SQL NULL and out of range
 * @threads any */
AGDB_API size_t agdb_result_length(const agdb_result_t *res, size_t row, size_t col);

/* A smallint, integer, bigint or oid.
 * @param res      the result
 * @param row      from 0
 * @param col      from 0
 * @param ret      set on success
 * @param reterr   may be NULL
 * @return AGDB_OK, or AGDB_E_NULL, AGDB_E_TYPE, AGDB_E_INVAL (out of range of the result)
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_result_int64(const agdb_result_t *res, size_t row,
                                                      size_t col, int64_t *ret,
                                                      agdb_error_t **reterr);

/* A real, double precision, smallint or integer: types that a double holds exactly.
 * @param res      the result
 * @param row      from 0
 * @param col      from 0
 * @param ret      set on success
 * @param reterr   may be NULL
 * @return AGDB_OK, or AGDB_E_NULL, AGDB_E_TYPE, AGDB_E_INVAL
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_result_double(const agdb_result_t *res, size_t row,
                                                       size_t col, double *ret,
                                                       agdb_error_t **reterr);

/* A boolean.
 * @param res      the result
 * @param row      from 0
 * @param col      from 0
 * @param ret      set on success
 * @param reterr   may be NULL
 * @return AGDB_OK, or AGDB_E_NULL, AGDB_E_TYPE, AGDB_E_INVAL
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_result_bool(const agdb_result_t *res, size_t row,
                                                     size_t col, bool *ret, agdb_error_t **reterr);

/* A bytea, decoded into the caller's memory.
 * @param res      the result
 * @param row      from 0
 * @param col      from 0
 * @param buf      where to; may be NULL when size is 0, to ask for the length
 * @param size     room in buf
 * @param ret_len  set on success and on AGDB_E_TOO_BIG: the value's length
 * @param reterr   may be NULL
 * @return AGDB_OK, or AGDB_E_TOO_BIG (buf too small, size not 0), AGDB_E_NULL, AGDB_E_TYPE,
 *         AGDB_E_INVAL
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_result_bytes(const agdb_result_t *res, size_t row,
                                                      size_t col, void *buf, size_t size,
                                                      size_t *ret_len, agdb_error_t **reterr);

/* @param res  may be NULL
 * @return rows that INSERT, UPDATE, DELETE or MERGE touched; for SELECT the number of rows; of a
 *         merged result the sum over the shards
 * @threads any */
AGDB_API uint64_t agdb_result_affected(const agdb_result_t *res);

/* @param res  may be NULL
 * @return borrowed: the server's command tag, such as "INSERT 0 1"; of a merged result one
 *         shard's, or "" with AGDB_COMBINE
 * @threads any */
AGDB_API const char *agdb_result_tag(const agdb_result_t *res);

/* @param res  may be NULL
 * @return borrowed: name of the shard that answered; "" of a merged result, see agdb_result_leg
 * @threads any */
AGDB_API const char *agdb_result_shard(const agdb_result_t *res);

/* @param res  may be NULL
 * @return borrowed: name of the node that answered; "" of a merged result
 * @threads any */
AGDB_API const char *agdb_result_node(const agdb_result_t *res);

/* Whether a write with an idempotency key had happened before: it was not executed again, and there
 * are no rows. Of a merged result: whether that is so on one of the shards.
 * @param res  may be NULL
 * @return true or false
 * @threads any */
AGDB_API bool agdb_result_replayed(const agdb_result_t *res);

/* @param res  may be NULL
 * @return the role in which the node answered; of a merged result AGDB_ROLE_PRIMARY if all were one
 * @threads any */
AGDB_API agdb_role_t agdb_result_role(const agdb_result_t *res);

/* Of a merged result it is that of the shard that took longest.
 * @param res  may be NULL
 * @param ret  struct_size set by the caller; the rest is filled
 * @threads any */
AGDB_API void agdb_result_timing(const agdb_result_t *res, agdb_timing_t *ret);

/* How many shards have answered: the others are in agdb_result_failure.
 * @param res  may be NULL
 * @return 1 unless the result is merged; 0 for NULL
 * @threads any */
AGDB_API size_t agdb_result_leg_count(const agdb_result_t *res);

/* What one shard has answered: shard, node, role, timing, affected rows, and its rows (none with
 * AGDB_COMBINE).
 * @param res    may be NULL
 * @param index  from 0, in the order of the shards' names
 * @return borrowed from the result, which is itself its only leg unless it is merged; NULL past the
 *         end
 * @threads any */
AGDB_API const agdb_result_t *agdb_result_leg(const agdb_result_t *res, size_t index);

/* @param res  may be NULL
 * @param row  from 0
 * @return borrowed: name of the shard whose row it is; "" for a row of AGDB_COMBINE and out of
 * range
 * @threads any */
AGDB_API const char *agdb_result_row_shard(const agdb_result_t *res, size_t row);

/* With AGDB_PARTIAL_OK: shards whose rows are missing. Not 0 means that the result is not complete;
 * the call has returned AGDB_E_PARTIAL then, and an error with the same children.
 * @param res  may be NULL
 * @return how many
 * @threads any */
AGDB_API size_t agdb_result_failure_count(const agdb_result_t *res);

/* @param res    may be NULL
 * @param index  from 0
 * @return borrowed from the result: why a shard is missing; NULL past the end
 * @threads any */
AGDB_API const agdb_error_t *agdb_result_failure(const agdb_result_t *res, size_t index);

/* Frees a result. NULL is fine.
 * @param res  owned by the caller until now
 * @threads any */
AGDB_API void agdb_result_free(agdb_result_t *res);

#ifdef __cplusplus
}
#endif
#endif
