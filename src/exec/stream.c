#include "exec/stream.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/stream_impl.h"

/* While rows come faster than they are wanted, the clock is looked at this often. */
enum { LOOK_EVERY = 256 };

/* --- making ------------------------------------------------------------------------------------
 */

static bool make_room(agdb__stream_t *s, size_t count)
{
    s->flow = agdb__calloc(count, sizeof *s->flow);
    s->origin = agdb__calloc(count, sizeof *s->origin);
    s->heap = agdb__calloc(count, sizeof *s->heap);
    if (s->merge.kind == AGDB_ORDERED)
        s->key = agdb__calloc(s->merge.norder, sizeof *s->key);
    return s->flow != NULL && s->origin != NULL && s->heap != NULL &&
           (s->merge.kind != AGDB_ORDERED || s->key != NULL);
}

agdb__stream_t *agdb__stream_new(const agdb__source_t *sources, size_t count,
                                 const agdb_merge_t *merge, uint64_t now_us)
{
    const agdb_request_t *request = sources[0].request;
    agdb__stream_t *s = agdb__calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->merge = merge != NULL ? *merge : (agdb_merge_t){.kind = AGDB_CONCAT};
    s->max_rows = request->max_rows;
    s->max_bytes = request->max_bytes != 0 ? request->max_bytes : AGDB_MAX_BYTES_DEFAULT;
    if (!make_room(s, count)) {
        agdb__stream_free(s);
        return NULL;
    }
    for (; s->nflows < count; s->nflows++)
        agdb__flow_init(&s->flow[s->nflows], sources[s->nflows].shard, sources[s->nflows].request,
                        now_us, agdb__thread_number());
    return s;
}

static void leave_all(agdb__stream_t *s)
{
    const uint64_t now_us = agdb__now_us();
    size_t i;

    for (i = 0; i < s->nflows; i++)
        agdb__flow_leave(&s->flow[i], now_us);
    agdb__stream_front_reset(s);
}

void agdb__stream_free(agdb__stream_t *s)
{
    const uint64_t now_us = agdb__now_us();
    size_t i;

    if (s == NULL)
        return;
    for (i = 0; i < s->nflows; i++)
        agdb__flow_fini(&s->flow[i], now_us);
    agdb__rows_free(s->columns);
    agdb__rows_free(s->start);
    agdb__free(s->behind);
    agdb__error_free(s->error);
    agdb__free(s->flow);
    agdb__free(s->origin);
    agdb__free(s->heap);
    agdb__free(s->key);
    agdb__free(s);
}

/* --- failing -----------------------------------------------------------------------------------
 */

void agdb__stream_fail(agdb__stream_t *s, const agdb_error_t *error)
{
    leave_all(s);
    if (s->failed)
        return;
    s->failed = true;
    s->error = agdb__error_dup(error);
}

static agdb_status_t tell_failure(const agdb__stream_t *s, agdb_error_t **reterr)
{
    agdb__error_move(reterr, agdb__error_dup(s->error));
    return s->error->status;
}

/* The flow's call is over, with its error. */
static void fail_of(agdb__stream_t *s, agdb__flow_t *flow)
{
    agdb_error_t *error = NULL;

    (void)agdb__call_finish(&flow->call, &error);
    if (s->given > 0)
        agdb__error_prefix(&error, "after %llu rows: ", (unsigned long long)s->given);
    agdb__stream_fail(s, error);
    agdb__error_free(error);
}

/* --- beginning, and beginning anew -------------------------------------------------------------
 */

static void set_time(agdb__stream_t *s, uint64_t start_us, uint64_t deadline_us)
{
    size_t i;

    s->deadline_us = deadline_us;
    for (i = 0; i < s->nflows; i++)
        agdb__flow_set_time(&s->flow[i], start_us, deadline_us);
}

/* All of them, in their order, or none. */
static bool claim_all(agdb__stream_t *s)
{
    size_t i;

    for (i = 0; i < s->nflows; i++)
        if (s->flow[i].state == AGDB__FLOW_IDLE && !agdb__flow_claim(&s->flow[i])) {
            fail_of(s, &s->flow[i]);
            return false;
        }
    return true;
}

static bool send_all(agdb__stream_t *s)
{
    size_t i;

    for (i = 0; i < s->nflows; i++)
        if (s->flow[i].state == AGDB__FLOW_CLAIMED && !agdb__flow_send(&s->flow[i])) {
            leave_all(s);
            return false;
        }
    return true;
}

/* Whatever is not over already. False: it has failed. */
static bool begin_all(agdb__stream_t *s)
{
    do {
        if (!claim_all(s))
            return false;
    } while (!send_all(s));
    return true;
}

agdb_status_t agdb__stream_start(agdb__stream_t *s, uint64_t start_us, uint64_t deadline_us,
                                 agdb_error_t **reterr)
{
    set_time(s, start_us, deadline_us);
    return begin_all(s) ? AGDB_OK : tell_failure(s, reterr);
}

/* Whether rows of what is under way are with the caller. */
static bool has_given(const agdb__stream_t *s)
{
    size_t i;

    for (i = 0; i < s->nflows; i++)
        if (s->flow[i].given && s->flow[i].state != AGDB__FLOW_OVER)
            return true;
    return false;
}

/* False: the stream has failed. */
static bool recover(agdb__stream_t *s, agdb__flow_t *flow)
{
    flow->call.is_last = has_given(s);
    agdb__call_failed(&flow->call, agdb__now_us());
    if (flow->call.over) {
        fail_of(s, flow);
        return false;
    }
    leave_all(s);
    return begin_all(s);
}

/* --- rows --------------------------------------------------------------------------------------
 */

static void fail_here(agdb__stream_t *s, agdb_status_t status, agdb_stage_t stage, const char *what)
{
    agdb_error_t *error = NULL;

    (void)agdb__fail(&error, status, "after %llu rows: %s", (unsigned long long)s->given, what);
    agdb__error_stage(&error, stage);
    agdb__error_outcome(&error, AGDB_OUTCOME_REJECTED);
    agdb__stream_fail(s, error);
    agdb__error_free(error);
}

static void fail_nomem(agdb__stream_t *s)
{
    agdb_error_t *error = NULL;

    (void)agdb__fail_nomem(&error);
    agdb__error_outcome(&error, AGDB_OUTCOME_REJECTED);
    agdb__stream_fail(s, error);
    agdb__error_free(error);
}

typedef enum more { MORE = 0, ENOUGH, FAILED } more_t;

/* A row becomes the caller's. */
static more_t give(agdb__stream_t *s, agdb__flow_t *flow, agdb__batch_t *batch)
{
    if (s->skipped < s->merge.offset) {
        s->skipped++;
        flow->given = true; /* it counts, and is not counted again */
        agdb__flow_pass(flow);
        return MORE;
    }
    if (s->max_rows != 0 && s->given == s->max_rows) {
        fail_here(s, AGDB_E_TOO_BIG, AGDB_STAGE_EXECUTE, "there are more, over max_rows");
        return FAILED;
    }
    if (agdb__batch_is_full(batch, flow->row, s->max_bytes))
        return ENOUGH;
    if (!agdb__batch_add(batch, (size_t)(flow - s->flow), flow->row)) {
        fail_nomem(s);
        return FAILED;
    }
    flow->given = true;
    agdb__flow_pass(flow);
    s->given++;
    s->latest = flow;
    return MORE;
}

static void end(agdb__stream_t *s)
{
    s->over = true;
    leave_all(s);
}

/* Rows may come so fast that nothing ever waits. */
static more_t look_at_clock(agdb__stream_t *s, const agdb__batch_t *batch)
{
    if (agdb__now_us() < s->deadline_us)
        return MORE;
    if (batch->nrows > 0)
        return ENOUGH;
    fail_here(s, AGDB_E_TIMEOUT, AGDB_STAGE_EXECUTE,
              "the time was over while rows were left out for the merge's offset");
    return FAILED;
}

static more_t take(agdb__stream_t *s, agdb__batch_t *batch)
{
    agdb__flow_t *flow = NULL;

    switch (agdb__stream_front(s, batch->nrows == 0, &flow)) {
    case AGDB__FLOW_ROW:
        return give(s, flow, batch);
    case AGDB__FLOW_WAIT:
        return ENOUGH;
    case AGDB__FLOW_END:
        end(s);
        return ENOUGH;
    case AGDB__FLOW_FAILED:
        break;
    }
    return recover(s, flow) ? MORE : FAILED;
}

static void fill(agdb__stream_t *s, size_t rows, agdb__batch_t *batch)
{
    more_t more = MORE;
    size_t i;

    for (i = 1; more == MORE && batch->nrows < rows && !s->over; i++) {
        if (s->merge.limit != 0 && s->given == s->merge.limit)
            end(s);
        else
            more = take(s, batch);
        if (more == MORE && i % LOOK_EVERY == 0)
            more = look_at_clock(s, batch);
    }
    if (s->merge.limit != 0 && s->given == s->merge.limit && !s->over && !s->failed)
        end(s);
}

/* --- batches -----------------------------------------------------------------------------------
 */

static void note_origins(agdb__stream_t *s, uint64_t start_us)
{
    const uint64_t took_us = agdb__now_us() - start_us;
    size_t i;

    for (i = 0; i < s->nflows; i++) {
        const agdb__call_t *call = &s->flow[i].call;

        s->origin[i] =
            (agdb__origin_t){.shard = call->shard->name,
                             .node = call->shard->nodes[call->node].name,
                             .role = call->on_primary ? AGDB_ROLE_PRIMARY : AGDB_ROLE_REPLICA,
                             .timing = {.struct_size = sizeof(agdb_timing_t),
                                        .exec_us = took_us,
                                        .total_us = took_us,
                                        .attempts = call->attempts,
                                        .group = 1}};
    }
}

static agdb_status_t give_batch(agdb__stream_t *s, agdb__batch_t *batch, uint64_t start_us,
                                agdb_result_t **ret, agdb_error_t **reterr)
{
    note_origins(s, start_us);
    *ret = agdb__batch_result(batch, s->origin);
    if (*ret != NULL)
        return AGDB_OK;
    agdb__error_free(s->error); /* its rows are lost: whatever came behind them is not told */
    s->error = NULL;
    s->failed = false;
    s->rows_lost = true;
    fail_nomem(s);
    return tell_failure(s, reterr);
}

agdb_status_t agdb__stream_next(agdb__stream_t *s, size_t rows, uint64_t start_us,
                                uint64_t deadline_us, agdb_result_t **ret, agdb_error_t **reterr)
{
    agdb__batch_t batch;
    agdb_status_t st = AGDB_OK;

    *ret = NULL;
    if (s->failed)
        return tell_failure(s, reterr);
    if (s->over)
        return AGDB_OK;
    if (!agdb__batch_init(&batch, s->nflows)) {
        fail_nomem(s);
        return tell_failure(s, reterr);
    }
    set_time(s, start_us, deadline_us);
    fill(s, rows < AGDB__STREAM_ROWS_MAX ? rows : AGDB__STREAM_ROWS_MAX, &batch);
    if (batch.nrows > 0)
        st = give_batch(s, &batch, start_us, ret, reterr);
    else if (s->failed)
        st = tell_failure(s, reterr);
    agdb__batch_fini(&batch);
    return st;
}
