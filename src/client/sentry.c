#include "client/sentry.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <sys/inotify.h>
#include <unistd.h>

/* SETTLE: a file is changed in several steps, and one look is enough. AGAIN: file systems of other
 * machines do not tell of changes made there. ALONE: without inotify. */
enum { SETTLE_US = 20000, AGAIN_US = 30000000, ALONE_US = 2000000 };

void agdb__sentry_init(agdb__sentry_t *s, const char *path, void (*wake)(void *user), void *user)
{
    *s = (agdb__sentry_t){.path = path, .inotify = -1, .wake = wake, .user = user};
    if (path != NULL)
        s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

static void forget_marks(agdb__sentry_t *s)
{
    size_t i;

    for (i = 0; i < s->nmarks; i++)
        agdb__free(s->mark[i].name);
    s->nmarks = 0;
}

void agdb__sentry_fini(agdb__sentry_t *s)
{
    agdb__lookout_release(s->lookout);
    forget_marks(s);
    if (s->inotify >= 0)
        close(s->inotify);
    *s = (agdb__sentry_t){.inotify = -1};
}

/* --- what the folders tell ---------------------------------------------------------------------
 */

/* Without a name it is the folder itself, or events were lost. During a look its names are not
 * known here yet. */
static bool is_of_interest(const agdb__sentry_t *s, const struct inotify_event *event)
{
    size_t i;

    if (event->len == 0 || s->lookout != NULL)
        return true;
    for (i = 0; i < s->nmarks; i++)
        if (s->mark[i].watch == event->wd && strcmp(s->mark[i].name, event->name) == 0)
            return true;
    return false;
}

static bool read_events(const agdb__sentry_t *s)
{
    _Alignas(struct inotify_event) char buf[4096];
    bool some = false;
    ssize_t n;

    while ((n = read(s->inotify, buf, sizeof buf)) > 0) {
        const char *at = buf;

        while (at < buf + n) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            some = some || is_of_interest(s, event);
            at += sizeof *event + event->len;
        }
    }
    return some;
}

static bool has_watch(const agdb__waymark_t *mark, size_t count, int watch)
{
    size_t i;

    for (i = 0; i < count; i++)
        if (mark[i].watch == watch)
            return true;
    return false;
}

/* The way may be another than it was. */
static void take_marks(agdb__sentry_t *s, agdb__sight_t *sight)
{
    size_t i;

    for (i = 0; i < s->nmarks; i++)
        if (!has_watch(sight->mark, sight->nmarks, s->mark[i].watch) &&
            !has_watch(s->mark, i, s->mark[i].watch))
            (void)inotify_rm_watch(s->inotify, s->mark[i].watch);
    forget_marks(s);
    memcpy(s->mark, sight->mark, sizeof s->mark);
    s->nmarks = sight->nmarks;
    sight->nmarks = 0;
}

/* --- looks -------------------------------------------------------------------------------------
 */

static agdb__sentry_news_t take_news(agdb__sentry_t *s, agdb__sight_t *sight, agdb_map_t **ret_map,
                                     agdb_error_t **ret_error)
{
    s->stamp = sight->stamp;
    if (!sight->is_changed)
        return AGDB__SENTRY_NOTHING;
    *ret_map = sight->map;
    *ret_error = sight->error;
    sight->map = NULL;
    sight->error = NULL;
    return *ret_map != NULL ? AGDB__SENTRY_MAP : AGDB__SENTRY_ERROR;
}

static agdb__sentry_news_t end_look(agdb__sentry_t *s, uint64_t now_us, agdb_map_t **ret_map,
                                    agdb_error_t **ret_error)
{
    agdb__sentry_news_t news;
    agdb__sight_t sight;

    if (!agdb__lookout_take(s->lookout, &sight))
        return AGDB__SENTRY_NOTHING;
    agdb__lookout_release(s->lookout);
    s->lookout = NULL;
    take_marks(s, &sight);
    s->due_us =
        agdb__min_us(s->due_us, now_us + (s->nmarks > 0 ? (uint64_t)AGAIN_US : (uint64_t)ALONE_US));
    news = take_news(s, &sight, ret_map, ret_error);
    agdb__sight_fini(&sight);
    return news;
}

agdb__sentry_news_t agdb__sentry_step(agdb__sentry_t *s, uint64_t now_us, agdb_map_t **ret_map,
                                      agdb_error_t **ret_error)
{
    agdb__sentry_news_t news = AGDB__SENTRY_NOTHING;

    if (s->path == NULL)
        return news;
    if (s->inotify >= 0 && read_events(s))
        s->due_us = agdb__min_us(s->due_us, now_us + SETTLE_US);
    if (s->lookout != NULL)
        news = end_look(s, now_us, ret_map, ret_error);
    if (s->lookout == NULL && now_us >= s->due_us) {
        s->lookout = agdb__lookout_begin(s->path, &s->stamp, s->inotify, s->wake, s->user);
        s->due_us = s->lookout != NULL ? AGDB__NEVER : now_us + ALONE_US;
    }
    return news;
}

void agdb__sentry_poll(const agdb__sentry_t *s, agdb__pollset_t *set)
{
    if (s->path == NULL)
        return;
    agdb__pollset_add(set, s->inotify, POLLIN);
    if (s->lookout == NULL)
        agdb__pollset_wake(set, s->due_us);
}
