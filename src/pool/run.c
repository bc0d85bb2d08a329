#include "pool/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "pool/group.h"
#include "pool/known.h"
#include "pool/lane.h"
#include "pool/pool_impl.h"

/* While a ride is being sent its caller looks this often; it takes microseconds. */
enum { SENDING_LOOK_US = 200 };

typedef struct call {
    agdb__pool_t *pool;
    agdb__traffic_t *traffic;
    const agdb__run_t *run;
    agdb__learnt_t *learnt; /* NULL: never rides */
    uint64_t now_us;
    agdb__ran_t *ran;
    struct pg_result **ret_rows;
    agdb_error_t **reterr;
} call_t;

/* --- on a connection of its own ------------------------------------------------------------------
 */

static void learn(const call_t *c, const agdb__conn_t *conn, agdb_status_t st, uint64_t us)
{
    if (c->learnt != NULL && st == AGDB_OK && !agdb__statement_is_solo(c->run->statement))
        agdb__learn_solo(c->learnt, agdb__conn_last_kind(conn) == AGDB__ST_PLAIN, us);
}

/* Runs it on the connection of a slot that is the caller's, and gives that away. */
static agdb_status_t run_on(call_t *c, uint32_t i)
{
    agdb__conn_t *conn = c->pool->slots.slot[i].conn;
    agdb__trip_t *trip = &c->ran->trip;
    agdb_status_t st;

    if (!agdb__run_stands(c->run)) {
        agdb__pool_give_back(c->pool, i, c->now_us);
        return agdb__pool_fail_fallen(c->reterr);
    }
    trip->sent_us = c->now_us;
    trip->group = 1;
    trip->connect_us = agdb__slot_connect_us(&c->pool->slots.slot[i], c->run->now_us);
    st = agdb__conn_run(conn, c->run->statement, c->run->deadline_us, c->ret_rows, c->reterr);

    c->now_us = agdb__now_us();
    trip->ended_us = c->now_us;
    c->ran->in_recovery = agdb__conn_in_recovery(conn);
    c->ran->position = agdb__conn_position(conn);
    c->ran->replayed = agdb__conn_was_replayed(conn);
    learn(c, conn, st, trip->ended_us - trip->sent_us);
    agdb__pool_give_back(c->pool, i, c->now_us);
    return st;
}

static agdb_status_t run_alone(call_t *c)
{
    agdb__lease_t lease;
    agdb_status_t st = agdb__pool_claim(c->pool, c->run->statement->read_only, c->now_us,
                                        c->run->deadline_us, &lease, c->reterr);

    if (st != AGDB_OK)
        return st;
    c->now_us = lease.since_us;
    return run_on(c, lease.slot);
}

/* --- in a group ----------------------------------------------------------------------------------
 */

static agdb_status_t fail_late(call_t *c, const agdb__ride_t *ride)
{
    c->ran->trip = ride->trip;
    return agdb__fail_unanswered(c->run->deadline_us - c->run->now_us, c->run->statement->read_only,
                                 c->reterr);
}

/* A DONE ride's answer becomes the call's. True: it has to be run alone instead. */
static bool take_answer(call_t *c, agdb__ride_t *ride, agdb_status_t *ret)
{
    const uint64_t now_us = agdb__now_us();
    bool alone = ride->run_alone;

    *ret = ride->status;
    c->ran->in_recovery = ride->in_recovery;
    c->ran->position = ride->position;
    c->ran->trip = ride->trip;
    if (!alone)
        c->ran->trip.ended_us = now_us;
    else if (ride->trip.sent_us != 0)
        agdb__trip_lose(&c->ran->trip, now_us);
    if (ride->status == AGDB_OK)
        *c->ret_rows = ride->rows;
    else if (ride->status == AGDB_E_CLOSING)
        (void)agdb__pool_fail_closing(c->reterr);
    else
        agdb__error_move(c->reterr, ride->error);
    if (ride->dismissed)
        agdb__error_outcome(c->reterr, AGDB_OUTCOME_NOT_SENT);
    if (*ret == AGDB_E_LOST && now_us >= c->run->deadline_us)
        *ret = fail_late(c, ride);
    return alone;
}

/* Leaves the line, or the group; false when it is too late for that. */
static bool leave(call_t *c, agdb__ride_t *ride, agdb_status_t *ret)
{
    agdb__line_t *line = &c->traffic->line;
    bool queued;

    if (agdb__ride_state(ride) == AGDB__RIDE_SENT) {
        *ret = agdb__lane_leave(c->pool, ride) ? fail_late(c, ride) : AGDB_OK;
        return *ret != AGDB_OK;
    }
    agdb__lock(&line->lock);
    queued = agdb__ride_state(ride) == AGDB__RIDE_QUEUED;
    if (queued)
        agdb__line_remove_locked(line, ride);
    agdb__unlock(&line->lock);
    if (!queued)
        return false;
    c->ran->trip = ride->trip;
    *ret = agdb__pool_fail_timeout(c->pool, agdb__now_us() - c->now_us, c->reterr);
    agdb__error_outcome(c->reterr, AGDB_OUTCOME_NOT_SENT);
    return true;
}

/* Until when a ride may stay in this state. */
static uint64_t until(const call_t *c, agdb__ride_state_t state, uint64_t now_us)
{
    const uint64_t deadline_us = c->run->deadline_us;
    uint64_t end_us;

    if (state == AGDB__RIDE_SENDING)
        return now_us + SENDING_LOOK_US;
    if (state != AGDB__RIDE_QUEUED)
        return deadline_us;
    end_us = agdb__after_ms(c->now_us, c->pool->limits.queue_ms);
    return agdb__min_us(deadline_us, agdb__pool_queue_until_us(c->pool, end_us, now_us));
}

/* Told to lead or to drive on. True: the ride was left in flight. */
static bool take_over(call_t *c, agdb__ride_t *ride, agdb__ride_state_t state)
{
    bool in_flight = state == AGDB__RIDE_DRIVE;

    atomic_store_explicit(&ride->state, in_flight ? AGDB__RIDE_SENT : AGDB__RIDE_SENDING,
                          memory_order_relaxed);
    return agdb__lane_lead(c->pool, c->traffic, ride->slot, ride,
                           in_flight ? AGDB__LEAD_IN_FLIGHT : AGDB__LEAD_FIRST) == AGDB__LED_LEFT;
}

/* Waits, or drives when told to. *ret_alone: it has to be run alone instead. */
static agdb_status_t ride_along(call_t *c, agdb__ride_t *ride, bool *ret_alone)
{
    agdb__gongs_t *gongs = &c->traffic->line.gongs;
    agdb_status_t st = AGDB_OK;

    for (;;) {
        unsigned heard = agdb__gongs_heard(gongs, ride->place);
        agdb__ride_state_t state = agdb__ride_state(ride);
        uint64_t until_us;
        uint64_t now_us;

        if (state == AGDB__RIDE_DONE) {
            *ret_alone = take_answer(c, ride, &st);
            return st;
        }
        if (state == AGDB__RIDE_LEAD || state == AGDB__RIDE_DRIVE) {
            if (take_over(c, ride, state))
                return fail_late(c, ride);
            continue;
        }
        now_us = agdb__now_us();
        until_us = until(c, state, now_us);
        if (state != AGDB__RIDE_SENDING && now_us >= until_us) {
            if (leave(c, ride, &st))
                return st;
            continue;
        }
        agdb__gongs_sleep(gongs, ride->place, heard, until_us);
    }
}

/* Who makes a group due leads it: it is awake. True: the ride was left in flight. */
static bool lead_if_due(call_t *c, agdb__ride_t *ride)
{
    agdb__pool_t *pool = c->pool;
    uint32_t i;

    if (!agdb__traffic_is_due(c->traffic, &pool->slots, AGDB__NO_SLOT))
        return false;
    i = agdb__pool_take_lane(pool, c->traffic, UINT32_MAX, 0, c->now_us);
    if (i != AGDB__NO_SLOT)
        return agdb__lane_lead(pool, c->traffic, i, ride, AGDB__LEAD_QUEUED) == AGDB__LED_LEFT;
    agdb__traffic_lacks(c->traffic);
    agdb__pool_call_keeper(pool);
    return false;
}

/* Joins the line. */
static agdb_status_t ride(call_t *c, bool *ret_alone)
{
    agdb__pool_t *pool = c->pool;
    agdb__ride_t ride = {.run = c->run,
                         .learnt = c->learnt,
                         .expected_us = agdb__learn_expected_us(c->learnt),
                         .work_us = agdb__pool_work_us(c->pool, c->learnt, false),
                         .least_us = agdb__pool_work_us(c->pool, c->learnt, true)};
    agdb_status_t st = agdb__pool_refuse(pool, c->now_us, c->reterr);

    if (st != AGDB_OK) {
        agdb__error_outcome(c->reterr, AGDB_OUTCOME_NOT_SENT);
        return st;
    }
    /* It is counted in the line first; whoever frees a connection from then on sees it. For those
     * who did before, it looks itself. */
    agdb__line_join(&c->traffic->line, &ride);
    if (lead_if_due(c, &ride))
        return fail_late(c, &ride);
    return ride_along(c, &ride, ret_alone);
}

/* --- which of both -------------------------------------------------------------------------------
 */

static bool is_short(call_t *c)
{
    if (c->run->alone)
        return false;
    c->learnt = agdb__pool_learnt(c->pool, c->run->statement);
    return c->learnt != NULL && agdb__pool_is_short(c->pool, c->learnt);
}

/* Nobody to take along: straight out and back. As long as callers are few they find each other's
 * connections busy on the first of them, and nothing that all threads share is written. */
static uint32_t take_straight(call_t *c)
{
    uint32_t start = agdb__pool_preferred(c->pool, true);
    uint32_t i = AGDB__NO_SLOT;

    if (agdb__line_count(&c->traffic->line) > 0)
        return i;
    if (agdb__traffic_is_few(c->traffic))
        i = agdb__pool_take_lane(c->pool, c->traffic, AGDB__WIDTH_FEW, start, c->now_us);
    if (i == AGDB__NO_SLOT && agdb__traffic_is_thin(c->traffic, &c->pool->slots))
        i = agdb__pool_take_lane(c->pool, c->traffic, UINT32_MAX, 0, c->now_us);
    if (i != AGDB__NO_SLOT)
        agdb__pool_prefer(c->pool, true, i);
    return i;
}

agdb_status_t agdb__pool_run(agdb__pool_t *pool, const agdb__run_t *run, agdb__ran_t *ret_ran,
                             struct pg_result **ret_rows, agdb_error_t **reterr)
{
    call_t c = {
        .pool = pool,
        .traffic =
            &pool->traffic[run->statement->read_only ? AGDB__TRAFFIC_READS : AGDB__TRAFFIC_WRITES],
        .run = run,
        .now_us = run->now_us,
        .ran = ret_ran,
        .ret_rows = ret_rows,
        .reterr = reterr};
    bool alone = false;
    agdb_status_t st;
    uint32_t i;

    *ret_ran = (agdb__ran_t){0};
    if (!is_short(&c))
        return run_alone(&c);
    i = take_straight(&c);
    if (i != AGDB__NO_SLOT)
        return run_on(&c, i);
    if (agdb__statement_is_solo(run->statement) || !agdb__learn_rides(c.learnt))
        return run_alone(&c);
    st = ride(&c, &alone);
    if (!alone)
        return st;
    c.now_us = agdb__now_us();
    return run_alone(&c);
}
