/* The library: one thread calls agdb_query_many with many requests at a time. */
#include "load/course.h"
#include "load/ours.h"

#include <stdlib.h>

typedef struct item {
    operation_t op;
    agdb_value_t param;
    agdb_request_t request;
} item_t;

/* One call. */
typedef struct batch {
    unsigned count;
    item_t *items;
    const agdb_request_t **requests;
    agdb_result_t **results;
} batch_t;

static void *side_join(unsigned thread)
{
    (void)thread;
    return ours_client();
}

static void side_leave(void *own)
{
    (void)own;
}

static void batch_fini(batch_t *b)
{
    free(b->items);
    free((void *)b->requests);
    free((void *)b->results);
}

static bool batch_init(batch_t *b, unsigned count)
{
    unsigned i;

    *b = (batch_t){.count = count,
                   .items = calloc(count, sizeof *b->items),
                   .requests = calloc(count, sizeof(agdb_request_t *)),
                   .results = calloc(count, sizeof(agdb_result_t *))};
    if (b->items == NULL || b->requests == NULL || b->results == NULL) {
        batch_fini(b);
        return false;
    }
    for (i = 0; i < count; i++)
        b->requests[i] = &b->items[i].request;
    return true;
}

static void set(item_t *item, operation_t op)
{
    item->op = op;
    item->request = ours_request(&item->op, &item->param);
}

/* What failed has no result. */
static void call(batch_t *b)
{
    agdb_error_t *error = NULL;

    if (agdb_query_many(ours_client(), b->requests, b->count, 0, b->results, NULL, &error) !=
        AGDB_OK)
        (void)ours_failed(error);
}

static bool take(batch_t *b, unsigned i)
{
    bool right = b->results[i] != NULL && ours_is_right(b->results[i], &b->items[i].op);

    agdb_result_free(b->results[i]);
    b->results[i] = NULL;
    return right;
}

static bool side_run(void *own, const operation_t *op)
{
    bool right = false;
    batch_t b;

    (void)own;
    if (!batch_init(&b, 1))
        return false;
    set(&b.items[0], *op);
    call(&b);
    right = take(&b, 0);
    batch_fini(&b);
    return right;
}

static bool side_drive(void *own, course_t *course, unsigned outstanding)
{
    moment_t begun = moment_now();
    batch_t b;
    unsigned i;

    (void)own;
    if (!batch_init(&b, outstanding))
        return false;
    while (!moment_is_last(begun)) {
        moment_t end = begun;

        for (i = 0; i < outstanding; i++)
            set(&b.items[i], course_next(course));
        call(&b);
        for (i = 0; i < outstanding; i++)
            end = course_end(course, begun, take(&b, i));
        begun = end;
    }
    batch_fini(&b);
    return true;
}

const side_t k_side_many = {.name = "many",
                            .open = ours_open,
                            .join = side_join,
                            .run = side_run,
                            .drive = side_drive,
                            .leave = side_leave,
                            .close = ours_close};
