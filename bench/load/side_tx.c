/* The library: every thread runs transactions on one client, statement by statement or as an array.
 */
#include "load/ours.h"

static void *side_join(unsigned thread)
{
    (void)thread;
    return ours_client();
}

/* A statement has its target and its access from its transaction. */
static agdb_request_t statement(const operation_t *op, agdb_value_t *param)
{
    agdb_request_t request = ours_request(op, param);

    request.key = agdb_key(NULL);
    request.access = AGDB_WRITE;
    request.timeout_ms = 0;
    return request;
}

static bool run_step(agdb_tx_t *tx, const operation_t *op, bool is_last)
{
    agdb_value_t param;
    agdb_request_t request = statement(op, &param);
    agdb_result_t *res = NULL;
    agdb_error_t *error = NULL;
    bool right;

    request.tx = tx;
    request.commit = is_last;
    if (agdb_query(agdb_tx_client(tx), &request, &res, &error) != AGDB_OK)
        return ours_failed(error);
    right = ours_is_right(res, op);
    agdb_result_free(res);
    return right;
}

static bool run_steps(void *own, const operation_t *op)
{
    operation_t steps[STEPS];
    agdb_tx_t *tx = NULL;
    agdb_error_t *error = NULL;
    unsigned i;

    workload_steps(ours_work(), op, steps);
    if (agdb_begin(own, AGDB_TX(.key = agdb_key(op->key), .timeout_ms = OURS_CALL_MS), &tx,
                   &error) != AGDB_OK)
        return ours_failed(error);
    for (i = 0; i < STEPS; i++)
        if (!run_step(tx, &steps[i], i == STEPS - 1)) {
            agdb_rollback(tx);
            return false;
        }
    return agdb_commit(tx, &error) == AGDB_OK || ours_failed(error);
}

static bool take(agdb_result_t *const *results, const operation_t *steps)
{
    bool right = true;
    unsigned i;

    for (i = 0; i < STEPS; i++) {
        right = ours_is_right(results[i], &steps[i]) && right;
        agdb_result_free(results[i]);
    }
    return right;
}

static bool run_array(void *own, const operation_t *op)
{
    operation_t steps[STEPS];
    agdb_value_t params[STEPS];
    agdb_request_t requests[STEPS];
    const agdb_request_t *all[STEPS];
    agdb_result_t *results[STEPS] = {NULL};
    agdb_error_t *error = NULL;
    unsigned i;

    workload_steps(ours_work(), op, steps);
    for (i = 0; i < STEPS; i++) {
        requests[i] = statement(&steps[i], &params[i]);
        all[i] = &requests[i];
    }
    if (agdb_query_tx(own, AGDB_TX(.key = agdb_key(op->key), .timeout_ms = OURS_CALL_MS), all,
                      STEPS, results, &error) != AGDB_OK)
        return ours_failed(error);
    return take(results, steps);
}

static void side_leave(void *own)
{
    (void)own;
}

const side_t k_side_tx = {.name = "tx",
                          .open = ours_open,
                          .join = side_join,
                          .run = run_steps,
                          .leave = side_leave,
                          .close = ours_close};

const side_t k_side_tx_array = {.name = "tx_array",
                                .open = ours_open,
                                .join = side_join,
                                .run = run_array,
                                .leave = side_leave,
                                .close = ours_close};
