#include "exec/hedge.h"

#include "base/clock.h"
#include "base/error.h"
#include "exec/driver.h"
#include "pg/result.h"

typedef struct hedge {
    agdb__shard_t *shard;
    const agdb_request_t *request;
    uint64_t start_us;
    agdb__driver_t driver;
    agdb__task_t task[2];
    unsigned count; /* of tasks that were begun */
    agdb__task_t *won;
} hedge_t;

/* The first answer wins; without any, the last failure is told. */
static void take_done(hedge_t *h)
{
    agdb__task_t *task;

    while ((task = agdb__driver_take_done(&h->driver)) != NULL)
        if (h->won == NULL || h->won->status != AGDB_OK)
            h->won = task;
}

static bool is_decided(const hedge_t *h)
{
    return h->won != NULL && (h->won->status == AGDB_OK || h->driver.live == 0);
}

static void drive(hedge_t *h, uint64_t until_us)
{
    do {
        agdb__driver_step(&h->driver, until_us);
        take_done(h);
        agdb__driver_rest(&h->driver);
    } while (!is_decided(h) && agdb__now_us() < until_us);
}

/* Nothing is sent before the next step: with no other node to go to, or no budget, it is taken
 * back. */
static void add_second(hedge_t *h)
{
    const agdb__call_t *first = &h->task[0].call;
    const agdb__task_state_t state = h->task[0].state;

    if (state != AGDB__TASK_IN_FLIGHT && state != AGDB__TASK_QUEUED)
        return;
    agdb__driver_add_beside(&h->driver, &h->task[1], first->shard, h->request, h->start_us,
                            agdb__now_us(), (uint32_t)1 << first->node);
    h->count = 2;
    if (h->task[1].state != AGDB__TASK_QUEUED || !agdb__budget_spend(&h->shard->budget))
        (void)agdb__driver_drop(&h->driver, &h->task[1]);
    else if (h->shard->tally != NULL)
        agdb__count(&h->shard->tally->hedges);
}

/* Who lost has kept its caller waiting. */
static void grade_loser(hedge_t *h)
{
    agdb__task_t *loser = &h->task[0];

    if (loser->state != AGDB__TASK_OUT && agdb__call_has_node(&loser->call) &&
        !loser->call.on_primary && h->won->status == AGDB_OK)
        agdb__grade_bad(&loser->call.shard->nodes[loser->call.node].grade, agdb__now_us());
}

static void run(hedge_t *h)
{
    agdb__driver_add(&h->driver, &h->task[0], h->shard, h->request, h->start_us);
    h->count = 1;
    drive(h, agdb__after_ms(h->start_us, h->shard->hedge_ms));
    if (is_decided(h))
        return;
    add_second(h);
    drive(h, AGDB__NEVER);
}

/* Gives what has won; the other one is not wanted any more. */
static agdb_status_t conclude(hedge_t *h, agdb_result_t **ret, agdb_error_t **reterr)
{
    unsigned i;

    grade_loser(h);
    for (i = 0; i < h->count; i++) {
        agdb__task_t *task = &h->task[i];

        if (task->state != AGDB__TASK_OUT)
            (void)agdb__driver_drop(&h->driver, task);
        if (task == h->won && task->status != AGDB_OK) {
            agdb__error_move(reterr, task->error);
            task->error = NULL;
        }
        if (task == h->won && ret != NULL) {
            *ret = task->result;
            task->result = NULL;
        }
        agdb__result_free(task->result);
        agdb__error_free(task->error);
        agdb__error_free(task->call.error);
    }
    return h->won->status;
}

agdb_status_t agdb__hedge_run(agdb__shard_t *shard, const agdb_request_t *request,
                              uint64_t start_us, agdb_result_t **ret, agdb_error_t **reterr)
{
    hedge_t h = {.shard = shard, .request = request, .start_us = start_us};
    agdb_status_t st = AGDB_E_NOMEM;
    agdb__poll_poller_t poller = {.room = 0};
    agdb__bell_t bell;

    if (!agdb__bell_init(&bell))
        return agdb__fail(reterr, AGDB_E_NOMEM,
                          "no event descriptor: the process has too many open");
    agdb__driver_init(&h.driver, &bell, &poller.base);
    if (agdb__poll_poller_init(&poller, &bell) && agdb__driver_reserve(&h.driver, 2)) {
        run(&h);
        st = conclude(&h, ret, reterr);
    } else {
        (void)agdb__fail_nomem(reterr);
    }
    agdb__driver_fini(&h.driver);
    agdb__poll_poller_fini(&poller);
    agdb__bell_fini(&bell);
    return st;
}
