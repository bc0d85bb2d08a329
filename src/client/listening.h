/* Who listens to what, and where: the keeper keeps each subscription with its shard's primary, and
 * puts what is heard into the listener's box. */
#ifndef AGDB_CLIENT_LISTENING_H
#define AGDB_CLIENT_LISTENING_H

#include "client/post.h"
#include "client/topology.h"

#include <stdatomic.h>

/* A listener's part in one shard. The keeper's. */
typedef struct agdb__subscription {
    agdb__hearer_t hearer; /* the first: this is found by it */
    struct agdb_listener *listener;
    agdb__sender_t sender;      /* has the shard's name */
    agdb__shard_entry_t *entry; /* held; NULL: not looked for yet, or no map in use has it */
    agdb__endpoint_t *endpoint; /* where it hears; NULL: nowhere yet */
    agdb__hearing_t hearing;
    char why[AGDB__EAR_WHY_SIZE]; /* it was lost */
} agdb__subscription_t;

struct agdb_listener {
    agdb__box_t box; /* the first, for the same reason */
    agdb__post_t *post;
    unsigned fork_generation;
    char channel[AGDB__CHANNEL_NAME_MAX + 1];
    const char *keyspace; /* a name for the client's life, as are shards' */
    bool all_shards;      /* also those that come later */
    uint32_t max_queued;
    size_t count;
    agdb__subscription_t **subscription;
};

typedef struct agdb__listening {
    agdb__post_t *post;
    agdb__box_t *all;    /* of the keeper, a list by `next` */
    atomic_size_t count; /* of them */
    uint64_t seen;       /* of all boards: another number is another view */
    bool is_misplaced;   /* memory was out, or the map is another: look for places again */
    bool is_lacking;     /* memory was out: some shards are not heard yet */
} agdb__listening_t;

/* Nobody hears it yet: agdb__post_open gives it to the keeper. `keyspace` is a name for the
 * client's life. NULL: no memory. */
agdb_listener_t *agdb__listener_new(agdb__post_t *post, const char *channel, const char *keyspace);
/* One more shard, by a name for the client's life. False: no memory. */
bool agdb__listener_add(agdb_listener_t *listener, const char *shard);
/* When it was not given away. */
void agdb__listener_free(agdb_listener_t *listener);

/* --- the keeper's --- */
void agdb__listening_step(agdb__listening_t *all, agdb__topology_t *t, const agdb__layout_t *layout,
                          uint64_t now_us);
/* This layout is in use from now on. */
void agdb__listening_move(agdb__listening_t *all, const agdb__layout_t *layout);
void agdb__listening_hear(agdb__hearer_t *hearer, agdb__heard_t heard, const char *text,
                          int process);
/* Ends all listeners; their handles stay until they are freed. */
void agdb__listening_fini(agdb__listening_t *all);

#endif
