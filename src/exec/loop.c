#include "exec/loop.h"

#include "base/alloc.h"
#include "base/error.h"
#include "exec/copy.h"
#include "pg/params.h"

#include <stddef.h>

/* SPARE_ROOM: a block is made at least so large, so that most requests fit into most blocks. */
enum { SPARE_MAX = 1024, SPARE_ROOM = 512, SPARE_ROOM_MAX = 65536 };

typedef struct agdb__submission {
    agdb__task_t task; /* of a scatter or a rider: its end only, these have tasks of their own */
    agdb__scatter_t *scatter;
    agdb__rider_t *rider;
    struct agdb_tx *tx; /* whose flight the rider is */
    agdb__loop_ask_t ask;
    uint64_t id;
    struct agdb__submission *next; /* spare */
    size_t room;                   /* of the copy */
    max_align_t copy[];
} submission_t;

static submission_t *submission_of(agdb__task_t *task)
{
    return (submission_t *)(void *)((char *)task - offsetof(submission_t, task));
}

/* --- blocks ------------------------------------------------------------------------------------
 */

static submission_t *take_block(agdb__loop_t *loop, size_t room)
{
    submission_t *s = loop->spare;

    if (s != NULL) {
        loop->spare = s->next;
        loop->nspare--;
        if (s->room >= room)
            return s;
        agdb__free(s);
    }
    if (room < SPARE_ROOM)
        room = SPARE_ROOM;
    s = agdb__malloc(offsetof(submission_t, copy) + room);
    if (s != NULL)
        s->room = room;
    return s;
}

static void give_block(agdb__loop_t *loop, submission_t *s)
{
    if (loop->nspare >= SPARE_MAX || s->room > SPARE_ROOM_MAX) {
        agdb__free(s);
        return;
    }
    s->next = loop->spare;
    loop->spare = s;
    loop->nspare++;
}

/* --- open and close ----------------------------------------------------------------------------
 */

agdb_status_t agdb__loop_init(agdb__loop_t *loop, size_t max, agdb_error_t **reterr)
{
    *loop = (agdb__loop_t){.max = max, .poller = {.fd = -1, .timer_fd = -1}};
    if (agdb__bell_init(&loop->bell) && agdb__epoll_poller_init(&loop->poller, &loop->bell)) {
        agdb__driver_init(&loop->driver, &loop->bell, &loop->poller.base);
        return AGDB_OK;
    }
    agdb__bell_fini(&loop->bell);
    return agdb__fail(reterr, AGDB_E_NOMEM, "no descriptors: the process has too many open");
}

void agdb__loop_fini(agdb__loop_t *loop)
{
    agdb__driver_fini(&loop->driver);
    agdb__epoll_poller_fini(&loop->poller);
    agdb__bell_fini(&loop->bell);
    agdb__handles_fini(&loop->ids);
    while (loop->spare != NULL) {
        submission_t *s = loop->spare;

        loop->spare = s->next;
        agdb__free(s);
    }
}

/* --- submit ------------------------------------------------------------------------------------
 */

static agdb_status_t fail_busy(const agdb__loop_t *loop, agdb_error_t **reterr)
{
    (void)agdb__fail(reterr, AGDB_E_BUSY,
                     "%zu requests are outstanding already (max_outstanding): dispatch first",
                     loop->outstanding);
    agdb__error_stage(reterr, AGDB_STAGE_QUEUE);
    agdb__error_retriable(reterr, true, 0);
    return AGDB_E_BUSY;
}

/* For so many tasks, and a copy of that size. */
static agdb_status_t reserve(agdb__loop_t *loop, size_t tasks, size_t room, submission_t **ret,
                             agdb_error_t **reterr)
{
    submission_t *s = NULL;

    if (loop->outstanding >= loop->max)
        return fail_busy(loop, reterr);
    if (!agdb__driver_reserve(&loop->driver, tasks))
        return agdb__fail_nomem(reterr);
    s = take_block(loop, room);
    if (s != NULL)
        s->id = agdb__handles_add(&loop->ids, s);
    if (s == NULL || s->id == 0) {
        agdb__driver_unreserve(&loop->driver, tasks);
        agdb__free(s);
        return agdb__fail_nomem(reterr);
    }
    *ret = s;
    return AGDB_OK;
}

static agdb_status_t reserve_one(agdb__loop_t *loop, const agdb_request_t *request,
                                 submission_t **ret, agdb_error_t **reterr)
{
    size_t scratch;
    agdb_status_t st = agdb__params_check(request->params, request->nparams, &scratch, reterr);

    if (st == AGDB_OK)
        return reserve(loop, 1, agdb__copy_size(request), ret, reterr);
    agdb__error_stage(reterr, AGDB_STAGE_CHECK);
    return st;
}

static void register_submission(agdb__loop_t *loop, submission_t *s, const agdb__loop_ask_t *ask,
                                uint64_t *ret_id)
{
    s->ask = *ask;
    loop->outstanding++;
    if (ret_id != NULL)
        *ret_id = s->id;
    if (!loop->calling)
        agdb__bell_ring(&loop->bell);
}

agdb_status_t agdb__loop_submit(agdb__loop_t *loop, agdb__shard_t *shard,
                                const agdb_request_t *request, const agdb__loop_ask_t *ask,
                                uint64_t *ret_id, agdb_error_t **reterr)
{
    submission_t *s = NULL;
    agdb_request_t copy;
    agdb_status_t st = reserve_one(loop, request, &s, reterr);

    if (st != AGDB_OK) {
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
        return st;
    }
    s->scatter = NULL;
    s->rider = NULL;
    agdb__copy_request(request, s->copy, &copy);
    agdb__driver_add(&loop->driver, &s->task, shard, &copy, agdb__now_us());
    register_submission(loop, s, ask, ret_id);
    return AGDB_OK;
}

agdb_status_t agdb__loop_scatter(agdb__loop_t *loop, agdb__scatter_t *take_scatter,
                                 const agdb__loop_ask_t *ask, uint64_t *ret_id,
                                 agdb_error_t **reterr)
{
    submission_t *s = NULL;
    agdb_status_t st = reserve(loop, agdb__scatter_legs(take_scatter), 0, &s, reterr);

    if (st != AGDB_OK) {
        agdb__scatter_free(take_scatter);
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
        return st;
    }
    s->task = (agdb__task_t){.state = AGDB__TASK_OUT};
    s->scatter = take_scatter;
    s->rider = NULL;
    agdb__scatter_begin(take_scatter, &loop->driver, s, agdb__now_us());
    register_submission(loop, s, ask, ret_id);
    return AGDB_OK;
}

agdb_status_t agdb__loop_fly(agdb__loop_t *loop, struct agdb_tx *tx, agdb__rider_t *take_rider,
                             const agdb__loop_ask_t *ask, uint64_t *ret_id, agdb_error_t **reterr)
{
    submission_t *s = NULL;
    agdb_status_t st = reserve(loop, 1, 0, &s, reterr);

    if (st != AGDB_OK) {
        agdb__rider_free(take_rider);
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
        return st;
    }
    s->task = (agdb__task_t){.state = AGDB__TASK_OUT};
    s->scatter = NULL;
    s->rider = take_rider;
    s->tx = tx;
    register_submission(loop, s, ask, ret_id);
    agdb__rider_begin(take_rider, &loop->driver, s);
    return AGDB_OK;
}

void agdb__loop_forget_tx(agdb__loop_t *loop, uint64_t id)
{
    submission_t *s = agdb__handles_find(&loop->ids, id);

    if (s != NULL)
        s->tx = NULL;
}

/* --- giving up ---------------------------------------------------------------------------------
 */

static agdb_outcome_t outcome_of_due(const agdb__task_t *task)
{
    return task->status == AGDB_OK ? AGDB_OUTCOME_UNKNOWN : task->error->outcome;
}

/* Takes a task out of wherever it is; it ends with this status. */
static void give_up(agdb__loop_t *loop, submission_t *s, agdb_status_t status, const char *why)
{
    agdb__task_t *task = &s->task;
    agdb_outcome_t outcome;

    if (task->list == &loop->due || task->list == &loop->ended) {
        outcome = outcome_of_due(task);
        if (s->rider != NULL)
            agdb__rider_drop_results(s->rider);
    } else if (s->scatter != NULL) {
        outcome = agdb__scatter_give_up(s->scatter, &loop->driver);
        agdb__tasks_append(&loop->ended, task);
    } else if (s->rider != NULL) {
        outcome = agdb__rider_give_up(s->rider);
        agdb__tasks_append(&loop->ended, task);
    } else if (task->state == AGDB__TASK_DONE) {
        outcome = outcome_of_due(task);
        (void)agdb__driver_drop(&loop->driver, task);
        agdb__tasks_append(&loop->ended, task);
    } else {
        outcome =
            agdb__driver_drop(&loop->driver, task) ? AGDB_OUTCOME_UNKNOWN : AGDB_OUTCOME_NOT_SENT;
        agdb__tasks_append(&loop->ended, task);
    }
    agdb__result_free(task->result);
    task->result = NULL;
    task->status = agdb__fail(&task->error, status, "%s", why);
    if (s->scatter == NULL && s->rider == NULL)
        agdb__error_place(&task->error, task->call.shard->name, NULL);
    agdb__error_outcome(&task->error, outcome);
}

bool agdb__loop_cancel(agdb__loop_t *loop, uint64_t id)
{
    submission_t *s = agdb__handles_find(&loop->ids, id);

    if (s == NULL)
        return false;
    give_up(loop, s, AGDB_E_CANCELLED, "the request was cancelled");
    if (!loop->calling)
        agdb__bell_ring(&loop->bell);
    return true;
}

/* Its answer is there already, and will be told. */
static bool is_answered(const submission_t *s)
{
    if (s->scatter != NULL)
        return agdb__scatter_is_answered(s->scatter);
    return (s->rider != NULL ? s->rider->task.state : s->task.state) == AGDB__TASK_DONE;
}

void agdb__loop_end_all(agdb__loop_t *loop, const char *why)
{
    uint32_t i;

    loop->driver.ending = true;
    agdb__driver_step(&loop->driver, 0);
    for (i = 0; i < loop->ids.count; i++) {
        submission_t *s = loop->ids.place[i].object;

        if (s != NULL && s->task.list != &loop->ended && !is_answered(s))
            give_up(loop, s, AGDB_E_CLOSING, why);
    }
}

/* --- rounds ------------------------------------------------------------------------------------
 */

void agdb__loop_step(agdb__loop_t *loop, uint64_t until_us)
{
    agdb__driver_step(&loop->driver, loop->ended.count > 0 ? 0 : until_us);
}

static agdb__task_t *ended_flight(agdb__rider_t *rider)
{
    submission_t *s = rider->owner;

    s->task.status = rider->task.status;
    s->task.error = rider->task.error;
    rider->task.error = NULL;
    if (s->ask.tx_done == NULL && rider->flight.count == 1) {
        s->task.result = rider->result[0];
        rider->result[0] = NULL;
    }
    return &s->task;
}

/* A leg may be the last of its scatter. */
static agdb__task_t *whole_of(agdb__loop_t *loop, agdb__task_t *task)
{
    agdb__scatter_t *scatter = task->scatter;
    submission_t *s;

    if (task->tx_call != NULL)
        return ended_flight(agdb__rider_of(task));
    if (scatter == NULL)
        return task;
    if (!agdb__scatter_took(scatter, &loop->driver, task))
        return NULL;
    s = agdb__scatter_owner(scatter);
    s->task.status = agdb__scatter_conclude(scatter, &s->task.result, &s->task.error);
    return &s->task;
}

void agdb__loop_collect(agdb__loop_t *loop)
{
    agdb__task_t *task;

    while ((task = loop->ended.head) != NULL) {
        agdb__tasks_remove(task);
        agdb__tasks_append(&loop->due, task);
    }
    while ((task = agdb__driver_take_done(&loop->driver)) != NULL) {
        task = whole_of(loop, task);
        if (task != NULL)
            agdb__tasks_append(&loop->due, task);
    }
}

bool agdb__loop_next_due(agdb__loop_t *loop, agdb__loop_end_t *ret)
{
    agdb__task_t *task = loop->due.head;
    submission_t *s;

    if (task == NULL)
        return false;
    s = submission_of(task);
    *ret = (agdb__loop_end_t){.done = s->ask.done,
                              .user = s->ask.user,
                              .status = task->status,
                              .result = task->result,
                              .error = task->error,
                              .tx_done = s->ask.tx_done,
                              .rider = s->rider,
                              .tx = s->rider != NULL ? s->tx : NULL,
                              .trace = s->ask.trace};
    agdb__tasks_remove(task);
    agdb__scatter_free(s->scatter);
    agdb__error_free(task->call.error); /* of an attempt before one that was given up */
    if (s->ask.pin != NULL)
        agdb__gate_leave(s->ask.pin);
    agdb__handles_remove(&loop->ids, s->id);
    loop->outstanding--;
    give_block(loop, s);
    return true;
}

void agdb__loop_settle(agdb__loop_t *loop)
{
    agdb__driver_fill(&loop->driver);
    agdb__driver_rest(&loop->driver);
    agdb__epoll_poller_alarm(&loop->poller,
                             loop->ended.count > 0 ? 0 : agdb__driver_next_us(&loop->driver));
}
