/* A copy of what a request borrows from its caller, in one block. Pure. */
#ifndef AGDB_EXEC_COPY_H
#define AGDB_EXEC_COPY_H

#include "agencydb/request.h"

/* Bytes that the copy needs. The parameters are checked already. */
size_t agdb__copy_size(const agdb_request_t *request);
/* Copies statement, parameters, key and tag into `block`, which is aligned for anything. *ret
 * points there only; shard and keyspace are left out. */
void agdb__copy_request(const agdb_request_t *request, void *block, agdb_request_t *ret);

#endif
