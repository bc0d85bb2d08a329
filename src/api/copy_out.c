/* agencydb/copy.h: agdb_copy_out. */
#include "agencydb/copy.h"

#include "api/border.h"
#include "api/copying.h"
#include "base/alloc.h"
#include "base/error.h"
#include "exec/bulk_out.h"
#include "exec/bulk_plan.h"

/* The caller's functions, with the caller's own memory. */
typedef struct taker {
    agdb_copy_sink_fn sink;
    void *sink_user;
    agdb_copy_progress_fn progress;
    void *progress_user;
    const agdb_allocator_t *outer;
} taker_t;

static bool call_sink(void *user, const void *data, size_t len)
{
    const taker_t *t = user;
    const agdb_allocator_t *inner = agdb__alloc_enter(t->outer);
    bool go_on;

    agdb__callback_begin();
    go_on = t->sink(data, len, t->sink_user);
    agdb__callback_end();
    (void)agdb__alloc_enter(inner);
    return go_on;
}

static bool call_progress(void *user, const agdb_copy_progress_t *progress)
{
    const taker_t *t = user;
    const agdb_allocator_t *inner = agdb__alloc_enter(t->outer);
    bool go_on;

    agdb__callback_begin();
    go_on = t->progress(progress, t->progress_user);
    agdb__callback_end();
    (void)agdb__alloc_enter(inner);
    return go_on;
}

static void name_shards(const agdb__bulk_out_t *out)
{
    size_t i;

    for (i = 0; i < out->nshards; i++)
        agdb__bulk_report_set(out->report, i, &(agdb_copy_shard_t){.shard = out->shards[i]->name});
}

static agdb_status_t run(agdb_t *db, agdb__bulk_out_t *out, agdb_error_t **reterr)
{
    agdb__bell_t bell;
    agdb__watcher_t closing = {.tell = agdb__bell_ring, .user = &bell};
    agdb_status_t st;

    out->report = agdb__bulk_report_new(out->nshards);
    if (out->report == NULL)
        return agdb__fail_nomem(reterr);
    name_shards(out);
    if (!agdb__bell_init(&bell))
        return agdb__fail(reterr, AGDB_E_NOMEM,
                          "no event descriptor: the process has too many open");
    out->bell = &bell;
    agdb__client_watch(db, &closing);
    st = agdb__bulk_out_run(out, reterr);
    agdb__client_unwatch(db, &closing);
    agdb__bell_fini(&bell);
    return st;
}

static agdb_status_t copy_out(agdb_t *db, const agdb__edition_t *edition,
                              const agdb_copy_options_t *options, taker_t *taker,
                              agdb_copy_report_t **ret_report, agdb_error_t **reterr)
{
    agdb__bulk_out_t out = {.options = options,
                            .gate = &db->gate,
                            .sink = call_sink,
                            .tell = options->progress != NULL ? call_progress : NULL,
                            .user = taker};
    agdb_error_t *error = NULL; /* the report has it, also when nobody else wants it */
    size_t keyspace;
    agdb_status_t st =
        agdb__copying_shards(edition, options, &keyspace, &out.shards, &out.nshards, &error);

    if (st == AGDB_OK)
        st = run(db, &out, &error);
    if (ret_report != NULL)
        *ret_report = out.report;
    else
        agdb__bulk_report_free(out.report);
    if (st != AGDB_OK)
        agdb__error_move(reterr, error);
    agdb__free(out.shards);
    return st;
}

agdb_status_t agdb_copy_out(agdb_t *db, const agdb_copy_options_t *options, agdb_copy_sink_fn sink,
                            void *user, agdb_copy_report_t **ret_report, agdb_error_t **reterr)
{
    taker_t taker = {.sink = sink, .sink_user = user};
    agdb_copy_options_t ours;
    agdb__visit_t visit;
    agdb_status_t st = AGDB_OK;

    if (ret_report != NULL)
        *ret_report = NULL;
    if (options == NULL || sink == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_copy_out needs options and a sink");
    st = agdb__border_copy(&ours, sizeof ours, options, options->struct_size, "copy options",
                           reterr);
    if (st == AGDB_OK)
        st = agdb__bulk_check_out(&ours, reterr);
    if (st == AGDB_OK)
        st = agdb__border_may_wait(reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    taker.outer = visit.outer;
    taker.progress = ours.progress;
    taker.progress_user = ours.progress_user;
    st = copy_out(db, visit.edition, &ours, &taker, ret_report, reterr);
    agdb__border_leave(&visit);
    return st;
}
