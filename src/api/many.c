/* agencydb/loop.h: agdb_query_many. */
#include "agencydb/loop.h"

#include "api/border.h"
#include "api/trace.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/many.h"

typedef struct batch {
    const agdb__edition_t *edition;
    const agdb_request_t *const *requests;
    size_t count;
    uint32_t timeout_ms;
    agdb_result_t **results;
    agdb_error_t **errors; /* may be NULL */
    agdb__many_item_t *items;
    agdb__trace_t *traces; /* NULL: none is followed */
} batch_t;

static agdb_status_t check_arguments(const batch_t *b, agdb_error_t **reterr)
{
    size_t i;

    if (b->count == 0)
        return AGDB_OK;
    if (b->requests == NULL || b->results == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_query_many needs requests and places for their results");
    for (i = 0; i < b->count; i++) {
        b->results[i] = NULL;
        if (b->errors != NULL)
            agdb_error_clear(&b->errors[i]);
    }
    for (i = 0; i < b->count; i++)
        if (b->requests[i] == NULL)
            return agdb__fail(reterr, AGDB_E_MISUSE, "request %zu is NULL", i);
    return AGDB_OK;
}

/* The time of all is the limit for each. */
static void limit_time(const batch_t *b, agdb__many_item_t *item)
{
    uint64_t own_ms =
        item->request.timeout_ms != 0 ? item->request.timeout_ms : item->shard->call_ms;

    if (b->timeout_ms != 0 && b->timeout_ms < own_ms)
        item->request.timeout_ms = b->timeout_ms;
}

/* One for several shards has a time of its own in any case. */
static void accept(const batch_t *b, agdb__many_item_t *item, const agdb__goal_t *goal)
{
    item->shard = goal->shard;
    item->scatter = goal->scatter;
    if (item->shard != NULL)
        limit_time(b, item);
    else if (b->timeout_ms != 0)
        agdb__scatter_limit(item->scatter, b->timeout_ms);
}

/* What cannot be sent fails by itself. */
static void prepare(batch_t *b, size_t i)
{
    agdb__many_item_t *item = &b->items[i];
    agdb__task_t *task = &item->task;
    agdb__goal_t goal;

    task->status =
        agdb__border_goal(b->edition, b->requests[i], &item->request, &goal, &task->error);
    if (task->status == AGDB_OK)
        accept(b, item, &goal);
}

static void give_error(batch_t *b, size_t i)
{
    if (b->errors != NULL)
        b->errors[i] = b->items[i].task.error;
    else
        agdb__error_free(b->items[i].task.error);
}

static agdb_status_t begin_traces(batch_t *b, const agdb_t *db, agdb_error_t **reterr)
{
    size_t i;

    if (db->trace_begin == NULL)
        return AGDB_OK;
    b->traces = agdb__calloc(b->count, sizeof *b->traces);
    if (b->traces == NULL)
        return agdb__fail_nomem(reterr);
    for (i = 0; i < b->count; i++)
        b->traces[i] = agdb__trace_begin(db, "query", b->requests[i]);
    return AGDB_OK;
}

static void end_traces(const batch_t *b)
{
    size_t i;

    for (i = 0; b->traces != NULL && i < b->count; i++) {
        const agdb__task_t *task = &b->items[i].task;

        agdb__trace_end(&b->traces[i], task->status, task->result, task->error);
    }
}

/* The call as a whole has failed: no request has an answer of its own. */
static void fail_traces(const batch_t *b, agdb_status_t st)
{
    size_t i;

    for (i = 0; b->traces != NULL && i < b->count; i++)
        agdb__trace_end(&b->traces[i], st, NULL, NULL);
}

/* Hands out results and errors. */
static agdb_status_t hand_out(batch_t *b, agdb_error_t **reterr)
{
    const agdb_error_t *first = NULL;
    agdb_error_t *why;
    size_t failed = 0;
    size_t i;

    for (i = 0; i < b->count; i++) {
        b->results[i] = b->items[i].task.result;
        if (b->items[i].task.status != AGDB_OK && failed++ == 0)
            first = b->items[i].task.error;
    }
    end_traces(b);
    why = agdb__error_dup(first);
    for (i = 0; i < b->count; i++)
        give_error(b, i);
    if (failed == 0)
        return AGDB_OK;
    (void)agdb__fail(reterr, AGDB_E_PARTIAL, "%zu of %zu requests failed, the first with: %s",
                     failed, b->count, agdb_error_message(why));
    agdb__error_add_child(reterr, why);
    return AGDB_E_PARTIAL;
}

static void drop_errors(batch_t *b)
{
    size_t i;

    for (i = 0; i < b->count; i++)
        agdb__error_free(b->items[i].task.error);
}

static agdb_status_t run(batch_t *b, uint64_t start_us, agdb_error_t **reterr)
{
    agdb_status_t st;
    size_t i;

    b->items = agdb__calloc(b->count, sizeof *b->items);
    if (b->items == NULL) {
        fail_traces(b, AGDB_E_NOMEM);
        return agdb__fail_nomem(reterr);
    }
    for (i = 0; i < b->count; i++)
        prepare(b, i);
    st = agdb__many_run(b->items, b->count, start_us, reterr);
    if (st == AGDB_OK) {
        st = hand_out(b, reterr);
    } else {
        fail_traces(b, st);
        drop_errors(b);
    }
    for (i = 0; i < b->count; i++)
        agdb__scatter_free(b->items[i].scatter);
    agdb__free(b->items);
    return st;
}

agdb_status_t agdb_query_many(agdb_t *db, const agdb_request_t *const *requests, size_t count,
                              uint32_t timeout_ms, agdb_result_t **results, agdb_error_t **errors,
                              agdb_error_t **reterr)
{
    batch_t b = {.requests = requests,
                 .count = count,
                 .timeout_ms = timeout_ms,
                 .results = results,
                 .errors = errors};
    uint64_t start_us = agdb__now_us();
    agdb__visit_t visit;
    agdb_status_t st = check_arguments(&b, reterr);

    if (st == AGDB_OK)
        st = agdb__border_may_wait(reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    b.edition = visit.edition;
    if (count > 0)
        st = begin_traces(&b, db, reterr);
    if (st == AGDB_OK && count > 0)
        st = run(&b, start_us, reterr);
    agdb__free(b.traces);
    agdb__border_leave(&visit);
    return st;
}
