/* A request that the host follows (agencydb/trace.h). */
#ifndef AGDB_BASE_TRACE_H
#define AGDB_BASE_TRACE_H

#include "agencydb/trace.h"

/* All zero: it does not. */
typedef struct agdb__trace {
    void *span;
    agdb_trace_end_fn end;
    void *user;
    uint64_t start_us;
} agdb__trace_t;

#endif
