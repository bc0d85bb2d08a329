/* agencydb/loop.h: the loop. */
#include "api/loop.h"

#include "api/trace.h"
#include "api/tx.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"

/* --- open --------------------------------------------------------------------------------------
 */

static agdb_status_t read_options(const agdb_loop_options_t *options, size_t *ret_max,
                                  agdb_error_t **reterr)
{
    agdb_loop_options_t ours = {.struct_size = sizeof ours};
    agdb_status_t st = AGDB_OK;

    if (options != NULL)
        st = agdb__border_copy(&ours, sizeof ours, options, options->struct_size, "loop options",
                               reterr);
    *ret_max = ours.max_outstanding != 0 ? ours.max_outstanding : AGDB_LOOP_OUTSTANDING;
    return st;
}

/* Watches the client's close. It may have closed meanwhile, without telling. */
static agdb_status_t join(agdb_loop_t *loop, agdb_t *db, agdb_error_t **reterr)
{
    if (!agdb__gate_enter(&db->gate)) /* left when the loop is closed */
        return agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
    loop->db = db;
    loop->fork_generation = agdb__fork_generation();
    loop->closing = (agdb__watcher_t){.tell = agdb__bell_ring, .user = &loop->inner.bell};
    agdb__client_watch(db, &loop->closing);
    if (!agdb__gate_is_closed(&db->gate))
        return AGDB_OK;
    agdb__client_unwatch(db, &loop->closing);
    agdb__gate_leave(&db->gate);
    return agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
}

static agdb_status_t open_loop(agdb_t *db, size_t max, agdb_loop_t **ret, agdb_error_t **reterr)
{
    agdb_loop_t *loop = agdb__calloc(1, sizeof *loop);
    agdb_status_t st;

    if (loop == NULL)
        return agdb__fail_nomem(reterr);
    st = agdb__loop_init(&loop->inner, max, reterr);
    if (st == AGDB_OK) {
        st = join(loop, db, reterr);
        if (st != AGDB_OK)
            agdb__loop_fini(&loop->inner);
    }
    if (st == AGDB_OK)
        *ret = loop;
    else
        agdb__free(loop);
    return st;
}

agdb_status_t agdb_loop_open(agdb_t *db, const agdb_loop_options_t *options, agdb_loop_t **ret,
                             agdb_error_t **reterr)
{
    agdb__visit_t visit;
    agdb_status_t st;
    size_t max = 0;

    if (ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_loop_open needs a place for the loop");
    st = read_options(options, &max, reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    st = open_loop(db, max, ret, reterr);
    agdb__border_leave(&visit);
    return st;
}

/* --- entering ----------------------------------------------------------------------------------
 */

static bool is_forked(const agdb_loop_t *loop)
{
    return loop->fork_generation != agdb__fork_generation();
}

static bool is_closing(agdb_loop_t *loop)
{
    return loop->closed || agdb__gate_is_closed(&loop->db->gate);
}

static agdb_status_t check(const agdb_loop_t *loop, agdb_error_t **reterr)
{
    if (loop == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "the loop is NULL");
    if (is_forked(loop))
        return agdb__fail(reterr, AGDB_E_FORKED,
                          "this loop belongs to the parent process: open a client and a loop of "
                          "your own after fork");
    return AGDB_OK;
}

/* For what runs callbacks. */
static agdb_status_t check_outside(const agdb_loop_t *loop, agdb_error_t **reterr)
{
    agdb_status_t st = check(loop, reterr);

    if (st == AGDB_OK && loop->inner.calling)
        st = agdb__fail(reterr, AGDB_E_MISUSE, "not from inside a callback of this loop");
    return st;
}

/* --- calls -------------------------------------------------------------------------------------
 */

static agdb_status_t submit_to(agdb_loop_t *loop, const agdb__edition_t *edition,
                               const agdb_request_t *request, const agdb__loop_ask_t *ask,
                               uint64_t *ret_id, agdb_error_t **reterr)
{
    agdb__goal_t goal;
    agdb_request_t ours;
    agdb_status_t st = agdb__border_goal(edition, request, &ours, &goal, reterr);

    if (st != AGDB_OK)
        return st;
    if (goal.scatter != NULL)
        return agdb__loop_scatter(&loop->inner, goal.scatter, ask, ret_id, reterr);
    return agdb__loop_submit(&loop->inner, goal.shard, &ours, ask, ret_id, reterr);
}

/* The request stays inside the edition that it was routed by until it has its end. */
static agdb_status_t submit(agdb_loop_t *loop, const agdb_request_t *request, agdb_done_fn done,
                            void *user, uint64_t *ret_id, agdb_error_t **reterr)
{
    agdb__loop_ask_t ask = {
        .done = done, .user = user, .trace = agdb__trace_begin(loop->db, "submit", request)};
    agdb__visit_t visit;
    agdb_status_t st = agdb__border_enter(loop->db, &visit, reterr);

    if (st != AGDB_OK) {
        agdb__trace_end(&ask.trace, st, NULL, NULL);
        return st;
    }
    ask.pin = &visit.edition->gate;
    st = submit_to(loop, visit.edition, request, &ask, ret_id, reterr);
    if (st == AGDB_OK)
        (void)agdb__alloc_enter(visit.outer);
    else
        agdb__border_leave(&visit);
    if (st != AGDB_OK)
        agdb__trace_end(&ask.trace, st, NULL, NULL);
    return st;
}

agdb_status_t agdb__loop_check_submit(agdb_loop_t *loop, bool has_done, agdb_error_t **reterr)
{
    agdb_status_t st = check(loop, reterr);

    if (st == AGDB_OK && !has_done)
        st = agdb__fail(reterr, AGDB_E_MISUSE, "what is submitted needs a function to call");
    if (st == AGDB_OK && is_closing(loop))
        st = agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
    return st == AGDB_OK ? st : agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

agdb_status_t agdb_submit(agdb_loop_t *loop, const agdb_request_t *request, agdb_done_fn done,
                          void *user, uint64_t *ret_id, agdb_error_t **reterr)
{
    agdb_status_t st = agdb__loop_check_submit(loop, done != NULL, reterr);

    if (st != AGDB_OK)
        return st;
    return agdb__tx_of(request) != NULL ? agdb__tx_submit(loop, request, done, user, ret_id, reterr)
                                        : submit(loop, request, done, user, ret_id, reterr);
}

bool agdb_cancel(agdb_loop_t *loop, uint64_t id)
{
    const agdb_allocator_t *outer;
    bool found;

    if (loop == NULL || is_forked(loop))
        return false;
    outer = agdb__alloc_enter(loop->db->allocator);
    found = agdb__loop_cancel(&loop->inner, id);
    (void)agdb__alloc_enter(outer);
    return found;
}

int agdb_loop_fd(const agdb_loop_t *loop)
{
    return loop != NULL && !is_forked(loop) ? loop->inner.poller.fd : -1;
}

size_t agdb_loop_outstanding(const agdb_loop_t *loop)
{
    return loop != NULL && !is_forked(loop) ? loop->inner.outstanding : 0;
}

/* With the caller's allocator, and no lock held. */
static void call_back(agdb_loop_t *loop, const agdb_allocator_t *outer)
{
    agdb__loop_end_t end;

    agdb__loop_collect(&loop->inner);
    loop->inner.calling = true;
    agdb__callback_begin();
    while (agdb__loop_next_due(&loop->inner, &end)) {
        const agdb_allocator_t *inner;

        if (end.tx != NULL)
            agdb__tx_landed(end.tx);
        inner = agdb__alloc_enter(outer);
        agdb__trace_end(&end.trace, end.status, end.result, end.error);
        if (end.tx_done != NULL)
            end.tx_done(end.user, end.status, end.rider->result, end.rider->flight.count,
                        end.error);
        else
            end.done(end.user, end.status, end.result, end.error);
        (void)agdb__alloc_enter(inner);
        agdb__rider_free(end.rider);
    }
    agdb__callback_end();
    loop->inner.calling = false;
}

static void dispatch(agdb_loop_t *loop, uint64_t until_us)
{
    const agdb_allocator_t *outer = agdb__alloc_enter(loop->db->allocator);

    if (is_closing(loop))
        agdb__loop_end_all(&loop->inner, "the client is closing");
    else
        agdb__loop_step(&loop->inner, until_us);
    call_back(loop, outer);
    agdb__loop_settle(&loop->inner);
    (void)agdb__alloc_enter(outer);
}

agdb_status_t agdb_loop_dispatch(agdb_loop_t *loop, agdb_error_t **reterr)
{
    agdb_status_t st = check_outside(loop, reterr);

    if (st == AGDB_OK)
        dispatch(loop, 0);
    return st;
}

agdb_status_t agdb_loop_run(agdb_loop_t *loop, uint32_t timeout_ms, agdb_error_t **reterr)
{
    uint64_t end_us = agdb__after_ms(agdb__now_us(), timeout_ms);
    agdb_status_t st = check_outside(loop, reterr);

    if (st == AGDB_OK)
        st = agdb__border_may_wait(reterr);
    while (st == AGDB_OK && loop->inner.outstanding > 0) {
        dispatch(loop, end_us);
        if (loop->inner.outstanding > 0 && agdb__now_us() >= end_us)
            st = agdb__fail(reterr, AGDB_E_TIMEOUT, "%zu requests are outstanding still",
                            loop->inner.outstanding);
    }
    return st;
}

agdb_status_t agdb_loop_close(agdb_loop_t *loop)
{
    const agdb_allocator_t *outer;
    agdb_status_t st;
    agdb_t *db;

    if (loop == NULL)
        return AGDB_OK;
    st = check_outside(loop, NULL);
    if (st != AGDB_OK)
        return st;
    db = loop->db;
    loop->closed = true;
    outer = agdb__alloc_enter(db->allocator);
    agdb__loop_end_all(&loop->inner, "the loop was closed");
    call_back(loop, outer);
    agdb__client_unwatch(db, &loop->closing);
    agdb__loop_fini(&loop->inner);
    agdb__free(loop);
    (void)agdb__alloc_enter(outer);
    agdb__gate_leave(&db->gate); /* from here on the client may be gone */
    return AGDB_OK;
}
