/* The end of a scatter: what its legs have, as one answer. */
#include "base/alloc.h"
#include "base/error.h"
#include "exec/scatter_impl.h"

#include <stdio.h>

enum { NAMES_MAX = 1024 };

/* Legs by their ends. */
typedef struct ends {
    agdb_result_t **done;
    size_t ndone;
    const agdb_error_t **failed;
    size_t nfailed;
    char names[NAMES_MAX];      /* of the shards that have failed */
    char done_names[NAMES_MAX]; /* of those that have not */
} ends_t;

static void add_name(char *names, const char *name)
{
    const size_t len = strlen(names);

    snprintf(names + len, NAMES_MAX - len, "%s%s", len > 0 ? ", " : "", name);
}

static bool sort_out(const agdb__scatter_t *s, ends_t *ret)
{
    size_t i;

    *ret = (ends_t){.done = agdb__malloc(s->nlegs * sizeof *ret->done),
                    .failed = agdb__malloc(s->nlegs * sizeof *ret->failed)};
    if (ret->done == NULL || ret->failed == NULL)
        return false;
    for (i = 0; i < s->nlegs; i++) {
        const agdb__leg_t *leg = &s->leg[i];
        const char *name = leg->task.call.shard->name;

        if (leg->task.status == AGDB_OK) {
            ret->done[ret->ndone++] = leg->task.result;
            add_name(ret->done_names, name);
        } else if (!leg->was_ended) {
            ret->failed[ret->nfailed++] = leg->task.error;
            add_name(ret->names, name);
        }
    }
    return true;
}

/* --- one error of many -------------------------------------------------------------------------
 */

/* Of the whole: it was not sent, or rejected, only if no shard can have done any of it. What a read
 * has read is nothing that has happened. */
static agdb_outcome_t outcome_of(const agdb__scatter_t *s, const ends_t *e)
{
    bool not_sent = true;
    size_t i;

    if (s->is_write && e->ndone > 0)
        return AGDB_OUTCOME_UNKNOWN;
    for (i = 0; i < e->nfailed; i++) {
        if (e->failed[i]->outcome == AGDB_OUTCOME_UNKNOWN)
            return AGDB_OUTCOME_UNKNOWN;
        not_sent = not_sent && e->failed[i]->outcome == AGDB_OUTCOME_NOT_SENT;
    }
    return not_sent ? AGDB_OUTCOME_NOT_SENT : AGDB_OUTCOME_REJECTED;
}

static void tell_retry(const agdb__scatter_t *s, const ends_t *e, agdb_error_t **reterr)
{
    bool retriable = !s->is_write || e->ndone == 0;
    uint32_t after_ms = 0;
    size_t i;

    for (i = 0; i < e->nfailed; i++) {
        const agdb_error_t *error = e->failed[i];
        const bool unsent = error->status == AGDB_E_CANCELLED;

        retriable = retriable && (error->retriable || unsent);
        if (error->retry_after_ms > after_ms)
            after_ms = error->retry_after_ms;
    }
    agdb__error_retriable(reterr, retriable, after_ms);
}

/* The first failure's status, unless some of it is there, or has been done. */
static agdb_status_t fail_all(const agdb__scatter_t *s, const ends_t *e, bool some,
                              agdb_error_t **reterr)
{
    const agdb_error_t *first = s->leg[s->first].task.error;
    const agdb_status_t st = some ? AGDB_E_PARTIAL : first->status;
    const bool done = s->is_write && e->ndone > 0;
    size_t i;

    (void)agdb__fail(reterr, st, "%zu of %zu shards failed (%s)%s%s%s: %s", e->nfailed, s->nlegs,
                     e->names, done ? ", done by " : "", done ? e->done_names : "",
                     e->nfailed > 1 ? ", the first with" : "", first->message);
    agdb__error_stage(reterr, first->stage);
    agdb__error_outcome(reterr, outcome_of(s, e));
    agdb__error_sqlstate(reterr, first->sqlstate);
    tell_retry(s, e, reterr);
    for (i = 0; i < e->nfailed; i++)
        agdb__error_add_child(reterr, agdb__error_dup(e->failed[i]));
    return st;
}

/* Every shard that counts has executed it. */
static agdb_status_t fail_executed(const agdb__scatter_t *s, agdb_status_t st,
                                   agdb_error_t **reterr)
{
    agdb__error_stage(reterr, AGDB_STAGE_RESULT);
    agdb__error_outcome(reterr, s->is_write ? AGDB_OUTCOME_UNKNOWN : AGDB_OUTCOME_NONE);
    if (s->is_write)
        agdb__error_prefix(reterr, "the write was executed, but ");
    return st;
}

static agdb_status_t fail_too_big(const agdb__scatter_t *s, agdb_error_t **reterr)
{
    const bool rows = s->max_rows != 0 && s->rows > s->max_rows;

    (void)agdb__fail(
        reterr, AGDB_E_TOO_BIG, "the answers of the shards are together over the limit of %llu %s",
        (unsigned long long)(rows ? s->max_rows : s->max_bytes), rows ? "rows" : "bytes");
    return fail_executed(s, AGDB_E_TOO_BIG, reterr);
}

/* --- the end -----------------------------------------------------------------------------------
 */

/* What has become of the merged result is not the legs' any more. */
static void let_go(agdb__scatter_t *s)
{
    size_t i;

    for (i = 0; i < s->nlegs; i++)
        s->leg[i].task.result = NULL;
}

static agdb_status_t give_rows(agdb__scatter_t *s, const ends_t *e, agdb_result_t **ret,
                               agdb_error_t **reterr)
{
    agdb_status_t st = agdb__merge_results(&s->merge, e->done, e->ndone, ret, reterr);

    if (st != AGDB_OK)
        return fail_executed(s, st, reterr);
    let_go(s);
    if (e->nfailed == 0)
        return AGDB_OK;
    if (!agdb__result_lack(*ret, e->failed, e->nfailed)) {
        agdb__result_free(*ret);
        *ret = NULL;
        return fail_executed(s, agdb__fail_nomem(reterr), reterr);
    }
    return fail_all(s, e, true, reterr);
}

static agdb_status_t conclude(agdb__scatter_t *s, const ends_t *e, agdb_result_t **ret,
                              agdb_error_t **reterr)
{
    if (s->too_big)
        return fail_too_big(s, reterr);
    if (e->nfailed == 0 || (s->partial_ok && e->ndone > 0))
        return give_rows(s, e, ret, reterr);
    return fail_all(s, e, s->is_write && e->ndone > 0, reterr);
}

agdb_status_t agdb__scatter_conclude(agdb__scatter_t *s, agdb_result_t **ret, agdb_error_t **reterr)
{
    agdb_status_t st;
    ends_t e;

    *ret = NULL;
    if (sort_out(s, &e))
        st = conclude(s, &e, ret, reterr);
    else
        st = fail_executed(s, agdb__fail_nomem(reterr), reterr);
    agdb__free(e.done);
    agdb__free((void *)e.failed);
    return st;
}
