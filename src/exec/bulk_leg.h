/* One shard's part of a load: its rows, from a buffer into transactions on the shard's primary.
 * Without any waiting: whoever owns it steps it when its socket, its time or the bell says so.
 *
 *   RESTING   no connection; begins to want one when there are rows
 *   PAUSED    the shard has no usable node, or an attempt failed: exec/call.h says how long
 *   WANTING   in the queue of a node's pool
 *   ASKING    what became of a transaction whose commit was not answered
 *   READY     has a connection, between two transactions
 *   STARTING  the COPY is sent. Until it is open all rows are in the buffer: any failure is
 * repeated OPEN      rows go out; in pieces, when those before have left ENDING    the commit is
 * asked for. Rows of the next transaction gather in the buffer FAILED    for good: rows are counted
 * only
 *
 * A connection is given back between two transactions when others wait for it. */
#ifndef AGDB_EXEC_BULK_LEG_H
#define AGDB_EXEC_BULK_LEG_H

#include "base/bell.h"
#include "base/pollset.h"
#include "exec/bulk_resume.h"
#include "exec/bulk_rows.h"
#include "exec/call.h"
#include "pool/async.h"

enum {
    AGDB__LEG_QUIET = POLLIN,     /* what a connection waits for that has sent all it had */
    AGDB__LEG_DRAIN_US = 1000000, /* for the rollback of one that was given up */
    AGDB__LEG_ORIGINS_MAX = 1 << 20
};

/* What the legs of a load share. */
typedef struct agdb__bulk_way {
    const char *sql; /* the COPY; NULL until the header has come */
    agdb__bell_t *bell;
    uint32_t timeout_ms;
    uint64_t commit_every;
    size_t buffer_max;
    bool binary;
    bool csv;
} agdb__bulk_way_t;

typedef enum agdb__leg_state {
    AGDB__LEG_RESTING = 0,
    AGDB__LEG_PAUSED,
    AGDB__LEG_WANTING,
    AGDB__LEG_ASKING,
    AGDB__LEG_READY,
    AGDB__LEG_STARTING,
    AGDB__LEG_OPEN,
    AGDB__LEG_ENDING,
    AGDB__LEG_FAILED
} agdb__leg_state_t;

/* Rows that go together. */
typedef struct agdb__leg_rows {
    uint64_t count;
    agdb__bulk_place_t last;
} agdb__leg_rows_t;

typedef struct agdb__leg {
    const agdb__bulk_way_t *way;
    agdb__shard_t *shard;
    agdb__leg_state_t state;
    agdb__call_t call; /* PAUSED to ENDING: how its node was found */
    agdb__want_t want;
    agdb__lease_t lease;
    agdb__watcher_t watcher; /* PAUSED: of the shard's board */
    bool watching;
    bool flush;        /* no rows follow: commit what there is */
    bool yield;        /* commit what there is, and give the connection back */
    uint64_t since_us; /* WANTING: from when on */
    uint64_t doubt_end_us;
    uint64_t progress_us; /* something was achieved */
    uint64_t again_us;    /* RESTING: not before */

    unsigned char *data; /* of `buffered` */
    size_t len;
    size_t room;
    size_t due; /* so much is worth a step */
    agdb__leg_rows_t buffered;
    agdb__leg_rows_t open;   /* given to the connection */
    agdb__leg_rows_t ending; /* and asked to be committed */

    /* Where the rows of the open transaction come from, by their order: the server counts lines of
     * its own. What does not fit is not told; nor is anything when one row has several lines. */
    uint64_t *origin;
    size_t origin_room;
    bool long_rows;

    uint64_t rows;
    uint64_t skipped;
    uint64_t sent;
    uint64_t committed;
    uint64_t stored;
    uint64_t unknown;
    agdb__bulk_place_t done; /* all up to there is committed */
    agdb__bulk_doubt_t doubt;
    bool own_doubt; /* of this run: `ending` */
    bool unmet;     /* `done` is of an earlier run, and its row has not come yet */
    agdb_error_t *error;
} agdb__leg_t;

void agdb__leg_init(agdb__leg_t *leg, const agdb__bulk_way_t *way, agdb__shard_t *shard);
/* What is open is rolled back by closing. */
void agdb__leg_fini(agdb__leg_t *leg, uint64_t now_us);

/* Whether a row of that length may be added now. Never while it is in doubt where to begin. */
bool agdb__leg_has_room(const agdb__leg_t *leg, size_t len);
/* There is room. False: no memory. */
bool agdb__leg_add(agdb__leg_t *leg, const agdb__bulk_row_t *row) AGDB_CHECKED;
/* Whether a step is worth it: so many rows have come since the last one, or its transaction is
 * full.
 */
bool agdb__leg_is_due(const agdb__leg_t *leg);

void agdb__leg_step(agdb__leg_t *leg, uint64_t now_us);
/* Adds its socket, and when it must be stepped at the latest. */
void agdb__leg_poll(const agdb__leg_t *leg, agdb__pollset_t *set);
/* Time that passed while nobody stepped it is not its own. */
void agdb__leg_touch(agdb__leg_t *leg, uint64_t now_us);
/* Nothing is on its way. */
bool agdb__leg_is_at_rest(const agdb__leg_t *leg);

/* Ends it at what is committed: `error` is copied. What is open is rolled back, in later steps. */
void agdb__leg_give_up(agdb__leg_t *leg, const agdb_error_t *error, uint64_t now_us);

#endif
