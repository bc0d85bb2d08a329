#include "api/border.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/fork.h"
#include "pg/params.h"

agdb_status_t agdb__border_enter(agdb_t *db, const agdb_allocator_t **ret_outer,
                                 agdb_error_t **reterr)
{
    agdb_status_t st;

    if (db == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "the client is NULL");
    if (db->fork_generation != agdb__fork_generation()) {
        st = agdb__fail(reterr, AGDB_E_FORKED,
                        "this client belongs to the parent process: open one of your own after "
                        "fork");
    } else if (!agdb__gate_enter(&db->gate)) {
        st = agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
    } else {
        *ret_outer = agdb__alloc_enter(db->allocator);
        return AGDB_OK;
    }
    agdb__error_stage(reterr, AGDB_STAGE_CHECK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}

void agdb__border_leave(agdb_t *db, const agdb_allocator_t *outer)
{
    (void)agdb__alloc_enter(outer);
    agdb__gate_leave(&db->gate);
}

agdb_status_t agdb__border_copy(void *ours, size_t our_size, const void *theirs, size_t their_size,
                                const char *what, agdb_error_t **reterr)
{
    const unsigned char *bytes = theirs;
    size_t i;

    if (their_size < sizeof(size_t) || their_size > 65536)
        return agdb__fail(reterr, AGDB_E_INVAL, "%s: struct_size is not set", what);
    for (i = our_size; i < their_size; i++)
        if (bytes[i] != 0)
            return agdb__fail(reterr, AGDB_E_INVAL,
                              "%s: a field is set that this version of the library does not know",
                              what);
    memset(ours, 0, our_size);
    memcpy(ours, theirs, their_size < our_size ? their_size : our_size);
    return AGDB_OK;
}

static agdb_status_t check_access(const agdb_request_t *r, agdb_error_t **reterr)
{
    switch (r->access) {
    case AGDB_WRITE:
    case AGDB_READ:
    case AGDB_READ_REPLICA_OK:
        break;
    case AGDB_READ_SESSION:
        if (r->session == NULL)
            return agdb__fail(reterr, AGDB_E_INVAL, "AGDB_READ_SESSION needs a .session");
        break;
    case AGDB_READ_BOUNDED:
        if (r->max_lag_ms == 0)
            return agdb__fail(reterr, AGDB_E_INVAL, "AGDB_READ_BOUNDED needs .max_lag_ms");
        break;
    default:
        return agdb__fail(reterr, AGDB_E_UNSUPPORTED, "unknown .access %d", (int)r->access);
    }
    if (r->max_lag_ms != 0 && r->access != AGDB_READ_BOUNDED)
        return agdb__fail(reterr, AGDB_E_INVAL, ".max_lag_ms is of AGDB_READ_BOUNDED only");
    return AGDB_OK;
}

static agdb_status_t check_request(const agdb_request_t *r, agdb_error_t **reterr)
{
    if (r->sql == NULL || r->sql[0] == '\0')
        return agdb__fail(reterr, AGDB_E_INVAL, "the request has no .sql");
    if (r->key.data == NULL && r->key.len > 0)
        return agdb__fail(reterr, AGDB_E_INVAL, "the key has a length but no bytes");
    if (r->key.data != NULL && (r->key.len < 1 || r->key.len > AGDB_KEY_MAX))
        return agdb__fail(reterr, AGDB_E_INVAL, "the key has %zu bytes, not 1 to %d", r->key.len,
                          AGDB_KEY_MAX);
    if (r->key.data != NULL && r->shard != NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "the request has two targets: .key and .shard");
    if (r->nparams > 0 && r->params == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "the request has .nparams but no .params");
    if (r->idempotency_key != NULL && r->access != AGDB_WRITE)
        return agdb__fail(reterr, AGDB_E_INVAL, ".idempotency_key is of writes only");
    if (r->idempotency_key != NULL &&
        (r->idempotency_key[0] == '\0' || strlen(r->idempotency_key) > AGDB_KEY_MAX))
        return agdb__fail(reterr, AGDB_E_INVAL, ".idempotency_key has not 1 to %d bytes",
                          AGDB_KEY_MAX);
    if (r->idempotency_key != NULL) { /* its fingerprint reads the parameters */
        size_t scratch;

        if (agdb__params_check(r->params, r->nparams, &scratch, reterr) != AGDB_OK)
            return AGDB_E_INVAL;
    }
    return check_access(r, reterr);
}

static agdb_status_t not_sent(agdb_status_t st, agdb_error_t **reterr)
{
    agdb__error_stage(reterr, AGDB_STAGE_CHECK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}

agdb_status_t agdb__border_take(const agdb_request_t *theirs, agdb_request_t *ours,
                                agdb_error_t **reterr)
{
    agdb_status_t st;

    if (theirs == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "the request is NULL");
    st = agdb__border_copy(ours, sizeof *ours, theirs, theirs->struct_size, "request", reterr);
    if (st == AGDB_OK)
        st = check_request(ours, reterr);
    return st == AGDB_OK ? st : not_sent(st, reterr);
}

agdb_status_t agdb__border_check(agdb_t *db, const agdb_request_t *ours, agdb__shard_t **ret_shard,
                                 agdb_error_t **reterr)
{
    agdb_status_t st = check_request(ours, reterr);

    return st == AGDB_OK ? agdb__client_target(db, ours, ret_shard, reterr) : not_sent(st, reterr);
}

static agdb_status_t check_no_tx(const agdb_request_t *ours, agdb_error_t **reterr)
{
    if (ours->tx != NULL)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "the statements of a transaction have an order, the requests of this "
                          "call have none: use agdb_query, or agdb_query_tx");
    if (ours->commit)
        return agdb__fail(reterr, AGDB_E_INVAL, ".commit is of requests with a .tx");
    return AGDB_OK;
}

agdb_status_t agdb__border_request(agdb_t *db, const agdb_request_t *theirs, agdb_request_t *ours,
                                   agdb__shard_t **ret_shard, agdb_error_t **reterr)
{
    agdb_status_t st = agdb__border_take(theirs, ours, reterr);

    if (st != AGDB_OK)
        return st;
    if (ours->tx != NULL || ours->commit)
        return not_sent(check_no_tx(ours, reterr), reterr);
    return agdb__client_target(db, ours, ret_shard, reterr);
}

static _Thread_local unsigned t_callbacks;

void agdb__callback_begin(void)
{
    t_callbacks++;
}

void agdb__callback_end(void)
{
    t_callbacks--;
}

agdb_status_t agdb__border_may_wait(agdb_error_t **reterr)
{
    if (t_callbacks == 0)
        return AGDB_OK;
    (void)agdb__fail(reterr, AGDB_E_MISUSE,
                     "a callback of a loop must not wait: submit the request instead");
    agdb__error_stage(reterr, AGDB_STAGE_CHECK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return AGDB_E_MISUSE;
}
