/* Over how many of a node's connections one thread spreads its requests, and what a connection does
 * next. Pure.
 *
 * Short reads share connections. One connection alone makes client and server take turns; with two
 * to four, one group is on the server while another's answers are read. So a few groups of equal
 * size are best: measured with 64 requests outstanding, 64 k/s on one connection, 113 k/s on two,
 * 127 k/s on four. What does not share has a connection each, and leaves one to the short reads. */
#ifndef AGDB_EXEC_SPREAD_H
#define AGDB_EXEC_SPREAD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct agdb__spread_load {
    size_t shorts;       /* queued, may share a connection */
    size_t alones;       /* queued, need one each */
    size_t riding;       /* in flight together with others */
    unsigned groups;     /* connections that carry these */
    unsigned loners;     /* connections that carry one statement */
    unsigned room;       /* connections that one may have */
    bool last_was_short; /* what a connection was given last */
} agdb__spread_load_t;

typedef struct agdb__spread {
    unsigned groups; /* connections for short reads */
    unsigned loners; /* and for the others */
    size_t share;    /* of the short reads for one group */
} agdb__spread_t;

agdb__spread_t agdb__spread_plan(const agdb__spread_load_t *load);

typedef enum agdb__turn { AGDB__TURN_NONE = 0, AGDB__TURN_SHORT, AGDB__TURN_ALONE } agdb__turn_t;

/* What a connection that has nothing to do takes. */
agdb__turn_t agdb__spread_turn(const agdb__spread_load_t *load);

#endif
