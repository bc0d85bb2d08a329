#include "pool/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/wait.h"
#include "pool/group.h"
#include "pool/lane.h"
#include "pool/pool_impl.h"

/* While a ride is being sent its caller looks this often; it takes microseconds. */
enum { SENDING_LOOK_US = 200 };

typedef struct call {
    agdb__pool_t *pool;
    const agdb__statement_t *statement;
    agdb__learnt_t *learnt; /* NULL: never rides */
    uint64_t now_us;
    uint64_t deadline_us;
    agdb__ran_t *ran;
    struct pg_result **ret_rows;
    agdb_error_t **reterr;
} call_t;

/* --- on a connection of its own ------------------------------------------------------------------
 */

static void learn(const call_t *c, const agdb__conn_t *conn, agdb_status_t st, uint64_t us)
{
    if (c->learnt != NULL && st == AGDB_OK)
        agdb__learn_solo(c->learnt, agdb__conn_last_kind(conn) == AGDB__ST_PLAIN, us);
}

/* Runs it on the connection of a BUSY slot, and gives that away: to the line if somebody waits. */
static agdb_status_t run_on(call_t *c, uint32_t i)
{
    agdb__conn_t *conn = c->pool->slots.slot[i].conn;
    uint64_t start_us = c->now_us;
    agdb_status_t st = agdb__conn_run(conn, c->statement, c->deadline_us, c->ret_rows, c->reterr);

    c->now_us = agdb__now_us();
    c->ran->exec_us = c->now_us - start_us;
    c->ran->in_recovery = agdb__conn_in_recovery(conn);
    learn(c, conn, st, c->ran->exec_us);
    agdb__pool_give_back(c->pool, i, c->now_us);
    return st;
}

static agdb_status_t run_alone(call_t *c)
{
    agdb__lease_t lease;
    agdb_status_t st = agdb__pool_claim(c->pool, c->statement->read_only, c->now_us, c->deadline_us,
                                        &lease, c->reterr);

    if (st != AGDB_OK)
        return st;
    c->now_us = agdb__now_us();
    return run_on(c, lease.slot);
}

/* --- in a group ----------------------------------------------------------------------------------
 */

static agdb_status_t fail_late(call_t *c)
{
    return agdb__group_fail_late(c->deadline_us - c->now_us, c->reterr);
}

/* A DONE ride's answer becomes the call's. True: it has to be run alone instead. */
static bool take_answer(call_t *c, agdb__ride_t *ride, agdb_status_t *ret)
{
    bool alone = ride->run_alone;

    *ret = ride->status;
    c->ran->in_recovery = ride->in_recovery;
    c->ran->grouped = true;
    c->ran->exec_us = agdb__now_us() - c->now_us;
    if (ride->status == AGDB_OK)
        *c->ret_rows = ride->rows;
    else if (ride->status == AGDB_E_CLOSING)
        (void)agdb__pool_fail_closing(c->reterr);
    else
        agdb__error_move(c->reterr, ride->error);
    if (ride->dismissed)
        agdb__error_outcome(c->reterr, AGDB_OUTCOME_NOT_SENT);
    if (*ret == AGDB_E_LOST && agdb__now_us() >= c->deadline_us)
        *ret = fail_late(c);
    return alone;
}

/* Leaves the line, or the group; false when it is too late for that. */
static bool leave(call_t *c, agdb__ride_t *ride, agdb_status_t *ret)
{
    bool queued;

    if (agdb__ride_state(ride) == AGDB__RIDE_SENT) {
        *ret = agdb__lane_leave(c->pool, ride) ? fail_late(c) : AGDB_OK;
        return *ret != AGDB_OK;
    }
    agdb__lock(&c->pool->line.lock);
    queued = agdb__ride_state(ride) == AGDB__RIDE_QUEUED;
    if (queued)
        agdb__line_remove_locked(&c->pool->line, ride);
    agdb__unlock(&c->pool->line.lock);
    if (!queued)
        return false;
    *ret = agdb__pool_fail_timeout(c->pool, agdb__now_us() - c->now_us, c->reterr);
    agdb__error_outcome(c->reterr, AGDB_OUTCOME_NOT_SENT);
    return true;
}

/* Until when a ride may stay in this state. */
static uint64_t until(const call_t *c, agdb__ride_state_t state)
{
    if (state == AGDB__RIDE_SENDING)
        return agdb__now_us() + SENDING_LOOK_US;
    if (state == AGDB__RIDE_QUEUED &&
        atomic_load_explicit(&c->pool->open, memory_order_relaxed) > 0)
        return agdb__min_us(c->deadline_us, agdb__after_ms(c->now_us, c->pool->limits.queue_ms));
    return c->deadline_us;
}

/* Waits, or drives when told to. *ret_alone: it has to be run alone instead. */
static agdb_status_t ride_along(call_t *c, agdb__ride_t *ride, bool *ret_alone)
{
    agdb_status_t st = AGDB_OK;

    for (;;) {
        agdb__ride_state_t state = agdb__ride_state(ride);
        uint64_t until_us;

        if (state == AGDB__RIDE_DONE) {
            *ret_alone = take_answer(c, ride, &st);
            return st;
        }
        if (state == AGDB__RIDE_LEAD || state == AGDB__RIDE_DRIVE) {
            bool in_flight = state == AGDB__RIDE_DRIVE;

            atomic_store_explicit(&ride->state, in_flight ? AGDB__RIDE_SENT : AGDB__RIDE_SENDING,
                                  memory_order_relaxed);
            if (agdb__lane_lead(c->pool, ride->slot, ride, c->deadline_us, in_flight) ==
                AGDB__LED_LEFT)
                return fail_late(c);
            continue;
        }
        until_us = until(c, state);
        if (state != AGDB__RIDE_SENDING && agdb__now_us() >= until_us) {
            if (leave(c, ride, &st))
                return st;
            continue;
        }
        agdb__wait_word(&ride->state, (unsigned)state, until_us);
    }
}

/* Joins the line, and leads it when a lane is free. */
static agdb_status_t ride(call_t *c, bool *ret_alone)
{
    agdb__pool_t *pool = c->pool;
    agdb__ride_t ride = {.statement = c->statement,
                         .learnt = c->learnt,
                         .expected_us = agdb__learn_expected_us(c->learnt),
                         .deadline_us = c->deadline_us};
    agdb_status_t st = agdb__pool_refuse(pool, c->now_us, c->reterr);

    if (st != AGDB_OK) {
        agdb__error_outcome(c->reterr, AGDB_OUTCOME_NOT_SENT);
        return st;
    }
    agdb__line_join(&pool->line, &ride);
    /* It is counted in the line now: whoever frees a lane from here on sees it. For those who did
     * before: */
    agdb__lane_serve(pool);
    if (agdb__ride_state(&ride) == AGDB__RIDE_QUEUED)
        agdb__pool_want_lanes(pool);
    return ride_along(c, &ride, ret_alone);
}

/* --- which of both -------------------------------------------------------------------------------
 */

static bool may_ride(const call_t *c)
{
    return c->learnt != NULL && c->pool->limits.grouping && agdb__learn_may_ride(c->learnt);
}

agdb_status_t agdb__pool_run(agdb__pool_t *pool, const agdb__statement_t *statement,
                             uint64_t now_us, uint64_t deadline_us, agdb__ran_t *ret_ran,
                             struct pg_result **ret_rows, agdb_error_t **reterr)
{
    call_t c = {.pool = pool,
                .statement = statement,
                .now_us = now_us,
                .deadline_us = deadline_us,
                .ran = ret_ran,
                .ret_rows = ret_rows,
                .reterr = reterr};
    bool alone = false;
    agdb_status_t st;
    uint32_t i;

    *ret_ran = (agdb__ran_t){0};
    if (statement->read_only)
        c.learnt = agdb__learn_find(&pool->learn, statement->hash);
    if (!may_ride(&c))
        return run_alone(&c);
    if (agdb__line_count(&pool->line) == 0) { /* nobody to take along: straight out and back */
        i = agdb__pool_take_lane(pool, agdb__pool_preferred(pool), now_us);
        if (i != AGDB__NO_SLOT) {
            agdb__pool_prefer(pool, i);
            return run_on(&c, i);
        }
    }
    st = ride(&c, &alone);
    if (!alone)
        return st;
    c.now_us = agdb__now_us();
    return run_alone(&c);
}
