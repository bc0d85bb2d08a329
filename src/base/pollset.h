/* The sockets that a thread waits for, collected anew before each wait. */
#ifndef AGDB_BASE_POLLSET_H
#define AGDB_BASE_POLLSET_H

#include "agencydb/base.h"

#include <poll.h>

typedef struct agdb__pollset {
    struct pollfd *fd;
    size_t count;
    size_t room;
    uint64_t wake_us; /* the earliest time that somebody asked for */
} agdb__pollset_t;

void agdb__pollset_clear(agdb__pollset_t *set);
/* Out of memory: the socket is left out and the wait is kept short instead. */
void agdb__pollset_add(agdb__pollset_t *set, int fd, short events);
void agdb__pollset_wake(agdb__pollset_t *set, uint64_t at_us);
/* Waits for a socket or the earliest wake-up. */
void agdb__pollset_wait(agdb__pollset_t *set);
void agdb__pollset_fini(agdb__pollset_t *set);

#endif
