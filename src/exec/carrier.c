#include "base/alloc.h"
#include "base/error.h"
#include "exec/driver_impl.h"
#include "pool/group.h"

#include <stddef.h>

static void ring(agdb__timer_t *timer, void *user, uint64_t now_us);
static void on_ready(agdb__interest_t *interest);

/* --- having one --------------------------------------------------------------------------------
 */

agdb__carrier_t *agdb__carrier_new(agdb__feed_t *feed)
{
    agdb__driver_t *driver = feed->driver;
    agdb__carrier_t *c = driver->spare;

    if (c != NULL) {
        driver->spare = c->next;
    } else {
        if (!agdb__driver_reserve(driver, 1))
            return NULL;
        c = agdb__calloc(1, sizeof *c);
        if (c == NULL) {
            agdb__driver_unreserve(driver, 1);
            return NULL;
        }
        c->timer.ring = ring;
        c->interest = (agdb__interest_t){.fd = -1, .ready = on_ready};
    }
    c->feed = feed;
    c->kind = AGDB__CARRIER_IDLE;
    c->lease.conn = NULL;
    c->count = 0;
    c->next = feed->carriers;
    feed->carriers = c;
    feed->ncarriers++;
    return c;
}

static void set_kind(agdb__carrier_t *c, agdb__carrier_kind_t kind)
{
    agdb__feed_t *feed = c->feed;

    feed->wanting -= c->kind == AGDB__CARRIER_WANTING;
    feed->groups -= c->kind == AGDB__CARRIER_GROUP;
    feed->loners -= c->kind == AGDB__CARRIER_LONER;
    c->kind = kind;
    feed->wanting += kind == AGDB__CARRIER_WANTING;
    feed->groups += kind == AGDB__CARRIER_GROUP;
    feed->loners += kind == AGDB__CARRIER_LONER;
}

static void begin_timing(agdb__carrier_t *c)
{
    c->timing = true;
    c->feed->timed++;
}

static void end_timing(agdb__carrier_t *c)
{
    c->feed->timed -= c->timing;
    c->timing = false;
}

static agdb__wanted_t became(agdb__carrier_t *c, agdb__wanted_t wanted)
{
    set_kind(c, wanted == AGDB__WANTED_WAITING ? AGDB__CARRIER_WANTING : AGDB__CARRIER_IDLE);
    return wanted;
}

agdb__wanted_t agdb__carrier_want(agdb__carrier_t *c, uint64_t now_us, agdb_error_t **reterr)
{
    return became(c, agdb__pool_want(c->feed->pool, &c->want, agdb__bell_ring,
                                     c->feed->driver->bell, now_us, &c->lease, reterr));
}

agdb__wanted_t agdb__carrier_wanted(agdb__carrier_t *c, uint64_t now_us, agdb_error_t **reterr)
{
    return became(c, agdb__pool_wanted(c->feed->pool, &c->want, now_us, &c->lease, reterr));
}

static void unlink_from_feed(agdb__carrier_t *c)
{
    agdb__carrier_t **at = &c->feed->carriers;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->feed->ncarriers--;
}

/* An answer that has come meanwhile saves the connection. */
static void give_back(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__feed_t *feed = c->feed;
    agdb__poller_t *poller = feed->driver->poller;

    if (c->kind != AGDB__CARRIER_IDLE)
        (void)agdb__conn_step(c->lease.conn, now_us);
    poller->disarm(poller, &c->interest, agdb__conn_state(c->lease.conn) != AGDB__CONN_DEAD);
    agdb__pool_release(feed->pool, &c->lease, now_us);
    feed->served_us = now_us;
}

void agdb__carrier_drop(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__feed_t *feed = c->feed;
    agdb__driver_t *driver = feed->driver;

    if (c->kind == AGDB__CARRIER_WANTING)
        agdb__pool_unwant(feed->pool, &c->want, now_us);
    else if (c->lease.conn != NULL)
        give_back(c, now_us);
    if (c->kind == AGDB__CARRIER_GROUP)
        feed->riding -= c->count;
    set_kind(c, AGDB__CARRIER_IDLE);
    end_timing(c);
    agdb__timers_clear(&driver->timers, &c->timer);
    unlink_from_feed(c);
    c->next = driver->spare;
    driver->spare = c;
    if (feed->shorts.count + feed->alones.count > 0)
        feed->dirty = true;
}

/* --- out ---------------------------------------------------------------------------------------
 */

static uint64_t patience_us(const agdb__carrier_t *c)
{
    return c->sent_us + AGDB__TIMING_PATIENCE_US;
}

/* A timer that is too early is left alone: it looks again when it rings. */
static void watch_the_time(agdb__carrier_t *c)
{
    uint64_t at_us = c->timing ? agdb__min_us(c->until_us, patience_us(c)) : c->until_us;

    if (c->timer.place == 0 || c->timer.at_us > at_us)
        agdb__timers_set(&c->feed->driver->timers, &c->timer, at_us);
}

static void take_aboard(agdb__carrier_t *c, agdb__task_t *task)
{
    agdb__call_sent(&task->call, &c->lease, c->sent_us, 1);
    task->state = AGDB__TASK_IN_FLIGHT;
    task->carrier = c;
    task->place = c->count;
    c->member[c->count++] = task;
}

/* Too many, or of another kind: it goes with a later group. */
static bool fits(const agdb__carrier_t *c, const agdb__task_t *task, size_t share, bool read_only)
{
    return c->count < share && c->work_us < AGDB__GROUP_TIME_US && task != NULL &&
           task->verdict == AGDB__RIDE_SHARED && task->call.statement.read_only == read_only;
}

static void count_in(agdb__carrier_t *c, agdb__task_t *task)
{
    uint64_t alone_us = agdb__learn_expected_us(task->learnt);

    take_aboard(c, task);
    c->work_us += agdb__pool_work_us(c->feed->pool, task->learnt, false);
    if (alone_us > c->longest_us)
        c->longest_us = alone_us;
}

/* Nobody was woken for its deadline yet, and it is over: then it must not go any more. */
static bool fail_if_late(agdb__carrier_t *c, agdb__task_t *task, uint64_t now_us)
{
    agdb_error_t *error = NULL;

    if (c->sent_us < task->call.deadline_us)
        return false;
    (void)agdb__pool_fail_waited(c->feed->pool, c->sent_us - task->queued_us, &error);
    agdb__driver_failed(c->feed->driver, task, error, now_us);
    return true;
}

/* Puts one more into the group. False: the connection is dead; those who are in it already hear
 * from it what became of them. */
static bool add(agdb__carrier_t *c, agdb__task_t *task, uint64_t now_us)
{
    agdb_error_t *error = NULL;
    agdb_status_t st = AGDB_OK;

    agdb__tasks_remove(task);
    if (fail_if_late(c, task, now_us))
        return true;
    if (!task->call.statement.read_only && agdb__call_check_chosen(&task->call) != AGDB_OK) {
        agdb__driver_failed(c->feed->driver, task, NULL, now_us);
        return true;
    }
    st = agdb__conn_group_add(c->lease.conn, &task->call.statement, &error);
    if (st == AGDB_OK) {
        count_in(c, task);
        return true;
    }
    if (st != AGDB_E_UNSUPPORTED && agdb__conn_state(c->lease.conn) != AGDB__CONN_DEAD) {
        agdb__driver_failed(c->feed->driver, task, error, now_us);
        return true;
    }
    if (st == AGDB_E_UNSUPPORTED) { /* not what it was learnt to be */
        agdb__learn_failure(task->learnt, AGDB__FAULT_LASTING);
        task->alone = true;
    }
    agdb__feed_put_back(c->feed, task);
    agdb__error_free(error);
    return agdb__conn_state(c->lease.conn) != AGDB__CONN_DEAD;
}

static uint64_t expected_us(const agdb__carrier_t *c)
{
    return c->work_us + c->longest_us;
}

/* To all in it, how many they are. */
static void tell_group(agdb__carrier_t *c)
{
    size_t i;

    for (i = 0; i < c->count; i++)
        c->member[i]->call.course.trip.group = (uint32_t)c->count;
}

static bool send_group(agdb__carrier_t *c, agdb__task_t *first, size_t share, uint64_t now_us)
{
    agdb__task_t *task = first;
    bool read_only = task->call.statement.read_only;

    c->work_us = 0;
    c->longest_us = 0;
    agdb__conn_set_lock_ms(c->lease.conn, AGDB__GROUP_LOCK_MS);
    agdb__conn_group_begin(c->lease.conn, read_only ? AGDB__GROUP_READS : AGDB__GROUP_WRITES);
    while (fits(c, task, share, read_only) && add(c, task, now_us))
        task = agdb__feed_first_short(c->feed);
    if (agdb__conn_group_end(c->lease.conn) == 0)
        return false;
    set_kind(c, AGDB__CARRIER_GROUP);
    c->is_of_writes = !read_only;
    tell_group(c);
    agdb__pool_note_group(c->feed->pool, read_only, c->count);
    c->feed->riding += c->count;
    c->until_us = agdb__group_stuck_us(c->sent_us, expected_us(c));
    watch_the_time(c);
    return true;
}

static bool send_alone(agdb__carrier_t *c, agdb__task_t *task, uint64_t now_us)
{
    agdb_error_t *error = NULL;
    agdb_status_t st = AGDB_OK;

    agdb__tasks_remove(task);
    if (fail_if_late(c, task, now_us))
        return false;
    if (!task->call.statement.read_only)
        st = agdb__call_check_chosen(&task->call);
    if (st == AGDB_OK)
        st = agdb__conn_send(c->lease.conn, &task->call.statement, &error);
    if (st != AGDB_OK) {
        agdb__driver_failed(c->feed->driver, task, error, now_us);
        return false;
    }
    take_aboard(c, task);
    set_kind(c, AGDB__CARRIER_LONER);
    /* The connection is watched for it, also when it is given up. */
    agdb__timers_clear(&c->feed->driver->timers, &task->timer);
    c->until_us = task->call.deadline_us;
    if (task->verdict == AGDB__RIDE_TIMED)
        begin_timing(c);
    watch_the_time(c);
    return true;
}

/* By the load that the turn was decided by: what other threads learn meanwhile may have changed the
 * queues if they were looked at again. */
static bool send(agdb__carrier_t *c, agdb__turn_t turn, const agdb__spread_load_t *load,
                 uint64_t now_us)
{
    agdb__task_t *task = turn == AGDB__TURN_SHORT ? c->feed->shorts.head : c->feed->alones.head;

    if (turn == AGDB__TURN_SHORT && task->verdict == AGDB__RIDE_SHARED)
        return send_group(c, task, agdb__spread_plan(load).share, now_us);
    return send_alone(c, task, now_us);
}

/* Gives an idle connection something to do. False: there is nothing, or the connection died. */
static bool take_work(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__feed_t *feed = c->feed;

    while (agdb__conn_is_clean(c->lease.conn) && !feed->driver->ending) {
        agdb__spread_load_t load = agdb__feed_load(feed);
        agdb__turn_t turn = agdb__spread_turn(&load);

        if (turn == AGDB__TURN_NONE)
            return false;
        feed->last_was_short = turn == AGDB__TURN_SHORT;
        c->sent_us = agdb__now_us();
        if (send(c, turn, &load, now_us))
            return true;
    }
    return false;
}

/* --- and back ----------------------------------------------------------------------------------
 */

static void fail_member(agdb__carrier_t *c, agdb__task_t *task, agdb_error_t *take_error,
                        uint64_t now_us)
{
    agdb__group_fault_t fault = agdb__group_fault(take_error);

    if (take_error == NULL)
        (void)agdb__fail_nomem(&take_error);
    if (!agdb__group_spares(take_error->status))
        agdb__learn_failure(task->learnt, fault);
    if (fault != AGDB__FAULT_NONE) { /* on its own before its caller is told anything */
        task->alone = true;
        agdb__trip_lose(&task->call.course.trip, now_us);
        agdb__feed_put_back(c->feed, task);
        agdb__error_free(take_error);
        return;
    }
    agdb__driver_failed(c->feed->driver, task, take_error, now_us);
}

/* Takes the answer of member `i`. True: it was not executed and goes again. */
static bool take_member(agdb__carrier_t *c, size_t i, agdb__answer_t answer, bool slow,
                        uint64_t now_us)
{
    agdb__task_t *task = c->member[i];
    agdb_error_t *error = NULL;
    agdb__member_fate_t fate = agdb__conn_group_receive(c->lease.conn, i, &answer.rows, &error);

    if (task == NULL) { /* nobody wants it any more */
        agdb__rows_free(answer.rows);
        agdb__error_free(error);
        return false;
    }
    if (slow)
        agdb__learn_slow(task->learnt);
    if (fate == AGDB__MEMBER_NOT_EXECUTED) {
        agdb__trip_lose(&task->call.course.trip, now_us);
        return true;
    }
    task->carrier = NULL;
    if (fate == AGDB__MEMBER_ANSWERED)
        agdb__driver_answered(c->feed->driver, task, &answer, now_us);
    else
        fail_member(c, task, error, now_us);
    return false;
}

static void collect_group(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__task_t *again[AGDB__GROUP_MAX];
    agdb__answer_t answer = {.in_recovery = agdb__conn_in_recovery(c->lease.conn),
                             .position = agdb__conn_position(c->lease.conn)};
    bool slow = agdb__group_is_slow(now_us - c->sent_us, expected_us(c));
    size_t n = 0;
    size_t i;

    for (i = 0; i < c->count; i++)
        if (take_member(c, i, answer, slow, now_us))
            again[n++] = c->member[i];
    while (n > 0)
        agdb__feed_put_back(c->feed, again[--n]);
    c->feed->riding -= c->count;
}

static void collect_alone(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__task_t *task = c->member[0];
    agdb__answer_t answer = {.in_recovery = agdb__conn_in_recovery(c->lease.conn)};
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb__conn_receive(c->lease.conn, &answer.rows, &error);

    answer.position = agdb__conn_position(c->lease.conn);
    answer.replayed = agdb__conn_was_replayed(c->lease.conn);
    if (task == NULL) {
        agdb__rows_free(answer.rows);
        agdb__error_free(error);
        return;
    }
    task->carrier = NULL;
    if (st != AGDB_OK) {
        agdb__driver_failed(c->feed->driver, task, error, now_us);
        return;
    }
    if (task->learnt != NULL)
        agdb__learn_solo(task->learnt, agdb__conn_last_kind(c->lease.conn) == AGDB__ST_PLAIN,
                         now_us - c->sent_us);
    agdb__driver_answered(c->feed->driver, task, &answer, now_us);
}

static void collect(agdb__carrier_t *c, uint64_t now_us)
{
    if (c->kind == AGDB__CARRIER_GROUP)
        collect_group(c, now_us);
    else
        collect_alone(c, now_us);
    set_kind(c, AGDB__CARRIER_IDLE);
    end_timing(c);
    c->count = 0;
}

/* True while an answer is awaited. */
static bool is_under_way(agdb__carrier_t *c)
{
    agdb__poller_t *poller = c->feed->driver->poller;
    agdb__conn_t *conn = c->lease.conn;

    if (agdb__conn_state(conn) != AGDB__CONN_IN_FLIGHT)
        return false;
    if (poller->arm(poller, &c->interest, agdb__conn_fd(conn), agdb__conn_events(conn)))
        return true;
    agdb__conn_abort(conn, "no memory to wait for its answer");
    return false;
}

/* The next group leaves before anybody hears of the last one: callbacks come later. */
void agdb__carrier_go(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__feed_t *feed = c->feed;

    while (c->kind != AGDB__CARRIER_IDLE || take_work(c, now_us)) {
        if (is_under_way(c))
            return;
        collect(c, now_us);
        if (!agdb__conn_is_clean(c->lease.conn) ||
            agdb__pool_wants_back(feed->pool, &c->lease, feed->wanting, now_us)) {
            agdb__carrier_drop(c, now_us);
            return;
        }
    }
    if (!agdb__conn_is_clean(c->lease.conn))
        agdb__carrier_drop(c, now_us);
}

static bool is_busy(const agdb__carrier_t *c)
{
    return c->kind == AGDB__CARRIER_GROUP || c->kind == AGDB__CARRIER_LONER;
}

static void on_ready(agdb__interest_t *interest)
{
    agdb__carrier_t *c =
        (agdb__carrier_t *)(void *)((char *)interest - offsetof(agdb__carrier_t, interest));

    if (!is_busy(c))
        return;
    (void)agdb__conn_step(c->lease.conn, agdb__now_us());
    agdb__carrier_go(c, agdb__now_us());
}

/* Its time is over: the keeper waits for the answer. */
static void leave(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__task_t *task = c->member[0];
    agdb_error_t *error = NULL;

    if (task != NULL) {
        task->carrier = NULL;
        (void)agdb__fail_unanswered(c->until_us - c->sent_us, task->call.statement.read_only,
                                    &error);
        agdb__driver_failed(c->feed->driver, task, error, now_us);
    }
    agdb__carrier_drop(c, now_us);
}

void agdb__carrier_given_up(agdb__carrier_t *c, uint64_t now_us)
{
    if (c->kind == AGDB__CARRIER_LONER && agdb__conn_can_be_left(c->lease.conn))
        agdb__carrier_drop(c, now_us);
}

static bool is_waited_for(const agdb__carrier_t *c)
{
    size_t i = 0;

    while (i < c->count && c->member[i] == NULL)
        i++;
    return i < c->count;
}

/* A group of writes that has had no answer for long, while the server may only stand still. */
static bool goes_on_waiting(const agdb__carrier_t *c, uint64_t now_us)
{
    return now_us >= c->until_us && c->kind == AGDB__CARRIER_GROUP && is_waited_for(c) &&
           c->is_of_writes && !agdb__pool_has_passed_over(c->feed->pool, c->sent_us);
}

static void ring(agdb__timer_t *timer, void *user, uint64_t now_us)
{
    agdb__carrier_t *c =
        (agdb__carrier_t *)(void *)((char *)timer - offsetof(agdb__carrier_t, timer));

    (void)user;
    if (!is_busy(c))
        return;
    if (c->timing && now_us >= patience_us(c)) {
        end_timing(c); /* it is not short: the others need not wait for it */
        c->feed->dirty = true;
    }
    if (goes_on_waiting(c, now_us))
        c->until_us = now_us + AGDB__GROUP_LOOK_AGAIN_US;
    if (now_us < c->until_us) {
        watch_the_time(c);
        return;
    }
    if (c->kind == AGDB__CARRIER_LONER && agdb__conn_can_be_left(c->lease.conn)) {
        leave(c, now_us);
        return;
    }
    if (c->kind == AGDB__CARRIER_LONER)
        agdb__conn_expire(c->lease.conn, c->until_us - c->sent_us);
    else
        agdb__conn_abort(c->lease.conn, "no answer to a group of statements in time");
    agdb__carrier_go(c, now_us);
}
