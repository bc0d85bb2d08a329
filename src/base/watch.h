/* Those who want to be told that something has changed. The owner of the list holds its lock in
 * every call; `tell` runs under it, so it must be quick, and nobody is told any more once it is
 * removed. */
#ifndef AGDB_BASE_WATCH_H
#define AGDB_BASE_WATCH_H

#include <stdbool.h>

typedef struct agdb__watcher {
    struct agdb__watcher *next;
    struct agdb__watcher *prev;
    bool added;
    void (*tell)(void *user);
    void *user;
} agdb__watcher_t;

typedef struct agdb__watchers {
    agdb__watcher_t *head;
} agdb__watchers_t;

/* Nothing happens when it is in already. */
void agdb__watchers_add(agdb__watchers_t *all, agdb__watcher_t *w);
/* Takes it out if it is in. */
void agdb__watchers_remove(agdb__watchers_t *all, agdb__watcher_t *w);
void agdb__watchers_tell(const agdb__watchers_t *all);

#endif
