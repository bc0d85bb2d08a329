/* agencydb/metrics.h */
#include "agencydb/metrics.h"

#include "api/border.h"
#include "api/look.h"
#include "api/metrics_pools.h"
#include "api/metrics_text.h"
#include "api/show.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "map/quote.h"
#include "map/text.h"
#include "pg/conn.h"

#include <stdio.h>

/* --- calls -------------------------------------------------------------------------------------
 */

static const char *const k_access[AGDB__ACCESSES] = {"write", "read", "read_session",
                                                     "read_bounded", "read_replica_ok"};
_Static_assert(AGDB_WRITE == 0 && AGDB_READ == 1 && AGDB_READ_SESSION == 2 &&
                   AGDB_READ_BOUNDED == 3 && AGDB_READ_REPLICA_OK == 4,
               "names of accesses stand by their numbers");

static void put_failed(agdb__metrics_t *m, const agdb__shard_account_t *a, const char *node,
                       const atomic_ullong failed[AGDB__ACCESSES][AGDB__STATUSES])
{
    unsigned access;
    int status;

    for (access = 0; access < AGDB__ACCESSES; access++)
        for (status = 0; status < AGDB__STATUSES; status++) {
            const uint64_t n = agdb__counter(&failed[access][status]);

            if (n > 0)
                agdb__metrics_number(m, (double)n, a->keyspace, a->shard, node, k_access[access],
                                     agdb_status_name(-status));
        }
}

static void put_calls(agdb__metrics_t *m, const agdb__shard_account_t *a,
                      const agdb__node_account_t *n)
{
    agdb__counted_t counted;
    unsigned access;

    for (access = 0; access < AGDB__ACCESSES; access++) {
        agdb__tally_execute(&n->tally, (agdb_access_t)access, &counted);
        if (counted.count > 0)
            agdb__metrics_number(m, (double)counted.count, a->keyspace, a->shard, n->name,
                                 k_access[access], "OK");
    }
    put_failed(m, a, n->name, n->tally.failed);
}

static void put_execute(agdb__metrics_t *m, const agdb__shard_account_t *a,
                        const agdb__node_account_t *n)
{
    agdb__counted_t counted;
    unsigned access;

    for (access = 0; access < AGDB__ACCESSES; access++) {
        agdb__tally_execute(&n->tally, (agdb_access_t)access, &counted);
        if (counted.count > 0)
            agdb__metrics_seconds(m, &counted, a->keyspace, a->shard, n->name, k_access[access]);
    }
}

static void put_wait(agdb__metrics_t *m, const agdb__shard_account_t *a,
                     const agdb__node_account_t *n)
{
    agdb__counted_t counted;

    agdb__tally_wait(&n->tally, &counted);
    if (counted.count > 0)
        agdb__metrics_seconds(m, &counted, a->keyspace, a->shard, n->name, NULL);
}

typedef void (*node_fn)(agdb__metrics_t *m, const agdb__shard_account_t *a,
                        const agdb__node_account_t *n);

static void for_each_node(agdb_t *db, agdb__metrics_t *m, node_fn put)
{
    const agdb__shard_account_t *a;
    const agdb__node_account_t *n;

    for (a = agdb__first_shard(db); a != NULL; a = a->next)
        for (n = atomic_load_explicit(&a->nodes, memory_order_acquire); n != NULL; n = n->next)
            put(m, a, n);
}

static void put_all_calls(agdb_t *db, agdb__metrics_t *m)
{
    const agdb__shard_account_t *a;

    agdb__metrics_begin(m, AGDB__METRIC_CALLS);
    for_each_node(db, m, put_calls);
    for (a = agdb__first_shard(db); a != NULL; a = a->next)
        put_failed(m, a, "", a->tally.failed);
    agdb__metrics_begin(m, AGDB__METRIC_EXECUTE);
    for_each_node(db, m, put_execute);
    agdb__metrics_begin(m, AGDB__METRIC_WAIT);
    for_each_node(db, m, put_wait);
}

static void put_shard_counter(agdb_t *db, agdb__metrics_t *m, agdb__metric_t metric, size_t offset)
{
    const agdb__shard_account_t *a;

    agdb__metrics_begin(m, metric);
    for (a = agdb__first_shard(db); a != NULL; a = a->next) {
        const void *at = (const char *)&a->tally + offset;

        agdb__metrics_number(m, (double)agdb__counter(at), a->keyspace, a->shard);
    }
}

/* --- shards and nodes --------------------------------------------------------------------------
 */

/* False: nothing can be said. */
typedef bool (*value_fn)(const agdb__look_t *look, double *ret);

static bool value_up(const agdb__look_t *look, double *ret)
{
    *ret = look->health == AGDB__HEALTH_UP;
    return true;
}

static bool value_primary(const agdb__look_t *look, double *ret)
{
    *ret = look->is_primary;
    return true;
}

static bool value_replica(const agdb__look_t *look, double *ret)
{
    *ret = look->is_replica;
    return true;
}

static bool value_lag(const agdb__look_t *look, double *ret)
{
    *ret = (double)look->lag_us / 1e6;
    return look->lag_us != AGDB__LAG_UNKNOWN;
}

static bool value_timeline(const agdb__look_t *look, double *ret)
{
    *ret = look->timeline;
    return look->timeline > 0;
}

static void put_nodes(const agdb__layout_t *l, agdb__metrics_t *m, agdb__metric_t metric,
                      value_fn value)
{
    double number;
    size_t s;
    uint32_t i;

    agdb__metrics_begin(m, metric);
    for (s = 0; s < l->nshards; s++)
        for (i = 0; i < l->shards[s]->shard.nnodes; i++) {
            const agdb__look_t look = agdb__look_at(l->shards[s], i);

            if (value(&look, &number))
                agdb__metrics_number(m, number, l->shards[s]->keyspace, l->shards[s]->shard.name,
                                     l->shards[s]->shard.nodes[i].name);
        }
}

static void put_shards(const agdb__layout_t *l, agdb__metrics_t *m)
{
    const uint64_t now_us = agdb__now_us();
    size_t s;

    agdb__metrics_begin(m, AGDB__METRIC_PARKED);
    for (s = 0; s < l->nshards; s++)
        agdb__metrics_number(m, agdb__look_parked(l->shards[s]), l->shards[s]->keyspace,
                             l->shards[s]->shard.name);
    agdb__metrics_begin(m, AGDB__METRIC_SHARD_STATE);
    for (s = 0; s < l->nshards; s++)
        agdb__metrics_number(
            m, agdb__board_view(&l->shards[s]->shard.board).state == AGDB__SHARD_READY,
            l->shards[s]->keyspace, l->shards[s]->shard.name);
    agdb__metrics_begin(m, AGDB__METRIC_WITHOUT_PRIMARY);
    for (s = 0; s < l->nshards; s++)
        agdb__metrics_number(m, (double)agdb__look_without_us(l->shards[s], now_us) / 1e6,
                             l->shards[s]->keyspace, l->shards[s]->shard.name);
}

/* --- the map, agencies, tags -------------------------------------------------------------------
 */

static void put_map(agdb_t *db, const agdb__edition_t *edition, agdb__metrics_t *m)
{
    static const agdb__labels_t none = {{NULL}};

    agdb__metrics_begin(m, AGDB__METRIC_EPOCH);
    agdb__metrics_put(m, (double)edition->map->epoch, &none);
    agdb__metrics_begin(m, AGDB__METRIC_RELOADS);
    agdb__metrics_put(m, (double)agdb__counter(&db->books.reloads), &none);
    agdb__metrics_begin(m, AGDB__METRIC_REFUSALS);
    agdb__metrics_put(m, (double)agdb__counter(&db->books.refusals), &none);
    agdb__metrics_begin(m, AGDB__METRIC_OFFERED);
    agdb__metrics_put(m, atomic_load_explicit(&db->books.refused, memory_order_relaxed) ? 0 : 1,
                      &none);
}

static void put_build(agdb__metrics_t *m)
{
    char libpq[24];

    snprintf(libpq, sizeof libpq, "%d.%d", agdb__conn_libpq() / 10000, agdb__conn_libpq() % 10000);
    agdb__metrics_begin(m, AGDB__METRIC_BUILD);
    agdb__metrics_number(m, 1, agdb_version(), libpq);
}

enum { TOP = 20 };

static void put_ranks(agdb__metrics_t *m, agdb__ranks_t *ranks, agdb__metric_t calls,
                      agdb__metric_t time)
{
    agdb__rank_t top[TOP * 2];
    size_t n = agdb__ranks_top(ranks, top, TOP);
    char name[AGDB__RANK_TEXT];
    unsigned pass;
    size_t i;

    if (n == SIZE_MAX) {
        m->failed = true;
        n = 0;
    }
    for (pass = 0; pass < 2; pass++) {
        agdb__metrics_begin(m, pass == 0 ? calls : time);
        for (i = 0; i < n; i++)
            agdb__metrics_number(m, pass == 0 ? (double)top[i].calls : (double)top[i].us / 1e6,
                                 agdb__rank_text(&top[i], name));
    }
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static void put_all(agdb_t *db, const agdb__edition_t *edition, agdb__metrics_t *m)
{
    const agdb__layout_t *l = &edition->layout;

    put_all_calls(db, m);
    put_shard_counter(db, m, AGDB__METRIC_RETRIES, offsetof(agdb__shard_tally_t, retries));
    put_shard_counter(db, m, AGDB__METRIC_HEDGES, offsetof(agdb__shard_tally_t, hedges));
    put_shard_counter(db, m, AGDB__METRIC_PARKINGS, offsetof(agdb__shard_tally_t, parkings));
    put_shard_counter(db, m, AGDB__METRIC_ABANDONED, offsetof(agdb__shard_tally_t, abandoned));
    agdb__metrics_pools(&db->books, l, m);
    put_shards(l, m);
    put_nodes(l, m, AGDB__METRIC_NODE_UP, value_up);
    put_nodes(l, m, AGDB__METRIC_NODE_PRIMARY, value_primary);
    put_nodes(l, m, AGDB__METRIC_NODE_REPLICA, value_replica);
    put_nodes(l, m, AGDB__METRIC_NODE_LAG, value_lag);
    put_nodes(l, m, AGDB__METRIC_NODE_TIMELINE, value_timeline);
    put_map(db, edition, m);
    put_build(m);
    put_ranks(m, db->books.agencies, AGDB__METRIC_AGENCY_CALLS, AGDB__METRIC_AGENCY_TIME);
    put_ranks(m, db->books.tags, AGDB__METRIC_TAG_CALLS, AGDB__METRIC_TAG_TIME);
}

bool agdb__show_metrics(agdb_t *db, const agdb__edition_t *edition, const agdb__writer_t *to)
{
    agdb__metrics_t m;

    agdb__metrics_init(&m, to->write, to->user, to->outer);
    put_all(db, edition, &m);
    return agdb__metrics_end(&m);
}

agdb_status_t agdb_metrics(agdb_t *db, agdb_text_fn write, void *user, agdb_error_t **reterr)
{
    agdb__visit_t visit;
    agdb_status_t st;

    if (write == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_metrics needs a function");
    st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    if (!agdb__show_metrics(db, visit.edition, &(agdb__writer_t){write, user, visit.outer}))
        st = agdb__fail_nomem(reterr);
    agdb__border_leave(&visit);
    return st;
}
