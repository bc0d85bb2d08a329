#include "exec/scatter.h"

#include "base/alloc.h"
#include "base/error.h"
#include "exec/block.h"
#include "exec/copy.h"
#include "exec/scatter_impl.h"
#include "map/text.h"
#include "pg/params.h"

#include <stddef.h>

_Static_assert(_Alignof(agdb__leg_t) <= AGDB__BLOCK_ALIGN, "legs are put into a block");

/* --- making ------------------------------------------------------------------------------------
 */

static size_t count_shard_keys(const agdb_request_t *request)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < request->nparams; i++)
        count += request->params[i].kind == AGDB_VALUE_SHARD_KEYS ? 1 : 0;
    return count;
}

/* What each leg has of its own, where the statement asks for the shard's keys: its parameters, and
 * the keys as C strings. */
static size_t keys_size(const agdb_request_t *request, const agdb__targets_t *targets)
{
    size_t size = agdb__block_step(targets->count * request->nparams * sizeof *request->params) +
                  agdb__block_step(request->nkeys * sizeof(char *));
    size_t i;

    for (i = 0; i < request->nkeys; i++)
        size += agdb__block_step(request->keys[i].len + 1);
    return size;
}

static agdb_status_t check_keys(const agdb_request_t *request, agdb_error_t **reterr)
{
    size_t i;

    if (request->keys == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "agdb_shard_keys() needs a request with .keys");
    for (i = 0; i < request->nkeys; i++)
        if (!agdb__text_is_utf8(request->keys[i].data, request->keys[i].len))
            return agdb__fail(
                reterr, AGDB_E_INVAL,
                "key %zu is not UTF-8 text without NUL: agdb_shard_keys() cannot send "
                "it as text",
                i);
    return AGDB_OK;
}

static char *put_key(char **at, agdb_bytes_t key)
{
    char *copy = agdb__block_take(at, key.len + 1);

    memcpy(copy, key.data, key.len);
    copy[key.len] = '\0';
    return copy;
}

/* A leg's own parameters: the array of its keys in the place of agdb_shard_keys(). */
static void put_params(agdb__leg_t *leg, agdb_value_t *params, const char *const *keys,
                       size_t nkeys)
{
    size_t i;

    if (leg->request.nparams > 0)
        memcpy(params, leg->request.params, leg->request.nparams * sizeof *params);
    for (i = 0; i < leg->request.nparams; i++)
        if (params[i].kind == AGDB_VALUE_SHARD_KEYS)
            params[i] = agdb_text_array(keys, nkeys);
    leg->request.params = params;
}

static void put_keys(agdb__scatter_t *s, char *at, const agdb_request_t *request,
                     const agdb__targets_t *targets)
{
    agdb_value_t *params =
        agdb__block_take(&at, targets->count * request->nparams * sizeof *params);
    const char **keys = agdb__block_take(&at, request->nkeys * sizeof *keys);
    size_t leg;
    size_t i;

    for (leg = 0; leg < s->nlegs; leg++) {
        const char **first = keys;

        for (i = 0; i < request->nkeys; i++)
            if (targets->place[i] == leg)
                *keys++ = put_key(&at, request->keys[i]);
        put_params(&s->leg[leg], params, first, (size_t)(keys - first));
        params += request->nparams;
    }
}

static agdb_status_t check_params(const agdb__scatter_t *s, agdb_error_t **reterr)
{
    size_t scratch;
    size_t i;

    for (i = 0; i < s->nlegs; i++) {
        const agdb_request_t *request = &s->leg[i].request;

        if (agdb__params_check(request->params, request->nparams, &scratch, reterr) != AGDB_OK)
            return AGDB_E_INVAL;
    }
    return AGDB_OK;
}

/* The whole has one deadline: without one of its own that of the shard that has the shortest. */
static uint32_t time_of(const agdb_request_t *request, const agdb__targets_t *targets)
{
    uint64_t ms = UINT32_MAX;
    size_t i;

    if (request->timeout_ms != 0)
        return request->timeout_ms;
    for (i = 0; i < targets->count; i++)
        if (targets->shards[i]->call_ms < ms)
            ms = targets->shards[i]->call_ms;
    return (uint32_t)ms;
}

/* One block: scatter, legs, the request's copy, the merge's copy, the legs' keys. */
static void fill(agdb__scatter_t *s, const agdb_request_t *request, const agdb__targets_t *targets,
                 size_t copy_size, size_t merge_size, bool with_keys)
{
    char *at = (char *)s->leg + agdb__block_step(targets->count * sizeof *s->leg);
    agdb_request_t copy;
    size_t i;

    agdb__copy_request(request, at, &copy);
    at += copy_size;
    copy.timeout_ms = time_of(request, targets);
    copy.keys = NULL;
    copy.nkeys = 0;
    copy.region = NULL;
    copy.scope = AGDB_ONE;
    copy.merge = NULL;
    if (request->merge != NULL)
        agdb__merge_copy(request->merge, at, &s->merge);
    at += merge_size;
    for (i = 0; i < s->nlegs; i++) {
        s->leg[i] = (agdb__leg_t){.request = copy};
        s->leg[i].task.call.shard = targets->shards[i];
    }
    if (with_keys)
        put_keys(s, at, request, targets);
}

agdb_status_t agdb__scatter_new(const agdb_request_t *request, const agdb__targets_t *targets,
                                agdb__scatter_t **ret, agdb_error_t **reterr)
{
    const bool with_keys = count_shard_keys(request) > 0;
    const size_t head = agdb__block_step(sizeof(agdb__scatter_t));
    const size_t copy_size = agdb__block_step(agdb__copy_size(request));
    const size_t merge_size =
        request->merge != NULL ? agdb__block_step(agdb__merge_copy_size(request->merge)) : 0;
    agdb__scatter_t *s;
    agdb_status_t st = with_keys ? check_keys(request, reterr) : AGDB_OK;

    if (st != AGDB_OK)
        return st;
    s = agdb__malloc(head + agdb__block_step(targets->count * sizeof *s->leg) + copy_size +
                     merge_size + (with_keys ? keys_size(request, targets) : 0));
    if (s == NULL)
        return agdb__fail_nomem(reterr);
    *s = (agdb__scatter_t){.leg = (agdb__leg_t *)(void *)((char *)s + head),
                           .nlegs = targets->count,
                           .merge = {.kind = AGDB_CONCAT},
                           .is_write = request->access == AGDB_WRITE,
                           .partial_ok = request->partial == AGDB_PARTIAL_OK,
                           .max_rows = request->max_rows,
                           .max_bytes = request->max_bytes != 0 ? request->max_bytes
                                                                : AGDB_MAX_BYTES_DEFAULT};
    fill(s, request, targets, copy_size, merge_size, with_keys);
    st = check_params(s, reterr);
    if (st == AGDB_OK)
        *ret = s;
    else
        agdb__free(s);
    return st;
}

void agdb__scatter_free(agdb__scatter_t *s)
{
    size_t i;

    for (i = 0; s != NULL && i < s->nlegs; i++) {
        agdb__result_free(s->leg[i].task.result);
        agdb__error_free(s->leg[i].task.error);
        agdb__error_free(s->leg[i].task.call.error);
    }
    agdb__free(s);
}

size_t agdb__scatter_legs(const agdb__scatter_t *s)
{
    return s->nlegs;
}

agdb__shard_t *agdb__scatter_shard(const agdb__scatter_t *s, size_t leg)
{
    return s->leg[leg].task.call.shard;
}

const agdb_request_t *agdb__scatter_request(const agdb__scatter_t *s, size_t leg)
{
    return &s->leg[leg].request;
}

const agdb_merge_t *agdb__scatter_merge(const agdb__scatter_t *s)
{
    return &s->merge;
}

void agdb__scatter_limit(agdb__scatter_t *s, uint32_t timeout_ms)
{
    size_t i;

    for (i = 0; i < s->nlegs; i++)
        if (timeout_ms < s->leg[i].request.timeout_ms)
            s->leg[i].request.timeout_ms = timeout_ms;
}

/* --- under way ---------------------------------------------------------------------------------
 */

void agdb__scatter_begin(agdb__scatter_t *s, agdb__driver_t *driver, void *owner, uint64_t start_us)
{
    size_t i;

    s->owner = owner;
    s->open = s->nlegs;
    for (i = 0; i < s->nlegs; i++) {
        agdb__leg_t *leg = &s->leg[i];

        leg->open = true;
        agdb__driver_add(driver, &leg->task, leg->task.call.shard, &leg->request, start_us);
        leg->task.scatter = s;
    }
}

void *agdb__scatter_owner(const agdb__scatter_t *s)
{
    return s->owner;
}

static void close_leg(agdb__scatter_t *s, agdb__leg_t *leg)
{
    leg->open = false;
    s->open--;
}

/* A write that a server may have, or has answered, is waited for. */
static bool may_end(const agdb__scatter_t *s, const agdb__leg_t *leg)
{
    const agdb__task_t *task = &leg->task;

    if (!leg->open || task->state == AGDB__TASK_DONE)
        return false;
    return !s->is_write || (task->state != AGDB__TASK_IN_FLIGHT && !task->call.may_have_happened);
}

static void end_leg(agdb__scatter_t *s, agdb__driver_t *driver, agdb__leg_t *leg)
{
    (void)agdb__driver_drop(driver, &leg->task);
    close_leg(s, leg);
    leg->was_ended = !s->is_write;
    leg->task.status = agdb__fail(&leg->task.error, AGDB_E_CANCELLED,
                                  "not sent, because another shard had failed before");
    agdb__error_place(&leg->task.error, leg->task.call.shard->name, NULL);
    agdb__error_outcome(&leg->task.error, AGDB_OUTCOME_NOT_SENT);
}

/* The rest of a failed one is not wanted, unless it is worth something by itself. */
static void end_others(agdb__scatter_t *s, agdb__driver_t *driver)
{
    size_t i;

    for (i = 0; i < s->nlegs; i++)
        if (may_end(s, &s->leg[i]))
            end_leg(s, driver, &s->leg[i]);
}

static void count_answer(agdb__scatter_t *s, const agdb_result_t *leg)
{
    s->rows += agdb__result_rows(leg);
    s->bytes += agdb__result_bytes(leg);
    if ((s->max_rows != 0 && s->rows > s->max_rows) || s->bytes > s->max_bytes)
        s->too_big = true;
}

bool agdb__scatter_took(agdb__scatter_t *s, agdb__driver_t *driver, agdb__task_t *task)
{
    agdb__leg_t *leg = (agdb__leg_t *)(void *)((char *)task - offsetof(agdb__leg_t, task));

    close_leg(s, leg);
    if (task->status == AGDB_OK) {
        count_answer(s, task->result);
    } else if (!s->failed) {
        s->failed = true;
        s->first = (size_t)(leg - s->leg);
    }
    if (s->too_big || (s->failed && !s->partial_ok))
        end_others(s, driver);
    return s->open == 0;
}

bool agdb__scatter_is_answered(const agdb__scatter_t *s)
{
    size_t i;

    for (i = 0; i < s->nlegs; i++)
        if (s->leg[i].open && s->leg[i].task.state != AGDB__TASK_DONE)
            return false;
    return true;
}

agdb_outcome_t agdb__scatter_give_up(agdb__scatter_t *s, agdb__driver_t *driver)
{
    agdb_outcome_t outcome = AGDB_OUTCOME_NOT_SENT;
    size_t i;

    for (i = 0; i < s->nlegs; i++) {
        agdb__leg_t *leg = &s->leg[i];

        if (leg->open) {
            if (agdb__driver_drop(driver, &leg->task))
                outcome = AGDB_OUTCOME_UNKNOWN;
            close_leg(s, leg);
        }
        if (leg->task.result != NULL ||
            (leg->task.error != NULL && leg->task.error->outcome == AGDB_OUTCOME_UNKNOWN))
            outcome = AGDB_OUTCOME_UNKNOWN;
    }
    return outcome;
}
