/* agencydb/stream.h. An open stream holds a place in its client's gate, as a loop does. */
#include "agencydb/stream.h"

#include "api/border.h"
#include "api/trace.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "exec/copy.h"
#include "exec/fingerprint.h"
#include "exec/stream.h"
#include "pg/params.h"

struct agdb_stream {
    agdb_t *db;
    agdb__edition_t *edition; /* it is inside */
    agdb__trace_t trace;
    agdb_status_t status; /* of the last call */
    unsigned fork_generation;
    uint64_t ms;              /* of each call */
    agdb_request_t request;   /* for one shard: a copy that points into `block`; else: */
    agdb__scatter_t *scatter; /* never begun: it holds the shards' requests */
    void *block;
    agdb__stream_t *inner;
};

/* --- open --------------------------------------------------------------------------------------
 */

static agdb_status_t check(const agdb_request_t *r, const agdb__scatter_t *scatter,
                           agdb_error_t **reterr)
{
    if (r->access == AGDB_WRITE)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "a stream only reads, and a write that is not taken to its end would be "
                          "undone: set .access = AGDB_READ, or use agdb_query");
    if (r->partial != AGDB_ALL_OR_ERROR)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "AGDB_PARTIAL_OK: the end of a stream says that it was complete");
    if (scatter != NULL && agdb__scatter_merge(scatter)->kind == AGDB_COMBINE)
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED,
                          "AGDB_COMBINE needs all rows before it can give the first: use "
                          "agdb_query");
    return AGDB_OK;
}

static void stream_free(agdb_stream_t *stream)
{
    agdb__stream_free(stream->inner);
    agdb__scatter_free(stream->scatter);
    agdb__free(stream->block);
    agdb__free(stream);
}

static agdb_status_t fill_one(agdb_stream_t *stream, const agdb_request_t *request,
                              agdb__shard_t *shard, uint64_t now_us, agdb_error_t **reterr)
{
    agdb__source_t source = {shard, &stream->request};
    size_t scratch;

    if (agdb__params_check(request->params, request->nparams, &scratch, reterr) != AGDB_OK)
        return AGDB_E_INVAL;
    stream->block = agdb__malloc(agdb__copy_size(request));
    if (stream->block == NULL)
        return agdb__fail_nomem(reterr);
    agdb__copy_request(request, stream->block, &stream->request);
    stream->ms = request->timeout_ms != 0 ? request->timeout_ms : shard->call_ms;
    stream->inner = agdb__stream_new(&source, 1, NULL, now_us);
    return stream->inner != NULL ? AGDB_OK : agdb__fail_nomem(reterr);
}

static agdb_status_t fill_several(agdb_stream_t *stream, uint64_t now_us, agdb_error_t **reterr)
{
    const size_t count = agdb__scatter_legs(stream->scatter);
    agdb__source_t *sources = agdb__calloc(count, sizeof *sources);
    size_t i;

    if (sources == NULL)
        return agdb__fail_nomem(reterr);
    for (i = 0; i < count; i++)
        sources[i] = (agdb__source_t){agdb__scatter_shard(stream->scatter, i),
                                      agdb__scatter_request(stream->scatter, i)};
    stream->ms = sources[0].request->timeout_ms;
    stream->inner = agdb__stream_new(sources, count, agdb__scatter_merge(stream->scatter), now_us);
    agdb__free(sources);
    return stream->inner != NULL ? AGDB_OK : agdb__fail_nomem(reterr);
}

static agdb_status_t start(agdb_stream_t *stream, const agdb_request_t *request, uint64_t start_us,
                           agdb_error_t **reterr)
{
    static const agdb_merge_t none = {.kind = AGDB_CONCAT};
    const agdb_merge_t *merge =
        stream->scatter != NULL ? agdb__scatter_merge(stream->scatter) : &none;
    agdb_status_t st = agdb__stream_begin_behind(
        stream->inner, agdb__fingerprint_order(request, merge), request->cursor, reterr);

    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    return agdb__stream_start(stream->inner, start_us, agdb__after_ms(start_us, stream->ms),
                              reterr);
}

/* Takes the goal, also on failure. */
static agdb_status_t open_to(agdb_t *db, const agdb_request_t *request, agdb__goal_t take_goal,
                             uint64_t start_us, agdb_stream_t **ret, agdb_error_t **reterr)
{
    agdb_stream_t *stream = agdb__calloc(1, sizeof *stream);
    agdb_status_t st;

    if (stream == NULL) {
        agdb__scatter_free(take_goal.scatter);
        return agdb__not_sent(agdb__fail_nomem(reterr), AGDB_STAGE_CHECK, reterr);
    }
    stream->db = db;
    stream->fork_generation = agdb__fork_generation();
    stream->scatter = take_goal.scatter;
    st = stream->scatter != NULL ? fill_several(stream, start_us, reterr)
                                 : fill_one(stream, request, take_goal.shard, start_us, reterr);
    if (st != AGDB_OK)
        (void)agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    else
        st = start(stream, request, start_us, reterr);
    if (st == AGDB_OK)
        *ret = stream;
    else
        stream_free(stream);
    return st;
}

static agdb_status_t open_stream(agdb_t *db, const agdb__edition_t *edition,
                                 const agdb_request_t *request, uint64_t start_us,
                                 agdb_stream_t **ret, agdb_error_t **reterr)
{
    agdb_request_t ours;
    agdb__goal_t goal;
    agdb_status_t st = agdb__border_stream(edition, request, &ours, &goal, reterr);

    if (st != AGDB_OK)
        return st;
    st = check(&ours, goal.scatter, reterr);
    if (st == AGDB_OK)
        return open_to(db, &ours, goal, start_us, ret, reterr);
    agdb__scatter_free(goal.scatter);
    return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

agdb_status_t agdb_stream_open(agdb_t *db, const agdb_request_t *request, agdb_stream_t **ret,
                               agdb_error_t **reterr)
{
    const uint64_t start_us = agdb__now_us();
    agdb__trace_t trace;
    agdb__visit_t visit;
    agdb_status_t st;

    if (ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_stream_open needs a place for the stream");
    st = agdb__border_may_wait(reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    trace = agdb__trace_begin(db, "stream", request);
    st = open_stream(db, visit.edition, request, start_us, ret, reterr);
    if (st != AGDB_OK) {
        agdb__border_leave(&visit);
        agdb__trace_end(&trace, st, NULL, NULL);
        return st;
    }
    (*ret)->trace = trace;
    (*ret)->edition = visit.edition; /* and stays inside */
    (void)agdb__alloc_enter(visit.outer);
    return AGDB_OK;
}

/* --- next --------------------------------------------------------------------------------------
 */

static bool is_forked(const agdb_stream_t *stream)
{
    return stream->fork_generation != agdb__fork_generation();
}

static agdb_status_t check_fork(const agdb_stream_t *stream, agdb_error_t **reterr)
{
    if (!is_forked(stream))
        return AGDB_OK;
    return agdb__fail(reterr, AGDB_E_FORKED,
                      "this stream belongs to the parent process: open a client and a stream of "
                      "your own after fork");
}

static agdb_status_t check_next(const agdb_stream_t *stream, agdb_result_t **ret,
                                agdb_error_t **reterr)
{
    agdb_status_t st;

    if (stream == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_stream_next needs a stream and a place for the rows");
    *ret = NULL;
    st = check_fork(stream, reterr);
    return st == AGDB_OK ? agdb__border_may_wait(reterr) : st;
}

static void fail_closing(agdb_stream_t *stream)
{
    agdb_error_t *error = NULL;

    (void)agdb__fail(&error, AGDB_E_CLOSING, "the client is closing");
    agdb__error_stage(&error, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(&error, AGDB_OUTCOME_REJECTED);
    agdb__stream_fail(stream->inner, error);
    agdb__error_free(error);
}

agdb_status_t agdb_stream_next(agdb_stream_t *stream, size_t rows, agdb_result_t **ret,
                               agdb_error_t **reterr)
{
    const uint64_t start_us = agdb__now_us();
    const agdb_allocator_t *outer;
    agdb_status_t st = check_next(stream, ret, reterr);

    if (st != AGDB_OK)
        return st;
    outer = agdb__alloc_enter(stream->db->allocator);
    if (agdb__gate_is_closed(&stream->db->gate))
        fail_closing(stream);
    st = agdb__stream_next(stream->inner, rows != 0 ? rows : AGDB_STREAM_ROWS, start_us,
                           agdb__after_ms(start_us, stream->ms), ret, reterr);
    stream->status = st;
    (void)agdb__alloc_enter(outer);
    return st;
}

agdb_status_t agdb_stream_cursor(const agdb_stream_t *stream, char *buf, size_t size,
                                 agdb_error_t **reterr)
{
    const agdb_allocator_t *outer;
    agdb_status_t st;

    if (stream == NULL || (buf == NULL && size != 0))
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_stream_cursor needs a stream and a place for the text");
    st = check_fork(stream, reterr);
    if (st != AGDB_OK)
        return st;
    outer = agdb__alloc_enter(stream->db->allocator);
    st = agdb__stream_cursor(stream->inner, buf, size, reterr);
    (void)agdb__alloc_enter(outer);
    return st;
}

agdb_status_t agdb_stream_close(agdb_stream_t *stream)
{
    agdb__trace_t trace;
    agdb__visit_t visit;
    agdb_status_t st;

    if (stream == NULL)
        return AGDB_OK;
    if (is_forked(stream))
        return AGDB_E_FORKED;
    visit = (agdb__visit_t){stream->edition, agdb__alloc_enter(stream->db->allocator)};
    trace = stream->trace;
    st = stream->status;
    stream_free(stream);
    agdb__border_leave(&visit); /* from here on the client may be gone */
    agdb__trace_end(&trace, st, NULL, NULL);
    return AGDB_OK;
}
