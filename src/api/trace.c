#include "api/trace.h"

#include "base/clock.h"
#include "base/error.h"
#include "pg/result.h"

static agdb__trace_t begin(const agdb_t *db, const agdb_trace_begin_t *what)
{
    agdb__trace_t trace = {.end = db->trace_end, .user = db->trace_user};

    trace.span = db->trace_begin(what, db->trace_user);
    trace.start_us = trace.span != NULL ? agdb__now_us() : 0;
    return trace;
}

agdb__trace_t agdb__trace_begin_tagged(const agdb_t *db, const char *operation, const char *tag,
                                       agdb_bytes_t agency)
{
    if (db == NULL || db->trace_begin == NULL)
        return (agdb__trace_t){.span = NULL};
    return begin(db, &(agdb_trace_begin_t){.struct_size = sizeof(agdb_trace_begin_t),
                                           .operation = operation,
                                           .tag = tag != NULL ? tag : "",
                                           .traceparent = "",
                                           .agency = agency});
}

/* A caller of an older version has no such field. */
static const char *traceparent_of(const agdb_request_t *request)
{
    const size_t needed = offsetof(agdb_request_t, traceparent) + sizeof request->traceparent;

    return request->struct_size >= needed && request->traceparent != NULL ? request->traceparent
                                                                          : "";
}

agdb__trace_t agdb__trace_begin(const agdb_t *db, const char *operation,
                                const agdb_request_t *request)
{
    if (db == NULL || db->trace_begin == NULL || request == NULL ||
        request->struct_size < offsetof(agdb_request_t, tag) + sizeof request->tag)
        return (agdb__trace_t){.span = NULL};
    return begin(db, &(agdb_trace_begin_t){.struct_size = sizeof(agdb_trace_begin_t),
                                           .operation = operation,
                                           .tag = request->tag != NULL ? request->tag : "",
                                           .traceparent = traceparent_of(request),
                                           .agency = request->key});
}

agdb__trace_t agdb__tx_trace(const agdb_t *db, const agdb_tx_options_t *options)
{
    const bool has_tag =
        options != NULL &&
        options->struct_size >= offsetof(agdb_tx_options_t, tag) + sizeof options->tag;

    return agdb__trace_begin_tagged(db, "transaction", has_tag ? options->tag : NULL,
                                    has_tag ? options->key : agdb_bytes(NULL, 0));
}

static void tell_timing(agdb_trace_end_t *end, const agdb_timing_t *timing)
{
    end->attempts = timing->attempts;
    end->group = timing->group;
    end->wait_us = timing->wait_us;
    end->exec_us = timing->exec_us;
    end->park_us = timing->park_us;
    end->earlier_us = timing->earlier_us;
    end->queue_us = timing->queue_us;
    end->connect_us = timing->connect_us;
}

void agdb__trace_end(const agdb__trace_t *trace, agdb_status_t status, const agdb_result_t *result,
                     const agdb_error_t *error)
{
    agdb_trace_end_t end = {.struct_size = sizeof end,
                            .status = status,
                            .outcome = agdb_error_outcome(error),
                            .sqlstate = agdb_error_sqlstate(error),
                            .shard = agdb_error_shard(error),
                            .node = agdb_error_node(error)};

    if (trace->span == NULL)
        return;
    end.total_us = agdb__now_us() - trace->start_us;
    if (error != NULL)
        tell_timing(&end, &error->timing);
    if (result != NULL) {
        end.shard = agdb_result_shard(result);
        end.node = agdb_result_node(result);
        end.rows = agdb_result_rows(result);
        tell_timing(&end, &result->timing);
    }
    trace->end(trace->span, &end, trace->user);
}
