/* Submitted requests, each with a function to be called at its end. What is submitted is copied;
 * the blocks of ended requests are used again. The calling itself is left to the owner
 * (api/loop.c): no lock is held, and nothing of the loop is in between two states meanwhile. */
#ifndef AGDB_EXEC_LOOP_H
#define AGDB_EXEC_LOOP_H

#include "agencydb/loop.h"
#include "base/gate.h"
#include "base/trace.h"
#include "exec/driver.h"
#include "exec/handles.h"
#include "exec/rider.h"
#include "exec/scatter.h"

struct agdb__submission;

typedef struct agdb__loop {
    agdb__bell_t bell;
    agdb__epoll_poller_t poller;
    agdb__driver_t driver;
    agdb__handles_t ids;
    agdb__tasks_t ended; /* without the driver: given up */
    agdb__tasks_t due;   /* to be called back now */
    struct agdb__submission *spare;
    size_t nspare;
    size_t outstanding;
    size_t max;   /* outstanding at once */
    bool calling; /* callbacks run, and agdb__loop_settle follows: no need to ring the bell */
} agdb__loop_t;

/* Who is to be told of a request's end. */
typedef struct agdb__loop_ask {
    agdb_done_fn done;
    agdb_tx_done_fn tx_done; /* of agdb_submit_tx, instead of `done` */
    void *user;
    agdb__trace_t trace;
    agdb__gate_t *pin; /* left then: the request's shards live as long; NULL: others see to it */
} agdb__loop_ask_t;

/* What a callback is to be told. */
typedef struct agdb__loop_end {
    agdb_done_fn done;
    void *user;
    agdb_status_t status;
    agdb_result_t *result;
    agdb_error_t *error;
    agdb_tx_done_fn tx_done; /* instead of `done` */
    agdb__rider_t *rider;    /* of a transaction's: to be freed behind the call; has the results */
    struct agdb_tx *tx;      /* whose flight has ended; NULL: nobody is to hear of it */
    agdb__trace_t trace;
} agdb__loop_end_t;

agdb_status_t agdb__loop_init(agdb__loop_t *loop, size_t max, agdb_error_t **reterr);
/* Nothing is outstanding. */
void agdb__loop_fini(agdb__loop_t *loop);

/* `request` is checked, but for its parameters. On failure the pin is still the caller's. */
agdb_status_t agdb__loop_submit(agdb__loop_t *loop, agdb__shard_t *shard,
                                const agdb_request_t *request, const agdb__loop_ask_t *ask,
                                uint64_t *ret_id, agdb_error_t **reterr);
/* The same for several shards; takes the scatter also on failure. */
agdb_status_t agdb__loop_scatter(agdb__loop_t *loop, agdb__scatter_t *take_scatter,
                                 const agdb__loop_ask_t *ask, uint64_t *ret_id,
                                 agdb_error_t **reterr);
/* A flight of a transaction, which takes the rider also on failure. */
agdb_status_t agdb__loop_fly(agdb__loop_t *loop, struct agdb_tx *tx, agdb__rider_t *take_rider,
                             const agdb__loop_ask_t *ask, uint64_t *ret_id, agdb_error_t **reterr);
/* The transaction of that flight is gone: its end is told without it. */
void agdb__loop_forget_tx(agdb__loop_t *loop, uint64_t id);
/* Ends one that is outstanding with CANCELLED. False: there is none. */
bool agdb__loop_cancel(agdb__loop_t *loop, uint64_t id);
/* Sends nothing any more. Takes the answers that are there, and ends all others with CLOSING. */
void agdb__loop_end_all(agdb__loop_t *loop, const char *why);

/* Drives the requests; waits until one has its end, or `until_us`. */
void agdb__loop_step(agdb__loop_t *loop, uint64_t until_us);
/* Those that have had their end by now are due. */
void agdb__loop_collect(agdb__loop_t *loop);
/* The next one that is due; false: none. */
bool agdb__loop_next_due(agdb__loop_t *loop, agdb__loop_end_t *ret);
/* After the calls: sends what was submitted in them, gives idle connections back, and sets the
 * descriptor's alarm. */
void agdb__loop_settle(agdb__loop_t *loop);

#endif
