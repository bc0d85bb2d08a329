/* agencydb/tx.h: the handle. */
#include "api/tx.h"
#include "api/loop.h"
#include "api/trace.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"

/* --- entering ----------------------------------------------------------------------------------
 */

static bool is_forked(const agdb_tx_t *tx)
{
    return tx->fork_generation != agdb__fork_generation();
}

static agdb_status_t check_handle(const agdb_tx_t *tx, agdb_error_t **reterr)
{
    if (tx == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "the transaction is NULL");
    if (is_forked(tx))
        return agdb__fail(reterr, AGDB_E_FORKED,
                          "this transaction belongs to the parent process: open a client of your "
                          "own after fork");
    return AGDB_OK;
}

static agdb_status_t occupy(agdb_tx_t *tx, agdb_error_t **reterr)
{
    if (!atomic_exchange_explicit(&tx->busy, true, memory_order_acquire))
        return AGDB_OK;
    return agdb__fail(reterr, AGDB_E_MISUSE,
                      "another call is inside this transaction: one thread at a time");
}

agdb_status_t agdb__tx_enter(agdb_tx_t *tx, const agdb_allocator_t **ret_outer,
                             agdb_error_t **reterr)
{
    agdb_status_t st = check_handle(tx, reterr);

    if (st == AGDB_OK)
        st = occupy(tx, reterr);
    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    *ret_outer = agdb__alloc_enter(tx->db->allocator);
    return AGDB_OK;
}

void agdb__tx_leave(agdb_tx_t *tx, const agdb_allocator_t *outer)
{
    (void)agdb__alloc_enter(outer);
    atomic_store_explicit(&tx->busy, false, memory_order_release);
}

agdb_t *agdb_tx_client(const agdb_tx_t *tx)
{
    return tx != NULL ? tx->db : NULL;
}

/* --- begin -------------------------------------------------------------------------------------
 */

static agdb_status_t check_options(const agdb_tx_options_t *o, agdb_error_t **reterr)
{
    if ((unsigned)o->isolation > AGDB_SERIALIZABLE)
        return agdb__fail(reterr, AGDB_E_INVAL, "unknown .isolation %d", (int)o->isolation);
    if (o->deferrable && (o->isolation != AGDB_SERIALIZABLE || o->access == AGDB_WRITE))
        return agdb__fail(reterr, AGDB_E_INVAL, ".deferrable is of AGDB_SERIALIZABLE reads only");
    if (o->once && o->access != AGDB_WRITE)
        return agdb__fail(reterr, AGDB_E_INVAL, ".once is of writes only");
    if (o->once && o->idempotency_key != NULL)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          ".once makes a key of its own: leave .idempotency_key out");
    return AGDB_OK;
}

agdb_status_t agdb__tx_options(const agdb__edition_t *edition, const agdb_tx_options_t *theirs,
                               agdb_tx_options_t *ours, agdb__shard_t **ret_shard,
                               agdb_error_t **reterr)
{
    agdb_request_t as = AGDB_REQUEST_INIT;
    agdb_status_t st;

    if (theirs == NULL)
        return agdb__not_sent(agdb__fail(reterr, AGDB_E_MISUSE, "the options are NULL"),
                              AGDB_STAGE_CHECK, reterr);
    st = agdb__border_copy(ours, sizeof *ours, theirs, theirs->struct_size, "transaction options",
                           reterr);
    if (st == AGDB_OK)
        st = check_options(ours, reterr);
    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    as.sql = "BEGIN";
    as.key = ours->key;
    as.shard = ours->shard;
    as.keyspace = ours->keyspace;
    as.access = ours->access;
    as.session = ours->session;
    as.max_lag_ms = ours->max_lag_ms;
    as.idempotency_key = ours->idempotency_key;
    return agdb__border_check(edition, &as, ret_shard, reterr);
}

void agdb__tx_begin(agdb_tx_t *tx, const agdb__tx_start_t *start, const agdb_tx_options_t *options)
{
    tx->db = start->db;
    tx->edition = start->edition;
    tx->fork_generation = agdb__fork_generation();
    tx->is_run = false;
    tx->is_over = false;
    tx->loop = NULL;
    tx->key = NULL;
    atomic_init(&tx->busy, false);
    agdb__tx_init(&tx->inner, start->shard, options, start->us, agdb__thread_number());
}

agdb_status_t agdb__tx_new(const agdb__tx_start_t *start, const agdb_tx_options_t *options,
                           agdb_tx_t **ret, agdb_error_t **reterr)
{
    agdb_tx_t *tx = agdb__malloc(sizeof *tx);

    if (tx == NULL)
        return agdb__not_sent(agdb__fail_nomem(reterr), AGDB_STAGE_CHECK, reterr);
    agdb__tx_begin(tx, start, options);
    *ret = tx;
    return AGDB_OK;
}

void agdb__tx_free(agdb_tx_t *tx)
{
    agdb__tx_fini(&tx->inner);
    agdb__free(tx->key);
    agdb__free(tx);
}

static agdb_status_t begin(agdb__tx_start_t *start, const agdb_tx_options_t *options,
                           agdb_tx_t **ret, agdb_error_t **reterr)
{
    agdb_tx_options_t ours;
    agdb_status_t st = agdb__tx_options(start->edition, options, &ours, &start->shard, reterr);

    if (st == AGDB_OK && (ours.once || ours.idempotency_key != NULL || ours.idempotent))
        return agdb__not_sent(
            agdb__fail(reterr, AGDB_E_INVAL,
                       ".once, .idempotent and .idempotency_key are of agdb_run and "
                       "agdb_query_tx, which can repeat a transaction"),
            AGDB_STAGE_CHECK, reterr);
    return st == AGDB_OK ? agdb__tx_new(start, &ours, ret, reterr) : st;
}

agdb_status_t agdb_begin(agdb_t *db, const agdb_tx_options_t *options, agdb_tx_t **ret,
                         agdb_error_t **reterr)
{
    agdb__tx_start_t start = {.db = db, .us = agdb__now_us()};
    agdb__visit_t visit;
    agdb_status_t st;

    if (ret == NULL)
        return agdb__not_sent(
            agdb__fail(reterr, AGDB_E_MISUSE, "agdb_begin needs a place for the transaction"),
            AGDB_STAGE_CHECK, reterr);
    *ret = NULL;
    st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    start.edition = visit.edition;
    st = begin(&start, options, ret, reterr);
    if (st == AGDB_OK)
        (void)agdb__alloc_enter(visit.outer); /* and the handle stays inside */
    else
        agdb__border_leave(&visit);
    return st;
}

/* --- statements --------------------------------------------------------------------------------
 */

static agdb_status_t check_target(agdb_tx_t *tx, const agdb_request_t *r, agdb_error_t **reterr)
{
    const agdb__shard_t *own = tx->inner.call.shard;
    agdb_request_t as = *r;
    agdb__shard_t *shard = NULL;
    agdb_status_t st;

    if (r->key.data == NULL && r->shard == NULL)
        return AGDB_OK;
    as.access = tx->inner.call.access;
    st = agdb__client_target(tx->edition, &as, &shard, reterr);
    if (st != AGDB_OK || shard == own)
        return st;
    (void)agdb__fail(reterr, AGDB_E_CROSS_SHARD,
                     "%s is of shard '%s', the transaction of shard '%s': one transaction runs on "
                     "one shard",
                     r->key.data != NULL ? "the request's key" : "the request", shard->name,
                     own->name);
    return AGDB_E_CROSS_SHARD;
}

static agdb_status_t check_fields(const agdb_tx_t *tx, const agdb_request_t *r,
                                  agdb_error_t **reterr)
{
    if (r->access != AGDB_WRITE && tx->inner.call.access == AGDB_WRITE)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "the transaction may write: .access is said for all of it, in its "
                          "options");
    if (r->session != NULL && r->session != tx->inner.call.session)
        return agdb__fail(reterr, AGDB_E_INVAL, ".session is said in the transaction's options");
    if (r->keys != NULL || r->region != NULL || r->scope != AGDB_ONE || r->merge != NULL)
        return agdb__fail(reterr, AGDB_E_CROSS_SHARD,
                          "a transaction runs on one shard: .keys, .region, .scope and .merge have "
                          "no place in it");
    if (r->cursor != NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, ".cursor is of agdb_stream_open only");
    if (r->idempotency_key != NULL)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          ".idempotency_key is said for a whole transaction: in the options of "
                          "agdb_run or agdb_query_tx");
    return AGDB_OK;
}

agdb_status_t agdb__tx_request(agdb_tx_t *tx, const agdb_request_t *theirs, agdb_request_t *ours,
                               agdb_error_t **reterr)
{
    agdb_status_t st = agdb__border_take(theirs, ours, reterr);

    if (st == AGDB_OK)
        st = check_fields(tx, ours, reterr);
    if (st == AGDB_OK)
        st = check_target(tx, ours, reterr);
    return st == AGDB_OK ? st : agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

static agdb_status_t query(agdb_tx_t *tx, const agdb_request_t *request, agdb_result_t **ret,
                           agdb_error_t **reterr)
{
    const uint64_t start_us = agdb__now_us();
    agdb__flight_t flight = {.count = 1};
    agdb_result_t *res = NULL;
    agdb__statement_t statement;
    agdb_request_t ours;
    agdb_status_t st = agdb__tx_request(tx, request, &ours, reterr);

    if (st != AGDB_OK)
        return st;
    statement = agdb__statement_of(&ours, tx->inner.mode.read_only);
    flight.statement = &statement;
    flight.commit = ours.commit;
    flight.result = ret != NULL ? &res : NULL;
    if (ours.timeout_ms != 0)
        flight.deadline_us = agdb__after_ms(start_us, ours.timeout_ms);
    (void)agdb__tx_fly(&tx->inner, &flight);
    if (ret != NULL && flight.status == AGDB_OK)
        *ret = res;
    if (flight.status != AGDB_OK)
        agdb__error_move(reterr, flight.error);
    return flight.status;
}

static agdb_status_t check_client(const agdb_t *db, const agdb_tx_t *tx, agdb_error_t **reterr)
{
    if (db == NULL || db == tx->db)
        return AGDB_OK;
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_MISUSE, "the transaction is of another client"),
                          AGDB_STAGE_CHECK, reterr);
}

agdb_status_t agdb__tx_query(agdb_t *db, const agdb_request_t *request, agdb_result_t **ret,
                             agdb_error_t **reterr)
{
    agdb_tx_t *tx = agdb__tx_of(request);
    const agdb_allocator_t *outer = NULL;
    agdb_status_t st = agdb__tx_enter(tx, &outer, reterr);

    if (st != AGDB_OK)
        return st;
    st = check_client(db, tx, reterr);
    if (st == AGDB_OK)
        st = query(tx, request, ret, reterr);
    agdb__tx_leave(tx, outer);
    return st;
}

/* --- savepoints --------------------------------------------------------------------------------
 */

typedef agdb_status_t (*savepoint_fn)(agdb__savepoints_t *all, const char *name,
                                      agdb_error_t **reterr);

/* A failed transaction can go back to a savepoint, and only that. */
static agdb_status_t at_savepoint(agdb_tx_t *tx, const char *name, savepoint_fn fn,
                                  agdb_error_t **reterr)
{
    const bool back = fn == agdb__savepoints_go_back;
    const agdb_allocator_t *outer = NULL;
    agdb_status_t st = agdb__tx_enter(tx, &outer, reterr);

    if (st != AGDB_OK)
        return st;
    if (!back || tx->inner.stand != AGDB__TX_BROKEN)
        st = agdb__tx_check(&tx->inner, reterr);
    if (st == AGDB_OK)
        st = fn(&tx->inner.savepoints, name, reterr);
    if (st == AGDB_OK && back)
        agdb__tx_mend(&tx->inner);
    agdb__tx_leave(tx, outer);
    return st == AGDB_OK ? st : agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

agdb_status_t agdb_savepoint(agdb_tx_t *tx, const char *name, agdb_error_t **reterr)
{
    return at_savepoint(tx, name, agdb__savepoints_set, reterr);
}

agdb_status_t agdb_rollback_to(agdb_tx_t *tx, const char *name, agdb_error_t **reterr)
{
    return at_savepoint(tx, name, agdb__savepoints_go_back, reterr);
}

agdb_status_t agdb_release(agdb_tx_t *tx, const char *name, agdb_error_t **reterr)
{
    return at_savepoint(tx, name, agdb__savepoints_release, reterr);
}

/* --- its end -----------------------------------------------------------------------------------
 */

static void free_handle(agdb_tx_t *tx, const agdb_allocator_t *outer)
{
    const agdb__visit_t visit = {tx->edition, outer};

    agdb__tx_free(tx);
    agdb__border_leave(&visit); /* from here on the client may be gone */
}

agdb_status_t agdb_commit(agdb_tx_t *tx, agdb_error_t **reterr)
{
    const agdb_allocator_t *outer = NULL;
    agdb_error_t *error = NULL;
    agdb__trace_t trace;
    agdb_status_t st = check_handle(tx, reterr);

    if (st == AGDB_OK)
        st = agdb__border_may_wait(reterr);
    if (st == AGDB_OK && tx->is_run)
        st = agdb__fail(reterr, AGDB_E_MISUSE, "agdb_run commits: return AGDB_OK");
    if (st != AGDB_OK)
        return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    st = agdb__tx_enter(tx, &outer, reterr);
    if (st != AGDB_OK)
        return st;
    trace = agdb__trace_begin_tagged(tx->db, "commit", tx->inner.call.tag, tx->inner.call.agency);
    st = agdb__tx_commit(&tx->inner, &error);
    agdb__trace_end(&trace, st, NULL, error);
    if (st != AGDB_OK)
        agdb__error_move(reterr, error);
    agdb__tx_undo(&tx->inner, true);
    free_handle(tx, outer);
    return st;
}

/* Its callback hears of it without the transaction. */
static void give_up_submitted(agdb_tx_t *tx)
{
    agdb_loop_t *loop = tx->loop;

    if (loop == NULL)
        return;
    agdb__loop_forget_tx(&loop->inner, tx->id);
    (void)agdb_cancel(loop, tx->id);
    tx->loop = NULL;
    atomic_store_explicit(&tx->busy, false, memory_order_release);
}

void agdb_rollback(agdb_tx_t *tx)
{
    const agdb_allocator_t *outer = NULL;

    if (tx == NULL || is_forked(tx))
        return;
    give_up_submitted(tx);
    if (agdb__tx_enter(tx, &outer, NULL) != AGDB_OK)
        return;
    agdb__tx_undo(&tx->inner, agdb__border_may_wait(NULL) == AGDB_OK);
    if (tx->is_run)
        agdb__tx_leave(tx, outer);
    else
        free_handle(tx, outer);
}
