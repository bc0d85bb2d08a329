/* Raw libpq: each thread has a connection of its own, to every server that it uses. With several
 * shards it routes by hand, with the published hash. */
#include "load/plain.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

typedef struct own {
    plain_t primary[MAX_SERVERS];
    plain_t replica[MAX_SERVERS]; /* one for each shard */
} own_t;

static const options_t *g_options;
static const workload_t *g_work;

static bool raw_open(const options_t *options, const workload_t *work)
{
    g_options = options;
    g_work = work;
    return true;
}

static void raw_leave(void *state)
{
    own_t *own = state;
    unsigned i;

    for (i = 0; i < MAX_SERVERS; i++) {
        plain_close(&own->primary[i]);
        plain_close(&own->replica[i]);
    }
    free(own);
}

static void *raw_join(unsigned thread)
{
    own_t *own = calloc(1, sizeof *own);
    unsigned each = g_options->replicas / g_options->primaries;
    unsigned i;

    if (own == NULL)
        return NULL;
    for (i = 0; i < g_options->primaries; i++) {
        if (!plain_open(&own->primary[i], g_options->primary[i]))
            goto out;
        if (each > 0 && !plain_open(&own->replica[i], g_options->replica[i * each + thread % each]))
            goto out;
    }
    return own;
out:
    raw_leave(own);
    return NULL;
}

static bool raw_run(void *state, const operation_t *op)
{
    own_t *own = state;
    unsigned shard = 0;

    if (g_options->primaries > 1) /* 4096 slots in equal ranges, in the order of the shards */
        shard = (unsigned)((XXH3_64bits(op->key, strlen(op->key)) & 4095) /
                           (4096 / g_options->primaries));
    if (op->access == ACCESS_REPLICA && g_options->replicas > 0)
        return plain_run(&own->replica[shard], g_work, op, g_options->unnamed, "raw");
    return plain_run(&own->primary[shard], g_work, op, g_options->unnamed, "raw");
}

static bool raw_sleep(void *state)
{
    own_t *own = state;

    return plain_sleep(&own->primary[0], "raw");
}

static void raw_close(void)
{
}

const side_t k_side_raw = {.name = "raw",
                           .open = raw_open,
                           .join = raw_join,
                           .run = raw_run,
                           .sleep = raw_sleep,
                           .leave = raw_leave,
                           .close = raw_close};
