/* For callers who want libpq's own result. Not part of <agencydb.h>: it needs libpq's headers. */
#ifndef AGENCYDB_LIBPQ_H
#define AGENCYDB_LIBPQ_H

#include "agencydb/result.h"

#include <libpq-fe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* @param res  may be NULL
 * @return borrowed from the result (never PQclear it), text format; NULL for NULL, and for rows of
 *         several shards: each agdb_result_leg has its own (but with AGDB_COMBINE)
 * @threads any */
AGDB_API const PGresult *agdb_result_pgresult(const agdb_result_t *res);

#ifdef __cplusplus
}
#endif
#endif
