/* From the keeper to the callbacks of listeners: a box for each listener, a thread for all of them
 * that calls one callback after the other. The keeper puts and goes on, whatever a callback does.
 *
 * A box has a sender for each shard. What waits of one sender is bounded: then one MISSED, for
 * which there is always room, stands for all that comes until the callback has got there. */
#ifndef AGDB_CLIENT_POST_H
#define AGDB_CLIENT_POST_H

#include "agencydb/listen.h"
#include "base/sync.h"

struct agdb_notification {
    agdb_listen_kind_t kind;
    uint64_t sequence;
    int process;
    const char *channel;
    const char *shard;
    const char *node;
    const char *text; /* payload or reason */
};

/* One event on its way. */
typedef struct agdb__letter {
    struct agdb__letter *next;
    struct agdb__sender *from;
    agdb_listen_kind_t kind;
    int process;
    const char *node;
    const char *text;
    bool owned; /* to be freed */
} agdb__letter_t;

typedef struct agdb__sender {
    const char *shard; /* this and nodes' names outlive the post's thread */
    uint32_t max;
    uint32_t queued;
    agdb__letter_t first;   /* for SUBSCRIBED, which there is once */
    agdb__letter_t instead; /* MISSED, for what was not kept */
    uint64_t unkept;        /* since it was put; 0: it is not in the box */
} agdb__sender_t;

typedef struct agdb__box {
    const char *channel;
    agdb_listen_fn callback;
    void *user;
    void (*release)(struct agdb__box *box); /* nobody holds it any more */
    unsigned refs;
    uint64_t sequence;
    agdb__letter_t *head;
    agdb__letter_t *tail;
    bool is_ready; /* in the line of those that have something */
    bool ended;
    struct agdb__box *next_ready;
    struct agdb__box *next; /* the keeper's, and before that the post's */
} agdb__box_t;

typedef struct agdb__post agdb__post_t;

/* `wake` is called when boxes come and go, until agdb__post_stop has returned. NULL: no memory. */
agdb__post_t *agdb__post_new(void (*wake)(void *user), void *user);
/* Each box holds one, and so does the client. */
void agdb__post_unref(agdb__post_t *post);

/* --- callers' --- */
/* The box, with two references, is the keeper's from now on, and the caller's. The first box starts
 * the thread. False: that failed, nothing was done. */
bool agdb__post_open(agdb__post_t *post, agdb__box_t *box);
/* No more: waits until its callback is not running, unless this is inside of it. Gives the caller's
 * reference back. */
void agdb__post_close(agdb__post_t *post, agdb__box_t *box);
/* Whether this is inside a callback of this post. */
bool agdb__post_is_here(agdb__post_t *post);

/* --- the keeper's --- */
/* Boxes that have come, a list by `next`. `ret_stirred`: some were opened or closed since. */
agdb__box_t *agdb__post_collect(agdb__post_t *post, bool *ret_stirred);
bool agdb__post_is_ended(agdb__post_t *post, const agdb__box_t *box);
/* Gives the keeper's reference back; what waits is forgotten. */
void agdb__post_leave(agdb__post_t *post, agdb__box_t *box);
/* Never fails and never waits. SUBSCRIBED once for each sender. */
void agdb__post_put(agdb__post_t *post, agdb__box_t *box, agdb__sender_t *from,
                    agdb_listen_kind_t kind, const char *node, const char *text, int process);

/* --- the end --- */
/* No callback is called any more; one may be running. */
void agdb__post_stop(agdb__post_t *post);
/* After that: nothing runs any more. */
bool agdb__post_is_still(agdb__post_t *post);
/* The client goes: it is still. */
void agdb__post_fini(agdb__post_t *post);

#endif
