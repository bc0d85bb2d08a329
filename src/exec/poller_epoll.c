/* Sockets are registered for one event at a time: one whose connection has died while a forked
 * child still holds it cannot be taken out any more, and rings once at most. */
#include "base/clock.h"
#include "exec/poller.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS = 64 };

static bool arm(agdb__poller_t *poller, agdb__interest_t *interest, int fd, short events)
{
    agdb__epoll_poller_t *p = (agdb__epoll_poller_t *)poller;
    bool known = interest->fd == fd;
    struct epoll_event e = {.events = EPOLLONESHOT, .data = {.ptr = interest}};

    e.events |= (events & POLLIN) != 0 ? (uint32_t)EPOLLIN : 0;
    e.events |= (events & POLLOUT) != 0 ? (uint32_t)EPOLLOUT : 0;
    if (epoll_ctl(p->fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) != 0)
        return false;
    interest->fd = fd;
    return true;
}

static void disarm(agdb__poller_t *poller, agdb__interest_t *interest, bool open)
{
    agdb__epoll_poller_t *p = (agdb__epoll_poller_t *)poller;

    if (interest->fd >= 0 && open)
        (void)epoll_ctl(p->fd, EPOLL_CTL_DEL, interest->fd, NULL);
    interest->fd = -1;
}

static void take_alarm(agdb__epoll_poller_t *p)
{
    uint64_t count;

    (void)!read(p->timer_fd, &count, sizeof count);
    p->timer_us = AGDB__NEVER;
}

static bool wait(agdb__poller_t *poller, uint64_t now_us, uint64_t until_us, agdb__ready_fn ready,
                 void *user)
{
    agdb__epoll_poller_t *p = (agdb__epoll_poller_t *)poller;
    struct epoll_event event[EVENTS];
    bool rung = false;
    int n = epoll_wait(p->fd, event, EVENTS, agdb__poll_ms(now_us, until_us));
    int i;

    for (i = 0; i < n; i++) {
        if (event[i].data.ptr == NULL)
            rung = true;
        else if (event[i].data.ptr == p)
            take_alarm(p);
        else
            ready(event[i].data.ptr, user);
    }
    return rung;
}

static bool add(int epoll_fd, int fd, void *mark)
{
    struct epoll_event e = {.events = EPOLLIN, .data = {.ptr = mark}};

    return fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0;
}

bool agdb__epoll_poller_init(agdb__epoll_poller_t *p, const agdb__bell_t *bell)
{
    *p = (agdb__epoll_poller_t){.base = {arm, disarm, wait}, .timer_us = AGDB__NEVER};
    p->fd = epoll_create1(EPOLL_CLOEXEC);
    p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (p->fd >= 0 && add(p->fd, bell->fd, NULL) && add(p->fd, p->timer_fd, p))
        return true;
    agdb__epoll_poller_fini(p);
    return false;
}

void agdb__epoll_poller_fini(agdb__epoll_poller_t *p)
{
    if (p->timer_fd >= 0)
        close(p->timer_fd);
    if (p->fd >= 0)
        close(p->fd);
    p->timer_fd = -1;
    p->fd = -1;
}

/* An alarm that is too early is left alone: times move on with each request, and setting one costs
 * a system call. */
void agdb__epoll_poller_alarm(agdb__epoll_poller_t *p, uint64_t at_us)
{
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(at_us / 1000000u),
                                         .tv_nsec = (long)(at_us % 1000000u) * 1000}};

    if (at_us >= p->timer_us)
        return;
    if (at_us == 0)
        at.it_value.tv_nsec = 1; /* zero would disarm it */
    if (timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
        p->timer_us = at_us;
}
