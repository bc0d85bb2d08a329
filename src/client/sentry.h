/* Watches the map's file, and tells the keeper when there is something new: a map, or a file that
 * is none. Each state of the file is told once. The keeper's. */
#ifndef AGDB_CLIENT_SENTRY_H
#define AGDB_CLIENT_SENTRY_H

#include "base/pollset.h"
#include "client/lookout.h"

typedef struct agdb__sentry {
    const char *path; /* absolute; NULL: nothing is watched */
    int inotify;      /* -1: there is none, the file is looked at from time to time */
    uint64_t due_us;  /* the next look */
    agdb__stamp_t stamp;
    agdb__lookout_t *lookout; /* under way */
    agdb__waymark_t mark[AGDB__WAYMARKS_MAX];
    size_t nmarks;
    void (*wake)(void *user);
    void *user;
} agdb__sentry_t;

/* `path` is borrowed; NULL: it watches nothing. */
void agdb__sentry_init(agdb__sentry_t *sentry, const char *path, void (*wake)(void *user),
                       void *user);
void agdb__sentry_fini(agdb__sentry_t *sentry);

typedef enum agdb__sentry_news {
    AGDB__SENTRY_NOTHING = 0,
    AGDB__SENTRY_MAP,
    AGDB__SENTRY_ERROR
} agdb__sentry_news_t;

/* What is new is the caller's. */
agdb__sentry_news_t agdb__sentry_step(agdb__sentry_t *sentry, uint64_t now_us, agdb_map_t **ret_map,
                                      agdb_error_t **ret_error);
void agdb__sentry_poll(const agdb__sentry_t *sentry, agdb__pollset_t *set);

#endif
