#include "client/lookout.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/sync.h"
#include "map/load.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 16 };

struct agdb__lookout {
    agdb__mutex_t lock;
    bool is_over;
    bool is_released; /* nobody is to be woken */
    unsigned refs;
    void (*wake)(void *user);
    void *user;
    char *path;
    int inotify; /* its own */
    agdb__stamp_t last;
    agdb__sight_t sight; /* the thread's until it is over */
};

void agdb__sight_fini(agdb__sight_t *sight)
{
    size_t i;

    for (i = 0; i < sight->nmarks; i++)
        agdb__free(sight->mark[i].name);
    agdb__map_unref(sight->map);
    agdb__error_free(sight->error);
    *sight = (agdb__sight_t){.nmarks = 0};
}

static void unref(agdb__lookout_t *l)
{
    bool last;

    agdb__lock(&l->lock);
    last = --l->refs == 0;
    agdb__unlock(&l->lock);
    if (!last)
        return;
    agdb__sight_fini(&l->sight);
    if (l->inotify >= 0)
        close(l->inotify);
    agdb__mutex_fini(&l->lock);
    agdb__free(l->path);
    agdb__free(l);
}

/* --- the way to the file -----------------------------------------------------------------------
 */

/* Written anew, renamed, linked, removed; or made readable by those who may read it. */
static const uint32_t k_events = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE |
                                 IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

static void mark(agdb__lookout_t *l, const char *folder, const char *name)
{
    agdb__sight_t *s = &l->sight;
    int watch;

    if (l->inotify < 0 || s->nmarks == AGDB__WAYMARKS_MAX)
        return;
    watch = inotify_add_watch(l->inotify, folder, k_events | IN_ONLYDIR);
    if (watch < 0)
        return; /* the file is looked at from time to time in any case */
    s->mark[s->nmarks] = (agdb__waymark_t){watch, agdb__strdup(name)};
    s->nmarks += s->mark[s->nmarks].name != NULL;
}

/* Puts what a link says before the rest of the way. False: too long. */
static bool follow(char way[PATH_MAX], const char *target, const char *rest)
{
    char next[PATH_MAX];
    const int n = snprintf(next, sizeof next, "%s%s%s", target, rest[0] != '\0' ? "/" : "", rest);

    if (n < 0 || (size_t)n >= sizeof next)
        return false;
    memcpy(way, next, (size_t)n + 1);
    return true;
}

/* Takes the first name off the way. */
static bool take_name(char way[PATH_MAX], char name[NAME_MAX + 1])
{
    const char *begin = way + strspn(way, "/");
    const size_t len = strcspn(begin, "/");
    const char *rest = begin + len + strspn(begin + len, "/");

    if (len == 0 || len > NAME_MAX)
        return false;
    memcpy(name, begin, len);
    name[len] = '\0';
    memmove(way, rest, strlen(rest) + 1);
    return true;
}

typedef struct walk {
    char done[PATH_MAX]; /* a folder; "" is the root */
    char way[PATH_MAX];  /* what is still to go */
    unsigned links;
} walk_t;

/* Goes into a folder, or to the end. */
static bool go_on(walk_t *w, const char *name)
{
    const size_t len = strlen(w->done);

    if (len + 1 + strlen(name) >= sizeof w->done)
        return false;
    snprintf(w->done + len, sizeof w->done - len, "/%s", name);
    return true;
}

/* Every link and the file itself are marked; folders on the way are not. */
static bool step(agdb__lookout_t *l, walk_t *w, const char *name)
{
    char full[PATH_MAX];
    char target[PATH_MAX];
    struct stat st;
    ssize_t n;

    if (snprintf(full, sizeof full, "%s/%s", w->done, name) >= (int)sizeof full)
        return false;
    if (lstat(full, &st) != 0 || !S_ISLNK(st.st_mode)) {
        if (w->way[0] == '\0')
            mark(l, w->done[0] != '\0' ? w->done : "/", name);
        return w->way[0] != '\0' && go_on(w, name);
    }
    mark(l, w->done[0] != '\0' ? w->done : "/", name);
    n = readlink(full, target, sizeof target - 1);
    if (n <= 0 || ++w->links > LINKS_MAX)
        return false;
    target[n] = '\0';
    if (target[0] == '/')
        w->done[0] = '\0';
    return follow(w->way, target, w->way);
}

/* The path is absolute. ".." is the folder's own entry, and resolved by the kernel. */
static void mark_way(agdb__lookout_t *l)
{
    char name[NAME_MAX + 1];
    walk_t w = {.links = 0};

    if (strlen(l->path) >= sizeof w.way)
        return;
    memcpy(w.way, l->path, strlen(l->path) + 1);
    while (take_name(w.way, name) && step(l, &w, name))
        continue;
}

/* --- looking -----------------------------------------------------------------------------------
 */

static agdb__stamp_t stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return (agdb__stamp_t){.size = -1};
    return (agdb__stamp_t){(uint64_t)st.st_dev, (uint64_t)st.st_ino, (int64_t)st.st_size,
                           (int64_t)st.st_ctim.tv_sec, (int64_t)st.st_ctim.tv_nsec};
}

/* The watch is there before the look, so that no change falls between them. */
static void look(agdb__lookout_t *l)
{
    agdb__sight_t *s = &l->sight;

    mark_way(l);
    s->stamp = stamp_of(l->path);
    s->is_changed = !agdb__stamp_is_same(&s->stamp, &l->last);
    if (s->is_changed)
        (void)agdb__map_load_file(l->path, &s->map, NULL, &s->error);
}

static void *run(void *arg)
{
    agdb__lookout_t *l = arg;

    look(l);
    agdb__lock(&l->lock);
    l->is_over = true;
    if (!l->is_released)
        l->wake(l->user);
    agdb__unlock(&l->lock);
    unref(l);
    return NULL;
}

agdb__lookout_t *agdb__lookout_begin(const char *path, const agdb__stamp_t *last, int inotify,
                                     void (*wake)(void *user), void *user)
{
    agdb__lookout_t *l = agdb__calloc(1, sizeof *l);
    pthread_t thread;

    if (l == NULL)
        return NULL;
    if (!agdb__mutex_init(&l->lock)) {
        agdb__free(l);
        return NULL;
    }
    l->refs = 1;
    l->last = *last;
    l->wake = wake;
    l->user = user;
    l->inotify = inotify >= 0 ? fcntl(inotify, F_DUPFD_CLOEXEC, 0) : -1;
    l->path = agdb__strdup(path);
    l->refs = 2;
    if (l->path != NULL && agdb__thread_start(&thread, true, run, l))
        return l;
    l->refs = 1;
    unref(l);
    return NULL;
}

bool agdb__lookout_take(agdb__lookout_t *l, agdb__sight_t *ret)
{
    bool is_over;

    agdb__lock(&l->lock);
    is_over = l->is_over;
    if (is_over) {
        *ret = l->sight;
        l->sight = (agdb__sight_t){.nmarks = 0};
    }
    agdb__unlock(&l->lock);
    return is_over;
}

void agdb__lookout_release(agdb__lookout_t *l)
{
    if (l == NULL)
        return;
    agdb__lock(&l->lock);
    l->is_released = true;
    agdb__unlock(&l->lock);
    unref(l);
}
