/* How many connections to make now, and how long to wait after a failure. Pure. */
#ifndef AGDB_POOL_LIMITS_H
#define AGDB_POOL_LIMITS_H

#include "base/rng.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct agdb__pool_limits {
    unsigned min;
    unsigned max;
    unsigned handshakes; /* connections being made at once, at most */
    unsigned queue;      /* callers waiting at once, at most */
    uint64_t queue_ms;   /* a caller waits at most this long while the node is up */
    uint64_t idle_ms;    /* an unused connection above min is closed after this */
    uint64_t lifetime_ms;
    bool grouping; /* short reads may share a connection */
} agdb__pool_limits_t;

typedef struct agdb__pool_load {
    unsigned open; /* free or claimed */
    unsigned connecting;
    unsigned waiting;
    bool verified; /* the last attempt has proven the server's identity */
    bool
        doubted; /* the last attempt met another shard: only a new one can tell that it is mended */
} agdb__pool_load_t;

/* Connections to start now: one for each waiter and up to `min`, one at least to prove the
 * identity; bounded by `max` and `handshakes`. A full pool starts none. */
unsigned agdb__pool_growth(const agdb__pool_limits_t *limits, const agdb__pool_load_t *load);

/* What a failed attempt has met. */
typedef enum agdb__connect_trouble {
    AGDB__TROUBLE_PASSING = 0,
    AGDB__TROUBLE_OVERLOAD, /* too many connections already */
    AGDB__TROUBLE_REFUSED   /* login, TLS or identity: a person must act */
} agdb__connect_trouble_t;

/* Milliseconds before the next attempt after `failures` failures in a row: exponential from 50 to
 * 1000, jittered; from 1000 when the server is overloaded, so that a storm dies down; at last 3000
 * when it refuses. */
uint64_t agdb__connect_backoff_ms(agdb__rng_t *rng, unsigned failures,
                                  agdb__connect_trouble_t trouble);

/* Whether a free connection should be closed. */
bool agdb__pool_is_spent(const agdb__pool_limits_t *limits, unsigned open, uint64_t now_us,
                         uint64_t used_us, uint64_t expires_us);

#endif
