#include "base/watch.h"

#include <stddef.h>

void agdb__watchers_add(agdb__watchers_t *all, agdb__watcher_t *w)
{
    if (w->added)
        return;
    w->prev = NULL;
    w->next = all->head;
    if (all->head != NULL)
        all->head->prev = w;
    all->head = w;
    w->added = true;
}

void agdb__watchers_remove(agdb__watchers_t *all, agdb__watcher_t *w)
{
    if (!w->added)
        return;
    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        all->head = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    w->added = false;
}

void agdb__watchers_tell(const agdb__watchers_t *all)
{
    const agdb__watcher_t *w;

    for (w = all->head; w != NULL; w = w->next)
        w->tell(w->user);
}
