/* The library: one thread with one loop keeps requests outstanding; each callback checks its answer
 * and submits the next. */
#include "load/course.h"
#include "load/ours.h"

#include <stdlib.h>

enum { RUN_MS = 2 * OURS_CALL_MS };

typedef struct own own_t;

/* One of the requests that are outstanding. */
typedef struct slot {
    own_t *own;
    operation_t op;
    moment_t begun;
    bool right;
} slot_t;

struct own {
    agdb_loop_t *loop;
    course_t *course; /* NULL: a single operation */
    slot_t *slots;
};

static void *side_join(unsigned thread)
{
    own_t *own = calloc(1, sizeof *own);
    agdb_error_t *error = NULL;

    (void)thread;
    if (own == NULL || agdb_loop_open(ours_client(), NULL, &own->loop, &error) == AGDB_OK)
        return own;
    (void)ours_failed(error);
    free(own);
    return NULL;
}

/* Callbacks that come now fail to submit another. */
static void side_leave(void *state)
{
    own_t *own = state;

    (void)agdb_loop_close(own->loop);
    free(own->slots);
    free(own);
}

static void done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error);

static bool submit(slot_t *slot)
{
    agdb_value_t param;
    agdb_request_t request = ours_request(&slot->op, &param);
    agdb_error_t *error = NULL;

    if (agdb_submit(slot->own->loop, &request, done, slot, NULL, &error) == AGDB_OK)
        return true;
    return ours_failed(error);
}

static void submit_next(slot_t *slot, moment_t now)
{
    course_t *course = slot->own->course;

    if (moment_is_last(now))
        return;
    slot->op = course_next(course);
    slot->begun = now;
    if (!submit(slot))
        (void)course_end(course, now, false);
}

static void done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    slot_t *slot = user;

    slot->right = status == AGDB_OK ? ours_is_right(result, &slot->op) : ours_failed(error);
    agdb_result_free(result);
    if (slot->own->course != NULL)
        submit_next(slot, course_end(slot->own->course, slot->begun, slot->right));
}

static bool finish(own_t *own)
{
    agdb_error_t *error = NULL;

    return agdb_loop_run(own->loop, RUN_MS, &error) == AGDB_OK || ours_failed(error);
}

static bool side_run(void *state, const operation_t *op)
{
    slot_t slot = {.own = state, .op = *op};

    return submit(&slot) && finish(state) && slot.right;
}

/* Outstanding all the time: agdb_loop_run returns when the last callback has submitted no other. */
static bool side_drive(void *state, course_t *course, unsigned outstanding)
{
    own_t *own = state;
    bool finished = false;
    unsigned i;

    own->slots = calloc(outstanding, sizeof *own->slots);
    if (own->slots == NULL)
        return false;
    own->course = course;
    for (i = 0; i < outstanding; i++) {
        own->slots[i].own = own;
        submit_next(&own->slots[i], moment_now());
    }
    while (!finished && agdb_loop_outstanding(own->loop) > 0)
        finished = finish(own);
    return true;
}

const side_t k_side_submit = {.name = "submit",
                              .open = ours_open,
                              .join = side_join,
                              .run = side_run,
                              .drive = side_drive,
                              .leave = side_leave,
                              .close = ours_close};
