/* A request among many that one thread has under way (exec/driver.h). */
#ifndef AGDB_EXEC_TASK_H
#define AGDB_EXEC_TASK_H

#include "base/timers.h"
#include "exec/call.h"
#include "pool/learn.h"

struct agdb__carrier;
struct agdb__feed;
struct agdb__scatter;
struct agdb__task;

typedef enum agdb__task_state {
    AGDB__TASK_OUT = 0,   /* not the driver's */
    AGDB__TASK_PAUSED,    /* waits for a view or for a time */
    AGDB__TASK_QUEUED,    /* at a node, for a connection */
    AGDB__TASK_IN_FLIGHT, /* on a connection */
    AGDB__TASK_DONE
} agdb__task_state_t;

/* Whether a run may share a connection; asked once for each, when it is its turn. */
typedef enum agdb__ride_verdict {
    AGDB__RIDE_NOT_ASKED = 0,
    AGDB__RIDE_SHARED,
    AGDB__RIDE_TIMED /* on its own, to see how long it takes */
} agdb__ride_verdict_t;

/* In order; a task is in one list at a time. */
typedef struct agdb__tasks {
    struct agdb__task *head;
    struct agdb__task *tail;
    size_t count;
} agdb__tasks_t;

typedef struct agdb__task {
    struct agdb__task *next;
    struct agdb__task *prev;
    agdb__tasks_t *list; /* NULL: in none */
    agdb__call_t call;
    agdb__timer_t timer;
    agdb__task_state_t state;
    bool alone;                    /* does not share a connection */
    agdb__ride_verdict_t verdict;  /* on this run */
    struct agdb__feed *feed;       /* QUEUED: where */
    struct agdb__carrier *carrier; /* IN_FLIGHT: on what, and as which member */
    size_t place;
    agdb__learnt_t *learnt; /* at its node; NULL: never rides */
    uint64_t queued_us;
    struct agdb__scatter *scatter; /* whose leg it is; NULL: a request by itself */

    /* DONE */
    agdb_status_t status;
    agdb_result_t *result;
    agdb_error_t *error;
} agdb__task_t;

static inline void agdb__tasks_append(agdb__tasks_t *list, agdb__task_t *task)
{
    task->list = list;
    task->next = NULL;
    task->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = task;
    else
        list->head = task;
    list->tail = task;
    list->count++;
}

static inline void agdb__tasks_push_front(agdb__tasks_t *list, agdb__task_t *task)
{
    task->list = list;
    task->prev = NULL;
    task->next = list->head;
    if (list->head != NULL)
        list->head->prev = task;
    else
        list->tail = task;
    list->head = task;
    list->count++;
}

/* Out of its list, if it is in one. */
static inline void agdb__tasks_remove(agdb__task_t *task)
{
    agdb__tasks_t *list = task->list;

    if (list == NULL)
        return;
    if (task->prev != NULL)
        task->prev->next = task->next;
    else
        list->head = task->next;
    if (task->next != NULL)
        task->next->prev = task->prev;
    else
        list->tail = task->prev;
    list->count--;
    task->list = NULL;
}

#endif
