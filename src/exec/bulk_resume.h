/* How far a load has come, shard for shard, as a text for the next run: agdb_copy_report_resume.
 * Pure.
 *
 *   agdb-copy 1 0123456789abcdef          of what the load was: table, format, routing
 *   east-1 12000 734112                   row and byte up to which all is committed
 *   west-1 9000 600000 or 9500 640000 in 7315 1 7234567890123456789
 *                                         the second, if that transaction (number, timeline,
 * server) was committed */
#ifndef AGDB_EXEC_BULK_RESUME_H
#define AGDB_EXEC_BULK_RESUME_H

#include "agencydb/error.h"
#include "base/buf.h"
#include "pg/conn.h"

/* A row of the input, and the byte behind it; 0, 0: its beginning. */
typedef struct agdb__bulk_place {
    uint64_t row;
    uint64_t byte;
} agdb__bulk_place_t;

typedef struct agdb__bulk_doubt {
    agdb__bulk_place_t upto;
    agdb__copy_mark_t mark; /* xid 0: there is no doubt */
} agdb__bulk_doubt_t;

void agdb__bulk_resume_begin(agdb__buf_t *text, uint64_t fingerprint);
void agdb__bulk_resume_add(agdb__buf_t *text, const char *shard, agdb__bulk_place_t done,
                           const agdb__bulk_doubt_t *doubt);

/* Calls `each` for each line. INVAL: the text is not such a text, or of another load; or what
 * `each` returns. */
typedef agdb_status_t (*agdb__bulk_resume_fn)(void *user, const char *shard, size_t len,
                                              agdb__bulk_place_t done,
                                              const agdb__bulk_doubt_t *doubt,
                                              agdb_error_t **reterr);
agdb_status_t agdb__bulk_resume_read(const char *text, uint64_t fingerprint,
                                     agdb__bulk_resume_fn each, void *user, agdb_error_t **reterr);

#endif
