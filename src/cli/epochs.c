#include "cli/epochs.h"

static void count(cli_most_t *most, size_t server)
{
    if (most->processes == 0 || most->server != server)
        most->here = 0;
    most->server = server;
    if (++most->here > most->processes)
        most->processes = most->here;
}

static cli_epoch_use_t *find(cli_epochs_t *epochs, int64_t epoch)
{
    size_t at = 0;
    size_t i;

    while (at < epochs->count && epochs->items[at].epoch < epoch)
        at++;
    if (at < epochs->count && epochs->items[at].epoch == epoch)
        return &epochs->items[at];
    epochs->items = cli_grow(epochs->items, epochs->count, sizeof *epochs->items);
    for (i = epochs->count++; i > at; i--)
        epochs->items[i] = epochs->items[i - 1];
    epochs->items[at] = (cli_epoch_use_t){.epoch = epoch};
    return &epochs->items[at];
}

void cli_epochs_add(cli_epochs_t *epochs, size_t server, int64_t epoch)
{
    count(&find(epochs, epoch)->by, server);
    count(&epochs->all, server);
}

cli_epochs_t cli_epochs_below(const cli_epochs_t *epochs, int64_t limit)
{
    cli_epochs_t below = {.items = epochs->items};

    while (below.count < epochs->count && epochs->items[below.count].epoch < limit)
        below.all.processes += epochs->items[below.count++].by.processes;
    return below;
}

static const char *name(int64_t epoch)
{
    return epoch == CLI_EPOCH_UNKNOWN ? "?" : cli_format("%lld", (long long)epoch);
}

char *cli_epochs_text(const cli_epochs_t *epochs)
{
    cli_buf_t out = {0};
    size_t i;

    if (epochs->count == 0)
        return cli_copy("-");
    if (epochs->count == 1)
        return cli_copy(name(epochs->items[0].epoch));
    for (i = 0; i < epochs->count; i++)
        cli_buf_format(&out, "%s%s (%zu)", i > 0 ? ", " : "", name(epochs->items[i].epoch),
                       epochs->items[i].by.processes);
    return out.data;
}

void cli_epochs_json(const cli_epochs_t *epochs, cli_json_t *json)
{
    size_t i;

    cli_json_number(json, "processes", epochs->all.processes);
    cli_json_open(json, "epochs", '[');
    for (i = 0; i < epochs->count; i++) {
        const cli_epoch_use_t *use = &epochs->items[i];

        cli_json_open(json, NULL, '{');
        if (use->epoch == CLI_EPOCH_UNKNOWN)
            cli_json_null(json, "epoch");
        else
            cli_json_number(json, "epoch", (uint64_t)use->epoch);
        cli_json_number(json, "processes", use->by.processes);
        cli_json_close(json);
    }
    cli_json_close(json);
}
