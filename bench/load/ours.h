/* The library, for the sides that use it. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include "load/load.h"

#include <agencydb.h>

/* CALL_MS: later than that is a failure, told with the library's own words. */
enum { OURS_CALL_MS = 20000 };

bool ours_open(const options_t *options, const workload_t *work);
void ours_close(void);
agdb_t *ours_client(void);
const workload_t *ours_work(void);
/* Takes the error. Returns false. */
bool ours_failed(agdb_error_t *error);
bool ours_is_right(const agdb_result_t *res, const operation_t *op);
/* `param` is room for its parameter; both live as long as the request is used. */
agdb_request_t ours_request(const operation_t *op, agdb_value_t *param);

#endif
