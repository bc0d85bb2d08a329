#include "exec/driver.h"

#include "base/alloc.h"
#include "base/error.h"
#include "exec/driver_impl.h"
#include "exec/rider.h"
#include "pool/group.h"

#include <stddef.h>

/* A feed that refuses its tasks sends them to others; so often this is followed in one step. */
enum { FILL_ROUNDS = 8 };

/* A board that is watched, because tasks wait for its shard to change. */
typedef struct agdb__vigil {
    struct agdb__vigil *next;
    agdb__shard_t *shard;
    agdb__watcher_t watcher;
} agdb__vigil_t;

void agdb__driver_init(agdb__driver_t *driver, agdb__bell_t *bell, agdb__poller_t *poller)
{
    *driver = (agdb__driver_t){.bell = bell, .poller = poller};
}

void agdb__driver_fini(agdb__driver_t *driver)
{
    uint64_t now_us = agdb__now_us();

    while (driver->feeds != NULL) {
        agdb__feed_t *feed = driver->feeds;

        driver->feeds = feed->next;
        agdb__feed_free(feed, now_us);
    }
    while (driver->vigils != NULL) {
        agdb__vigil_t *vigil = driver->vigils;

        driver->vigils = vigil->next;
        agdb__board_unwatch(&vigil->shard->board, &vigil->watcher);
        agdb__free(vigil);
    }
    while (driver->spare != NULL) {
        agdb__carrier_t *c = driver->spare;

        driver->spare = c->next;
        agdb__free(c);
    }
    agdb__timers_fini(&driver->timers);
}

bool agdb__driver_reserve(agdb__driver_t *driver, size_t count)
{
    if (!agdb__timers_reserve(&driver->timers, driver->ntimers + count))
        return false;
    driver->ntimers += count;
    return true;
}

void agdb__driver_unreserve(agdb__driver_t *driver, size_t count)
{
    driver->ntimers -= count;
}

/* --- a task's way ------------------------------------------------------------------------------
 */

void agdb__driver_finish(agdb__driver_t *driver, agdb__task_t *task, agdb_status_t status)
{
    task->status = status;
    task->state = AGDB__TASK_DONE;
    agdb__timers_clear(&driver->timers, &task->timer);
    agdb__tasks_append(&driver->done, task);
}

/* Watched for as long as the driver or the shard lives: one that was without a node once may be so
 * again. */
static bool watch(agdb__driver_t *driver, agdb__shard_t *shard)
{
    agdb__vigil_t *vigil = driver->vigils;

    while (vigil != NULL && vigil->shard != shard)
        vigil = vigil->next;
    if (vigil != NULL)
        return true;
    vigil = agdb__calloc(1, sizeof *vigil);
    if (vigil == NULL)
        return false;
    vigil->shard = shard;
    vigil->watcher = (agdb__watcher_t){.tell = agdb__bell_ring, .user = driver->bell};
    vigil->next = driver->vigils;
    driver->vigils = vigil;
    agdb__board_watch(&shard->board, &vigil->watcher);
    return true;
}

static agdb__call_t *call_of(agdb__task_t *task)
{
    return task->tx_call != NULL ? task->tx_call : &task->call;
}

static bool is_waited_for(const agdb__driver_t *driver, const agdb__shard_t *shard)
{
    agdb__task_t *task = driver->paused.head;

    while (task != NULL && call_of(task)->shard != shard)
        task = task->next;
    return task != NULL;
}

/* Shards that no map in use has. */
static void end_vigils(agdb__driver_t *driver)
{
    agdb__vigil_t **at = &driver->vigils;

    while (*at != NULL) {
        agdb__vigil_t *vigil = *at;

        if (!agdb__board_is_retired(&vigil->shard->board) || is_waited_for(driver, vigil->shard)) {
            at = &vigil->next;
            continue;
        }
        *at = vigil->next;
        agdb__board_unwatch(&vigil->shard->board, &vigil->watcher);
        agdb__free(vigil);
    }
}

static bool has_changed(agdb__task_t *task)
{
    const agdb__call_t *call = call_of(task);
    agdb__board_t *board = &call->shard->board;

    return agdb__board_version(board) != call->version ||
           atomic_load_explicit(&board->closing, memory_order_relaxed);
}

static void fail_nomem(agdb__task_t *task, uint64_t now_us)
{
    agdb__call_t *call = call_of(task);

    (void)agdb__fail_nomem(&call->error);
    agdb__error_outcome(&call->error, AGDB_OUTCOME_NOT_SENT);
    agdb__call_failed(call, now_us);
}

/* False: it need not wait, or cannot. */
bool agdb__driver_pause(agdb__driver_t *driver, agdb__task_t *task, uint64_t until_us,
                        uint64_t now_us)
{
    if (!watch(driver, call_of(task)->shard)) {
        fail_nomem(task, now_us);
        return false;
    }
    if (has_changed(task)) /* before it was watched */
        return false;
    task->state = AGDB__TASK_PAUSED;
    agdb__tasks_append(&driver->paused, task);
    agdb__timers_set(&driver->timers, &task->timer, until_us);
    return true;
}

/* Brings a task to where it waits next. */
static void place(agdb__driver_t *driver, agdb__task_t *task, uint64_t now_us)
{
    if (task->tx_call != NULL && driver->ending) {
        agdb__tasks_append(&driver->paused, task); /* until it is given up */
        return;
    }
    if (task->tx_call != NULL) {
        agdb__rider_go(agdb__rider_of(task), now_us);
        return;
    }
    for (;;) {
        agdb__next_t next = agdb__call_next(&task->call, now_us);

        if (next.kind == AGDB__NEXT_OVER) {
            agdb__driver_finish(driver, task, agdb__call_finish(&task->call, &task->error));
            return;
        }
        if (next.kind == AGDB__NEXT_WAIT) {
            if (agdb__driver_pause(driver, task, next.until_us, now_us))
                return;
        } else {
            if (agdb__feed_add(driver, task->call.shard->nodes[next.node].pool, task, now_us))
                return;
            fail_nomem(task, now_us);
        }
    }
}

void agdb__driver_failed(agdb__driver_t *driver, agdb__task_t *task, agdb_error_t *take_error,
                         uint64_t now_us)
{
    if (take_error != NULL)
        agdb__error_move(&task->call.error, take_error);
    agdb__call_failed(&task->call, now_us);
    place(driver, task, now_us);
}

void agdb__driver_answered(agdb__driver_t *driver, agdb__task_t *task, const agdb__answer_t *answer,
                           uint64_t now_us)
{
    agdb_status_t st = agdb__call_answered(&task->call, answer, now_us, &task->result);

    if (st == AGDB_OK)
        agdb__driver_finish(driver, task, AGDB_OK);
    else
        agdb__driver_failed(driver, task, NULL, now_us);
}

/* Out of wherever it is. True: it is with a server. A feed that has nothing left to wait for leaves
 * the queue of its pool in the next round. */
static bool take_out(agdb__task_t *task)
{
    bool sent = task->state == AGDB__TASK_IN_FLIGHT;

    if (task->state == AGDB__TASK_QUEUED && task->feed != NULL)
        task->feed->dirty = true;
    agdb__tasks_remove(task);
    if (sent && task->carrier != NULL)
        task->carrier->member[task->place] = NULL;
    task->carrier = NULL;
    return sent;
}

/* A paused task's time, or the deadline of another. */
static void ring(agdb__timer_t *timer, void *user, uint64_t now_us)
{
    agdb__task_t *task = (agdb__task_t *)(void *)((char *)timer - offsetof(agdb__task_t, timer));
    agdb__driver_t *driver = user;
    agdb_error_t *error = NULL;

    if (task->state == AGDB__TASK_PAUSED) {
        (void)take_out(task);
        place(driver, task, now_us);
        return;
    }
    if (task->tx_call != NULL) {
        agdb__rider_ring(agdb__rider_of(task), now_us);
        return;
    }
    if (task->state == AGDB__TASK_QUEUED)
        (void)agdb__pool_fail_waited(task->feed->pool, now_us - task->queued_us, &error);
    else
        (void)agdb__fail_unanswered(task->call.deadline_us - task->carrier->sent_us,
                                    task->call.statement.read_only, &error);
    (void)take_out(task);
    agdb__driver_failed(driver, task, error, now_us);
}

void agdb__driver_add_beside(agdb__driver_t *driver, agdb__task_t *task, agdb__shard_t *shard,
                             const agdb_request_t *request, uint64_t start_us, uint64_t now_us,
                             uint32_t avoid)
{
    *task = (agdb__task_t){.timer = {.ring = ring}};
    agdb__call_begin(&task->call, shard, request, start_us, driver->salt++);
    task->call.avoid = avoid;
    task->call.course.earlier_us = now_us - start_us; /* of the other one */
    task->alone = task->call.alone;
    driver->live++;
    place(driver, task, now_us);
}

void agdb__driver_add(agdb__driver_t *driver, agdb__task_t *task, agdb__shard_t *shard,
                      const agdb_request_t *request, uint64_t now_us)
{
    agdb__driver_add_beside(driver, task, shard, request, now_us, now_us, 0);
}

void agdb__driver_add_rider(agdb__driver_t *driver, agdb__task_t *task, agdb__call_t *call)
{
    *task = (agdb__task_t){.timer = {.ring = ring}, .tx_call = call};
    task->call.shard = call->shard;
    driver->live++;
}

agdb__task_t *agdb__driver_take_done(agdb__driver_t *driver)
{
    agdb__task_t *task = driver->done.head;

    if (task != NULL)
        (void)agdb__driver_drop(driver, task);
    return task;
}

bool agdb__driver_drop(agdb__driver_t *driver, agdb__task_t *task)
{
    bool over = task->state == AGDB__TASK_DONE;
    agdb__carrier_t *carrier = task->carrier;
    bool sent = take_out(task);

    if (sent && carrier != NULL)
        agdb__carrier_given_up(carrier, agdb__now_us());
    agdb__timers_clear(&driver->timers, &task->timer);
    task->state = AGDB__TASK_OUT;
    driver->live--;
    agdb__driver_unreserve(driver, 1);
    sent = sent || task->call.may_have_happened;
    if (!over && task->tx_call == NULL)
        agdb__call_abandon(&task->call, sent);
    return sent;
}

/* --- rounds ------------------------------------------------------------------------------------
 */

static bool fill_once(agdb__driver_t *driver, uint64_t now_us)
{
    agdb__feed_t *feed;
    bool any = false;

    for (feed = driver->feeds; feed != NULL; feed = feed->next) {
        if (!feed->dirty)
            continue;
        agdb__feed_fill(feed, now_us);
        any = true;
    }
    return any;
}

static void fill(agdb__driver_t *driver, uint64_t now_us)
{
    int round;

    for (round = 0; round < FILL_ROUNDS && !driver->ending; round++)
        if (!fill_once(driver, now_us))
            return;
    if (!driver->ending)
        agdb__bell_ring(driver->bell); /* go on in the next step */
}

void agdb__driver_fill(agdb__driver_t *driver)
{
    fill(driver, agdb__now_us());
}

static void hear_riders(agdb__driver_t *driver, uint64_t now_us)
{
    size_t n = driver->boarding.count; /* some may come back */
    agdb__task_t *task = driver->boarding.head;

    while (n-- > 0 && task != NULL) {
        agdb__task_t *next = task->next;

        agdb__rider_hear(agdb__rider_of(task), now_us);
        task = next;
    }
}

static void hear(agdb__driver_t *driver, uint64_t now_us)
{
    size_t n = driver->paused.count;
    agdb__task_t *task = driver->paused.head;
    agdb__feed_t *feed;

    for (feed = driver->feeds; feed != NULL; feed = feed->next)
        if (feed->wanting > 0)
            agdb__feed_hear(feed, now_us);
    hear_riders(driver, now_us);
    while (n-- > 0 && task != NULL) {
        agdb__task_t *next = task->next;

        if (has_changed(task)) {
            (void)take_out(task);
            place(driver, task, now_us);
        }
        task = next;
    }
}

static void on_ready(agdb__interest_t *interest, void *user)
{
    (void)user;
    interest->ready(interest);
}

uint64_t agdb__driver_next_us(const agdb__driver_t *driver)
{
    return driver->done.count > 0 ? 0 : agdb__timers_next_us(&driver->timers);
}

void agdb__driver_step(agdb__driver_t *driver, uint64_t until_us)
{
    uint64_t now_us = agdb__now_us();
    bool rung;

    fill(driver, now_us);
    until_us = agdb__min_us(until_us, agdb__driver_next_us(driver));
    rung = driver->poller->wait(driver->poller, now_us, until_us, on_ready, driver);
    now_us = agdb__now_us();
    if (agdb__bell_hush(driver->bell, rung))
        hear(driver, now_us);
    agdb__timers_run(&driver->timers, now_us, driver);
    fill(driver, now_us);
}

void agdb__driver_rest(agdb__driver_t *driver)
{
    uint64_t now_us = agdb__now_us();
    agdb__feed_t *feed;

    for (feed = driver->feeds; feed != NULL; feed = feed->next)
        agdb__feed_rest(feed, now_us);
    agdb__feed_forget_retired(driver, now_us);
    end_vigils(driver);
}
