/* Raw libpq: each thread has a connection of its own, and a transaction is BEGIN, its statements
 * and COMMIT, each waited for. */
#include "load/plain.h"

#include <stdlib.h>

static const options_t *g_options;
static const workload_t *g_work;

static bool side_open(const options_t *options, const workload_t *work)
{
    g_options = options;
    g_work = work;
    return true;
}

static void side_leave(void *own)
{
    plain_close(own);
    free(own);
}

static void *side_join(unsigned thread)
{
    plain_t *own = malloc(sizeof *own);

    (void)thread;
    if (own != NULL && !plain_open(own, g_options->primary[0])) {
        side_leave(own);
        own = NULL;
    }
    return own;
}

static bool all_steps(plain_t *own, const operation_t *op)
{
    operation_t steps[STEPS];
    unsigned i;

    workload_steps(g_work, op, steps);
    for (i = 0; i < STEPS; i++)
        if (!plain_run(own, g_work, &steps[i], g_options->unnamed, "raw_tx"))
            return false;
    return true;
}

static bool side_run(void *own, const operation_t *op)
{
    if (!plain_command(own, "BEGIN", "BEGIN", "raw_tx"))
        return false;
    if (all_steps(own, op))
        return plain_command(own, "COMMIT", "COMMIT", "raw_tx");
    (void)plain_command(own, "ROLLBACK", "ROLLBACK", "raw_tx");
    return false;
}

static void side_close(void)
{
}

const side_t k_side_raw_tx = {.name = "raw_tx",
                              .open = side_open,
                              .join = side_join,
                              .run = side_run,
                              .leave = side_leave,
                              .close = side_close};
