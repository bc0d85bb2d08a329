#include "base/alloc.h"
#include "base/error.h"
#include "exec/driver_impl.h"

#include <stddef.h>

static void ring(agdb__timer_t *timer, void *user, uint64_t now_us);

static agdb__feed_t **bucket_of(agdb__driver_t *driver, const agdb__pool_t *pool)
{
    return &driver->bucket[(uintptr_t)pool / 64 % AGDB__FEED_BUCKETS];
}

static agdb__feed_t *find(agdb__driver_t *driver, agdb__pool_t *pool)
{
    agdb__feed_t **bucket = bucket_of(driver, pool);
    agdb__feed_t *feed = *bucket;

    while (feed != NULL && feed->pool != pool)
        feed = feed->in_bucket;
    if (feed != NULL || !agdb__driver_reserve(driver, 1))
        return feed;
    feed = agdb__calloc(1, sizeof *feed);
    if (feed == NULL) {
        agdb__driver_unreserve(driver, 1);
        return NULL;
    }
    feed->driver = driver;
    feed->pool = pool;
    agdb__pool_hold(pool);
    feed->timer.ring = ring;
    feed->in_bucket = *bucket;
    *bucket = feed;
    feed->next = driver->feeds;
    driver->feeds = feed;
    return feed;
}

void agdb__feed_free(agdb__feed_t *feed, uint64_t now_us)
{
    while (feed->carriers != NULL)
        agdb__carrier_drop(feed->carriers, now_us);
    agdb__timers_clear(&feed->driver->timers, &feed->timer);
    agdb__pool_let_go(feed->pool);
    agdb__free(feed);
}

static void unlink_from_bucket(agdb__feed_t *feed)
{
    agdb__feed_t **at = bucket_of(feed->driver, feed->pool);

    while (*at != feed)
        at = &(*at)->in_bucket;
    *at = feed->in_bucket;
}

void agdb__feed_forget_retired(agdb__driver_t *driver, uint64_t now_us)
{
    agdb__feed_t **at = &driver->feeds;

    while (*at != NULL) {
        agdb__feed_t *feed = *at;

        if (!agdb__pool_is_retired(feed->pool) || feed->carriers != NULL ||
            feed->shorts.count + feed->alones.count > 0) {
            at = &feed->next;
            continue;
        }
        *at = feed->next;
        unlink_from_bucket(feed);
        agdb__feed_free(feed, now_us);
        agdb__driver_unreserve(driver, 1);
    }
}

/* --- the queue ---------------------------------------------------------------------------------
 */

static agdb__tasks_t *queue_of(agdb__feed_t *feed, const agdb__task_t *task)
{
    return task->alone || task->learnt == NULL || agdb__pool_excludes(feed->pool, task->learnt)
               ? &feed->alones
               : &feed->shorts;
}

static bool is_waiting(const agdb__feed_t *feed)
{
    return feed->shorts.count + feed->alones.count > 0;
}

bool agdb__feed_add(agdb__driver_t *driver, agdb__pool_t *pool, agdb__task_t *task, uint64_t now_us)
{
    agdb__feed_t *feed = find(driver, pool);

    if (feed == NULL)
        return false;
    task->state = AGDB__TASK_QUEUED;
    task->feed = feed;
    task->verdict = AGDB__RIDE_NOT_ASKED;
    task->queued_us = now_us;
    task->learnt = agdb__statement_is_solo(&task->call.statement)
                       ? NULL
                       : agdb__pool_learnt(pool, &task->call.statement);
    agdb__timers_set(&driver->timers, &task->timer, task->call.deadline_us);
    agdb__tasks_append(queue_of(feed, task), task);
    feed->dirty = true;
    return true;
}

void agdb__feed_put_back(agdb__feed_t *feed, agdb__task_t *task)
{
    task->state = AGDB__TASK_QUEUED;
    task->feed = feed;
    task->carrier = NULL;
    agdb__timers_set(&feed->driver->timers, &task->timer, task->call.deadline_us);
    agdb__tasks_push_front(queue_of(feed, task), task);
    feed->dirty = true;
}

static void fail_all(agdb__feed_t *feed, agdb__tasks_t *list, const agdb_error_t *error,
                     uint64_t now_us)
{
    size_t n = list->count; /* some may come back */

    while (n-- > 0) {
        agdb__task_t *task = list->head;

        agdb__tasks_remove(task);
        agdb__driver_failed(feed->driver, task, agdb__error_dup(error), now_us);
    }
}

/* No connection can be had: those who wait for one go elsewhere, or are told why. */
static void refuse(agdb__feed_t *feed, const agdb_error_t *error, uint64_t now_us)
{
    fail_all(feed, &feed->shorts, error, now_us);
    fail_all(feed, &feed->alones, error, now_us);
}

/* --- those who wait too long -------------------------------------------------------------------
 */

/* The limit is for connections that others have. As long as the feed has one itself, its queue
 * moves on, and only deadlines count. */
static uint64_t since_us(const agdb__feed_t *feed, const agdb__task_t *task)
{
    return task->queued_us > feed->served_us ? task->queued_us : feed->served_us;
}

static void watch_the_time(agdb__feed_t *feed, uint64_t now_us)
{
    agdb__timers_t *timers = &feed->driver->timers;

    if (!is_waiting(feed) || feed->ncarriers > feed->wanting)
        agdb__timers_clear(timers, &feed->timer);
    else if (feed->timer.place == 0)
        agdb__timers_set(timers, &feed->timer,
                         agdb__after_ms(now_us, agdb__pool_queue_ms(feed->pool)));
}

static void look_again(agdb__feed_t *feed, uint64_t at_us)
{
    if (feed->timer.place == 0 || feed->timer.at_us > at_us)
        agdb__timers_set(&feed->driver->timers, &feed->timer, at_us);
}

static void expire(agdb__feed_t *feed, agdb__tasks_t *list, uint64_t now_us)
{
    uint64_t limit_ms = agdb__pool_queue_ms(feed->pool);
    size_t n = list->count;

    while (n-- > 0) {
        agdb__task_t *task = list->head;
        const uint64_t until_us = agdb__pool_queue_until_us(
            feed->pool, agdb__after_ms(since_us(feed, task), limit_ms), now_us);
        agdb_error_t *error = NULL;

        if (now_us < until_us) {
            look_again(feed, until_us);
            return;
        }
        (void)agdb__pool_fail_waited(feed->pool, now_us - task->queued_us, &error);
        agdb__tasks_remove(task);
        agdb__driver_failed(feed->driver, task, error, now_us);
    }
}

static void ring(agdb__timer_t *timer, void *user, uint64_t now_us)
{
    agdb__feed_t *feed = (agdb__feed_t *)(void *)((char *)timer - offsetof(agdb__feed_t, timer));

    (void)user;
    if (feed->ncarriers == feed->wanting) {
        expire(feed, &feed->shorts, now_us);
        expire(feed, &feed->alones, now_us);
    }
    feed->dirty = true; /* sets the timer again when others wait */
}

/* --- connections -------------------------------------------------------------------------------
 */

/* One that has become known not to ride is of the others now. */
agdb__task_t *agdb__feed_first_short(agdb__feed_t *feed)
{
    agdb__task_t *task = feed->shorts.head;

    while (task != NULL && agdb__pool_excludes(feed->pool, task->learnt)) {
        agdb__tasks_remove(task);
        agdb__tasks_append(&feed->alones, task);
        task = feed->shorts.head;
    }
    if (task != NULL && task->verdict == AGDB__RIDE_NOT_ASKED)
        task->verdict =
            agdb__pool_lets_ride(feed->pool, task->learnt) ? AGDB__RIDE_SHARED : AGDB__RIDE_TIMED;
    return task;
}

agdb__spread_load_t agdb__feed_load(agdb__feed_t *feed)
{
    const agdb__task_t *first = agdb__feed_first_short(feed);
    bool wait = first != NULL && first->verdict == AGDB__RIDE_TIMED && feed->timed > 0;

    return (agdb__spread_load_t){
        .shorts = wait ? 0 : feed->shorts.count,
        .alones = feed->alones.count,
        .riding = feed->riding,
        .groups = feed->groups,
        .loners = feed->loners,
        .room = agdb__pool_room(feed->pool),
        .last_was_short = feed->last_was_short,
    };
}

/* Acts on what came of a claim. False: it failed. */
static bool act_on(agdb__feed_t *feed, agdb__carrier_t *c, agdb__wanted_t wanted,
                   const agdb_error_t *error, uint64_t now_us)
{
    if (wanted == AGDB__WANTED_SERVED)
        agdb__carrier_go(c, now_us);
    if (wanted != AGDB__WANTED_FAILED)
        return true;
    agdb__carrier_drop(c, now_us);
    if (feed->ncarriers == 0)
        refuse(feed, error, now_us);
    return false;
}

/* Claims one more connection. False: not now. */
static bool want_one(agdb__feed_t *feed, uint64_t now_us)
{
    agdb__carrier_t *c = agdb__carrier_new(feed);
    agdb_error_t *error = NULL;
    agdb__wanted_t wanted;
    bool going;

    if (c == NULL) {
        (void)agdb__fail_nomem(&error);
        agdb__error_outcome(&error, AGDB_OUTCOME_NOT_SENT);
        if (feed->ncarriers == 0)
            refuse(feed, error, now_us);
        agdb__error_free(error);
        return false;
    }
    wanted = agdb__carrier_want(c, now_us, &error);
    going = act_on(feed, c, wanted, error, now_us);
    agdb__error_free(error);
    return going;
}

static bool wants_more(agdb__feed_t *feed)
{
    agdb__spread_load_t load = agdb__feed_load(feed);
    agdb__spread_t plan = agdb__spread_plan(&load);

    return is_waiting(feed) && feed->ncarriers < plan.groups + plan.loners;
}

/* For those of one kind; `act` may drop its own. */
static void for_each(agdb__feed_t *feed, agdb__carrier_kind_t kind,
                     void (*act)(agdb__carrier_t *c, uint64_t now_us), uint64_t now_us)
{
    agdb__carrier_t *c = feed->carriers;

    while (c != NULL) {
        agdb__carrier_t *next = c->next;

        if (c->kind == kind)
            act(c, now_us);
        c = next;
    }
}

void agdb__feed_fill(agdb__feed_t *feed, uint64_t now_us)
{
    feed->dirty = false;
    if (is_waiting(feed))
        for_each(feed, AGDB__CARRIER_IDLE, agdb__carrier_go, now_us);
    while (wants_more(feed) && want_one(feed, now_us))
        continue;
    if (!is_waiting(feed) && feed->wanting > 0)
        for_each(feed, AGDB__CARRIER_WANTING, agdb__carrier_drop, now_us);
    watch_the_time(feed, now_us);
}

static void hear_one(agdb__carrier_t *c, uint64_t now_us)
{
    agdb__feed_t *feed = c->feed;
    agdb_error_t *error = NULL;
    agdb__wanted_t wanted = agdb__carrier_wanted(c, now_us, &error);

    (void)act_on(feed, c, wanted, error, now_us);
    agdb__error_free(error);
}

void agdb__feed_hear(agdb__feed_t *feed, uint64_t now_us)
{
    for_each(feed, AGDB__CARRIER_WANTING, hear_one, now_us);
    feed->dirty = true;
}

void agdb__feed_rest(agdb__feed_t *feed, uint64_t now_us)
{
    for_each(feed, AGDB__CARRIER_IDLE, agdb__carrier_drop, now_us);
}
