/* The rows of several shards as one result: right, or refused with what is to be done. Pure but for
 * memory. */
#ifndef AGDB_EXEC_MERGE_H
#define AGDB_EXEC_MERGE_H

#include "agencydb/scatter.h"
#include "pg/result.h"

/* AGDB_E_INVAL for what makes no sense whatever the rows are. */
agdb_status_t agdb__merge_check(const agdb_merge_t *merge, agdb_error_t **reterr);
/* Whether it leaves the rows of a single shard as they are. NULL does. */
bool agdb__merge_is_plain(const agdb_merge_t *merge);

/* A copy with all that it points to, in one block of that size, aligned for anything. */
size_t agdb__merge_copy_size(const agdb_merge_t *merge);
void agdb__merge_copy(const agdb_merge_t *merge, void *block, agdb_merge_t *ret);

/* Takes the legs, one or more in the order of the shards' names, into *ret. On failure,
 * AGDB_E_MERGE or AGDB_E_NOMEM, they are the caller's still. `merge` NULL is AGDB_CONCAT. */
agdb_status_t agdb__merge_results(const agdb_merge_t *merge, agdb_result_t *const *legs,
                                  size_t nlegs, agdb_result_t **ret, agdb_error_t **reterr);

#endif
