/* agencydb/tx.h: whole transactions, which can be repeated. */
#include "api/trace.h"
#include "api/tx.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/fingerprint.h"

#include <stdio.h>
#include <sys/random.h>

/* --- the key -----------------------------------------------------------------------------------
 */

/* Nobody else makes the same one: 128 random bits. */
static agdb_status_t make_key(char *ret, agdb_error_t **reterr)
{
    uint64_t random[2];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return agdb__not_sent(agdb__fail(reterr, AGDB_E_UNSUPPORTED, "no random numbers for a key"),
                              AGDB_STAGE_CHECK, reterr);
    snprintf(ret, AGDB__OWN_KEY, "%016llx%016llx", (unsigned long long)random[0],
             (unsigned long long)random[1]);
    return AGDB_OK;
}

agdb_status_t agdb__tx_set_key(agdb_tx_t *tx, const agdb_tx_options_t *options, char *own,
                               uint64_t fingerprint, agdb_error_t **reterr)
{
    const char *key = options->idempotency_key;
    agdb_status_t st = AGDB_OK;

    if (options->once) {
        st = make_key(own, reterr);
        key = own;
    }
    if (st == AGDB_OK && key != NULL)
        tx->inner.mode.once = (agdb__once_t){options->key.data, options->key.len, key, fingerprint};
    return st;
}

static void tell_replayed(const agdb_tx_t *tx, const agdb_tx_options_t *options)
{
    if (options->replayed != NULL)
        *options->replayed = tx->inner.replayed;
}

/* --- a function --------------------------------------------------------------------------------
 */

static uint64_t fingerprint_of_tag(const agdb_tx_options_t *options)
{
    agdb_request_t as = AGDB_REQUEST_INIT;

    as.sql = options->tag != NULL ? options->tag : "";
    return agdb__fingerprint(&as);
}

static agdb_status_t run(agdb__tx_start_t *start, const agdb_tx_options_t *options, agdb_tx_fn fn,
                         void *user, agdb_error_t **reterr)
{
    agdb_tx_options_t ours;
    char own[AGDB__OWN_KEY];
    agdb_tx_t tx;
    agdb_status_t st = agdb__tx_options(start->edition, options, &ours, &start->shard, reterr);

    if (st != AGDB_OK)
        return st;
    agdb__tx_begin(&tx, start, &ours);
    tx.is_run = true;
    st = agdb__tx_set_key(&tx, &ours, own, fingerprint_of_tag(&ours), reterr);
    if (st == AGDB_OK)
        st = agdb__tx_repeat(&tx.inner, fn, &tx, user, reterr);
    tell_replayed(&tx, &ours);
    agdb__tx_fini(&tx.inner);
    return st;
}

agdb_status_t agdb_run(agdb_t *db, const agdb_tx_options_t *options, agdb_tx_fn fn, void *user,
                       agdb_error_t **reterr)
{
    agdb__tx_start_t start = {.db = db, .us = agdb__now_us()};
    agdb__visit_t visit;
    agdb_status_t st = agdb__border_may_wait(reterr);

    if (st == AGDB_OK && fn == NULL)
        st = agdb__not_sent(agdb__fail(reterr, AGDB_E_MISUSE, "the transaction's function is NULL"),
                            AGDB_STAGE_CHECK, reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    start.edition = visit.edition;
    st = run(&start, options, fn, user, reterr);
    agdb__border_leave(&visit);
    return st;
}

/* --- an array ----------------------------------------------------------------------------------
 */

agdb_status_t agdb__tx_check_array(const agdb_request_t *const *requests, size_t count,
                                   agdb_error_t **reterr)
{
    size_t i;

    if (count < 1 || count > AGDB_TX_STATEMENTS)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "%zu statements, not 1 to %d: longer transactions are agdb_run's", count,
                          AGDB_TX_STATEMENTS);
    if (requests == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_query_tx needs requests");
    for (i = 0; i < count; i++)
        if (requests[i] == NULL)
            return agdb__fail(reterr, AGDB_E_MISUSE, "request %zu is NULL", i);
    return AGDB_OK;
}

agdb_status_t agdb__tx_take_array(agdb_tx_t *tx, const agdb_request_t *const *requests,
                                  size_t count, agdb__tx_batch_t *ret, agdb_error_t **reterr)
{
    agdb_status_t st = AGDB_OK;
    size_t i;

    for (i = 0; st == AGDB_OK && i < count; i++) {
        st = agdb__tx_request(tx, requests[i], &ret->request[i], reterr);
        ret->request[i].timeout_ms = 0; /* the options say it */
    }
    if (st != AGDB_OK)
        agdb__error_prefix(reterr, "statement %zu of %zu: ", i, count);
    ret->count = count;
    return st;
}

typedef struct batch {
    agdb__tx_batch_t of;
    agdb__statement_t statement[AGDB_TX_STATEMENTS];
} batch_t;

static agdb_status_t query_tx(agdb__tx_start_t *start, const agdb_tx_options_t *options,
                              const agdb_request_t *const *requests, size_t count, batch_t *batch,
                              agdb_result_t **results, agdb_error_t **reterr)
{
    agdb__flight_t flight = {
        .statement = batch->statement, .count = count, .commit = true, .result = results};
    agdb_tx_options_t ours;
    char own[AGDB__OWN_KEY];
    agdb_tx_t tx;
    size_t i;
    agdb_status_t st = agdb__tx_options(start->edition, options, &ours, &start->shard, reterr);

    if (st != AGDB_OK)
        return st;
    agdb__tx_begin(&tx, start, &ours);
    st = agdb__tx_take_array(&tx, requests, count, &batch->of, reterr);
    if (st == AGDB_OK)
        st = agdb__tx_set_key(&tx, &ours, own, agdb__fingerprint_all(batch->of.request, count),
                              reterr);
    for (i = 0; st == AGDB_OK && i < count; i++)
        batch->statement[i] = agdb__statement_of(&batch->of.request[i], tx.inner.mode.read_only);
    if (st == AGDB_OK) {
        st = agdb__tx_fly(&tx.inner, &flight);
        if (st != AGDB_OK)
            agdb__error_move(reterr, flight.error);
    }
    tell_replayed(&tx, &ours);
    agdb__tx_fini(&tx.inner);
    return st;
}

static agdb_status_t query_inside(agdb__tx_start_t *start, const agdb_tx_options_t *options,
                                  const agdb_request_t *const *requests, size_t count,
                                  agdb_result_t **results, agdb_error_t **reterr)
{
    batch_t *batch = agdb__malloc(sizeof *batch);
    agdb_status_t st;

    if (batch == NULL)
        return agdb__not_sent(agdb__fail_nomem(reterr), AGDB_STAGE_CHECK, reterr);
    st = query_tx(start, options, requests, count, batch, results, reterr);
    agdb__free(batch);
    return st;
}

agdb_status_t agdb_query_tx(agdb_t *db, const agdb_tx_options_t *options,
                            const agdb_request_t *const *requests, size_t count,
                            agdb_result_t **results, agdb_error_t **reterr)
{
    agdb__tx_start_t start = {.db = db, .us = agdb__now_us()};
    agdb_error_t *error = NULL;
    agdb__trace_t trace;
    agdb__visit_t visit;
    agdb_status_t st = agdb__border_may_wait(reterr);
    size_t i;

    if (st == AGDB_OK) {
        st = agdb__tx_check_array(requests, count, reterr);
        if (st != AGDB_OK)
            return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
    }
    for (i = 0; st == AGDB_OK && results != NULL && i < count; i++)
        results[i] = NULL;
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    trace = agdb__tx_trace(db, options);
    start.edition = visit.edition;
    st = query_inside(&start, options, requests, count, results, &error);
    agdb__border_leave(&visit);
    agdb__trace_end(&trace, st, NULL, error);
    if (st != AGDB_OK)
        agdb__error_move(reterr, error);
    return st;
}
