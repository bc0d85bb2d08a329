#include "base/alloc.h"
#include "base/clock.h"
#include "exec/poller.h"

enum { FIRST_ROOM = 16 };

static bool grow(agdb__poll_poller_t *p)
{
    size_t room = p->room != 0 ? p->room * 2 : FIRST_ROOM;
    agdb__interest_t **interest;
    struct pollfd *fd;

    if (p->count < p->room)
        return true;
    fd = agdb__realloc(p->fd, room * sizeof *fd);
    if (fd == NULL)
        return false;
    p->fd = fd;
    interest = agdb__realloc(p->interest, room * sizeof(agdb__interest_t *));
    if (interest == NULL)
        return false;
    p->interest = interest;
    p->room = room;
    return true;
}

static bool arm(agdb__poller_t *poller, agdb__interest_t *interest, int fd, short events)
{
    agdb__poll_poller_t *p = (agdb__poll_poller_t *)poller;

    if (interest->fd < 0) {
        if (!grow(p))
            return false;
        interest->place = p->count++;
        p->interest[interest->place] = interest;
    }
    interest->fd = fd;
    p->fd[interest->place] = (struct pollfd){.fd = fd, .events = events};
    return true;
}

static void disarm(agdb__poller_t *poller, agdb__interest_t *interest, bool open)
{
    agdb__poll_poller_t *p = (agdb__poll_poller_t *)poller;
    size_t i = interest->place;

    (void)open;
    if (interest->fd < 0)
        return;
    interest->fd = -1;
    p->count--;
    p->fd[i] = p->fd[p->count];
    p->interest[i] = p->interest[p->count];
    if (i < p->count)
        p->interest[i]->place = i;
}

/* Backwards: `ready` may disarm the one that it is called for, and arm new ones behind. */
static bool wait(agdb__poller_t *poller, uint64_t now_us, uint64_t until_us, agdb__ready_fn ready,
                 void *user)
{
    agdb__poll_poller_t *p = (agdb__poll_poller_t *)poller;
    int n = poll(p->fd, (nfds_t)p->count, agdb__poll_ms(now_us, until_us));
    size_t i;

    if (n <= 0)
        return false;
    for (i = p->count; i-- > 1;)
        if (i < p->count && p->fd[i].revents != 0) {
            p->fd[i].revents = 0;
            ready(p->interest[i], user);
        }
    return p->fd[0].revents != 0;
}

bool agdb__poll_poller_init(agdb__poll_poller_t *p, const agdb__bell_t *bell)
{
    *p = (agdb__poll_poller_t){.base = {arm, disarm, wait}, .bell = bell};
    if (!grow(p))
        return false;
    p->fd[0] = (struct pollfd){.fd = bell->fd, .events = POLLIN};
    p->interest[0] = NULL;
    p->count = 1;
    return true;
}

void agdb__poll_poller_fini(agdb__poll_poller_t *p)
{
    agdb__free(p->fd);
    agdb__free(p->interest);
    *p = (agdb__poll_poller_t){0};
}
