/* What an idempotency key stands for: statement and parameters, the same in every process and
 * version, because servers keep it. Pure. */
#ifndef AGDB_EXEC_FINGERPRINT_H
#define AGDB_EXEC_FINGERPRINT_H

#include "agencydb/request.h"

uint64_t agdb__fingerprint(const agdb_request_t *request);
/* Of several statements in order. */
uint64_t agdb__fingerprint_all(const agdb_request_t *requests, size_t count);
/* What a cursor belongs to: keyspace, order, and the call site's tag or else the statement. Not the
 * parameters, which the cursor's values are among. The same everywhere, too. */
uint64_t agdb__fingerprint_order(const agdb_request_t *request, const agdb_merge_t *merge);

#endif
