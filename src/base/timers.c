#include "base/timers.h"

#include "base/alloc.h"

enum { FIRST_ROOM = 64 };

bool agdb__timers_reserve(agdb__timers_t *all, size_t count)
{
    size_t room = all->room != 0 ? all->room : FIRST_ROOM;
    agdb__timer_t **grown;

    if (count <= all->room)
        return true;
    while (room < count)
        room *= 2;
    grown = agdb__realloc(all->heap, room * sizeof(agdb__timer_t *));
    if (grown == NULL)
        return false;
    all->heap = grown;
    all->room = room;
    return true;
}

void agdb__timers_fini(agdb__timers_t *all)
{
    agdb__free(all->heap);
    *all = (agdb__timers_t){0};
}

static void put(agdb__timers_t *all, size_t i, agdb__timer_t *timer)
{
    all->heap[i] = timer;
    timer->place = i + 1;
}

static void sift_up(agdb__timers_t *all, size_t i, agdb__timer_t *timer)
{
    while (i > 0 && all->heap[(i - 1) / 2]->at_us > timer->at_us) {
        put(all, i, all->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(all, i, timer);
}

static void sift_down(agdb__timers_t *all, size_t i, agdb__timer_t *timer)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < all->count && all->heap[child + 1]->at_us < all->heap[child]->at_us)
            child++;
        if (child >= all->count || all->heap[child]->at_us >= timer->at_us)
            break;
        put(all, i, all->heap[child]);
        i = child;
    }
    put(all, i, timer);
}

void agdb__timers_clear(agdb__timers_t *all, agdb__timer_t *timer)
{
    size_t i = timer->place - 1;
    agdb__timer_t *last;

    if (timer->place == 0)
        return;
    timer->place = 0;
    last = all->heap[--all->count];
    if (last == timer)
        return;
    if (last->at_us < timer->at_us)
        sift_up(all, i, last);
    else
        sift_down(all, i, last);
}

void agdb__timers_set(agdb__timers_t *all, agdb__timer_t *timer, uint64_t at_us)
{
    uint64_t before_us = timer->at_us;

    if (at_us == AGDB__NEVER) {
        agdb__timers_clear(all, timer);
        return;
    }
    timer->at_us = at_us;
    if (timer->place == 0)
        sift_up(all, all->count++, timer);
    else if (at_us < before_us)
        sift_up(all, timer->place - 1, timer);
    else
        sift_down(all, timer->place - 1, timer);
}

/* Bounded by how many there are at the beginning. */
void agdb__timers_run(agdb__timers_t *all, uint64_t now_us, void *user)
{
    size_t n = all->count;

    while (n-- > 0 && all->count > 0 && all->heap[0]->at_us <= now_us) {
        agdb__timer_t *timer = all->heap[0];

        agdb__timers_clear(all, timer);
        timer->ring(timer, user, now_us);
    }
}
