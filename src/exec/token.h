/* What a session has written, per shard: the position behind its last write. Its text travels to
 * other processes in a header or a message, so whatever comes back in is checked. Pure.
 *
 *   a1;SHARD.SYSTEM.TIMELINE.LSN;...      all hexadecimal; a `p` behind the LSN: primary only
 *   a1;*                                  primary only, for every shard
 *
 * SHARD is the hash of keyspace and name, so the text shows no names. A made-up token harms nobody
 * but its bearer, who reads from the primary without need, or misses what he has written. */
#ifndef AGDB_EXEC_TOKEN_H
#define AGDB_EXEC_TOKEN_H

#include "base/position.h"

#include <stdbool.h>
#include <stddef.h>

/* As many as fit into AGDB_SESSION_TEXT_MAX; with more than that, all read from the primary. */
enum { AGDB__TOKEN_SHARDS = 64 };

typedef struct agdb__token_entry {
    uint64_t shard;
    agdb__position_t at;
    bool primary_only; /* a write may have happened, nobody knows where */
} agdb__token_entry_t;

typedef struct agdb__token {
    bool all_primary_only;
    unsigned count;
    agdb__token_entry_t entry[AGDB__TOKEN_SHARDS];
} agdb__token_t;

typedef enum agdb__need_kind {
    AGDB__NEED_NOTHING = 0, /* nothing was written there */
    AGDB__NEED_POSITION,
    AGDB__NEED_PRIMARY
} agdb__need_kind_t;

/* What a read of the shard has to see. *ret is set for POSITION. */
agdb__need_kind_t agdb__token_need(const agdb__token_t *token, uint64_t shard,
                                   agdb__position_t *ret);
/* A write was confirmed there, all up to this position counts. Of two timelines the newer one
 * counts: what the older one held beyond its end is lost for all. Two systems do not compare. */
void agdb__token_advance(agdb__token_t *token, uint64_t shard, const agdb__position_t *at);
/* A write may have happened there. */
void agdb__token_doubt(agdb__token_t *token, uint64_t shard);
/* All that the other one asks for. */
void agdb__token_merge(agdb__token_t *token, const agdb__token_t *other);

/* Like snprintf: how long the text is, whatever fits is written. */
size_t agdb__token_format(const agdb__token_t *token, char *buf, size_t size);
/* False: it is no token; *ret is undefined then. */
bool agdb__token_parse(const char *text, size_t len, agdb__token_t *ret);

#endif
