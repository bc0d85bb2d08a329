/* How a driver waits for its sockets: by poll for the time of one call, or by an epoll descriptor
 * that an event loop of the host's can wait for, too. An interest is armed for one event, and
 * armed again for the next. */
#ifndef AGDB_EXEC_POLLER_H
#define AGDB_EXEC_POLLER_H

#include "base/bell.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

typedef struct agdb__interest {
    int fd;       /* -1: none; else the poller knows it */
    size_t place; /* the poller's */
    void (*ready)(struct agdb__interest *interest);
} agdb__interest_t;

/* Given to `wait`. */
typedef void (*agdb__ready_fn)(agdb__interest_t *interest, void *user);

typedef struct agdb__poller {
    /* Waits for these events (POLLIN, POLLOUT) of the socket. False: no memory. */
    bool (*arm)(struct agdb__poller *poller, agdb__interest_t *interest, int fd, short events);
    /* Waits for it no more; `open`: the socket is still. */
    void (*disarm)(struct agdb__poller *poller, agdb__interest_t *interest, bool open);
    /* Waits until a socket is ready, the bell is rung, or `until_us`; calls `ready` for each
     * socket. True: the bell's descriptor is readable. */
    bool (*wait)(struct agdb__poller *poller, uint64_t now_us, uint64_t until_us,
                 agdb__ready_fn ready, void *user);
} agdb__poller_t;

/* --- poller_poll.c --- */
typedef struct agdb__poll_poller {
    agdb__poller_t base;
    const agdb__bell_t *bell;
    struct pollfd *fd; /* the first is the bell */
    agdb__interest_t **interest;
    size_t count;
    size_t room;
} agdb__poll_poller_t;

/* `bell` is borrowed. False: no memory. */
bool agdb__poll_poller_init(agdb__poll_poller_t *p, const agdb__bell_t *bell);
void agdb__poll_poller_fini(agdb__poll_poller_t *p);

/* --- poller_epoll.c --- */
typedef struct agdb__epoll_poller {
    agdb__poller_t base;
    int fd; /* readable when something is to be done */
    int timer_fd;
    uint64_t timer_us; /* when it will ring */
} agdb__epoll_poller_t;

/* False: the process has too many descriptors open. */
bool agdb__epoll_poller_init(agdb__epoll_poller_t *p, const agdb__bell_t *bell);
void agdb__epoll_poller_fini(agdb__epoll_poller_t *p);
/* Makes the descriptor readable at `at_us` at the latest; maybe also before. */
void agdb__epoll_poller_alarm(agdb__epoll_poller_t *p, uint64_t at_us);

#endif
