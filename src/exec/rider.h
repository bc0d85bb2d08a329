/* A transaction's flight among the tasks of a driver: exec/tx.h's steps, without waiting. Its task
 * is PAUSED, QUEUED (for a connection of its own), IN_FLIGHT on that, or DONE; between two flights
 * the transaction keeps the connection, of which the driver knows nothing. */
#ifndef AGDB_EXEC_RIDER_H
#define AGDB_EXEC_RIDER_H

#include "exec/driver.h"
#include "exec/tx.h"
#include "pool/async.h"

typedef struct agdb__rider {
    agdb__task_t task; /* its end: status and error */
    agdb__tx_t *tx;
    agdb__flight_t flight;
    agdb__driver_t *driver;
    agdb__want_t want;
    agdb__interest_t interest;
    void *owner;
    agdb_result_t *result[]; /* of each statement; in the same block behind: copies */
} agdb__rider_t;

/* Copies the requests, which are checked. INVAL (parameters), NOMEM. */
agdb_status_t agdb__rider_new(agdb__tx_t *tx, const agdb_request_t *requests, size_t count,
                              bool commit, uint64_t start_us, agdb__rider_t **ret,
                              agdb_error_t **reterr);
/* Out of the driver. Results that nobody took are freed. NULL is fine. */
void agdb__rider_free(agdb__rider_t *rider);

/* Nobody is to have them. */
void agdb__rider_drop_results(agdb__rider_t *rider);

/* The driver has room for it. */
void agdb__rider_begin(agdb__rider_t *rider, agdb__driver_t *driver, void *owner);
/* Ends it wherever it is. What became of it: not sent, rejected, or unknown. */
agdb_outcome_t agdb__rider_give_up(agdb__rider_t *rider);

static inline agdb__rider_t *agdb__rider_of(agdb__task_t *task)
{
    return (agdb__rider_t *)(void *)task;
}

/* --- for the driver only --- */
/* Brings it to where it waits next. */
void agdb__rider_go(agdb__rider_t *rider, uint64_t now_us);
/* It is QUEUED and the bell was rung. */
void agdb__rider_hear(agdb__rider_t *rider, uint64_t now_us);
/* Its time in QUEUED or IN_FLIGHT is over. */
void agdb__rider_ring(agdb__rider_t *rider, uint64_t now_us);

#endif
