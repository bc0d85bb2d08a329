#include "base/pollset.h"

#include "base/alloc.h"
#include "base/clock.h"

enum { FIRST_ROOM = 16, SHORT_WAIT_MS = 5 };

void agdb__pollset_clear(agdb__pollset_t *set)
{
    set->count = 0;
    set->wake_us = AGDB__NEVER;
}

void agdb__pollset_add(agdb__pollset_t *set, int fd, short events)
{
    if (fd < 0)
        return;
    if (set->count == set->room) {
        size_t room = set->room != 0 ? set->room * 2 : FIRST_ROOM;
        struct pollfd *grown = agdb__realloc(set->fd, room * sizeof *grown);

        if (grown == NULL) {
            agdb__pollset_wake(set, agdb__after_ms(agdb__now_us(), SHORT_WAIT_MS));
            return;
        }
        set->fd = grown;
        set->room = room;
    }
    set->fd[set->count++] = (struct pollfd){.fd = fd, .events = events};
}

void agdb__pollset_wake(agdb__pollset_t *set, uint64_t at_us)
{
    set->wake_us = agdb__min_us(set->wake_us, at_us);
}

void agdb__pollset_wait(agdb__pollset_t *set)
{
    (void)poll(set->fd, (nfds_t)set->count, agdb__poll_ms(agdb__now_us(), set->wake_us));
}

void agdb__pollset_fini(agdb__pollset_t *set)
{
    agdb__free(set->fd);
    *set = (agdb__pollset_t){0};
}
