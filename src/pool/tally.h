/* What is counted of a pool. It lives as long as the client, whatever maps come and go. */
#ifndef AGDB_POOL_TALLY_H
#define AGDB_POOL_TALLY_H

#include "base/histogram.h"

/* Why a connection was closed. */
typedef enum agdb__closed {
    AGDB__CLOSED_IDLE = 0, /* unused for pool.idle */
    AGDB__CLOSED_LIFETIME, /* as old as pool.lifetime */
    AGDB__CLOSED_LOST,     /* by the server, or on the way */
    AGDB__CLOSED_UNCLEAN,  /* may have been left in a state that the next caller must not meet */
    AGDB__CLOSED_DROPPED,  /* the server may not be what it was */
    AGDB__CLOSED_RETIRED,  /* the map has no such pool any more, or the client closes */
    AGDB__CLOSED_REASONS
} agdb__closed_t;

enum { AGDB__CONNECT_STATUSES = 32, AGDB__GROUP_KINDS = 2 }; /* reads, writes */

typedef struct agdb__pool_tally {
    agdb__histogram_t connect; /* microseconds, of those that succeeded */
    atomic_ullong failed[AGDB__CONNECT_STATUSES];
    atomic_ullong closed[AGDB__CLOSED_REASONS];
    agdb__histogram_t group[AGDB__GROUP_KINDS]; /* statements that were sent together */
} agdb__pool_tally_t;

/* What a pool is doing now. */
typedef struct agdb__pool_gauges {
    unsigned idle;
    unsigned in_use;
    unsigned connecting;
    unsigned left; /* the statement's caller has left, the server is at work still */
    unsigned waiting;
    unsigned width[AGDB__GROUP_KINDS]; /* in use for short statements */
    unsigned max;
} agdb__pool_gauges_t;

#endif
