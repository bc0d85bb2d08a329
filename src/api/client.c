/* agencydb/client.h */
#include "client/client.h"

#include "api/show.h"
#include "api/trace.h"
#include "api/tx.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fork.h"
#include "exec/many.h"
#include "exec/single.h"
#include "map/load.h"
#include "map/route.h"

/* --- open ------------------------------------------------------------------------------------- */

static agdb_status_t check_options(const agdb_options_t *options, agdb_options_t *ret,
                                   agdb_error_t **reterr)
{
    const char *c;
    agdb_status_t st;

    *ret = (agdb_options_t){.struct_size = sizeof *ret};
    if (options == NULL)
        return AGDB_OK;
    st = agdb__border_copy(ret, sizeof *ret, options, options->struct_size, "options", reterr);
    if (st != AGDB_OK)
        return st;
    if (ret->allocator != NULL &&
        (ret->allocator->alloc == NULL || ret->allocator->resize == NULL ||
         ret->allocator->release == NULL))
        return agdb__fail(reterr, AGDB_E_INVAL, "options: the allocator lacks a function");
    if ((ret->trace_begin == NULL) != (ret->trace_end == NULL))
        return agdb__fail(reterr, AGDB_E_INVAL, "options: trace_begin and trace_end go together");
    if (ret->control != NULL && ret->control[0] == '\0')
        return agdb__fail(reterr, AGDB_E_INVAL, "options: control is empty, not a path");
    for (c = ret->service != NULL ? ret->service : ""; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
            return agdb__fail(reterr, AGDB_E_INVAL,
                              "options: service must be printable ASCII: it becomes "
                              "application_name");
    return AGDB_OK;
}

typedef struct source {
    const char *path; /* or, when NULL: */
    const char *text;
    size_t len;
} source_t;

static agdb_status_t load_source(const source_t *source, agdb_map_t **ret, agdb_error_t **reterr)
{
    return source->path != NULL
               ? agdb__map_load_file(source->path, ret, NULL, reterr)
               : agdb__map_load_text(source->text, source->len, "inline", ret, NULL, reterr);
}

static agdb_status_t open_source(const source_t *source, const agdb_options_t *options,
                                 agdb_t **ret, agdb_error_t **reterr)
{
    agdb_map_t *map = NULL;
    agdb_status_t st = load_source(source, &map, reterr);

    if (st != AGDB_OK)
        return st;
    return agdb__client_open(&(agdb__opening_t){map, source->path, options, agdb__show}, ret,
                             reterr);
}

static agdb_status_t open_any(const source_t *source, const agdb_options_t *options, agdb_t **ret,
                              agdb_error_t **reterr)
{
    const agdb_allocator_t *outer;
    agdb_options_t ours;
    agdb_status_t st = check_options(options, &ours, reterr);

    if (st != AGDB_OK)
        return st;
    outer = agdb__alloc_enter(ours.allocator);
    st = open_source(source, &ours, ret, reterr);
    (void)agdb__alloc_enter(outer);
    return st;
}

agdb_status_t agdb_open(const char *path, const agdb_options_t *options, agdb_t **ret,
                        agdb_error_t **reterr)
{
    if (path == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_open needs a path and a place for the client");
    return open_any(&(source_t){.path = path}, options, ret, reterr);
}

agdb_status_t agdb_open_text(const char *text, size_t len, const agdb_options_t *options,
                             agdb_t **ret, agdb_error_t **reterr)
{
    if (text == NULL || ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE,
                          "agdb_open_text needs a text and a place for the client");
    return open_any(&(source_t){.text = text, .len = len}, options, ret, reterr);
}

/* --- calls -------------------------------------------------------------------------------------
 */

agdb_status_t agdb_wait_ready(agdb_t *db, agdb_ready_t what, uint32_t timeout_ms,
                              agdb_error_t **reterr)
{
    uint64_t deadline_us = agdb__after_ms(agdb__now_us(), timeout_ms);
    agdb__visit_t visit;
    agdb_status_t st = agdb__border_may_wait(reterr);

    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    if (what == AGDB_READY_ANY || what == AGDB_READY_PRIMARIES || what == AGDB_READY_ALL)
        st = agdb__client_wait_ready(visit.edition, what, deadline_us, reterr);
    else
        st = agdb__fail(reterr, AGDB_E_INVAL, "unknown kind of readiness %d", (int)what);
    agdb__border_leave(&visit);
    return st;
}

static agdb_status_t run_scatter(agdb__scatter_t *take_scatter, uint64_t start_us,
                                 agdb_result_t **ret, agdb_error_t **reterr)
{
    agdb__many_item_t item = {.scatter = take_scatter};
    agdb_status_t st = agdb__many_run(&item, 1, start_us, reterr);

    agdb__scatter_free(take_scatter);
    if (st != AGDB_OK) {
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
        return st;
    }
    if (ret != NULL)
        *ret = item.task.result;
    else
        agdb__result_free(item.task.result);
    if (item.task.status != AGDB_OK)
        agdb__error_move(reterr, item.task.error);
    return item.task.status;
}

static agdb_status_t query(agdb_t *db, const agdb_request_t *request, agdb_result_t **ret,
                           agdb_error_t **reterr)
{
    uint64_t start_us = agdb__now_us();
    agdb__visit_t visit;
    agdb__goal_t goal;
    agdb_request_t ours;
    agdb_status_t st = agdb__border_may_wait(reterr);

    if (st == AGDB_OK && agdb__tx_of(request) != NULL)
        return agdb__tx_query(db, request, ret, reterr);
    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    st = agdb__border_goal(visit.edition, request, &ours, &goal, reterr);
    if (st == AGDB_OK && goal.scatter != NULL)
        st = run_scatter(goal.scatter, start_us, ret, reterr);
    else if (st == AGDB_OK)
        st = agdb__single_run(goal.shard, &ours, start_us, ret, reterr);
    agdb__border_leave(&visit);
    return st;
}

/* The hook wants to see the answer, also when the caller does not. */
static agdb_status_t query_traced(agdb_t *db, const agdb_request_t *request, agdb_result_t **ret,
                                  agdb_error_t **reterr)
{
    const char *operation = agdb__tx_of(request) != NULL ? "transaction" : "query";
    const agdb__trace_t trace = agdb__trace_begin(db, operation, request);
    agdb_result_t *res = NULL;
    agdb_error_t *error = NULL;
    const agdb_status_t st = query(db, request, &res, &error);

    agdb__trace_end(&trace, st, res, error);
    if (st != AGDB_OK)
        agdb__error_move(reterr, error);
    if (res != NULL && ret != NULL)
        *ret = res;
    else
        agdb__result_free(res);
    return st;
}

agdb_status_t agdb_query(agdb_t *db, const agdb_request_t *request, agdb_result_t **ret,
                         agdb_error_t **reterr)
{
    return db != NULL && db->trace_begin != NULL ? query_traced(db, request, ret, reterr)
                                                 : query(db, request, ret, reterr);
}

/* The map's own names go with it. */
static void keep_names(const agdb__edition_t *edition, agdb_route_info_t *info)
{
    const int k = agdb__map_keyspace(edition->map, info->keyspace);
    const int s = agdb__map_shard(&edition->map->keyspaces[k], info->shard);

    info->keyspace = edition->layout.keyspace[k];
    info->shard = agdb__layout_shard(&edition->layout, (size_t)k, (size_t)s)->name;
}

agdb_status_t agdb_route(agdb_t *db, const char *keyspace, agdb_bytes_t key, agdb_route_info_t *ret,
                         agdb_error_t **reterr)
{
    agdb__visit_t visit;
    agdb_status_t st = agdb__border_enter(db, &visit, reterr);

    if (st != AGDB_OK)
        return st;
    st = agdb_map_route(visit.edition->map, keyspace, key, ret, reterr);
    if (st == AGDB_OK)
        keep_names(visit.edition, ret);
    agdb__border_leave(&visit);
    return st;
}

size_t agdb_shard_count(agdb_t *db, const char *keyspace)
{
    agdb__visit_t visit;
    size_t count = 0;
    int k;

    if (agdb__border_enter(db, &visit, NULL) != AGDB_OK)
        return 0;
    k = agdb__map_keyspace(visit.edition->map, keyspace);
    if (k >= 0)
        count = visit.edition->map->keyspaces[k].nshards;
    agdb__border_leave(&visit);
    return count;
}

const char *agdb_shard_name(agdb_t *db, const char *keyspace, size_t index)
{
    const char *name = NULL;
    agdb__visit_t visit;
    int k;

    if (agdb__border_enter(db, &visit, NULL) != AGDB_OK)
        return NULL;
    k = agdb__map_keyspace(visit.edition->map, keyspace);
    if (k >= 0 && index < visit.edition->map->keyspaces[k].nshards)
        name = agdb__layout_shard(&visit.edition->layout, (size_t)k, index)->name;
    agdb__border_leave(&visit);
    return name;
}

/* --- the map -----------------------------------------------------------------------------------
 */

/* Reads it outside of the client, whose map is not touched by that. */
static agdb_status_t reload_source(agdb_t *db, const source_t *source, agdb_error_t **reterr)
{
    agdb_map_t *map = NULL;
    agdb_status_t st;

    if (source->path == NULL && source->text == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "the map was given as a text, so there is no file to read it from: use "
                          "agdb_reload_text");
    st = load_source(source, &map, reterr);
    if (st == AGDB_OK)
        return agdb__reload_ask(db, map, reterr);
    agdb__books_offered(&db->books, false);
    return st;
}

static agdb_status_t reload(agdb_t *db, const char *text, size_t len, agdb_error_t **reterr)
{
    agdb__visit_t visit;
    agdb_status_t st = agdb__border_may_wait(reterr);

    if (st == AGDB_OK)
        st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    if (pthread_equal(pthread_self(), db->keeper) || agdb__post_is_here(db->listening.post))
        st = agdb__fail(reterr, AGDB_E_MISUSE, "not from inside a callback of this client");
    else
        st = reload_source(db, &(source_t){text == NULL ? db->path : NULL, text, len}, reterr);
    agdb__border_leave(&visit);
    return st;
}

agdb_status_t agdb_reload(agdb_t *db, agdb_error_t **reterr)
{
    return reload(db, NULL, 0, reterr);
}

agdb_status_t agdb_reload_text(agdb_t *db, const char *text, size_t len, agdb_error_t **reterr)
{
    if (text == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_reload_text needs a text");
    return reload(db, text, len, reterr);
}

uint64_t agdb_epoch(agdb_t *db)
{
    agdb__visit_t visit;
    uint64_t epoch;

    if (agdb__border_enter(db, &visit, NULL) != AGDB_OK)
        return 0;
    epoch = visit.edition->map->epoch;
    agdb__border_leave(&visit);
    return epoch;
}

agdb_status_t agdb_close(agdb_t *db, uint32_t timeout_ms)
{
    agdb_status_t st = agdb__border_may_wait(NULL);

    if (db == NULL || st != AGDB_OK)
        return st;
    if (db->fork_generation != agdb__fork_generation())
        return AGDB_E_FORKED;
    if (agdb__post_is_here(db->listening.post)) /* it would wait for itself */
        return AGDB_E_MISUSE;
    return agdb__client_close(db, agdb__after_ms(agdb__now_us(), timeout_ms));
}
