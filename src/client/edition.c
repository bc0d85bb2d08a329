#include "client/edition.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

/* Most calls are over in milliseconds; one that is not may take an hour. */
enum { LOOK_FIRST_US = 5000, LOOK_LAST_US = 1000000, LOOK_PART = 8 };

bool agdb__editions_init(agdb__editions_t *e)
{
    *e = (agdb__editions_t){.all = NULL};
    e->has_lock = agdb__mutex_init(&e->lock);
    return e->has_lock;
}

static void empty(agdb__editions_t *e, agdb__edition_t *edition)
{
    agdb_map_t *map = edition->map;

    agdb__lock(&e->lock);
    edition->map = NULL; /* it is listed no more */
    agdb__unlock(&e->lock);
    agdb__map_unref(map);
    agdb__layout_fini(&edition->layout);
}

void agdb__editions_fini(agdb__editions_t *e)
{
    while (e->all != NULL) {
        agdb__edition_t *edition = e->all;

        e->all = edition->next;
        empty(e, edition);
        agdb__free(edition);
    }
    if (e->has_lock)
        agdb__mutex_fini(&e->lock);
    e->has_lock = false;
}

/* Who was held up between the first look and the gate may find the block used again for an edition
 * that is about to be published: the second look sends her back to the one before it. */
agdb__edition_t *agdb__editions_enter(agdb__editions_t *e)
{
    for (;;) {
        agdb__edition_t *edition = atomic_load_explicit(&e->current, memory_order_acquire);

        if (agdb__gate_enter(&edition->gate)) {
            if (atomic_load_explicit(&e->current, memory_order_acquire) == edition)
                return edition;
            agdb__gate_leave(&edition->gate);
        }
        if (atomic_load_explicit(&e->closed, memory_order_acquire))
            return NULL;
    }
}

void agdb__editions_close(agdb__editions_t *e)
{
    agdb__edition_t *current;

    agdb__lock(&e->lock);
    atomic_store_explicit(&e->closed, true, memory_order_release);
    current = atomic_load_explicit(&e->current, memory_order_relaxed);
    if (current != NULL)
        agdb__gate_close(&current->gate);
    agdb__unlock(&e->lock);
}

size_t agdb__editions_list(agdb__editions_t *e, agdb__edition_facts_t *ret, size_t max)
{
    agdb__edition_t *edition;
    size_t n = 0;

    agdb__lock(&e->lock);
    for (edition = e->all; edition != NULL; edition = edition->next) {
        if (edition->map == NULL)
            continue;
        if (n < max)
            ret[n] = (agdb__edition_facts_t){edition->map->epoch, edition->since_us,
                                             edition->until_us, agdb__gate_inside(&edition->gate)};
        n++;
    }
    agdb__unlock(&e->lock);
    return n;
}

/* --- the keeper's ------------------------------------------------------------------------------
 */

/* A spare block's counters are left alone: who finds its gate closed may be on the way out. */
static agdb__edition_t *take_block(agdb__editions_t *e)
{
    agdb__edition_t *edition = e->all;

    while (edition != NULL && edition->map != NULL)
        edition = edition->next;
    if (edition != NULL)
        return edition;
    edition = agdb__calloc(1, sizeof *edition);
    if (edition == NULL)
        return NULL;
    agdb__gate_init(&edition->gate);
    agdb__lock(&e->lock);
    edition->next = e->all;
    e->all = edition;
    agdb__unlock(&e->lock);
    return edition;
}

agdb_status_t agdb__editions_publish(agdb__editions_t *e, agdb_map_t *take_map,
                                     const agdb__layout_t *take_layout, uint64_t now_us,
                                     agdb_error_t **reterr)
{
    agdb__edition_t *next = take_block(e);
    agdb__edition_t *before;

    if (next == NULL)
        return agdb__fail_nomem(reterr);
    agdb__lock(&e->lock);
    if (atomic_load_explicit(&e->closed, memory_order_relaxed)) {
        agdb__unlock(&e->lock);
        return agdb__fail(reterr, AGDB_E_CLOSING, "the client is closing");
    }
    next->map = take_map;
    next->layout = *take_layout;
    next->since_us = now_us;
    next->until_us = 0;
    agdb__gate_open(&next->gate);
    before = atomic_load_explicit(&e->current, memory_order_relaxed);
    atomic_store_explicit(&e->current, next, memory_order_release);
    if (before != NULL) {
        before->until_us = now_us;
        agdb__gate_close(&before->gate);
    }
    agdb__unlock(&e->lock);
    return AGDB_OK;
}

bool agdb__editions_sweep(agdb__editions_t *e)
{
    const bool closed = atomic_load_explicit(&e->closed, memory_order_acquire);
    agdb__edition_t *edition;
    bool some = false;

    for (edition = e->all; edition != NULL; edition = edition->next) {
        if (edition->map == NULL || (edition->until_us == 0 && !closed))
            continue;
        if (agdb__gate_inside(&edition->gate) == 0)
            empty(e, edition);
        else
            some = true;
    }
    return some;
}

uint64_t agdb__editions_next_us(const agdb__editions_t *e, uint64_t now_us)
{
    const agdb__edition_t *edition;
    uint64_t next_us = AGDB__NEVER;

    for (edition = e->all; edition != NULL; edition = edition->next)
        if (edition->map != NULL && edition->until_us != 0) {
            uint64_t wait_us = (now_us - edition->until_us) / LOOK_PART + LOOK_FIRST_US;

            next_us = agdb__min_us(
                next_us, now_us + (wait_us < LOOK_LAST_US ? wait_us : (uint64_t)LOOK_LAST_US));
        }
    return next_us;
}
