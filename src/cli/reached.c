/* A process has a keeper on each server that it reaches. So a node that does not answer hides
 * nobody, as long as another one does. */
#include "cli/reached.h"

#include "cli/census.h"
#include "cli/cli.h"
#include "cli/message.h"
#include "cli/process.h"

#include <stdio.h>

/* What one look has found. */
typedef struct look {
    cli_census_t census;
    bool is_blind; /* no node could be asked */
    size_t processes;
    size_t behind;
} look_t;

static look_t look_around(cli_inspect_t *inspect, const cli_reached_t *options)
{
    look_t look = {.census = cli_census_take(inspect, options->service), .is_blind = true};
    size_t i;

    for (i = 0; i < inspect->nodes->count; i++)
        look.is_blind = look.is_blind && look.census.faults[i] != NULL;
    for (i = 0; i < look.census.count; i++) {
        const cli_epochs_t *epochs = &look.census.rows[i].epochs;

        look.processes += epochs->all.processes;
        look.behind += cli_epochs_below(epochs, options->epoch).all.processes;
    }
    return look;
}

static bool is_reached(const look_t *look)
{
    return !look->is_blind && look->behind == 0;
}

/* "foundation-api at 10.1.2.3 (epoch 11), ..." */
static const char *who_is_behind(const look_t *look, const cli_reached_t *options)
{
    cli_buf_t out = {0};
    size_t i;

    for (i = 0; i < look->census.count; i++) {
        const cli_census_row_t *row = &look->census.rows[i];
        const cli_epochs_t below = cli_epochs_below(&row->epochs, options->epoch);

        if (below.count > 0)
            cli_buf_format(&out, "%s%s at %s (epoch %s)", out.len > 0 ? ", " : "", row->service,
                           row->host != NULL ? row->host : "a hidden host",
                           cli_epochs_text(&below));
    }
    return out.data;
}

static void tell_json(const look_t *look, const cli_reached_t *options, uint64_t waited_ms)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    cli_json_open(&json, NULL, '{');
    cli_json_number(&json, "epoch", (uint64_t)options->epoch);
    cli_json_bool(&json, "reached", is_reached(look));
    cli_json_number(&json, "waited_ms", waited_ms);
    cli_json_number(&json, "processes", look->processes);
    cli_json_open(&json, "behind", '[');
    for (i = 0; i < look->census.count; i++) {
        const cli_census_row_t *row = &look->census.rows[i];
        const cli_epochs_t below = cli_epochs_below(&row->epochs, options->epoch);

        if (below.count == 0)
            continue;
        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "service", row->service);
        if (row->host != NULL)
            cli_json_text(&json, "host", row->host);
        cli_epochs_json(&below, &json);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_close(&json);
    cli_json_print(&json);
}

static void tell_reached(const look_t *look, const cli_reached_t *options)
{
    const long long epoch = options->epoch;

    if (look->processes == 0)
        printf("epoch %lld: no process is connected\n", epoch);
    else if (look->processes == 1)
        printf("epoch %lld is in use by the only process\n", epoch);
    else
        printf("epoch %lld is in use by all %zu processes\n", epoch, look->processes);
}

/* No error: whoever reaches such a node is seen on the others. */
static void note_faults(const look_t *look, const cli_nodes_t *nodes)
{
    size_t i;

    for (i = 0; i < nodes->count; i++)
        if (look->census.faults[i] != NULL)
            fprintf(stderr, "%s / %s / %s was not asked: %s\n", nodes->items[i].keyspace,
                    nodes->items[i].shard, nodes->items[i].name, look->census.faults[i]);
}

static int tell(const look_t *look, const cli_nodes_t *nodes, const cli_reached_t *options,
                uint64_t waited_ms)
{
    if (options->json)
        tell_json(look, options, waited_ms);
    else if (is_reached(look))
        tell_reached(look, options);
    if (look->is_blind)
        (void)cli_census_tell_faults(&look->census, nodes);
    else
        note_faults(look, nodes);
    if (look->behind > 0) {
        cli_error("epoch %lld is not in use by all %zu processes: %s", (long long)options->epoch,
                  look->processes, who_is_behind(look, options));
        cli_census_tell_blind(&look->census, nodes);
    }
    return cli_finish(is_reached(look) ? CLI_OK : CLI_FAILED);
}

int cli_wait_reached(cli_inspect_t *inspect, const cli_reached_t *options)
{
    enum { PAUSE_MS = 500 };
    const uint64_t begin = cli_now_ms();
    look_t look;

    for (;;) {
        void *mark = cli_mark();
        const uint64_t now = cli_now_ms();

        look = look_around(inspect, options);
        if (is_reached(&look) || cli_interrupted() || now - begin + PAUSE_MS > options->timeout_ms)
            break;
        cli_progress("%zu of %zu processes are behind", look.behind, look.processes);
        cli_release(mark);
        cli_sleep_ms(PAUSE_MS);
    }
    return tell(&look, inspect->nodes, options, cli_now_ms() - begin);
}
