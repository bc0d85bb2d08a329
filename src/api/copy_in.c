/* agencydb/copy.h: loads. An open one holds a place in its client's gate, as a loop does. */
#include "agencydb/copy.h"

#include "api/border.h"
#include "api/copying.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/fork.h"
#include "exec/bulk_in.h"
#include "exec/bulk_plan.h"
#include "exec/bulk_session.h"

struct agdb_copy {
    agdb_t *db;
    agdb__edition_t *edition; /* it is inside */
    unsigned fork_generation;
    agdb__watcher_t closing; /* of the client */
    agdb__shard_t **shards;
    agdb_copy_progress_fn progress;
    void *progress_user;
    const agdb_allocator_t *outer; /* of the call that is under way */
    agdb__bulk_in_t inner;
};

/* --- open ---------------------------------------------------------------------------------------
 */

static void call_progress(void *user, const agdb_copy_progress_t *progress, bool *ret_go_on)
{
    agdb_copy_t *copy = user;
    const agdb_allocator_t *inner = agdb__alloc_enter(copy->outer);

    agdb__callback_begin();
    *ret_go_on = copy->progress(progress, copy->progress_user);
    agdb__callback_end();
    (void)agdb__alloc_enter(inner);
}

/* Watches the client's close. It may have closed meanwhile, without telling. */
static agdb_status_t join(agdb_copy_t *copy, agdb_t *db, agdb_error_t **reterr)
{
    copy->closing = (agdb__watcher_t){.tell = agdb__bell_ring, .user = &copy->inner.bell};
    agdb__client_watch(db, &copy->closing);
    if (!agdb__gate_is_closed(&db->gate))
        return AGDB_OK;
    agdb__client_unwatch(db, &copy->closing);
    return agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
}

static agdb_status_t init(agdb_copy_t *copy, agdb_t *db, const agdb_copy_options_t *options,
                          agdb_error_t **reterr)
{
    agdb__bulk_target_t target = {
        .map = copy->edition->map, .gate = &db->gate, .by_key = options->shard == NULL};
    agdb_status_t st = agdb__copying_shards(copy->edition, options, &target.keyspace, &copy->shards,
                                            &target.nshards, reterr);

    if (st != AGDB_OK)
        return st;
    if (target.by_key && target.nshards == 1 && options->key_column == NULL &&
        options->key_index == 0)
        target.by_key = false; /* there is no choice */
    target.shards = copy->shards;
    st = agdb__bulk_in_init(&copy->inner, &target, options, reterr);
    if (st != AGDB_OK)
        return st;
    copy->db = db;
    copy->fork_generation = agdb__fork_generation();
    copy->progress = options->progress;
    copy->progress_user = options->progress_user;
    copy->inner.call = options->progress != NULL ? call_progress : NULL;
    copy->inner.call_user = copy;
    st = join(copy, db, reterr);
    if (st != AGDB_OK)
        agdb__bulk_in_fini(&copy->inner);
    return st;
}

static agdb_status_t open_copy(agdb_t *db, agdb__edition_t *edition,
                               const agdb_copy_options_t *options, agdb_copy_t **ret,
                               agdb_error_t **reterr)
{
    agdb_copy_t *copy = agdb__calloc(1, sizeof *copy);
    agdb_status_t st;

    if (copy == NULL)
        return agdb__fail_nomem(reterr);
    copy->edition = edition;
    st = init(copy, db, options, reterr);
    if (st == AGDB_OK) {
        *ret = copy;
    } else {
        agdb__free(copy->shards);
        agdb__free(copy);
    }
    return st;
}

static agdb_status_t not_sent(agdb_status_t st, agdb_error_t **reterr)
{
    if (st != AGDB_OK)
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}

agdb_status_t agdb_copy_in_open(agdb_t *db, const agdb_copy_options_t *options, agdb_copy_t **ret,
                                agdb_error_t **reterr)
{
    agdb_copy_options_t ours;
    agdb__visit_t visit;
    agdb_status_t st;

    if (options == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_copy_in_open needs options and a place for the load");
    st = agdb__border_copy(&ours, sizeof ours, options, options->struct_size, "copy options",
                           reterr);
    if (st == AGDB_OK)
        st = agdb__bulk_check_in(&ours, reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return not_sent(st, reterr);
    st = open_copy(db, visit.edition, &ours, ret, reterr);
    if (st == AGDB_OK)
        (void)agdb__alloc_enter(visit.outer); /* and stays inside */
    else
        agdb__border_leave(&visit);
    return not_sent(st, reterr);
}

/* --- calls --------------------------------------------------------------------------------------
 */

static agdb_status_t check(const agdb_copy_t *copy, agdb_error_t **reterr)
{
    if (copy == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "the load is NULL");
    if (copy->fork_generation != agdb__fork_generation())
        return agdb__fail(reterr, AGDB_E_FORKED, "this load belongs to the parent process");
    if (copy->inner.calling)
        return agdb__fail(reterr, AGDB_E_MISUSE, "not from inside a callback of this load");
    return agdb__border_may_wait(reterr);
}

static void enter(agdb_copy_t *copy)
{
    copy->outer = agdb__alloc_enter(copy->db->allocator);
}

static agdb_status_t leave(agdb_copy_t *copy, agdb_status_t st)
{
    (void)agdb__alloc_enter(copy->outer);
    return st;
}

agdb_status_t agdb_copy_in_write(agdb_copy_t *copy, const void *data, size_t len,
                                 agdb_error_t **reterr)
{
    agdb_status_t st = check(copy, reterr);

    if (st == AGDB_OK && data == NULL && len > 0)
        st = agdb__fail(reterr, AGDB_E_MISUSE, "the data is NULL");
    if (st != AGDB_OK || len == 0)
        return st;
    enter(copy);
    return leave(copy, agdb__bulk_in_write(&copy->inner, data, len, reterr));
}

agdb_status_t agdb_copy_in_row(agdb_copy_t *copy, agdb_bytes_t key, const void *row, size_t len,
                               agdb_error_t **reterr)
{
    agdb_status_t st = check(copy, reterr);

    if (st == AGDB_OK && (row == NULL || len == 0))
        st = agdb__fail(reterr, AGDB_E_MISUSE, "there is no row");
    if (st == AGDB_OK && (key.data == NULL || key.len < 1 || key.len > AGDB_KEY_MAX))
        st = agdb__fail(reterr, AGDB_E_INVAL, "the key has %zu bytes, not 1 to %d", key.len,
                        AGDB_KEY_MAX);
    if (st != AGDB_OK)
        return st;
    enter(copy);
    return leave(copy, agdb__bulk_in_row(&copy->inner, key, row, len, reterr));
}

/* --- the end ------------------------------------------------------------------------------------
 */

static void close_copy(agdb_copy_t *copy, agdb_copy_report_t **ret_report)
{
    const agdb__visit_t visit = {copy->edition, copy->outer};

    agdb__bulk_tell_session(&copy->inner);
    if (ret_report != NULL)
        *ret_report = agdb__bulk_in_report(&copy->inner);
    agdb__client_unwatch(copy->db, &copy->closing);
    agdb__bulk_in_fini(&copy->inner);
    agdb__free(copy->shards);
    agdb__free(copy);
    agdb__border_leave(&visit); /* from here on the client may be gone */
}

agdb_status_t agdb_copy_in_finish(agdb_copy_t *copy, agdb_copy_report_t **ret_report,
                                  agdb_error_t **reterr)
{
    agdb_status_t st = check(copy, reterr);

    if (ret_report != NULL)
        *ret_report = NULL;
    if (st != AGDB_OK)
        return st;
    enter(copy);
    st = agdb__bulk_in_finish(&copy->inner, reterr);
    close_copy(copy, ret_report);
    return st;
}

agdb_status_t agdb_copy_in_abort(agdb_copy_t *copy, agdb_copy_report_t **ret_report)
{
    agdb_status_t st = AGDB_OK;

    if (ret_report != NULL)
        *ret_report = NULL;
    if (copy == NULL)
        return AGDB_OK;
    st = check(copy, NULL);
    if (st != AGDB_OK)
        return st;
    enter(copy);
    agdb__bulk_in_abort(&copy->inner);
    close_copy(copy, ret_report);
    return AGDB_OK;
}
