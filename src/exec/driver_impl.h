/* The inside of a driver, for driver.c, feed.c and carrier.c only. */
#ifndef AGDB_EXEC_DRIVER_IMPL_H
#define AGDB_EXEC_DRIVER_IMPL_H

#include "exec/driver.h"
#include "exec/spread.h"
#include "pool/async.h"
#include "pool/known.h"

/* What waits for the connections of one pool, and those that it has. */
typedef struct agdb__feed {
    struct agdb__feed *next; /* of the driver */
    struct agdb__feed *in_bucket;
    agdb__driver_t *driver;
    agdb__pool_t *pool;
    agdb__tasks_t shorts; /* may share a connection */
    agdb__tasks_t alones; /* have one each */
    struct agdb__carrier *carriers;
    unsigned ncarriers;
    unsigned wanting; /* of the carriers */
    unsigned groups;
    unsigned loners;
    size_t riding;  /* tasks in the groups */
    unsigned timed; /* of the loners, those that are being timed */
    bool last_was_short;
    bool dirty;          /* something is queued, or a connection is free: look */
    uint64_t served_us;  /* when it had a connection last */
    agdb__timer_t timer; /* for those who wait for a connection too long */
} agdb__feed_t;

/* So long one statement that is being timed has the others that have to be timed wait: it is not
 * short then. */
enum { AGDB__TIMING_PATIENCE_US = 1000 };

typedef enum agdb__carrier_kind {
    AGDB__CARRIER_WANTING = 0, /* waits for a connection */
    AGDB__CARRIER_IDLE,
    AGDB__CARRIER_GROUP, /* short reads, or short writes */
    AGDB__CARRIER_LONER  /* one statement */
} agdb__carrier_kind_t;

/* One connection of a feed's pool, and what it has under way. */
typedef struct agdb__carrier {
    struct agdb__carrier *next; /* of the feed, or spare */
    agdb__feed_t *feed;
    agdb__carrier_kind_t kind;
    agdb__want_t want;
    agdb__lease_t lease;
    agdb__interest_t interest;
    agdb__timer_t timer;
    agdb__task_t *member[AGDB__GROUP_MAX]; /* NULL: given up meanwhile */
    size_t count;
    bool is_of_writes; /* a group */
    bool timing;       /* a loner that is being timed, and may be short still */
    uint64_t sent_us;
    uint64_t work_us;    /* of the group's members, in sum */
    uint64_t longest_us; /* what the longest of them takes alone */
    uint64_t until_us;   /* the end of a loner's time, or of the patience with a group */
} agdb__carrier_t;

/* --- driver.c --- */
/* The attempt of an IN_FLIGHT or QUEUED task, which is in no list, is over. */
void agdb__driver_answered(agdb__driver_t *driver, agdb__task_t *task, const agdb__answer_t *answer,
                           uint64_t now_us);
void agdb__driver_failed(agdb__driver_t *driver, agdb__task_t *task, agdb_error_t *take_error,
                         uint64_t now_us);

/* The task has its end. */
void agdb__driver_finish(agdb__driver_t *driver, agdb__task_t *task, agdb_status_t status);
/* PAUSED until its shard's view has changed, or that time. False: look again what is next. */
bool agdb__driver_pause(agdb__driver_t *driver, agdb__task_t *task, uint64_t until_us,
                        uint64_t now_us);
/* The task of a rider is the driver's, which has room for it. */
void agdb__driver_add_rider(agdb__driver_t *driver, agdb__task_t *task, agdb__call_t *call);

/* --- feed.c --- */
/* Queues a task at its node. False: no memory. */
bool agdb__feed_add(agdb__driver_t *driver, agdb__pool_t *pool, agdb__task_t *task,
                    uint64_t now_us);
/* Puts one back in front. */
void agdb__feed_put_back(agdb__feed_t *feed, agdb__task_t *task);
/* Gives idle connections work, and claims more where that helps. */
void agdb__feed_fill(agdb__feed_t *feed, uint64_t now_us);
/* The bell was rung: has one of the claims been served? */
void agdb__feed_hear(agdb__feed_t *feed, uint64_t now_us);
/* What there is to do. Short reads whose first has to be timed while another is being timed do not
 * count: side by side on a busy machine all would look slow. */
agdb__spread_load_t agdb__feed_load(agdb__feed_t *feed);
/* The first of the short reads, asked whether it may ride; NULL: none. */
agdb__task_t *agdb__feed_first_short(agdb__feed_t *feed);
/* Of its carriers only. */
void agdb__feed_rest(agdb__feed_t *feed, uint64_t now_us);
void agdb__feed_free(agdb__feed_t *feed, uint64_t now_us);
/* Those that have nothing to do and whose pool no map in use has. */
void agdb__feed_forget_retired(agdb__driver_t *driver, uint64_t now_us);

/* --- carrier.c --- */
/* NULL: no memory. */
agdb__carrier_t *agdb__carrier_new(agdb__feed_t *feed);
agdb__wanted_t agdb__carrier_want(agdb__carrier_t *c, uint64_t now_us, agdb_error_t **reterr);
/* Of a WANTING one. */
agdb__wanted_t agdb__carrier_wanted(agdb__carrier_t *c, uint64_t now_us, agdb_error_t **reterr);
/* Goes on with a connection: takes its answers when they are there, gives it the next work. It may
 * be dropped on the way. */
void agdb__carrier_go(agdb__carrier_t *c, uint64_t now_us);
/* Nobody waits any more for a member of it: what runs alone is left to the keeper. */
void agdb__carrier_given_up(agdb__carrier_t *c, uint64_t now_us);
/* Gives up its claim or its connection, and is spare. Its tasks are not told. */
void agdb__carrier_drop(agdb__carrier_t *c, uint64_t now_us);

#endif
