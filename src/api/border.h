/* What every call on a client does at the border: checks forks, closing and callbacks, brings in
 * the client's allocator, copies and checks callers' structs. */
#ifndef AGDB_API_BORDER_H
#define AGDB_API_BORDER_H

#include "client/client.h"

/* A call that is inside: it stays with the map that it began on. */
typedef struct agdb__visit {
    agdb__edition_t *edition;
    const agdb_allocator_t *outer; /* the caller's */
} agdb__visit_t;

/* Every call on a handle begins with this; on success it must end with agdb__border_leave, after
 * which the client may be gone. */
agdb_status_t agdb__border_enter(agdb_t *db, agdb__visit_t *ret, agdb_error_t **reterr);
void agdb__border_leave(const agdb__visit_t *visit);

/* Callers' structs carry their size: an older, smaller one is filled up with zeros, a newer one is
 * accepted as long as what we do not know of it is zero. */
agdb_status_t agdb__border_copy(void *ours, size_t our_size, const void *theirs, size_t their_size,
                                const char *what, agdb_error_t **reterr);

/* Copies and checks a request; its target is not looked up. */
agdb_status_t agdb__border_take(const agdb_request_t *theirs, agdb_request_t *ours,
                                agdb_error_t **reterr);
/* Checks one of our own making, and finds its shard. */
agdb_status_t agdb__border_check(const agdb__edition_t *edition, const agdb_request_t *ours,
                                 agdb__shard_t **ret_shard, agdb_error_t **reterr);

/* Where a request goes: to one shard, or to several. */
typedef struct agdb__goal {
    agdb__shard_t *shard;     /* or: */
    agdb__scatter_t *scatter; /* owned; also for one shard whose answer is to be merged */
} agdb__goal_t;

/* Copies and checks a request of no transaction, and finds its shard or shards. */
agdb_status_t agdb__border_goal(const agdb__edition_t *edition, const agdb_request_t *theirs,
                                agdb_request_t *ours, agdb__goal_t *ret, agdb_error_t **reterr);

/* And for a stream, which may begin behind a cursor. */
agdb_status_t agdb__border_stream(const agdb__edition_t *edition, const agdb_request_t *theirs,
                                  agdb_request_t *ours, agdb__goal_t *ret, agdb_error_t **reterr);

/* The thread is inside a loop's callback, where it must not wait; they may nest. */
void agdb__callback_begin(void);
void agdb__callback_end(void);
/* MISUSE there. */
agdb_status_t agdb__border_may_wait(agdb_error_t **reterr);

#endif
