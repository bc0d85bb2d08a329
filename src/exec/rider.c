#include "exec/rider.h"

#include "base/alloc.h"
#include "base/error.h"
#include "exec/block.h"
#include "exec/copy.h"
#include "exec/driver_impl.h"
#include "pg/params.h"

#include <stddef.h>

/* --- making one --------------------------------------------------------------------------------
 */

_Static_assert(_Alignof(agdb__statement_t) <= AGDB__BLOCK_ALIGN, "statements are put into a block");

static size_t statements_at(size_t count)
{
    return agdb__block_step(sizeof(agdb__rider_t) + count * sizeof(agdb_result_t *));
}

static agdb_status_t measure(const agdb_request_t *requests, size_t count, size_t *ret,
                             agdb_error_t **reterr)
{
    size_t scratch;
    size_t i;

    *ret = statements_at(count) + agdb__block_step(count * sizeof(agdb__statement_t));
    for (i = 0; i < count; i++) {
        agdb_status_t st =
            agdb__params_check(requests[i].params, requests[i].nparams, &scratch, reterr);

        if (st != AGDB_OK) {
            if (count > 1)
                agdb__error_prefix(reterr, "statement %zu of %zu: ", i + 1, count);
            return st;
        }
        *ret += agdb__block_step(agdb__copy_size(&requests[i]));
    }
    return AGDB_OK;
}

static void fill(agdb__rider_t *rider, const agdb_request_t *requests, size_t count)
{
    char *block = (char *)rider;
    agdb__statement_t *statement = (agdb__statement_t *)(void *)(block + statements_at(count));
    char *at = block + statements_at(count) + agdb__block_step(count * sizeof *statement);
    size_t i;

    for (i = 0; i < count; i++) {
        agdb_request_t copy;

        agdb__copy_request(&requests[i], at, &copy);
        at += agdb__block_step(agdb__copy_size(&requests[i]));
        statement[i] = agdb__statement_of(&copy, rider->tx->mode.read_only);
        rider->result[i] = NULL;
    }
    rider->flight.statement = statement;
    rider->flight.count = count;
    rider->flight.result = rider->result;
}

static void on_ready(agdb__interest_t *interest);

agdb_status_t agdb__rider_new(agdb__tx_t *tx, const agdb_request_t *requests, size_t count,
                              bool commit, uint64_t start_us, agdb__rider_t **ret,
                              agdb_error_t **reterr)
{
    size_t size;
    agdb__rider_t *rider;
    agdb_status_t st = measure(requests, count, &size, reterr);

    if (st != AGDB_OK)
        return st;
    rider = agdb__calloc(1, size);
    if (rider == NULL)
        return agdb__fail_nomem(reterr);
    rider->tx = tx;
    rider->flight.commit = commit;
    if (count == 1 && requests[0].timeout_ms != 0)
        rider->flight.deadline_us = agdb__after_ms(start_us, requests[0].timeout_ms);
    rider->interest = (agdb__interest_t){.fd = -1, .ready = on_ready};
    fill(rider, requests, count);
    *ret = rider;
    return AGDB_OK;
}

void agdb__rider_drop_results(agdb__rider_t *rider)
{
    size_t i;

    for (i = 0; i < rider->flight.count; i++) {
        agdb__result_free(rider->result[i]);
        rider->result[i] = NULL;
    }
}

void agdb__rider_free(agdb__rider_t *rider)
{
    if (rider == NULL)
        return;
    agdb__rider_drop_results(rider);
    agdb__error_free(rider->task.error);
    agdb__free(rider);
}

/* --- its end -----------------------------------------------------------------------------------
 */

static void finish(agdb__rider_t *rider)
{
    rider->task.error = rider->flight.error;
    rider->flight.error = NULL;
    agdb__driver_finish(rider->driver, &rider->task, rider->flight.status);
}

/* The connection is the transaction's alone again, or goes. */
static void alight(agdb__rider_t *rider)
{
    agdb__poller_t *poller = rider->driver->poller;

    agdb__timers_clear(&rider->driver->timers, &rider->task.timer);
    poller->disarm(poller, &rider->interest,
                   agdb__conn_state(rider->tx->lease.conn) != AGDB__CONN_DEAD);
}

static void after(agdb__rider_t *rider, uint64_t now_us)
{
    if (rider->flight.again)
        agdb__rider_go(rider, now_us);
    else
        finish(rider);
}

/* --- on a connection ---------------------------------------------------------------------------
 */

/* True while an answer is awaited. */
static bool is_under_way(agdb__rider_t *rider)
{
    agdb__poller_t *poller = rider->driver->poller;
    agdb__conn_t *conn = rider->tx->lease.conn;

    if (agdb__conn_state(conn) != AGDB__CONN_IN_FLIGHT)
        return false;
    if (poller->arm(poller, &rider->interest, agdb__conn_fd(conn), agdb__conn_events(conn)))
        return true;
    agdb__conn_abort(conn, "no memory to wait for its answer");
    return false;
}

static void land(agdb__rider_t *rider, uint64_t now_us)
{
    alight(rider);
    agdb__tx_land(rider->tx, &rider->flight, now_us);
    after(rider, now_us);
}

static void on_ready(agdb__interest_t *interest)
{
    agdb__rider_t *rider =
        (agdb__rider_t *)(void *)((char *)interest - offsetof(agdb__rider_t, interest));

    if (rider->task.state != AGDB__TASK_IN_FLIGHT)
        return;
    (void)agdb__conn_step(rider->tx->lease.conn, agdb__now_us());
    if (!is_under_way(rider))
        land(rider, agdb__now_us());
}

/* True: in flight. False: it has landed. */
static bool cross(agdb__rider_t *rider, uint64_t now_us)
{
    agdb__flight_t *flight = &rider->flight;

    if (now_us >= flight->deadline_us) {
        agdb__tx_late(rider->tx, flight, now_us);
        return false;
    }
    if (!agdb__tx_send(rider->tx, flight, now_us))
        return false;
    rider->task.state = AGDB__TASK_IN_FLIGHT;
    if (!is_under_way(rider)) {
        alight(rider);
        agdb__tx_land(rider->tx, flight, now_us);
        return false;
    }
    agdb__timers_set(&rider->driver->timers, &rider->task.timer, flight->deadline_us);
    return true;
}

/* --- to a connection ---------------------------------------------------------------------------
 */

static agdb__pool_t *pool_of(const agdb__rider_t *rider)
{
    const agdb__call_t *call = &rider->tx->call;

    return call->shard->nodes[call->node].pool;
}

static void queue(agdb__rider_t *rider, uint64_t now_us)
{
    const agdb__pool_t *pool = pool_of(rider);

    rider->task.state = AGDB__TASK_QUEUED;
    rider->task.queued_us = now_us;
    agdb__tasks_append(&rider->driver->boarding, &rider->task);
    agdb__timers_set(
        &rider->driver->timers, &rider->task.timer,
        agdb__min_us(rider->flight.deadline_us, agdb__after_ms(now_us, agdb__pool_queue_ms(pool))));
}

static void unqueue(agdb__rider_t *rider)
{
    agdb__tasks_remove(&rider->task);
    agdb__timers_clear(&rider->driver->timers, &rider->task.timer);
}

/* Acts on what came of a claim. True: it goes on from there. False: it waits, or has ended. */
static bool act_on(agdb__rider_t *rider, agdb__wanted_t wanted, const agdb__lease_t *lease,
                   uint64_t now_us)
{
    switch (wanted) {
    case AGDB__WANTED_SERVED:
        agdb__tx_take(rider->tx, *lease);
        return true;
    case AGDB__WANTED_WAITING:
        queue(rider, now_us);
        return false;
    case AGDB__WANTED_FAILED:
        break;
    }
    agdb__tx_refuse(rider->tx, &rider->flight, now_us);
    if (rider->flight.again)
        return true;
    finish(rider);
    return false;
}

/* To a node, and a connection of it. True: it goes on from there. */
static bool board(agdb__rider_t *rider, uint64_t now_us)
{
    agdb__driver_t *driver = rider->driver;
    agdb__call_t *call = &rider->tx->call;
    agdb__next_t next = agdb__call_next(call, now_us);
    agdb__lease_t lease = {.conn = NULL};

    if (next.kind == AGDB__NEXT_OVER) {
        agdb__tx_give_up(rider->tx, &rider->flight);
        finish(rider);
        return false;
    }
    if (next.kind == AGDB__NEXT_WAIT)
        return !agdb__driver_pause(driver, &rider->task, next.until_us, now_us);
    return act_on(rider,
                  agdb__pool_want(pool_of(rider), &rider->want, agdb__bell_ring, driver->bell,
                                  now_us, &lease, &call->error),
                  &lease, now_us);
}

void agdb__rider_go(agdb__rider_t *rider, uint64_t now_us)
{
    do {
        rider->flight.again = false;
        while (rider->tx->pool == NULL)
            if (!board(rider, now_us))
                return;
        if (cross(rider, now_us))
            return;
    } while (rider->flight.again);
    finish(rider);
}

static void hear(agdb__rider_t *rider, uint64_t now_us)
{
    agdb__lease_t lease = {.conn = NULL};
    agdb__wanted_t wanted =
        agdb__pool_wanted(pool_of(rider), &rider->want, now_us, &lease, &rider->tx->call.error);

    if (wanted == AGDB__WANTED_WAITING)
        return;
    unqueue(rider);
    if (act_on(rider, wanted, &lease, now_us))
        agdb__rider_go(rider, now_us);
}

void agdb__rider_hear(agdb__rider_t *rider, uint64_t now_us)
{
    if (!rider->driver->ending)
        hear(rider, now_us);
}

/* --- time --------------------------------------------------------------------------------------
 */

static void ring_queued(agdb__rider_t *rider, uint64_t now_us)
{
    agdb__pool_t *pool = pool_of(rider);
    const uint64_t end_us = agdb__after_ms(rider->task.queued_us, agdb__pool_queue_ms(pool));
    const uint64_t until_us =
        agdb__min_us(rider->flight.deadline_us, agdb__pool_queue_until_us(pool, end_us, now_us));

    if (now_us < until_us) {
        agdb__timers_set(&rider->driver->timers, &rider->task.timer, until_us);
        return;
    }
    unqueue(rider);
    agdb__pool_unwant(pool, &rider->want, now_us);
    (void)agdb__pool_fail_waited(pool, now_us - rider->task.queued_us, &rider->tx->call.error);
    agdb__tx_refuse(rider->tx, &rider->flight, now_us);
    after(rider, now_us);
}

static void ring_in_flight(agdb__rider_t *rider, uint64_t now_us)
{
    agdb__conn_t *conn = rider->tx->lease.conn;

    alight(rider); /* as long as the socket is open: a forked child may hold it, too */
    if (!agdb__conn_can_be_left(conn))
        agdb__conn_expire(conn, now_us - rider->tx->sent_us);
    agdb__tx_expire(rider->tx, &rider->flight, now_us);
    after(rider, now_us);
}

void agdb__rider_ring(agdb__rider_t *rider, uint64_t now_us)
{
    if (rider->task.state == AGDB__TASK_QUEUED)
        ring_queued(rider, now_us);
    else if (rider->task.state == AGDB__TASK_IN_FLIGHT)
        ring_in_flight(rider, now_us);
}

/* --- in a driver -------------------------------------------------------------------------------
 */

void agdb__rider_begin(agdb__rider_t *rider, agdb__driver_t *driver, void *owner)
{
    const uint64_t now_us = agdb__now_us();

    rider->driver = driver;
    rider->owner = owner;
    agdb__driver_add_rider(driver, &rider->task, &rider->tx->call);
    if (rider->flight.count == 0)
        agdb__tx_skip_empty(rider->tx);
    if (rider->tx->stand == AGDB__TX_FRESH || rider->tx->stand == AGDB__TX_RUNNING) {
        agdb__tx_prepare(rider->tx, &rider->flight, now_us);
        agdb__rider_go(rider, now_us);
    } else { /* the commit of one that is over, or broken */
        rider->flight.status = agdb__tx_verdict(rider->tx, &rider->flight.error);
        finish(rider);
    }
}

agdb_outcome_t agdb__rider_give_up(agdb__rider_t *rider)
{
    const uint64_t now_us = agdb__now_us();
    const agdb__task_state_t state = rider->task.state;
    agdb_outcome_t outcome = AGDB_OUTCOME_NOT_SENT;

    if (state == AGDB__TASK_DONE)
        outcome = rider->task.status == AGDB_OK ? AGDB_OUTCOME_UNKNOWN : rider->task.error->outcome;
    if (state == AGDB__TASK_QUEUED)
        agdb__pool_unwant(pool_of(rider), &rider->want, now_us);
    if (state == AGDB__TASK_QUEUED || state == AGDB__TASK_PAUSED)
        outcome = agdb__tx_withdraw(rider->tx);
    if (state == AGDB__TASK_IN_FLIGHT) {
        alight(rider);
        outcome = agdb__tx_cancel(rider->tx, &rider->flight, now_us);
    }
    agdb__rider_drop_results(rider);
    (void)agdb__driver_drop(rider->driver, &rider->task);
    return outcome;
}
