/* One request on its way to its end, without any waiting: what is next, and what becomes of it when
 * an attempt is answered or fails. Whoever drives it (exec/single.c, exec/driver.c) does the
 * sending and the waiting:
 *
 *   begin -> next: GO    claim a connection of the node, send, then `answered` or `failed`
 *                  WAIT  until the shard's view has changed or the time has come, then next again
 *                  OVER  the call's error is the answer
 *
 * All of it under one deadline. What an earlier attempt may have done is not forgotten: once an
 * attempt's outcome was unknown, the call's outcome can only be success or unknown. */
#ifndef AGDB_EXEC_CALL_H
#define AGDB_EXEC_CALL_H

#include "agencydb/request.h"
#include "exec/course.h"
#include "exec/session.h"
#include "exec/shard.h"

typedef enum agdb__next_kind {
    AGDB__NEXT_GO = 0,
    AGDB__NEXT_WAIT,
    AGDB__NEXT_OVER
} agdb__next_kind_t;

typedef struct agdb__next {
    agdb__next_kind_t kind;
    uint8_t node;      /* GO */
    uint64_t until_us; /* WAIT: for another version than the call's, or this time */
} agdb__next_t;

typedef enum agdb__pause {
    AGDB__PAUSE_NONE = 0,
    AGDB__PAUSE_PARKED, /* no usable node */
    AGDB__PAUSE_LATER   /* between two attempts */
} agdb__pause_t;

typedef struct agdb__call {
    agdb__shard_t *shard;
    agdb__statement_t statement; /* borrows from the request */
    agdb_access_t access;
    agdb_session_t *session; /* borrowed; NULL: none */
    agdb_bytes_t agency;     /* borrowed, as the tag: whose call is counted */
    const char *tag;         /* NULL: none */
    uint64_t age_us;         /* AGDB_READ_BOUNDED: what it shows is at most so old */
    agdb__pause_t pause;
    bool idempotent;
    bool alone;     /* never in a group */
    bool is_parked; /* counted among the shard's */
    bool may_have_happened;
    bool is_last;          /* nobody could repeat this attempt, or its rows are given already */
    bool patient;          /* conflicts with others are tried until the deadline */
    bool over;             /* the last failure was final */
    bool on_primary;       /* `node` was chosen as the primary */
    bool is_ahead;         /* its session has seen a newer history than the keeper */
    bool was_behind;       /* a replica was not fresh enough: the primary, unless there is none */
    agdb__position_t need; /* what a chosen replica must have; lsn 0: nothing */
    uint8_t node;          /* of the last attempt; AGDB__NO_NODE: of a shard before */
    uint64_t start_us;
    uint64_t deadline_us;
    uint64_t park_end_us; /* 0: not parked yet */
    uint64_t until_us;    /* LATER */
    uint64_t salt;        /* spreads calls that begin together over the replicas */
    unsigned attempts;
    agdb__course_t course;
    unsigned version;    /* of the view that the last choice went by */
    uint32_t tried;      /* nodes not to try again before the view changes */
    uint32_t avoid;      /* nodes that the same read has been sent to beside this call */
    agdb_error_t *error; /* of the last attempt */
} agdb__call_t;

/* What the request runs, without what a call adds. */
agdb__statement_t agdb__statement_of(const agdb_request_t *request, bool read_only);

/* `request` is checked already; what it points to is borrowed until the end. Its time
 * (timeout_ms, 0: the shard's) counts from `start_us`. */
void agdb__call_begin(agdb__call_t *call, agdb__shard_t *shard, const agdb_request_t *request,
                      uint64_t start_us, uint64_t salt);
agdb__next_t agdb__call_next(agdb__call_t *call, uint64_t now_us);

/* Getting a connection may take long. What was chosen as the primary must still be it when a write
 * goes out, or a read has been answered. On failure the call's error says so. */
agdb_status_t agdb__call_check_chosen(agdb__call_t *call);

/* A write was refused because the view has changed since its node was chosen: whether the node is
 * still the primary, so that the attempt goes on by the new view. */
bool agdb__call_stands(agdb__call_t *call);

/* Whether an answer can be believed by what is known of the shard now; `read_us` is when it was
 * sent. On failure the call's error says why not. */
agdb_status_t agdb__call_check_answer(agdb__call_t *call, uint64_t read_us);
/* A write that was confirmed after another primary was seen may be undone with its node: UNKNOWN.
 */
agdb_status_t agdb__call_check_confirmed(agdb__call_t *call);

/* The attempt has this connection, and goes on it at `now_us`, one of so many statements. */
void agdb__call_sent(agdb__call_t *call, const agdb__lease_t *lease, uint64_t now_us,
                     unsigned group);

/* How an attempt that was sent was answered. */
typedef struct agdb__answer {
    struct pg_result *rows;
    bool in_recovery;          /* the node's role then */
    bool replayed;             /* it had happened before */
    agdb__position_t position; /* of a write, when it was wanted */
} agdb__answer_t;

/* Takes the rows. When they cannot be believed, or there is no memory for the result, the attempt
 * has failed with the call's error. */
agdb_status_t agdb__call_answered(agdb__call_t *call, const agdb__answer_t *answer, uint64_t now_us,
                                  agdb_result_t **ret);
/* The same for a read whose first row has come, or the end instead: its rows may be given out,
 * unless that fails. */
agdb_status_t agdb__call_begun(agdb__call_t *call, uint64_t now_us);
/* The attempt was good, after so long: counts it. */
void agdb__call_count(const agdb__call_t *call, const agdb_timing_t *timing);
/* The attempt failed with the call's error: decides whether it is tried again. `next` tells. */
void agdb__call_failed(agdb__call_t *call, uint64_t now_us);
/* Nobody waits for it any more; `sent`: it may happen yet. */
void agdb__call_abandon(agdb__call_t *call, bool sent);
/* Whether its last attempt was at a node of its shard. */
static inline bool agdb__call_has_node(const agdb__call_t *call)
{
    return call->attempts > 0 && call->node != AGDB__NO_NODE;
}
/* After OVER: gives the error. */
agdb_status_t agdb__call_finish(agdb__call_t *call, agdb_error_t **reterr);

#endif
