/* What every call on a client does at the border: checks forks, closing and callbacks, brings in
 * the client's allocator, copies and checks callers' structs. */
#ifndef AGDB_API_BORDER_H
#define AGDB_API_BORDER_H

#include "client/client.h"

/* Every call on a handle begins with this; on success it must end with agdb__border_leave. */
agdb_status_t agdb__border_enter(agdb_t *db, const agdb_allocator_t **ret_outer,
                                 agdb_error_t **reterr);
void agdb__border_leave(agdb_t *db, const agdb_allocator_t *outer);

/* Callers' structs carry their size: an older, smaller one is filled up with zeros, a newer one is
 * accepted as long as what we do not know of it is zero. */
agdb_status_t agdb__border_copy(void *ours, size_t our_size, const void *theirs, size_t their_size,
                                const char *what, agdb_error_t **reterr);

/* Copies and checks a request; its target is not looked up. */
agdb_status_t agdb__border_take(const agdb_request_t *theirs, agdb_request_t *ours,
                                agdb_error_t **reterr);
/* Checks one of our own making, and finds its shard. */
agdb_status_t agdb__border_check(agdb_t *db, const agdb_request_t *ours, agdb__shard_t **ret_shard,
                                 agdb_error_t **reterr);

/* Where a request goes: to one shard, or to several. */
typedef struct agdb__goal {
    agdb__shard_t *shard;     /* or: */
    agdb__scatter_t *scatter; /* owned; also for one shard whose answer is to be merged */
} agdb__goal_t;

/* Copies and checks a request of no transaction, and finds its shard or shards. */
agdb_status_t agdb__border_goal(agdb_t *db, const agdb_request_t *theirs, agdb_request_t *ours,
                                agdb__goal_t *ret, agdb_error_t **reterr);

/* And for a stream, which may begin behind a cursor. */
agdb_status_t agdb__border_stream(agdb_t *db, const agdb_request_t *theirs, agdb_request_t *ours,
                                  agdb__goal_t *ret, agdb_error_t **reterr);

/* The thread is inside a loop's callback, where it must not wait; they may nest. */
void agdb__callback_begin(void);
void agdb__callback_end(void);
/* MISUSE there. */
agdb_status_t agdb__border_may_wait(agdb_error_t **reterr);

#endif
