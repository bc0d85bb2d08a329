#include "exec/flow.h"

#include "base/clock.h"
#include "base/error.h"

#include <poll.h>

void agdb__flow_init(agdb__flow_t *flow, agdb__shard_t *shard, const agdb_request_t *request,
                     uint64_t now_us, uint64_t salt)
{
    *flow = (agdb__flow_t){.state = AGDB__FLOW_IDLE};
    agdb__call_begin(&flow->call, shard, request, now_us, salt);
    flow->call.statement.streamed = true;
    flow->call.statement.max_rows = 0; /* are the stream's */
}

static void drop_last(agdb__flow_t *flow)
{
    agdb__rows_free(flow->last);
    flow->last = NULL;
}

static void release(agdb__flow_t *flow, agdb__flow_state_t state, uint64_t now_us)
{
    agdb__pool_release(flow->call.shard->nodes[flow->call.node].pool, &flow->lease, now_us);
    flow->state = state;
}

void agdb__flow_leave(agdb__flow_t *flow, uint64_t now_us)
{
    agdb__rows_free(flow->row);
    flow->row = NULL;
    if (!flow->given)
        drop_last(flow);
    flow->begun = false;
    flow->call.course.trip.ended_us = 0; /* its first row was not its end */
    flow->passed = flow->given ? flow->passed : 0;
    if (flow->state == AGDB__FLOW_FLOWING)
        agdb__conn_drop_rows(flow->lease.conn);
    if (flow->state == AGDB__FLOW_CLAIMED || flow->state == AGDB__FLOW_FLOWING)
        release(flow, AGDB__FLOW_IDLE, now_us);
}

void agdb__flow_fini(agdb__flow_t *flow, uint64_t now_us)
{
    agdb__flow_leave(flow, now_us);
    drop_last(flow);
    agdb__call_abandon(&flow->call, false);
    agdb__error_free(flow->call.error);
    flow->call.error = NULL;
}

void agdb__flow_set_time(agdb__flow_t *flow, uint64_t now_us, uint64_t deadline_us)
{
    if (flow->state == AGDB__FLOW_IDLE) {
        flow->since_us = now_us;
        flow->call.course = (agdb__course_t){0};
    }
    flow->call.start_us = now_us;
    flow->call.deadline_us = deadline_us;
    flow->call.park_end_us = 0;
}

/* --- to the server -----------------------------------------------------------------------------
 */

/* Waiting for the connection may have taken long. */
static agdb_status_t claim_of_node(agdb__flow_t *flow, uint64_t now_us)
{
    agdb__call_t *call = &flow->call;
    agdb_status_t st = agdb__pool_claim(call->shard->nodes[call->node].pool, true, now_us,
                                        call->deadline_us, &flow->lease, &call->error);

    if (st != AGDB_OK)
        return st;
    flow->state = AGDB__FLOW_CLAIMED;
    st = agdb__call_check_chosen(call);
    if (st != AGDB_OK)
        agdb__flow_leave(flow, agdb__now_us());
    return st;
}

bool agdb__flow_claim(agdb__flow_t *flow)
{
    agdb__call_t *call = &flow->call;

    while (flow->state == AGDB__FLOW_IDLE) {
        const uint64_t now_us = agdb__now_us();
        const agdb__next_t next = agdb__call_next(call, now_us);

        if (next.kind == AGDB__NEXT_OVER)
            return false;
        if (next.kind == AGDB__NEXT_WAIT)
            (void)agdb__board_wait(&call->shard->board, call->version,
                                   agdb__min_us(next.until_us, call->deadline_us));
        else if (claim_of_node(flow, now_us) != AGDB_OK)
            agdb__call_failed(call, agdb__now_us());
    }
    return true;
}

bool agdb__flow_send(agdb__flow_t *flow)
{
    agdb__call_t *call = &flow->call;

    flow->sent_us = agdb__now_us();
    agdb__call_sent(call, &flow->lease, flow->sent_us, 1);
    if (agdb__conn_send(flow->lease.conn, &call->statement, &call->error) == AGDB_OK) {
        flow->state = AGDB__FLOW_FLOWING;
        return true;
    }
    agdb__flow_leave(flow, flow->sent_us);
    agdb__call_failed(call, flow->sent_us);
    return false;
}

/* --- rows --------------------------------------------------------------------------------------
 */

static agdb__flow_step_t fail(agdb__flow_t *flow)
{
    agdb__flow_leave(flow, agdb__now_us());
    return AGDB__FLOW_FAILED;
}

/* The first row has come, or the end instead. */
static bool begin(agdb__flow_t *flow)
{
    agdb_timing_t timing;
    uint64_t now_us;

    if (flow->begun)
        return true;
    now_us = agdb__now_us();
    if (agdb__call_begun(&flow->call, now_us) != AGDB_OK)
        return false;
    agdb__course_timing(&flow->call.course, flow->since_us, now_us, &timing);
    agdb__call_count(&flow->call, &timing);
    flow->begun = true;
    return true;
}

/* The connection is READY or DEAD. */
static agdb__flow_step_t end(agdb__flow_t *flow)
{
    struct pg_result *rows = NULL;

    if (agdb__conn_receive(flow->lease.conn, &rows, &flow->call.error) != AGDB_OK)
        return fail(flow);
    agdb__rows_free(rows);
    if (!begin(flow))
        return fail(flow);
    release(flow, AGDB__FLOW_OVER, agdb__now_us());
    return AGDB__FLOW_END;
}

static agdb__flow_step_t be_late(agdb__flow_t *flow)
{
    agdb__call_t *call = &flow->call;
    agdb__conn_t *conn = flow->lease.conn;
    const uint64_t waited_us = call->deadline_us - call->start_us;

    if (agdb__conn_can_be_left(conn)) {
        (void)agdb__fail_unanswered(waited_us, true, &call->error);
        return fail(flow);
    }
    agdb__conn_expire(conn, waited_us);
    return end(flow);
}

/* What has come, without waiting. */
static struct pg_result *take(agdb__flow_t *flow)
{
    agdb__conn_t *conn = flow->lease.conn;
    struct pg_result *row = agdb__conn_take_row(conn);
    int i;

    /* Twice: the rest of a TLS record may be with libpq, and is nothing that poll() would see. */
    for (i = 0; i < 2 && row == NULL && agdb__conn_state(conn) == AGDB__CONN_IN_FLIGHT; i++) {
        (void)agdb__conn_step(conn, agdb__now_us());
        row = agdb__conn_take_row(conn);
    }
    return row;
}

static void wait_for_more(const agdb__flow_t *flow, uint64_t now_us)
{
    agdb__conn_t *conn = flow->lease.conn;
    struct pollfd p = {.fd = agdb__conn_fd(conn), .events = agdb__conn_events(conn)};

    (void)poll(&p, 1, agdb__poll_ms(now_us, flow->call.deadline_us));
}

agdb__flow_step_t agdb__flow_advance(agdb__flow_t *flow, bool wait)
{
    for (;;) {
        uint64_t now_us;

        flow->row = take(flow);
        if (flow->row != NULL)
            return begin(flow) ? AGDB__FLOW_ROW : fail(flow);
        if (agdb__conn_state(flow->lease.conn) != AGDB__CONN_IN_FLIGHT)
            return end(flow);
        if (!wait)
            return AGDB__FLOW_WAIT;
        now_us = agdb__now_us();
        if (now_us >= flow->call.deadline_us)
            return be_late(flow);
        wait_for_more(flow, now_us);
    }
}

void agdb__flow_pass(agdb__flow_t *flow)
{
    agdb__rows_free(flow->last);
    flow->last = flow->row;
    flow->passed++;
    flow->row = NULL;
}
