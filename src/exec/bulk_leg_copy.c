/* A leg that has a connection. */
#include "exec/bulk_leg_impl.h"

#include "base/clock.h"
#include "base/error.h"

enum { ASK_AGAIN_US = 50000 };

static const char k_given_up[] = "the load was given up";

static agdb__conn_state_t step_conn(agdb__leg_t *leg, uint64_t now_us)
{
    const agdb__conn_state_t state = agdb__conn_step(leg->lease.conn, now_us);

    if (state == AGDB__CONN_IN_FLIGHT &&
        now_us >= agdb__after_ms(leg->progress_us, leg->way->timeout_ms)) {
        agdb__conn_expire(leg->lease.conn, now_us - leg->progress_us);
        return AGDB__CONN_DEAD;
    }
    return state;
}

/* --- a transaction in doubt ---------------------------------------------------------------------
 */

static void fail_in_doubt(agdb__leg_t *leg, uint64_t now_us)
{
    if (leg->error == NULL) {
        (void)agdb__fail(&leg->error, AGDB_E_LOST,
                         "it cannot be told any more whether the rows up to %llu of the input are "
                         "committed: look, and leave in .resume the pair that is right",
                         (unsigned long long)leg->doubt.upto.row);
        agdb__error_place(&leg->error, leg->shard->name, NULL);
        agdb__error_stage(&leg->error, AGDB_STAGE_EXECUTE);
        agdb__error_outcome(&leg->error, AGDB_OUTCOME_UNKNOWN);
    }
    agdb__leg_rest(leg, now_us);
    agdb__leg_fail(leg, leg->error, now_us);
}

/* The origins of the rows behind it move to the front. */
static void add_committed(agdb__leg_t *leg, uint64_t stored)
{
    const uint64_t first = leg->ending.count;
    const uint64_t rest = leg->open.count + leg->buffered.count;

    if (rest == 0)
        leg->long_rows = false;
    else if (first + rest <= leg->origin_room)
        memmove(leg->origin, leg->origin + first, rest * sizeof *leg->origin);
    leg->committed += leg->ending.count;
    leg->stored += stored;
    leg->done = leg->ending.last;
    leg->ending.count = 0;
}

/* What was rolled back of this run is gone from here: the next one has it. */
static void resolve(agdb__leg_t *leg, bool committed, uint64_t now_us)
{
    const bool lost = leg->own_doubt && !committed;

    if (committed && leg->own_doubt)
        add_committed(leg, leg->ending.count);
    else if (committed)
        leg->done = leg->doubt.upto;
    leg->doubt.mark.xid = 0;
    leg->own_doubt = false;
    leg->unknown = 0;
    agdb__leg_rest(leg, now_us);
    if (lost) {
        agdb__error_outcome(&leg->error, AGDB_OUTCOME_REJECTED);
        agdb__leg_fail(leg, leg->error, now_us);
    } else {
        agdb__error_free(leg->error);
        leg->error = NULL;
    }
}

static void take_fate(agdb__leg_t *leg, agdb__copy_fate_t fate, uint64_t now_us)
{
    if (fate == AGDB__FATE_COMMITTED || fate == AGDB__FATE_ABORTED) {
        resolve(leg, fate == AGDB__FATE_COMMITTED, now_us);
    } else if (fate == AGDB__FATE_IN_PROGRESS && now_us < leg->doubt_end_us) {
        agdb__leg_rest(leg, now_us);
        leg->again_us = now_us + ASK_AGAIN_US;
    } else {
        fail_in_doubt(leg, now_us);
    }
}

static void step_asking(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__copy_fate_t fate;
    agdb_status_t st;

    if (step_conn(leg, now_us) == AGDB__CONN_IN_FLIGHT)
        return;
    st = agdb__conn_copy_asked(leg->lease.conn, &fate, &leg->call.error);
    if (st == AGDB_OK || st == AGDB_E_SERVER)
        take_fate(leg, fate, now_us);
    else
        agdb__leg_attempt_failed(leg, now_us);
}

/* --- a transaction's end ------------------------------------------------------------------------
 */

/* Rows are gone from the buffer: the leg has failed, unless it turns out that they are committed.
 */
static void copy_failed(agdb__leg_t *leg, agdb__copy_mark_t mark, uint64_t now_us)
{
    const bool unknown = leg->call.error->outcome == AGDB_OUTCOME_UNKNOWN;

    agdb__leg_give_back(leg, now_us);
    agdb__call_failed(&leg->call, now_us);
    if (!unknown || mark.xid == 0) {
        leg->unknown = unknown ? leg->ending.count : 0;
        agdb__leg_fail_call(leg, now_us);
        return;
    }
    (void)agdb__call_finish(&leg->call, &leg->error);
    leg->doubt = (agdb__bulk_doubt_t){leg->ending.last, mark};
    leg->own_doubt = true;
    leg->unknown = leg->ending.count;
    leg->doubt_end_us = agdb__after_ms(now_us, leg->way->timeout_ms);
    agdb__leg_rest(leg, now_us);
}

static void keep_or_rest(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__pool_t *pool = leg->shard->nodes[leg->call.node].pool;

    if (leg->yield || leg->buffered.count == 0 ||
        agdb__pool_wants_back(pool, &leg->lease, 0, now_us)) {
        agdb__leg_rest(leg, now_us);
    } else {
        leg->call.start_us = now_us; /* the next transaction has time of its own */
        agdb__course_hold(&leg->call.course, now_us);
        agdb__call_sent(&leg->call, &leg->lease, now_us, 1);
        leg->call.deadline_us = agdb__after_ms(now_us, leg->way->timeout_ms);
        agdb__leg_go(leg, AGDB__LEG_READY, now_us);
    }
}

static void name_row(agdb__leg_t *leg, uint64_t line)
{
    if (line == 0 || line > leg->ending.count || line > leg->origin_room || leg->long_rows)
        agdb__error_prefix(&leg->call.error, "rows up to %llu of the input: ",
                           (unsigned long long)leg->ending.last.row);
    else
        agdb__error_prefix(&leg->call.error,
                           "row %llu of the input: ", (unsigned long long)leg->origin[line - 1]);
}

static void step_ending(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__conn_t *conn = leg->lease.conn;
    const agdb__copy_mark_t mark = agdb__conn_copy_mark(conn);
    uint64_t stored = 0;
    uint64_t line;
    agdb_status_t st;

    if (step_conn(leg, now_us) == AGDB__CONN_IN_FLIGHT)
        return;
    line = agdb__conn_copy_line(conn);
    st = agdb__conn_copy_receive(conn, &stored, &leg->call.error);
    if (st != AGDB_OK)
        name_row(leg, line);
    if (st == AGDB_OK)
        st = agdb__call_check_confirmed(&leg->call);
    if (st != AGDB_OK) {
        copy_failed(leg, mark, now_us);
        return;
    }
    add_committed(leg, stored);
    keep_or_rest(leg, now_us);
}

/* --- rows out -----------------------------------------------------------------------------------
 */

static void end_batch(agdb__leg_t *leg, uint64_t now_us)
{
    leg->ending = leg->open;
    leg->open = (agdb__leg_rows_t){0};
    agdb__leg_go(leg, AGDB__LEG_ENDING, now_us);
}

static void put(agdb__leg_t *leg, uint64_t now_us)
{
    if (leg->len == 0 || !agdb__conn_copy_put(leg->lease.conn, leg->data, leg->len))
        return;
    leg->open.count += leg->buffered.count;
    leg->open.last = leg->buffered.last;
    leg->sent += leg->buffered.count;
    leg->buffered.count = 0;
    leg->len = 0;
    leg->progress_us = now_us;
}

/* What the server has said amid the rows has ended the COPY already. */
static void step_open(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__conn_t *conn = leg->lease.conn;

    if (agdb__conn_events(conn) == AGDB__LEG_QUIET && leg->len == 0)
        leg->progress_us = now_us; /* it waits for rows, and nobody for it */
    (void)step_conn(leg, now_us);
    if (agdb__conn_copy_phase(conn) == AGDB__COPY_OPEN)
        put(leg, now_us);
    if (agdb__conn_copy_phase(conn) == AGDB__COPY_OPEN && leg->len == 0 && leg->open.count > 0 &&
        (leg->flush || leg->yield || agdb__leg_is_full(leg)))
        agdb__conn_copy_end(conn, NULL);
    if (agdb__conn_state(conn) != AGDB__CONN_IN_FLIGHT ||
        agdb__conn_copy_phase(conn) != AGDB__COPY_OPEN)
        end_batch(leg, now_us);
}

static void step_starting(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__conn_t *conn = leg->lease.conn;
    const agdb__conn_state_t state = step_conn(leg, now_us);
    uint64_t stored;

    if (state == AGDB__CONN_IN_FLIGHT && agdb__conn_copy_phase(conn) == AGDB__COPY_OPEN) {
        agdb__leg_go(leg, AGDB__LEG_OPEN, now_us);
    } else if (state != AGDB__CONN_IN_FLIGHT) {
        (void)agdb__conn_copy_receive(conn, &stored, &leg->call.error);
        agdb__leg_attempt_failed(leg, now_us);
    }
}

/* The node was chosen a while ago: it must be the primary still. */
static void step_ready(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__conn_t *conn = leg->lease.conn;

    if (agdb__board_version(&leg->shard->board) != leg->call.version &&
        !agdb__call_stands(&leg->call)) {
        agdb__leg_rest(leg, now_us);
        return;
    }
    if (leg->doubt.mark.xid != 0) {
        if (agdb__conn_copy_ask(conn, &leg->doubt.mark, &leg->call.error) == AGDB_OK)
            agdb__leg_go(leg, AGDB__LEG_ASKING, now_us);
        else
            agdb__leg_attempt_failed(leg, now_us);
    } else if (agdb__conn_copy_begin(conn, leg->way->sql, false, &leg->call.error) == AGDB_OK) {
        agdb__leg_go(leg, AGDB__LEG_STARTING, now_us);
    } else {
        agdb__leg_attempt_failed(leg, now_us);
    }
}

/* Rolls back what a leg that was given up had open, for at most a second. */
static void step_failed(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__conn_state_t state;

    if (leg->lease.conn == NULL)
        return;
    state = agdb__conn_step(leg->lease.conn, now_us);
    agdb__conn_copy_end(leg->lease.conn, k_given_up); /* when it has been opened only now */
    if (state != AGDB__CONN_IN_FLIGHT || now_us >= leg->progress_us + AGDB__LEG_DRAIN_US)
        agdb__leg_give_back(leg, now_us);
}

void agdb__leg_step_leased(agdb__leg_t *leg, uint64_t now_us)
{
    switch (leg->state) {
    case AGDB__LEG_ASKING:
        step_asking(leg, now_us);
        break;
    case AGDB__LEG_READY:
        step_ready(leg, now_us);
        break;
    case AGDB__LEG_STARTING:
        step_starting(leg, now_us);
        break;
    case AGDB__LEG_OPEN:
        step_open(leg, now_us);
        break;
    case AGDB__LEG_ENDING:
        step_ending(leg, now_us);
        break;
    case AGDB__LEG_FAILED:
        step_failed(leg, now_us);
        break;
    case AGDB__LEG_RESTING:
    case AGDB__LEG_PAUSED:
    case AGDB__LEG_WANTING:
        break;
    }
}

/* --- given up -----------------------------------------------------------------------------------
 */

void agdb__leg_end_open(agdb__leg_t *leg, uint64_t now_us)
{
    agdb__conn_t *conn = leg->lease.conn;

    if (leg->state == AGDB__LEG_ENDING)
        step_ending(leg, now_us);
    if (leg->state == AGDB__LEG_ENDING) {
        leg->doubt = (agdb__bulk_doubt_t){leg->ending.last, agdb__conn_copy_mark(conn)};
        leg->own_doubt = true;
        leg->unknown = leg->ending.count;
    } else if (leg->state == AGDB__LEG_OPEN || leg->state == AGDB__LEG_STARTING) {
        (void)agdb__conn_step(conn, now_us);
        agdb__conn_copy_end(conn, k_given_up);
    }
}
