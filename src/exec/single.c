/* The blocking way: the calling thread goes round exec/call.h's steps, waits for the shard's board
 * and for connections, and is back with the answer. */
#include "exec/single.h"

#include "base/clock.h"
#include "base/error.h"
#include "exec/call.h"
#include "exec/hedge.h"
#include "pool/run.h"

/* Waiting for a connection may take long: a write goes only while the view stands by which the node
 * was chosen. */
static agdb_status_t run_on_node(agdb__call_t *call, uint64_t now_us, agdb__ran_t *ran,
                                 struct pg_result **ret_rows)
{
    agdb__pool_t *pool = call->shard->nodes[call->node].pool;
    agdb__run_t run = {.statement = &call->statement,
                       .now_us = now_us,
                       .deadline_us = call->deadline_us,
                       .alone = call->alone,
                       .standing = call->access == AGDB_WRITE ? &call->shard->board.version : NULL,
                       .stood = call->version};
    agdb_status_t st = agdb__pool_run(pool, &run, ran, ret_rows, &call->error);

    while (st == AGDB_E_NO_PRIMARY && agdb__call_stands(call)) {
        agdb__error_free(call->error);
        call->error = NULL;
        run.stood = call->version;
        run.now_us = agdb__now_us();
        st = agdb__pool_run(pool, &run, ran, ret_rows, &call->error);
    }
    return st;
}

static void attempt(agdb__call_t *call, uint64_t now_us, agdb_result_t **ret)
{
    struct pg_result *rows = NULL;
    agdb__answer_t answer;
    agdb__ran_t ran;
    agdb_status_t st = run_on_node(call, now_us, &ran, &rows);

    answer = (agdb__answer_t){rows, ran.in_recovery, ran.replayed, ran.position};
    call->course.trip = ran.trip;
    now_us = ran.trip.ended_us != 0 ? ran.trip.ended_us : agdb__now_us();
    if (st == AGDB_OK)
        st = agdb__call_answered(call, &answer, now_us, ret);
    if (st != AGDB_OK)
        agdb__call_failed(call, now_us);
}

agdb_status_t agdb__single_run(agdb__shard_t *shard, const agdb_request_t *request,
                               uint64_t start_us, agdb_result_t **ret, agdb_error_t **reterr)
{
    agdb_result_t *res = NULL;
    uint64_t now_us = start_us;
    agdb__call_t call;

    if (agdb__hedge_is_wanted(shard, request))
        return agdb__hedge_run(shard, request, start_us, ret, reterr);
    agdb__call_begin(&call, shard, request, start_us, agdb__thread_number());
    while (res == NULL) {
        agdb__next_t next = agdb__call_next(&call, now_us);

        if (next.kind == AGDB__NEXT_OVER)
            return agdb__call_finish(&call, reterr);
        if (next.kind == AGDB__NEXT_WAIT)
            (void)agdb__board_wait(&call.shard->board, call.version, next.until_us);
        else
            attempt(&call, now_us, &res);
        if (res == NULL)
            now_us = agdb__now_us();
    }
    if (ret != NULL)
        *ret = res;
    else
        agdb__result_free(res);
    return AGDB_OK;
}
