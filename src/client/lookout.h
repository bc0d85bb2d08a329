/* One look at the map's file, on a thread of its own: the file may be on a server that hangs, and
 * nothing ever joins that thread. Whoever asked and the thread share the look by reference count.
 *
 * The folders of the path, and of every link on it, are watched through inotify: a file that is
 * written anew, renamed over the old one, or reached through a link that is swapped (a Kubernetes
 * ConfigMap) shows in one of them. */
#ifndef AGDB_CLIENT_LOOKOUT_H
#define AGDB_CLIENT_LOOKOUT_H

#include "map/model.h"

/* What tells one state of a file from another. */
typedef struct agdb__stamp {
    uint64_t device;
    uint64_t inode;
    int64_t size;
    int64_t changed_s; /* contents or attributes */
    int64_t changed_ns;
} agdb__stamp_t;

static inline bool agdb__stamp_is_same(const agdb__stamp_t *a, const agdb__stamp_t *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed_s == b->changed_s && a->changed_ns == b->changed_ns;
}

/* A name in a folder that leads to the file. */
typedef struct agdb__waymark {
    int watch; /* of the folder */
    char *name;
} agdb__waymark_t;

enum { AGDB__WAYMARKS_MAX = 32 };

/* What it has seen. */
typedef struct agdb__sight {
    agdb__stamp_t stamp;
    bool is_changed;     /* another stamp than was given: then one of these is set */
    agdb_map_t *map;     /* or: */
    agdb_error_t *error; /* why there is none */
    agdb__waymark_t mark[AGDB__WAYMARKS_MAX];
    size_t nmarks;
} agdb__sight_t;

typedef struct agdb__lookout agdb__lookout_t;

/* `inotify` is borrowed for the call (-1: none). `wake` is called once at the end, unless the look
 * was released before. NULL: no memory or no thread. */
agdb__lookout_t *agdb__lookout_begin(const char *path, const agdb__stamp_t *last, int inotify,
                                     void (*wake)(void *user), void *user);
/* Once it is over: true, and what it has seen is the caller's. */
bool agdb__lookout_take(agdb__lookout_t *lookout, agdb__sight_t *ret);
/* Lets go of it, over or not. */
void agdb__lookout_release(agdb__lookout_t *lookout);
void agdb__sight_fini(agdb__sight_t *sight);

#endif
