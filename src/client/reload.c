#include "client/reload.h"

#include "base/clock.h"
#include "base/error.h"
#include "client/client.h"
#include "client/event.h"
#include "client/keeper.h"
#include "client/refresh.h"
#include "client/tell.h"
#include "map/replace.h"

#include <stdio.h>

/* On the asker's stack. */
struct agdb__reload_ask {
    agdb__reload_ask_t *next;
    agdb_map_t *map;
    agdb_status_t status;
    agdb_error_t *error;
    bool done;
};

bool agdb__reload_init(agdb__reload_t *r)
{
    if (!agdb__mutex_init(&r->lock))
        return false;
    r->has_lock = agdb__cond_init(&r->answered);
    if (!r->has_lock)
        agdb__mutex_fini(&r->lock);
    return r->has_lock;
}

void agdb__reload_fini(agdb__reload_t *r)
{
    if (!r->has_lock)
        return;
    agdb__cond_fini(&r->answered);
    agdb__mutex_fini(&r->lock);
    r->has_lock = false;
}

agdb_status_t agdb__reload_ask(agdb_t *db, agdb_map_t *take_map, agdb_error_t **reterr)
{
    agdb__reload_t *r = &db->reload;
    agdb__reload_ask_t ask = {.map = take_map};
    agdb__reload_ask_t **at = &r->asks;

    agdb__lock(&r->lock);
    while (*at != NULL)
        at = &(*at)->next;
    *at = &ask;
    agdb__unlock(&r->lock);
    agdb__keeper_wake(db);
    agdb__lock(&r->lock);
    while (!ask.done)
        (void)agdb__cond_wait(&r->answered, &r->lock, AGDB__NEVER);
    agdb__unlock(&r->lock);
    agdb__error_move(reterr, ask.error);
    return ask.status;
}

/* --- the keeper's ------------------------------------------------------------------------------
 */

static bool is_same(const agdb_map_t *a, const agdb_map_t *b)
{
    return a->epoch == b->epoch && a->digest.high == b->digest.high &&
           a->digest.low == b->digest.low;
}

/* Nothing is waited for: what is new has no connection yet, and calls wait for that as usual. */
static agdb_status_t put_in_use(agdb_t *db, agdb_map_t *map, const agdb__edition_t *before,
                                agdb_error_t **reterr)
{
    agdb__layout_t layout = {.nshards = 0};
    agdb_status_t st = agdb__topology_lay_out(
        &db->topology, map, &db->env, before != NULL ? &before->layout : NULL, &layout, reterr);

    if (st != AGDB_OK)
        return st;
    agdb__topology_use(&db->topology, &layout);
    if (before != NULL)
        agdb__refresh(db); /* shards that have changed are seen as soon as they are there */
    st = agdb__editions_publish(&db->editions, agdb__map_ref(map), &layout, agdb__now_us(), reterr);
    if (st == AGDB_OK) {
        agdb__topology_supersede(&db->topology, &layout);
        agdb__topology_say_epoch(&db->topology, map->epoch);
        return AGDB_OK;
    }
    agdb__map_unref(map);
    if (before != NULL)
        agdb__topology_use(&db->topology, &before->layout);
    agdb__layout_fini(&layout);
    return st;
}

static void tell_in_use(agdb_t *db, const agdb_map_t *map, uint64_t epoch_before)
{
    char text[96];

    snprintf(text, sizeof text, "epoch %llu is in use, after epoch %llu",
             (unsigned long long)map->epoch, (unsigned long long)epoch_before);
    agdb__event_tell(db, AGDB_EVENT_MAP_IN_USE, "", "", text);
}

agdb_status_t agdb__reload_first(agdb_t *db, agdb_map_t *take_map, agdb_error_t **reterr)
{
    agdb_status_t st = put_in_use(db, take_map, NULL, reterr);

    agdb__map_unref(take_map);
    return st;
}

/* The current edition stays as it is meanwhile: nobody else replaces it. */
static agdb_status_t replace_by(agdb_t *db, agdb_map_t *map, agdb_error_t **reterr)
{
    agdb__edition_t *before = atomic_load_explicit(&db->editions.current, memory_order_relaxed);
    const uint64_t epoch_before = before->map->epoch;
    agdb_status_t st;

    if (agdb__gate_is_closed(&db->gate))
        return agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
    if (is_same(before->map, map))
        return AGDB_OK;
    st = agdb__map_may_replace(before->map, map, reterr);
    if (st == AGDB_OK) {
        agdb_map_t *old = agdb__map_ref(before->map);

        st = put_in_use(db, map, before, reterr);
        if (st == AGDB_OK) {
            agdb__listening_move(
                &db->listening,
                &atomic_load_explicit(&db->editions.current, memory_order_relaxed)->layout);
            agdb__client_tell_watchers(db);
            agdb__count(&db->books.reloads);
            tell_in_use(db, map, epoch_before);
            agdb__tell_frozen(db, map, old);
        }
        agdb__map_unref(old);
    }
    return st;
}

static agdb_status_t replace(agdb_t *db, agdb_map_t *map, agdb_error_t **reterr)
{
    agdb_status_t st = replace_by(db, map, reterr);

    if (st == AGDB_OK)
        agdb__books_offered(&db->books, true);
    return st;
}

static void tell_refused(agdb_t *db, const agdb_error_t *error)
{
    agdb__books_offered(&db->books, false);
    agdb__event_tell(db, AGDB_EVENT_MAP_REFUSED, "", "",
                     error->message != NULL ? error->message : "out of memory");
}

static agdb_status_t replace_and_tell(agdb_t *db, agdb_map_t *map, agdb_error_t **reterr)
{
    agdb_error_t *error = NULL;
    const agdb_status_t st = replace(db, map, &error);

    if (st != AGDB_OK && st != AGDB_E_CLOSING)
        tell_refused(db, error);
    agdb__error_move(reterr, error);
    return st;
}

agdb_status_t agdb__reload_sight(agdb_t *db, agdb__sight_t *sight, agdb_error_t **reterr)
{
    agdb_status_t st;

    if (sight->map != NULL)
        return replace_and_tell(db, sight->map, reterr);
    tell_refused(db, sight->error);
    st = sight->error->status;
    agdb__error_move(reterr, sight->error);
    sight->error = NULL;
    return st;
}

static agdb__reload_ask_t *next_ask(agdb__reload_t *r)
{
    agdb__reload_ask_t *ask;

    agdb__lock(&r->lock);
    ask = r->asks;
    if (ask != NULL)
        r->asks = ask->next;
    agdb__unlock(&r->lock);
    return ask;
}

/* The asker may be gone as soon as it is done. */
static void answer(agdb_t *db, agdb__reload_ask_t *ask)
{
    agdb__reload_t *r = &db->reload;

    ask->status = replace_and_tell(db, ask->map, &ask->error);
    agdb__map_unref(ask->map);
    agdb__lock(&r->lock);
    ask->done = true;
    agdb__cond_broadcast(&r->answered);
    agdb__unlock(&r->lock);
}

void agdb__reload_step(agdb_t *db, uint64_t now_us)
{
    agdb__reload_ask_t *ask;
    agdb_error_t *error = NULL;
    agdb_map_t *map = NULL;

    while ((ask = next_ask(&db->reload)) != NULL)
        answer(db, ask);
    switch (agdb__sentry_step(&db->sentry, now_us, &map, &error)) {
    case AGDB__SENTRY_NOTHING:
        break;
    case AGDB__SENTRY_MAP:
        (void)replace_and_tell(db, map, NULL);
        break;
    case AGDB__SENTRY_ERROR:
        tell_refused(db, error);
        break;
    }
    agdb__map_unref(map);
    agdb__error_free(error);
}
