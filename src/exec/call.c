#include "exec/call.h"

#include "base/clock.h"
#include "base/error.h"
#include "exec/parked.h"
#include "exec/retry.h"
#include "monitor/choose.h"

void agdb__call_begin(agdb__call_t *call, agdb__shard_t *shard, const agdb_request_t *request,
                      uint64_t start_us, uint64_t salt)
{
    uint64_t ms = request->timeout_ms != 0 ? request->timeout_ms : shard->call_ms;

    *call = (agdb__call_t){
        .shard = shard,
        .statement = {.sql = request->sql,
                      .hash = agdb__statement_hash(request->sql, strlen(request->sql)),
                      .params = request->params,
                      .nparams = request->nparams,
                      .read_only = request->access != AGDB_WRITE,
                      .max_rows = request->max_rows,
                      .max_bytes =
                          request->max_bytes != 0 ? request->max_bytes : AGDB_MAX_BYTES_DEFAULT},
        .access = request->access,
        .idempotent = request->idempotent,
        .alone = request->alone,
        .start_us = start_us,
        .deadline_us = agdb__after_ms(start_us, ms),
        .salt = salt,
    };
}

/* --- what is next ------------------------------------------------------------------------------
 */

static const agdb__next_t k_over = {AGDB__NEXT_OVER, AGDB__NO_NODE, 0};

static agdb__next_t fail_closing(agdb__call_t *call)
{
    (void)agdb__fail(&call->error, AGDB_E_CLOSING, "the client is closing");
    agdb__error_stage(&call->error, AGDB_STAGE_PARK);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_NOT_SENT);
    return k_over;
}

static agdb__next_t park(agdb__call_t *call, uint64_t now_us)
{
    if (call->park_end_us == 0)
        call->park_end_us =
            agdb__min_us(call->deadline_us, agdb__after_ms(now_us, call->shard->park_ms));
    call->pause = AGDB__PAUSE_PARKED;
    return (agdb__next_t){AGDB__NEXT_WAIT, AGDB__NO_NODE, call->park_end_us};
}

/* Looks at the shard's view and chooses. */
static agdb__next_t choose(agdb__call_t *call, uint64_t now_us)
{
    agdb__shard_t *shard = call->shard;
    unsigned version = agdb__board_version(&shard->board);
    agdb__view_t view = agdb__board_view(&shard->board);
    agdb__choice_t choice;

    if (version != call->version)
        call->tried = 0;
    call->version = version;
    choice = agdb__choose(view, call->access, call->tried, now_us + call->salt);
    switch (choice.kind) {
    case AGDB__CHOOSE_PARK:
        return park(call, now_us);
    case AGDB__CHOOSE_SPLIT:
        (void)agdb__fail_split(shard, &call->error);
        return k_over;
    case AGDB__CHOOSE_REFUSED:
        (void)agdb__fail_refused(shard, &call->error);
        return k_over;
    case AGDB__CHOOSE_NODE:
        break;
    }
    call->node = choice.node;
    call->on_primary = choice.node == view.primary;
    call->attempts++;
    return (agdb__next_t){AGDB__NEXT_GO, choice.node, 0};
}

agdb__next_t agdb__call_next(agdb__call_t *call, uint64_t now_us)
{
    agdb__board_t *board = &call->shard->board;
    agdb__pause_t pause = call->pause;
    uint64_t until_us = pause == AGDB__PAUSE_PARKED ? call->park_end_us : call->until_us;
    bool closing = atomic_load_explicit(&board->closing, memory_order_relaxed);
    bool changed = closing || agdb__board_version(board) != call->version;

    if (call->over)
        return k_over;
    if (pause != AGDB__PAUSE_NONE) {
        if (!changed && now_us < until_us)
            return (agdb__next_t){AGDB__NEXT_WAIT, AGDB__NO_NODE, until_us};
        call->pause = AGDB__PAUSE_NONE;
        call->tried = 0;
    }
    if (pause == AGDB__PAUSE_PARKED && closing)
        return fail_closing(call);
    if (pause == AGDB__PAUSE_PARKED && !changed) {
        (void)agdb__fail_parked(call->shard, now_us - call->start_us, &call->error);
        return k_over;
    }
    return choose(call, now_us);
}

/* --- an attempt's end --------------------------------------------------------------------------
 */

static agdb_status_t wrap_result(agdb__call_t *call, const agdb__answer_t *answer, uint64_t now_us,
                                 agdb_result_t **ret)
{
    agdb_result_t *res =
        agdb__result_new(answer->rows, call->shard->name, call->shard->nodes[call->node].name);
    uint64_t total_us = now_us - call->start_us;

    if (res == NULL) {
        (void)agdb__fail(&call->error, AGDB_E_NOMEM,
                         "out of memory for the result; the statement was executed");
        agdb__error_outcome(&call->error, AGDB_OUTCOME_UNKNOWN);
        return AGDB_E_NOMEM;
    }
    res->role = answer->in_recovery ? AGDB_ROLE_REPLICA : AGDB_ROLE_PRIMARY;
    res->timing = (agdb_timing_t){sizeof res->timing, total_us - answer->exec_us, answer->exec_us,
                                  total_us, call->attempts};
    *ret = res;
    return AGDB_OK;
}

agdb_status_t agdb__call_check_chosen(agdb__call_t *call)
{
    agdb__board_t *board = &call->shard->board;
    agdb__view_t view;

    if (!call->on_primary || agdb__board_version(board) == call->version)
        return AGDB_OK;
    view = agdb__board_view(board);
    if (view.state == AGDB__SHARD_READY && view.primary == call->node)
        return AGDB_OK;
    (void)agdb__fail(&call->error, AGDB_E_NO_PRIMARY, "is not the primary any more");
    agdb__error_stage(&call->error, AGDB_STAGE_PARK);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_NOT_SENT);
    return AGDB_E_NO_PRIMARY;
}

bool agdb__call_stands(agdb__call_t *call)
{
    agdb__board_t *board = &call->shard->board;
    unsigned version = agdb__board_version(board); /* before the view: a later one is seen again */
    agdb__view_t view = agdb__board_view(board);

    if (view.state != AGDB__SHARD_READY || view.primary != call->node)
        return false;
    call->version = version;
    return true;
}

/* A write that was confirmed after another primary was seen may be undone with its node. */
static agdb_status_t check_confirmed(agdb__call_t *call)
{
    agdb__board_t *board = &call->shard->board;
    agdb__view_t view;

    if (agdb__board_version(board) == call->version)
        return AGDB_OK;
    view = agdb__board_view(board);
    if (view.state != AGDB__SHARD_SPLIT &&
        (view.state != AGDB__SHARD_READY || view.primary == call->node))
        return AGDB_OK;
    (void)agdb__fail(&call->error, AGDB_E_LOST,
                     "confirmed the write, but was no longer the primary: it may be undone");
    agdb__error_stage(&call->error, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_LOST;
}

/* A read that the node answered when it was the primary no more is asked again. */
agdb_status_t agdb__call_answered(agdb__call_t *call, const agdb__answer_t *answer, uint64_t now_us,
                                  agdb_result_t **ret)
{
    agdb_result_t *res = NULL;
    agdb_status_t st = wrap_result(call, answer, now_us, &res);

    if (st == AGDB_OK)
        st = call->access == AGDB_WRITE ? check_confirmed(call) : agdb__call_check_chosen(call);
    if (st != AGDB_OK) {
        agdb__result_free(res);
        return st;
    }
    agdb__error_free(call->error);
    call->error = NULL;
    *ret = res;
    return AGDB_OK;
}

static agdb__retry_t judge(agdb__call_t *call)
{
    const agdb_error_t *error = call->error;
    agdb__attempt_t a = {
        .status = error->status,
        .outcome = error->outcome,
        .stage = error->stage,
        .sql_class = agdb__sql_classify(error->sqlstate, error->message),
        .read_only = call->statement.read_only,
        .idempotent = call->idempotent,
        .on_primary = call->on_primary,
        .number = call->attempts,
    };

    if (a.outcome == AGDB_OUTCOME_UNKNOWN && !a.read_only)
        call->may_have_happened = true;
    return agdb__retry_decide(&a);
}

void agdb__call_failed(agdb__call_t *call, uint64_t now_us)
{
    const agdb__node_t *node = &call->shard->nodes[call->node];
    agdb__retry_t retry;

    agdb__error_place(&call->error, call->shard->name, node->name);
    retry = judge(call);
    if (retry.suspect)
        agdb__pool_suspect(node->pool);
    call->until_us = agdb__after_ms(now_us, retry.delay_ms);
    call->over = retry.kind == AGDB__RETRY_NO || now_us >= call->deadline_us ||
                 (retry.kind == AGDB__RETRY_LATER && call->until_us >= call->deadline_us);
    if (retry.kind == AGDB__RETRY_ELSEWHERE)
        call->tried |= (uint32_t)1 << call->node;
    if (retry.kind == AGDB__RETRY_LATER)
        call->pause = AGDB__PAUSE_LATER;
}

agdb_status_t agdb__call_finish(agdb__call_t *call, agdb_error_t **reterr)
{
    agdb_status_t st = call->error->status;

    if (call->may_have_happened)
        agdb__error_outcome(&call->error, AGDB_OUTCOME_UNKNOWN);
    if (call->attempts > 1)
        agdb__error_prefix(&call->error, "after %u attempts: ", call->attempts);
    agdb__error_move(reterr, call->error);
    call->error = NULL;
    return st;
}
