/* One shard's part of a stream: a statement under way on a connection that the stream holds until
 * the last row.
 *
 *   IDLE     -> claim -> CLAIMED -> send -> FLOWING -> advance, until there is no next row -> OVER
 *            <- leave, or a failure, of any of them
 *
 * The caller drives: nothing is read from the connection but in agdb__flow_advance. */
#ifndef AGDB_EXEC_FLOW_H
#define AGDB_EXEC_FLOW_H

#include "exec/call.h"
#include "pg/rows.h"

typedef enum agdb__flow_state {
    AGDB__FLOW_IDLE = 0,
    AGDB__FLOW_CLAIMED,
    AGDB__FLOW_FLOWING,
    AGDB__FLOW_OVER
} agdb__flow_state_t;

typedef struct agdb__flow {
    agdb__call_t call;
    agdb__flow_state_t state;
    agdb__lease_t lease;
    struct pg_result *row;  /* the next one; NULL: not here yet */
    struct pg_result *last; /* the one before it; kept when the flow ends */
    uint64_t passed;        /* rows before `row`, of this attempt */
    uint64_t since_us;      /* when it was wanted */
    uint64_t sent_us;
    bool begun; /* its first row, or its end, has come and may be believed */
    bool given; /* a row of it is with the caller: it cannot be begun anew */
} agdb__flow_t;

typedef enum agdb__flow_step {
    AGDB__FLOW_ROW = 0, /* `row` is there */
    AGDB__FLOW_WAIT,    /* not without waiting */
    AGDB__FLOW_END,     /* there are no more */
    AGDB__FLOW_FAILED   /* with the call's error */
} agdb__flow_step_t;

/* `request` is copied already and lives as long as the flow. */
void agdb__flow_init(agdb__flow_t *flow, agdb__shard_t *shard, const agdb_request_t *request,
                     uint64_t now_us, uint64_t salt);
/* Gives everything back; what is under way is left to the keeper. */
void agdb__flow_fini(agdb__flow_t *flow, uint64_t now_us);

/* What follows is to be done by then: parking, queueing, each wait for a row. */
void agdb__flow_set_time(agdb__flow_t *flow, uint64_t now_us, uint64_t deadline_us);
/* IDLE: waits for a node and one of its connections. False: the call is over, with its error. */
bool agdb__flow_claim(agdb__flow_t *flow);
/* CLAIMED: sends. False: IDLE again; agdb__flow_claim says whether it is tried again. */
bool agdb__flow_send(agdb__flow_t *flow);
/* FLOWING, without a row: fetches the next one; with `wait`, until it comes or the time is over.
 * After a failure it is IDLE, and agdb__call_failed is the caller's to call. */
agdb__flow_step_t agdb__flow_advance(agdb__flow_t *flow, bool wait);
/* Its row is not the next one any more. */
void agdb__flow_pass(agdb__flow_t *flow);
/* Back to IDLE. */
void agdb__flow_leave(agdb__flow_t *flow, uint64_t now_us);

#endif
