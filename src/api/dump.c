/* agdb_dump: one JSON object with all that a person asks about a client at this moment. */
#include "api/border.h"
#include "api/json.h"
#include "api/look.h"
#include "api/show.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <unistd.h>

/* --- the process and its maps ------------------------------------------------------------------
 */

static void put_process(agdb__json_t *j, agdb_t *db, uint64_t now_us)
{
    const long loops = agdb__gate_inside(&db->gate);

    agdb__json_open(j, "process", '{');
    agdb__json_count(j, "pid", (uint64_t)getpid());
    agdb__json_text(j, "service", db->service);
    agdb__json_text(j, "zone", db->zone);
    agdb__json_age(j, "open_s", now_us - db->opened_us);
    agdb__json_count(j, "loops", loops > 0 ? (uint64_t)loops : 0);
    agdb__json_count(j, "listeners",
                     atomic_load_explicit(&db->listening.count, memory_order_relaxed));
    agdb__json_close(j);
}

/* More than so many in use at once is not an ordinary day. */
enum { EDITIONS = 64 };

static void put_old_maps(agdb__json_t *j, const agdb__edition_facts_t *of, size_t n,
                         uint64_t now_us)
{
    size_t i;

    agdb__json_open(j, "old_maps", '[');
    for (i = 0; i < n; i++) {
        if (of[i].until_us == 0 || of[i].inside <= 0)
            continue;
        agdb__json_open(j, NULL, '{');
        agdb__json_count(j, "epoch", of[i].epoch);
        agdb__json_count(j, "calls", (uint64_t)of[i].inside);
        agdb__json_age(j, "replaced_s", now_us - of[i].until_us);
        agdb__json_close(j);
    }
    agdb__json_close(j);
}

static void put_maps(agdb__json_t *j, agdb_t *db, const agdb__edition_t *edition, uint64_t now_us)
{
    agdb__edition_facts_t of[EDITIONS];
    size_t n = agdb__editions_list(&db->editions, of, EDITIONS);

    agdb__json_open(j, "map", '{');
    agdb__json_count(j, "epoch", edition->map->epoch);
    agdb__json_text(j, "file", db->path);
    agdb__json_bool(j, "watched", db->sentry.path != NULL);
    agdb__json_age(j, "in_use_s", now_us - edition->since_us);
    agdb__json_count(j, "reloads", agdb__counter(&db->books.reloads));
    agdb__json_count(j, "refusals", agdb__counter(&db->books.refusals));
    agdb__json_close(j);
    put_old_maps(j, of, n < EDITIONS ? n : EDITIONS, now_us);
}

/* --- keyspaces, shards, nodes ------------------------------------------------------------------
 */

static uint64_t sum_failed(const atomic_ullong failed[AGDB__ACCESSES][AGDB__STATUSES])
{
    uint64_t sum = 0;
    unsigned access;
    unsigned status;

    for (access = 0; access < AGDB__ACCESSES; access++)
        for (status = 0; status < AGDB__STATUSES; status++)
            sum += agdb__counter(&failed[access][status]);
    return sum;
}

/* Calls of all accesses that succeeded. */
static agdb__counted_t sum_execute(const agdb__node_tally_t *tally)
{
    agdb__counted_t sum = {.count = 0};
    agdb__counted_t one;
    unsigned access;

    for (access = 0; access < AGDB__ACCESSES; access++) {
        agdb__tally_execute(tally, (agdb_access_t)access, &one);
        sum.count += one.count;
        sum.sum += one.sum;
    }
    return sum;
}

static void put_node_calls(agdb__json_t *j, const agdb__node_t *node)
{
    const unsigned latency_us = atomic_load_explicit(&node->grade.latency_us, memory_order_relaxed);
    const agdb__node_tally_t *tally = node->tally;
    agdb__counted_t ok;

    if (latency_us > 0)
        agdb__json_ms(j, "read_latency_ms", latency_us);
    else
        agdb__json_null(j, "read_latency_ms");
    if (tally == NULL)
        return;
    ok = sum_execute(tally);
    agdb__json_count(j, "calls", ok.count);
    if (ok.count > 0)
        agdb__json_ms(j, "mean_ms", ok.sum / ok.count);
    else
        agdb__json_null(j, "mean_ms");
    agdb__json_count(j, "failed", sum_failed(tally->failed));
}

static const char *role(const agdb__look_t *look)
{
    return look->is_primary ? "primary" : look->is_replica ? "replica" : "none";
}

static void put_node(agdb__json_t *j, agdb__shard_entry_t *entry, uint32_t i)
{
    const agdb__look_t look = agdb__look_at(entry, i);
    const agdb__node_t *node = &entry->shard.nodes[i];
    const agdb__login_t *login = &entry->place[i].endpoint->login;
    agdb_error_t *reason = agdb__board_reason(&entry->shard.board, i);

    agdb__json_open(j, NULL, '{');
    agdb__json_text(j, "name", node->name);
    agdb__json_text(j, "host", login->host);
    agdb__json_count(j, "port", login->port);
    agdb__json_text(j, "zone", entry->place[i].zone);
    agdb__json_text(j, "state", agdb__look_node_word(agdb__look_node_state(look.health)));
    agdb__json_text(j, "role", role(&look));
    agdb__json_text(j, "reason", reason != NULL ? agdb_error_message(reason) : "");
    agdb__json_count(j, "timeline", look.timeline);
    if (look.lag_us != AGDB__LAG_UNKNOWN)
        agdb__json_count(j, "lag_ms", look.lag_us / 1000);
    else
        agdb__json_null(j, "lag_ms");
    put_node_calls(j, node);
    agdb__json_close(j);
    agdb__error_free(reason);
}

static void put_shard_calls(agdb__json_t *j, const agdb__shard_tally_t *tally)
{
    if (tally == NULL)
        return;
    agdb__json_count(j, "parkings", agdb__counter(&tally->parkings));
    agdb__json_count(j, "retries", agdb__counter(&tally->retries));
    agdb__json_count(j, "hedges", agdb__counter(&tally->hedges));
    agdb__json_count(j, "abandoned", agdb__counter(&tally->abandoned));
    agdb__json_count(j, "failed_before_any_node", sum_failed(tally->failed));
}

static void put_shard(agdb__json_t *j, agdb__shard_entry_t *entry, uint64_t now_us)
{
    const agdb__view_t view = agdb__board_view(&entry->shard.board);
    const bool writable = view.state == AGDB__SHARD_READY;
    uint32_t i;

    agdb__json_open(j, NULL, '{');
    agdb__json_text(j, "name", entry->shard.name);
    agdb__json_text(j, "region", entry->region);
    agdb__json_text(j, "state", agdb__look_shard_word(agdb__look_shard_state(view.state)));
    agdb__json_bool(j, "writable", writable);
    agdb__json_text(j, "primary", writable ? entry->shard.nodes[view.primary].name : NULL);
    if (writable)
        agdb__json_null(j, "without_primary_s");
    else
        agdb__json_age(j, "without_primary_s", agdb__look_without_us(entry, now_us));
    agdb__json_count(j, "parked", agdb__look_parked(entry));
    put_shard_calls(j, entry->shard.tally);
    agdb__json_open(j, "nodes", '[');
    for (i = 0; i < entry->shard.nnodes; i++)
        put_node(j, entry, i);
    agdb__json_close(j);
    agdb__json_close(j);
}

static void put_keyspaces(agdb__json_t *j, const agdb__edition_t *edition, uint64_t now_us)
{
    const agdb__layout_t *l = &edition->layout;
    size_t k;
    size_t s;

    agdb__json_open(j, "keyspaces", '[');
    for (k = 0; k < l->nkeyspaces; k++) {
        const size_t end = k + 1 < l->nkeyspaces ? l->first_shard[k + 1] : l->nshards;

        agdb__json_open(j, NULL, '{');
        agdb__json_text(j, "name", l->keyspace[k]);
        agdb__json_bool(j, "default", edition->map->default_keyspace == (int)k);
        agdb__json_open(j, "shards", '[');
        for (s = l->first_shard[k]; s < end; s++)
            put_shard(j, l->shards[s], now_us);
        agdb__json_close(j);
        agdb__json_close(j);
    }
    agdb__json_close(j);
}

/* --- pools -------------------------------------------------------------------------------------
 */

static void put_pool_counters(agdb__json_t *j, const agdb__pool_tally_t *tally)
{
    agdb__counted_t connects = {.count = 0};
    uint64_t failed = 0;
    uint64_t closed = 0;
    unsigned i;

    if (tally == NULL)
        return;
    agdb__histogram_add_to(&tally->connect, &connects);
    for (i = 0; i < AGDB__CONNECT_STATUSES; i++)
        failed += agdb__counter(&tally->failed[i]);
    for (i = 0; i < AGDB__CLOSED_REASONS; i++)
        closed += agdb__counter(&tally->closed[i]);
    agdb__json_count(j, "opened", connects.count);
    agdb__json_count(j, "connect_failures", failed);
    agdb__json_count(j, "closed", closed);
    agdb__json_count(j, "lost", agdb__counter(&tally->closed[AGDB__CLOSED_LOST]));
}

static void put_pool(const agdb__endpoint_t *endpoint, const agdb__pool_gauges_t *g, void *user)
{
    agdb__json_t *j = user;

    agdb__json_open(j, NULL, '{');
    agdb__json_text(j, "node", endpoint->login.node);
    agdb__json_text(j, "database", endpoint->login.dbname);
    agdb__json_text(j, "login", endpoint->login.user);
    agdb__json_count(j, "max", g->max);
    agdb__json_count(j, "in_use", g->in_use);
    agdb__json_count(j, "idle", g->idle);
    agdb__json_count(j, "connecting", g->connecting);
    agdb__json_count(j, "abandoned", g->left);
    agdb__json_count(j, "waiting", g->waiting);
    agdb__json_count(j, "read_width", g->width[0]);
    agdb__json_count(j, "write_width", g->width[1]);
    put_pool_counters(j, agdb__pool_tally(endpoint->pool));
    agdb__json_close(j);
}

/* --- agencies and tags -------------------------------------------------------------------------
 */

enum { TOP = 20 };

static void put_ranks(agdb__json_t *j, const char *name, agdb__ranks_t *ranks)
{
    agdb__rank_t top[TOP * 2];
    size_t n = agdb__ranks_top(ranks, top, TOP);
    char text[AGDB__RANK_TEXT];
    size_t i;

    if (n == SIZE_MAX) {
        j->out->failed = true;
        n = 0;
    }
    agdb__json_open(j, name, '[');
    for (i = 0; i < n; i++) {
        agdb__json_open(j, NULL, '{');
        agdb__json_text(j, "name", agdb__rank_text(&top[i], text));
        agdb__json_count(j, "calls", top[i].calls);
        agdb__json_s(j, "seconds", top[i].us);
        agdb__json_close(j);
    }
    agdb__json_close(j);
}

/* --- all of it ---------------------------------------------------------------------------------
 */

void agdb__show_dump(agdb_t *db, const agdb__edition_t *edition, agdb__buf_t *out)
{
    const uint64_t now_us = agdb__now_us();
    agdb__json_t j = {.out = out};
    char time[AGDB__WALL_TEXT];

    agdb__json_open(&j, NULL, '{');
    agdb__json_text(&j, "library", agdb_version());
    agdb__wall_text(time);
    agdb__json_text(&j, "time", time);
    put_process(&j, db, now_us);
    put_maps(&j, db, edition, now_us);
    put_keyspaces(&j, edition, now_us);
    agdb__json_open(&j, "pools", '[');
    agdb__each_pool(&edition->layout, put_pool, &j);
    agdb__json_close(&j);
    put_ranks(&j, "agencies", db->books.agencies);
    put_ranks(&j, "tags", db->books.tags);
    agdb__json_close(&j);
    agdb__buf_text(out, "\n");
}

agdb_status_t agdb_dump(agdb_t *db, agdb_text_fn write, void *user, agdb_error_t **reterr)
{
    agdb__visit_t visit;
    agdb__buf_t text;
    agdb_status_t st;

    if (write == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_dump needs a function");
    st = agdb__border_enter(db, &visit, reterr);
    if (st != AGDB_OK)
        return st;
    agdb__buf_init(&text, SIZE_MAX / 2);
    agdb__show_dump(db, visit.edition, &text);
    if (text.failed) {
        st = agdb__fail_nomem(reterr);
    } else {
        const agdb_allocator_t *inner = agdb__alloc_enter(visit.outer);

        write(text.data, text.len, user);
        (void)agdb__alloc_enter(inner);
    }
    agdb__buf_fini(&text);
    agdb__border_leave(&visit);
    return st;
}
