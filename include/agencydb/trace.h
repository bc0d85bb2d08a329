/* Hooks around every request, for traces. The library knows no tracing system; what its spans want
 * by OpenTelemetry's conventions for database clients is here under other names:
 *
 *     db.system.name            "postgresql"
 *     db.query.summary          tag (also the span's name, with the operation before it)
 *     db.operation.name         operation
 *     db.response.status_code   sqlstate
 *     error.type                agdb_status_name(status), when it is not AGDB_OK
 *     server.address            node: its name in the map
 *     db.response.returned_rows rows
 *
 * Statements and their parameters are not told. A request's `.traceparent` (W3C Trace Context) is
 * handed to the hook as it is, to make the span a child of the caller's; it is not sent to the
 * server, where it would make every statement another one. */
#ifndef AGENCYDB_TRACE_H
#define AGENCYDB_TRACE_H

#include "agencydb/base.h"
#include "agencydb/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A request begins. Texts are never NULL, and borrowed for the length of the call. */
typedef struct agdb_trace_begin {
    size_t struct_size;      /* of the library's struct: fields beyond it are not there */
    const char *operation;   /* "query", "submit", "transaction" (a statement of one, or an array),
                                "commit", "stream" */
    const char *tag;         /* of the request; "" */
    const char *traceparent; /* of the request; "" */
    agdb_bytes_t agency;     /* its key; empty */
} agdb_trace_begin_t;

/* It has its end. What is behind `total_us` is as in agdb_timing_t, also of a request that has
 * failed, but for one that no shard was asked, or several were: of that all of it is 0. */
typedef struct agdb_trace_end {
    size_t struct_size;
    agdb_status_t status;
    agdb_outcome_t outcome;
    const char *sqlstate; /* "" */
    const char *shard;    /* that answered, or failed; "" of several */
    const char *node;     /* "" */
    uint32_t attempts;    /* 0: not known */
    uint64_t rows;
    uint64_t total_us;
    uint64_t wait_us; /* before it was sent: park, earlier, queue and connect */
    uint64_t exec_us;
    uint64_t park_us;
    uint64_t earlier_us;
    uint64_t queue_us;
    uint64_t connect_us;
    uint32_t group; /* 0: it was not sent */
} agdb_trace_end_t;

/* On the thread that makes the request.
 * @param begin  what begins
 * @param user   from the options
 * @return the host's span; NULL: this one is not followed, and its end is not told */
typedef void *(*agdb_trace_begin_fn)(const agdb_trace_begin_t *begin, void *user);

/* Once for each span, on the thread that gets the answer: for agdb_submit the loop's, before its
 * callback.
 * @param span  what the other hook returned
 * @param end   what has ended
 * @param user  from the options */
typedef void (*agdb_trace_end_fn)(void *span, const agdb_trace_end_t *end, void *user);

#ifdef __cplusplus
}
#endif
#endif
