/* Drives many requests to their ends from one thread that never waits but in agdb__driver_step.
 *
 *   a task's way     exec/call.h says what is next; the driver does it
 *     PAUSED         in `paused`, until its shard's view changes or its time comes
 *     QUEUED         at a feed (feed.h): the queue before one pool's connections
 *     IN_FLIGHT      a member of what a carrier (carrier.h), one claimed connection, has under way
 *     a transaction's flight (exec/rider.h) waits for a connection and is on it by itself
 *     DONE           in `done`, with its result or error, until it is taken
 *
 * What other threads have to say (a connection is given, a view has changed) rings the bell. */
#ifndef AGDB_EXEC_DRIVER_H
#define AGDB_EXEC_DRIVER_H

#include "base/bell.h"
#include "exec/poller.h"
#include "exec/task.h"

enum { AGDB__FEED_BUCKETS = 64 };

struct agdb__vigil;

typedef struct agdb__driver {
    agdb__bell_t *bell;     /* borrowed */
    agdb__poller_t *poller; /* borrowed */
    agdb__timers_t timers;
    size_t ntimers; /* room that is spoken for */
    struct agdb__feed *feeds;
    struct agdb__feed *bucket[AGDB__FEED_BUCKETS]; /* the same, found by the pool */
    struct agdb__carrier *spare;
    struct agdb__vigil *vigils;
    agdb__tasks_t paused;
    agdb__tasks_t boarding; /* riders that wait for a connection */
    agdb__tasks_t done;
    size_t live; /* tasks inside, those that are done too */
    uint64_t salt;
    bool ending; /* sends nothing any more */
} agdb__driver_t;

void agdb__driver_init(agdb__driver_t *driver, agdb__bell_t *bell, agdb__poller_t *poller);
/* Nothing of a task is referenced afterwards. Connections whose answers are there go back, others
 * are left to the keeper, or closed. */
void agdb__driver_fini(agdb__driver_t *driver);

/* Room for so many tasks more: adding them cannot fail. False: no memory. */
bool agdb__driver_reserve(agdb__driver_t *driver, size_t count) AGDB_CHECKED;
/* A task that is reserved is not wanted any more. */
void agdb__driver_unreserve(agdb__driver_t *driver, size_t count);

/* Begins a request: it is the driver's until it is taken from `done` or dropped. The request's
 * texts and parameters are borrowed for as long. */
void agdb__driver_add(agdb__driver_t *driver, agdb__task_t *task, agdb__shard_t *shard,
                      const agdb_request_t *request, uint64_t now_us);
/* The same for a request that began at `start_us`, beside another task that has been sent to these
 * nodes (a bit each): not to them. */
void agdb__driver_add_beside(agdb__driver_t *driver, agdb__task_t *task, agdb__shard_t *shard,
                             const agdb_request_t *request, uint64_t start_us, uint64_t now_us,
                             uint32_t avoid);
/* Waits until there is something to do, or a task is done, or `until_us`; and does it. */
void agdb__driver_step(agdb__driver_t *driver, uint64_t until_us);
/* Sends what it can of what was added since. */
void agdb__driver_fill(agdb__driver_t *driver);
/* Gives connections back that have nothing to do, and forgets what no map in use has. */
void agdb__driver_rest(agdb__driver_t *driver);
/* The first that is done; NULL: none. It is the caller's. */
agdb__task_t *agdb__driver_take_done(agdb__driver_t *driver);
/* Takes a task out, wherever it is, for the caller to end. True: a server may have executed it, or
 * may do so still. */
bool agdb__driver_drop(agdb__driver_t *driver, agdb__task_t *task);
/* When it has to be stepped at the latest. */
uint64_t agdb__driver_next_us(const agdb__driver_t *driver);

#endif
