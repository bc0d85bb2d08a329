#include "api/border.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/fork.h"
#include "exec/merge.h"
#include "pg/params.h"

agdb_status_t agdb__border_enter(agdb_t *db, agdb__visit_t *ret, agdb_error_t **reterr)
{
    agdb_status_t st;

    if (db == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "the client is NULL");
    if (db->fork_generation != agdb__fork_generation()) {
        st = agdb__fail(reterr, AGDB_E_FORKED,
                        "this client belongs to the parent process: open one of your own after "
                        "fork");
    } else {
        ret->edition = agdb__editions_enter(&db->editions);
        if (ret->edition != NULL) {
            ret->outer = agdb__alloc_enter(db->allocator);
            return AGDB_OK;
        }
        st = agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
    }
    agdb__error_stage(reterr, AGDB_STAGE_CHECK);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}

void agdb__border_leave(const agdb__visit_t *visit)
{
    (void)agdb__alloc_enter(visit->outer);
    agdb__edition_leave(visit->edition);
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

static agdb_status_t check_key(agdb_bytes_t key, agdb_error_t **reterr)
{
    if (key.data == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "the key has a length but no bytes");
    if (key.len < 1 || key.len > AGDB_KEY_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL, "the key has %zu bytes, not 1 to %d", key.len,
                          AGDB_KEY_MAX);
    return AGDB_OK;
}

static agdb_status_t check_keys(const agdb_request_t *r, agdb_error_t **reterr)
{
    size_t i;

    if ((r->keys == NULL) != (r->nkeys == 0))
        return agdb__fail(reterr, AGDB_E_INVAL, "the request has %s",
                          r->keys == NULL ? ".nkeys but no .keys"
                                          : ".keys but none of them (.nkeys is 0)");
    if (r->nkeys > AGDB_KEYS_MAX)
        return agdb__fail(reterr, AGDB_E_INVAL, "the request has %zu keys, over %u", r->nkeys,
                          AGDB_KEYS_MAX);
    for (i = 0; i < r->nkeys; i++)
        if (check_key(r->keys[i], reterr) != AGDB_OK) {
            agdb__error_prefix(reterr, ".keys, number %zu: ", i);
            return AGDB_E_INVAL;
        }
    return AGDB_OK;
}

/* Most requests are: nothing more is to be looked at. */
static bool is_for_key(const agdb_request_t *r)
{
    return r->key.data != NULL && r->shard == NULL && r->keys == NULL && r->nkeys == 0 &&
           r->region == NULL && r->scope == AGDB_ONE && r->partial == AGDB_ALL_OR_ERROR;
}

static agdb_status_t check_target(const agdb_request_t *r, agdb_error_t **reterr)
{
    const struct {
        const char *name;
        bool given;
    } target[] = {{".key", r->key.data != NULL || r->key.len > 0},
                  {".shard", r->shard != NULL},
                  {".keys", r->keys != NULL || r->nkeys > 0},
                  {".region", r->region != NULL},
                  {".scope", r->scope != AGDB_ONE}};
    const char *given = NULL;
    size_t i;

    for (i = 0; i < sizeof target / sizeof target[0]; i++) {
        if (target[i].given && given != NULL)
            return agdb__fail(reterr, AGDB_E_INVAL, "the request has two targets: %s and %s", given,
                              target[i].name);
        if (target[i].given)
            given = target[i].name;
    }
    if (r->scope != AGDB_ONE && r->scope != AGDB_ALL)
        return agdb__fail(reterr, AGDB_E_INVAL, "unknown .scope %d", (int)r->scope);
    if (r->partial != AGDB_ALL_OR_ERROR && r->partial != AGDB_PARTIAL_OK)
        return agdb__fail(reterr, AGDB_E_INVAL, "unknown .partial %d", (int)r->partial);
    if (target[0].given)
        return check_key(r->key, reterr);
    return check_keys(r, reterr);
}

static bool has_shard_keys(const agdb_request_t *r)
{
    size_t i;

    for (i = 0; i < r->nparams; i++)
        if (r->params[i].kind == AGDB_VALUE_SHARD_KEYS)
            return true;
    return false;
}

static agdb_status_t check_request(const agdb_request_t *r, agdb_error_t **reterr)
{
    if (r->sql == NULL || r->sql[0] == '\0')
        return agdb__fail(reterr, AGDB_E_INVAL, "the request has no .sql");
    if ((is_for_key(r) ? check_key(r->key, reterr) : check_target(r, reterr)) != AGDB_OK)
        return AGDB_E_INVAL;
    if (r->nparams > 0 && r->params == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "the request has .nparams but no .params");
    if (r->idempotency_key != NULL && r->access != AGDB_WRITE)
        return agdb__fail(reterr, AGDB_E_INVAL, ".idempotency_key is of writes only");
    if (r->idempotency_key != NULL &&
        (r->idempotency_key[0] == '\0' || strlen(r->idempotency_key) > AGDB_KEY_MAX))
        return agdb__fail(reterr, AGDB_E_INVAL, ".idempotency_key has not 1 to %d bytes",
                          AGDB_KEY_MAX);
    if (r->idempotency_key != NULL && !has_shard_keys(r)) { /* its fingerprint reads them */
        size_t scratch;

        if (agdb__params_check(r->params, r->nparams, &scratch, reterr) != AGDB_OK)
            return AGDB_E_INVAL;
    }
    return check_access(r, reterr);
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
    return st == AGDB_OK ? AGDB_OK : agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

agdb_status_t agdb__border_check(const agdb__edition_t *edition, const agdb_request_t *ours,
                                 agdb__shard_t **ret_shard, agdb_error_t **reterr)
{
    agdb_status_t st = check_request(ours, reterr);

    return st == AGDB_OK ? agdb__client_target(edition, ours, ret_shard, reterr)
                         : agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

/* The same, and it is of no transaction. */
static agdb_status_t take_free(const agdb_request_t *theirs, agdb_request_t *ours,
                               agdb_error_t **reterr)
{
    agdb_status_t st = agdb__border_take(theirs, ours, reterr);

    if (st != AGDB_OK || (ours->tx == NULL && !ours->commit))
        return st;
    if (ours->tx != NULL)
        st = agdb__fail(reterr, AGDB_E_INVAL,
                        "the statements of a transaction have an order, the requests of this call "
                        "have none: use agdb_query, agdb_submit or agdb_query_tx");
    else
        st = agdb__fail(reterr, AGDB_E_INVAL, ".commit is of requests with a .tx");
    return agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

static agdb_status_t refuse_cursor(const agdb_request_t *r, agdb_error_t **reterr)
{
    if (r->cursor == NULL)
        return AGDB_OK;
    return agdb__not_sent(agdb__fail(reterr, AGDB_E_INVAL, ".cursor is of agdb_stream_open only"),
                          AGDB_STAGE_CHECK, reterr);
}

static bool is_for_one(const agdb_request_t *r)
{
    return r->keys == NULL && r->region == NULL && r->scope == AGDB_ONE && r->merge == NULL;
}

static agdb_status_t copy_merge(const agdb_request_t *request, agdb_merge_t *ours,
                                agdb_error_t **reterr)
{
    const agdb_merge_t *theirs = request->merge;
    agdb_status_t st;

    if (theirs == NULL)
        return AGDB_OK;
    st = agdb__border_copy(ours, sizeof *ours, theirs, theirs->struct_size, "merge", reterr);
    if (st == AGDB_OK)
        st = agdb__merge_check(ours, reterr);
    return st == AGDB_OK ? AGDB_OK : agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

/* One shard and nothing to be merged: the ordinary way. */
static agdb_status_t choose_way(const agdb_request_t *request, const agdb__targets_t *targets,
                                agdb__goal_t *ret, agdb_error_t **reterr)
{
    agdb_status_t st;

    if (targets->count == 1 && agdb__merge_is_plain(request->merge) && !has_shard_keys(request)) {
        ret->shard = targets->shards[0];
        return AGDB_OK;
    }
    st = agdb__scatter_new(request, targets, &ret->scatter, reterr);
    return st == AGDB_OK ? AGDB_OK : agdb__not_sent(st, AGDB_STAGE_CHECK, reterr);
}

agdb_status_t agdb__border_stream(const agdb__edition_t *edition, const agdb_request_t *theirs,
                                  agdb_request_t *ours, agdb__goal_t *ret, agdb_error_t **reterr)
{
    agdb__targets_t targets = {.shards = NULL};
    agdb_merge_t merge;
    agdb_status_t st = take_free(theirs, ours, reterr);

    *ret = (agdb__goal_t){.shard = NULL};
    if (st == AGDB_OK && is_for_one(ours))
        return agdb__client_target(edition, ours, &ret->shard, reterr);
    if (st == AGDB_OK)
        st = copy_merge(ours, &merge, reterr);
    if (st != AGDB_OK)
        return st;
    ours->merge = ours->merge != NULL ? &merge : NULL;
    st = agdb__client_targets(edition, ours, &targets, reterr);
    if (st == AGDB_OK)
        st = choose_way(ours, &targets, ret, reterr);
    ours->merge = NULL; /* copied, or not needed */
    agdb__free(targets.shards);
    return st;
}

agdb_status_t agdb__border_goal(const agdb__edition_t *edition, const agdb_request_t *theirs,
                                agdb_request_t *ours, agdb__goal_t *ret, agdb_error_t **reterr)
{
    agdb_status_t st = agdb__border_stream(edition, theirs, ours, ret, reterr);

    if (st != AGDB_OK || ours->cursor == NULL)
        return st;
    agdb__scatter_free(ret->scatter);
    return refuse_cursor(ours, reterr);
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
