/* A request goes round this loop until it is answered or nothing more may be tried:
 *
 *   look at the shard's view -> choose a node, or park until the view changes
 *   claim a connection of the node, run the statement on it, give it back
 *   failed: exec/retry.h decides whether and where to try again
 *
 * All of it under one deadline. What an earlier attempt may have done is not forgotten: once an
 * attempt's outcome was unknown, the call's outcome can only be success or unknown. */
#include "exec/single.h"

#include "base/clock.h"
#include "base/error.h"
#include "exec/parked.h"
#include "exec/retry.h"
#include "monitor/choose.h"
#include "pool/run.h"

typedef struct run {
    agdb__shard_t *shard;
    agdb__statement_t statement;
    agdb_access_t access;
    bool idempotent;
    bool alone;
    uint64_t start_us;
    uint64_t deadline_us;
    uint64_t park_end_us; /* 0: not parked yet */
    uint64_t exec_us;     /* of the last attempt */
    unsigned attempts;
    unsigned version; /* of the view that this round goes by */
    uint32_t tried;   /* nodes not to try again before the view changes */
    bool may_have_happened;
    agdb_error_t *error; /* of the last attempt */
} run_t;

static agdb_status_t wrap_result(run_t *run, const agdb__node_t *node, bool in_recovery,
                                 struct pg_result *rows, agdb_result_t **ret)
{
    agdb_result_t *res = agdb__result_new(rows, run->shard->name, node->name);
    uint64_t total_us = agdb__now_us() - run->start_us;

    if (res == NULL) {
        (void)agdb__fail(&run->error, AGDB_E_NOMEM,
                         "out of memory for the result; the statement was executed");
        agdb__error_outcome(&run->error, AGDB_OUTCOME_UNKNOWN);
        return AGDB_E_NOMEM;
    }
    res->role = in_recovery ? AGDB_ROLE_REPLICA : AGDB_ROLE_PRIMARY;
    res->timing = (agdb_timing_t){sizeof res->timing, total_us - run->exec_us, run->exec_us,
                                  total_us, run->attempts};
    *ret = res;
    return AGDB_OK;
}

/* A read that the node answered when it was the primary no more is asked again. */
static agdb_status_t check_answered(run_t *run, uint8_t i, bool on_primary, agdb_result_t **ret)
{
    agdb__shard_t *shard = run->shard;
    agdb__view_t view;

    if (!on_primary || agdb__board_version(&shard->board) == run->version)
        return AGDB_OK;
    view = agdb__board_view(&shard->board);
    if (view.state == AGDB__SHARD_READY && view.primary == i)
        return AGDB_OK;
    agdb__result_free(*ret);
    *ret = NULL;
    (void)agdb__fail(&run->error, AGDB_E_NO_PRIMARY, "is not the primary any more");
    agdb__error_stage(&run->error, AGDB_STAGE_PARK);
    agdb__error_outcome(&run->error, AGDB_OUTCOME_NOT_SENT);
    return AGDB_E_NO_PRIMARY;
}

/* A write that was confirmed after another primary was seen may be undone with its node. */
static agdb_status_t check_confirmed(run_t *run, uint8_t i, agdb_result_t **ret)
{
    agdb__shard_t *shard = run->shard;
    agdb__view_t view;

    if (run->access != AGDB_WRITE || agdb__board_version(&shard->board) == run->version)
        return AGDB_OK;
    view = agdb__board_view(&shard->board);
    if (view.state != AGDB__SHARD_SPLIT && (view.state != AGDB__SHARD_READY || view.primary == i))
        return AGDB_OK;
    agdb__result_free(*ret);
    *ret = NULL;
    (void)agdb__fail(&run->error, AGDB_E_LOST,
                     "confirmed the write, but was no longer the primary: it may be undone");
    agdb__error_stage(&run->error, AGDB_STAGE_EXECUTE);
    agdb__error_outcome(&run->error, AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_LOST;
}

/* Waiting for a connection may take long: a write goes only while the view stands by which the node
 * was chosen. */
static agdb_status_t attempt_on(run_t *run, uint8_t i, bool on_primary, uint64_t now_us,
                                agdb_result_t **ret)
{
    const agdb__node_t *node = &run->shard->nodes[i];
    bool is_write = !run->statement.read_only;
    agdb__run_t what = {.statement = &run->statement,
                        .now_us = now_us,
                        .deadline_us = run->deadline_us,
                        .alone = run->alone,
                        .standing = is_write ? &run->shard->board.version : NULL,
                        .stood = run->version};
    struct pg_result *rows = NULL;
    agdb__ran_t ran;
    agdb_status_t st = agdb__pool_run(node->pool, &what, &ran, &rows, &run->error);

    run->exec_us = ran.exec_us;
    if (st == AGDB_OK)
        st = wrap_result(run, node, ran.in_recovery, rows, ret);
    if (st != AGDB_OK)
        return st;
    return is_write ? check_confirmed(run, i, ret) : check_answered(run, i, on_primary, ret);
}

/* One attempt on one node. On failure run->error says all. */
static agdb_status_t attempt(run_t *run, uint8_t i, bool on_primary, uint64_t now_us,
                             agdb_result_t **ret)
{
    agdb_status_t st;

    run->attempts++;
    st = attempt_on(run, i, on_primary, now_us, ret);
    agdb__error_place(&run->error, run->shard->name, run->shard->nodes[i].name);
    return st;
}

static agdb__retry_t judge(run_t *run, agdb_status_t st, bool on_primary)
{
    const agdb_error_t *error = run->error;
    agdb__attempt_t a = {
        .status = st,
        .outcome = error->outcome,
        .stage = error->stage,
        .sql_class = agdb__sql_classify(error->sqlstate, error->message),
        .read_only = run->statement.read_only,
        .idempotent = run->idempotent,
        .on_primary = on_primary,
        .number = run->attempts,
    };

    if (a.outcome == AGDB_OUTCOME_UNKNOWN && !a.read_only)
        run->may_have_happened = true;
    return agdb__retry_decide(&a);
}

/* Waits for a usable node. False: the call is over, and run->error says why. */
static bool park(run_t *run, unsigned version)
{
    agdb__shard_t *shard = run->shard;
    uint64_t now_us = agdb__now_us();
    bool changed;

    if (run->park_end_us == 0)
        run->park_end_us = agdb__min_us(run->deadline_us, agdb__after_ms(now_us, shard->park_ms));
    changed = agdb__board_wait(&shard->board, version, run->park_end_us);
    run->tried = 0;
    if (atomic_load_explicit(&shard->board.closing, memory_order_relaxed)) {
        (void)agdb__fail(&run->error, AGDB_E_CLOSING, "the client is closing");
        agdb__error_stage(&run->error, AGDB_STAGE_PARK);
        agdb__error_outcome(&run->error, AGDB_OUTCOME_NOT_SENT);
        return false;
    }
    if (!changed)
        (void)agdb__fail_parked(shard, agdb__now_us() - run->start_us, &run->error);
    return changed;
}

/* Acts on the verdict over a failed attempt. False: the call is over with run->error. */
static bool go_on(run_t *run, agdb__retry_t retry, uint8_t node, unsigned version)
{
    agdb__shard_t *shard = run->shard;
    uint64_t now_us = agdb__now_us();
    uint64_t until_us = agdb__after_ms(now_us, retry.delay_ms);

    if (retry.suspect)
        agdb__pool_suspect(shard->nodes[node].pool);
    if (retry.kind == AGDB__RETRY_NO || now_us >= run->deadline_us)
        return false;
    if (retry.kind == AGDB__RETRY_ELSEWHERE)
        run->tried |= (uint32_t)1 << node;
    if (retry.kind == AGDB__RETRY_LATER) {
        if (until_us >= run->deadline_us)
            return false;
        (void)agdb__board_wait(&shard->board, version, until_us);
        run->tried = 0;
    }
    return true;
}

/* One round. True: the call is over, with *ret or run->error. */
static bool round_once(run_t *run, uint64_t now_us, agdb_result_t **ret)
{
    agdb__shard_t *shard = run->shard;
    unsigned version = agdb__board_version(&shard->board);
    agdb__view_t view = agdb__board_view(&shard->board);
    agdb__choice_t choice;
    agdb_status_t st;
    bool on_primary;

    if (version != run->version)
        run->tried = 0;
    run->version = version;
    choice = agdb__choose(view, run->access, run->tried, now_us + agdb__thread_number());
    on_primary = choice.node == view.primary;
    switch (choice.kind) {
    case AGDB__CHOOSE_PARK:
        return !park(run, version);
    case AGDB__CHOOSE_SPLIT:
        (void)agdb__fail_split(shard, &run->error);
        return true;
    case AGDB__CHOOSE_REFUSED:
        (void)agdb__fail_refused(shard, &run->error);
        return true;
    case AGDB__CHOOSE_NODE:
        break;
    }
    st = attempt(run, choice.node, on_primary, now_us, ret);
    if (st == AGDB_OK)
        return true;
    return !go_on(run, judge(run, st, on_primary), choice.node, version);
}

static agdb_status_t finish(run_t *run, agdb_error_t **reterr)
{
    agdb_status_t st = run->error->status;

    if (run->may_have_happened)
        agdb__error_outcome(&run->error, AGDB_OUTCOME_UNKNOWN);
    if (run->attempts > 1)
        agdb__error_prefix(&run->error, "after %u attempts: ", run->attempts);
    agdb__error_move(reterr, run->error);
    return st;
}

agdb_status_t agdb__single_run(agdb__shard_t *shard, const agdb_request_t *request,
                               uint64_t start_us, agdb_result_t **ret, agdb_error_t **reterr)
{
    uint64_t ms = request->timeout_ms != 0 ? request->timeout_ms : shard->call_ms;
    agdb_result_t *res = NULL;
    uint64_t now_us = start_us;
    run_t run = {
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
    };

    while (!round_once(&run, now_us, &res))
        now_us = agdb__now_us();
    if (res == NULL)
        return finish(&run, reterr);
    agdb__error_free(run.error);
    if (ret != NULL)
        *ret = res;
    else
        agdb__result_free(res);
    return AGDB_OK;
}
