/* The blocking way: the calling thread goes round exec/call.h's steps, waits for the shard's board
 * and for connections, and is back with the answer. */
#include "exec/single.h"

#include "base/clock.h"
#include "base/error.h"
#include "exec/call.h"
#include "pool/run.h"

/* A read: alone or together with others. */
static agdb_status_t attempt_read(agdb__call_t *call, agdb__pool_t *pool, uint64_t now_us,
                                  agdb_result_t **ret)
{
    agdb__answer_t answer = {0};
    agdb__ran_t ran;
    agdb_status_t st = agdb__pool_run(pool, &call->statement, now_us, call->deadline_us, &ran,
                                      &answer.rows, &call->error);

    answer.in_recovery = ran.in_recovery;
    answer.exec_us = ran.exec_us;
    return st == AGDB_OK ? agdb__call_answered(call, &answer, agdb__now_us(), ret) : st;
}

/* A write has a connection to itself. */
static agdb_status_t attempt_write(agdb__call_t *call, agdb__pool_t *pool, uint64_t now_us,
                                   agdb_result_t **ret)
{
    agdb__answer_t answer = {0};
    agdb__lease_t lease;
    agdb_status_t st =
        agdb__pool_claim(pool, false, now_us, call->deadline_us, &lease, &call->error);

    if (st != AGDB_OK)
        return st;
    st = agdb__call_check_chosen(call);
    if (st == AGDB_OK)
        st = agdb__conn_run(lease.conn, &call->statement, call->deadline_us, &answer.rows,
                            &call->error);
    answer.in_recovery = agdb__conn_in_recovery(lease.conn);
    now_us = agdb__now_us();
    answer.exec_us = now_us - lease.since_us;
    agdb__pool_release(pool, &lease, now_us);
    return st == AGDB_OK ? agdb__call_answered(call, &answer, now_us, ret) : st;
}

static void attempt(agdb__call_t *call, uint8_t node, uint64_t now_us, agdb_result_t **ret)
{
    agdb__pool_t *pool = call->shard->nodes[node].pool;
    agdb_status_t st = call->statement.read_only ? attempt_read(call, pool, now_us, ret)
                                                 : attempt_write(call, pool, now_us, ret);

    if (st != AGDB_OK)
        agdb__call_failed(call, agdb__now_us());
}

agdb_status_t agdb__single_run(agdb__shard_t *shard, const agdb_request_t *request,
                               uint64_t start_us, agdb_result_t **ret, agdb_error_t **reterr)
{
    agdb_result_t *res = NULL;
    uint64_t now_us = start_us;
    agdb__call_t call;

    agdb__call_begin(&call, shard, request, start_us, agdb__thread_number());
    while (res == NULL) {
        agdb__next_t next = agdb__call_next(&call, now_us);

        if (next.kind == AGDB__NEXT_OVER)
            return agdb__call_finish(&call, reterr);
        if (next.kind == AGDB__NEXT_WAIT)
            (void)agdb__board_wait(&shard->board, call.version, next.until_us);
        else
            attempt(&call, next.node, now_us, &res);
        if (res == NULL)
            now_us = agdb__now_us();
    }
    if (ret != NULL)
        *ret = res;
    else
        agdb__result_free(res);
    return AGDB_OK;
}
