/* agencydb/loop.h: transactions on a loop. */
#include "api/loop.h"
#include "api/trace.h"
#include "api/tx.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/fingerprint.h"

/* The handle is busy until its flight's end is told. */
static agdb_status_t fly(agdb_loop_t *loop, agdb_tx_t *tx, const agdb_request_t *requests,
                         size_t count, bool commit, const agdb__loop_ask_t *ask, uint64_t *ret_id,
                         agdb_error_t **reterr)
{
    agdb__rider_t *rider = NULL;
    agdb_status_t st =
        agdb__rider_new(&tx->inner, requests, count, commit, agdb__now_us(), &rider, reterr);

    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    tx->loop = loop;
    st = agdb__loop_fly(&loop->inner, tx, rider, ask, &tx->id, reterr);
    if (st != AGDB_OK)
        tx->loop = NULL;
    else if (ret_id != NULL)
        *ret_id = tx->id;
    return st;
}

/* The loop's thread is the handle's as long as something is under way. */
static agdb_status_t enter(agdb_loop_t *loop, agdb_tx_t *tx, const agdb_allocator_t **ret_outer,
                           agdb_error_t **reterr)
{
    agdb_status_t st = agdb__tx_enter(tx, ret_outer, reterr);

    if (st != AGDB_OK || tx->db == loop->db)
        return st;
    agdb__tx_leave(tx, *ret_outer);
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_MISUSE, "the transaction is of another client"),
                          AGDB_STAGE_CHECK, reterr);
}

void agdb__tx_landed(agdb_tx_t *tx)
{
    agdb__edition_t *edition;

    tx->loop = NULL;
    if (!tx->is_over) {
        atomic_store_explicit(&tx->busy, false, memory_order_release);
        return;
    }
    edition = tx->edition;
    agdb__tx_undo(&tx->inner, false);
    agdb__tx_free(tx);
    agdb__edition_leave(edition); /* the loop is open: the client is still there */
}

agdb_status_t agdb__tx_submit(agdb_loop_t *loop, const agdb_request_t *request, agdb_done_fn done,
                              void *user, uint64_t *ret_id, agdb_error_t **reterr)
{
    const agdb__loop_ask_t ask = {
        .done = done, .user = user, .trace = agdb__trace_begin(loop->db, "transaction", request)};
    agdb_tx_t *tx = agdb__tx_of(request);
    const agdb_allocator_t *outer = NULL;
    agdb_request_t ours;
    agdb_status_t st = enter(loop, tx, &outer, reterr);

    if (st != AGDB_OK) {
        agdb__trace_end(&ask.trace, st, NULL, NULL);
        return st;
    }
    if (tx->is_run)
        st = agdb__not_sent(agdb__fail(reterr, AGDB_E_MISUSE,
                                       "the transaction of agdb_run ends with its function: use "
                                       "agdb_query in it"),
                            AGDB_STAGE_CHECK, reterr);
    if (st == AGDB_OK)
        st = agdb__tx_request(tx, request, &ours, reterr);
    if (st == AGDB_OK)
        st = agdb__tx_check(&tx->inner, reterr);
    if (st == AGDB_OK)
        st = fly(loop, tx, &ours, 1, ours.commit, &ask, ret_id, reterr);
    if (st == AGDB_OK) {
        (void)agdb__alloc_enter(outer);
        return AGDB_OK;
    }
    agdb__tx_leave(tx, outer);
    agdb__trace_end(&ask.trace, st, NULL, NULL);
    return st;
}

static agdb_status_t submit_commit(agdb_loop_t *loop, agdb_tx_t *tx, const agdb__loop_ask_t *ask,
                                   uint64_t *ret_id, agdb_error_t **reterr)
{
    agdb_status_t st;

    if (tx->is_run)
        return agdb__not_sent(agdb__fail(reterr, AGDB_E_MISUSE, "agdb_run commits: return AGDB_OK"),
                              AGDB_STAGE_CHECK, reterr);
    tx->is_over = true;
    st = fly(loop, tx, NULL, 0, true, ask, ret_id, reterr);
    if (st != AGDB_OK)
        tx->is_over = false;
    return st;
}

agdb_status_t agdb_submit_commit(agdb_loop_t *loop, agdb_tx_t *tx, agdb_done_fn done, void *user,
                                 uint64_t *ret_id, agdb_error_t **reterr)
{
    agdb__loop_ask_t ask = {.done = done, .user = user};
    const agdb_allocator_t *outer = NULL;
    agdb_status_t st = agdb__loop_check_submit(loop, done != NULL, reterr);

    if (st == AGDB_OK)
        st = enter(loop, tx, &outer, reterr);
    if (st != AGDB_OK)
        return st;
    ask.trace =
        agdb__trace_begin_tagged(loop->db, "commit", tx->inner.call.tag, tx->inner.call.agency);
    st = submit_commit(loop, tx, &ask, ret_id, reterr);
    if (st == AGDB_OK) {
        (void)agdb__alloc_enter(outer);
        return AGDB_OK;
    }
    agdb__tx_leave(tx, outer);
    agdb__trace_end(&ask.trace, st, NULL, NULL);
    return st;
}

/* --- an array ----------------------------------------------------------------------------------
 */

/* What the options point to does not live as long as the transaction. */
static agdb_status_t copy_key(agdb_tx_t *tx, agdb_error_t **reterr)
{
    agdb__once_t *once = &tx->inner.mode.once;
    size_t len;

    if (once->key == NULL)
        return AGDB_OK;
    len = strlen(once->key) + 1;
    tx->key = agdb__malloc(len + once->agency_len);
    if (tx->key == NULL)
        return agdb__not_sent(agdb__fail_nomem(reterr), AGDB_STAGE_CHECK, reterr);
    memcpy(tx->key, once->key, len);
    if (once->agency_len > 0)
        memcpy(tx->key + len, once->agency, once->agency_len);
    once->key = tx->key;
    once->agency = tx->key + len;
    return AGDB_OK;
}

typedef struct array {
    const agdb_request_t *const *requests;
    size_t count;
    agdb__loop_ask_t ask;
} array_t;

/* `tx` is new, and gone with its end. */
static agdb_status_t fly_array(agdb_loop_t *loop, agdb_tx_t *tx, const agdb_tx_options_t *options,
                               const array_t *array, agdb__tx_batch_t *batch, uint64_t *ret_id,
                               agdb_error_t **reterr)
{
    agdb__rider_t *rider = NULL;
    char own[AGDB__OWN_KEY];
    agdb_status_t st = agdb__tx_take_array(tx, array->requests, array->count, batch, reterr);

    if (st == AGDB_OK)
        st = agdb__tx_set_key(tx, options, own, agdb__fingerprint_all(batch->request, array->count),
                              reterr);
    if (st == AGDB_OK)
        st = copy_key(tx, reterr);
    if (st != AGDB_OK)
        return st;
    st = agdb__rider_new(&tx->inner, batch->request, array->count, true, agdb__now_us(), &rider,
                         reterr);
    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    return agdb__loop_fly(&loop->inner, tx, rider, &array->ask, ret_id, reterr);
}

static agdb_status_t submit_array(agdb_loop_t *loop, agdb__tx_start_t *start,
                                  const agdb_tx_options_t *options, const array_t *array,
                                  agdb__tx_batch_t *batch, uint64_t *ret_id, agdb_error_t **reterr)
{
    agdb_tx_options_t ours;
    agdb_tx_t *tx = NULL;
    agdb_status_t st = agdb__tx_options(start->edition, options, &ours, &start->shard, reterr);

    if (st == AGDB_OK)
        st = agdb__tx_new(start, &ours, &tx, reterr);
    if (st != AGDB_OK)
        return st;
    tx->is_over = true;
    st = fly_array(loop, tx, &ours, array, batch, ret_id, reterr);
    if (st != AGDB_OK)
        agdb__tx_free(tx);
    return st;
}

static agdb_status_t submit_inside(agdb_loop_t *loop, agdb__tx_start_t *start,
                                   const agdb_tx_options_t *options, const array_t *array,
                                   uint64_t *ret_id, agdb_error_t **reterr)
{
    agdb__tx_batch_t *batch = agdb__malloc(sizeof *batch);
    agdb_status_t st;

    if (batch == NULL)
        return agdb__not_sent(agdb__fail_nomem(reterr), AGDB_STAGE_CHECK, reterr);
    st = submit_array(loop, start, options, array, batch, ret_id, reterr);
    agdb__free(batch);
    return st;
}

agdb_status_t agdb_submit_tx(agdb_loop_t *loop, const agdb_tx_options_t *options,
                             const agdb_request_t *const *requests, size_t count,
                             agdb_tx_done_fn done, void *user, uint64_t *ret_id,
                             agdb_error_t **reterr)
{
    array_t array = {requests, count, {.tx_done = done, .user = user}};
    agdb__tx_start_t start = {.us = agdb__now_us()};
    agdb__visit_t visit;
    agdb_status_t st = agdb__loop_check_submit(loop, done != NULL, reterr);

    if (st == AGDB_OK) {
        st = agdb__tx_check_array(requests, count, reterr);
        if (st != AGDB_OK)
            return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    }
    if (st == AGDB_OK)
        st = agdb__border_enter(loop->db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    array.ask.trace = agdb__tx_trace(loop->db, options);
    start.db = loop->db;
    start.edition = visit.edition;
    st = submit_inside(loop, &start, options, &array, ret_id, reterr);
    if (st == AGDB_OK) {
        (void)agdb__alloc_enter(visit.outer); /* and the transaction stays inside */
        return AGDB_OK;
    }
    agdb__border_leave(&visit);
    agdb__trace_end(&array.ask.trace, st, NULL, NULL);
    return st;
}
