#include "base/bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

bool agdb__bell_init(agdb__bell_t *bell)
{
    atomic_init(&bell->rung, false);
    bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return bell->fd >= 0;
}

void agdb__bell_fini(agdb__bell_t *bell)
{
    if (bell->fd >= 0)
        close(bell->fd);
    bell->fd = -1;
}

void agdb__bell_ring(void *user)
{
    agdb__bell_t *bell = user;

    if (!atomic_exchange_explicit(&bell->rung, true, memory_order_acq_rel))
        (void)eventfd_write(bell->fd, 1);
}

/* The descriptor first: a ring between the two is not missed. One that has marked the bell but not
 * written yet makes it readable once more, for nothing. */
bool agdb__bell_hush(agdb__bell_t *bell, bool readable)
{
    eventfd_t count;

    if (!readable && !atomic_load_explicit(&bell->rung, memory_order_acquire))
        return false;
    (void)eventfd_read(bell->fd, &count);
    return atomic_exchange_explicit(&bell->rung, false, memory_order_acq_rel);
}
