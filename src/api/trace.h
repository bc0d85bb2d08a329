/* Calling the host's hooks around a request. */
#ifndef AGDB_API_TRACE_H
#define AGDB_API_TRACE_H

#include "agencydb/tx.h"
#include "base/trace.h"
#include "client/client.h"

/* With the caller's allocator. `request` may be NULL, or of an older size. */
agdb__trace_t agdb__trace_begin(const agdb_t *db, const char *operation,
                                const agdb_request_t *request);
/* The same for what is no request. */
agdb__trace_t agdb__trace_begin_tagged(const agdb_t *db, const char *operation, const char *tag,
                                       agdb_bytes_t agency);
/* Of a transaction that is one call. `options` may be NULL, or of an older size. */
agdb__trace_t agdb__tx_trace(const agdb_t *db, const agdb_tx_options_t *options);
/* Its end, with a result or an error; each may be NULL. The client may be gone. */
void agdb__trace_end(const agdb__trace_t *trace, agdb_status_t status, const agdb_result_t *result,
                     const agdb_error_t *error);

#endif
