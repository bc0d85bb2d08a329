/* agencydb show: a map as the library understands it, as text or as a picture. */
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/files.h"
#include "cli/message.h"
#include "cli/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const cli_usage_t k_usage = {
    .name = "show",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Prints a shard map with every default filled in, or draws it",
    .about =
        "The output is itself a valid map; with '--svg' it is a picture of regions, shards, their\n"
        "share of the slots, nodes, and the agencies that the map names. '--live' asks the "
        "servers\n"
        "for their roles and lag; those that do not answer in time are drawn so.",
    .examples = "  agencydb show shardmap.yaml\n"
                "  agencydb show --json shardmap.yaml | jq .keyspaces\n"
                "  agencydb show --svg --live -o cluster.svg shardmap.yaml",
    .exits = "  0  printed, whatever the servers say\n"
             "  1  the map is not valid, or the file cannot be written\n"
             "  2  the command line is wrong",
};

typedef struct show_options {
    bool json;
    bool svg;
    bool live;
    const char *output;
    uint32_t timeout_ms;
} show_options_t;

/* --- the picture ------------------------------------------------------------------------------ */
static const char *now(void)
{
    struct timespec at;
    struct tm parts;
    char text[40];

    if (clock_gettime(CLOCK_REALTIME, &at) != 0 || gmtime_r(&at.tv_sec, &parts) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        return "now";
    return cli_copy(text);
}

static void count_unknown(const agdb_node_info_t *node, void *user)
{
    *(size_t *)user += node->is_replica && node->lag_ms < 0 ? 1 : 0;
}

/* A replica's lag is known when it and its primary have been asked twice. */
static void wait_for_lag(agdb_t *db)
{
    enum { STEP_MS = 50, STEPS = 50 };
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    size_t unknown = 1;
    int i;

    for (i = 0; i < STEPS && unknown > 0; i++) {
        unknown = 0;
        if (agdb_status(db, count_unknown, &unknown, NULL) == AGDB_OK && unknown > 0)
            (void)nanosleep(&step, NULL);
    }
}

/* What is known when the time is over is drawn. */
static bool see_servers(const char *path, const show_options_t *options, cli_picture_t *picture)
{
    cli_client_t client = {0};
    agdb_error_t *err = NULL;
    bool good;

    if (!cli_client_open(&client, path, false))
        return false;
    if (agdb_wait_ready(client.db, AGDB_READY_ALL, options->timeout_ms, NULL) != AGDB_OK)
        cli_progress("Not every node of the map is there.");
    else
        wait_for_lag(client.db);
    picture->seen_at = now();
    good = agdb_status(client.db, cli_picture_see, picture, &err) == AGDB_OK;
    if (!good)
        cli_report(err);
    agdb_error_clear(&err);
    cli_client_close(&client);
    return good;
}

static bool draw(const agdb_map_t *map, const char *path, const show_options_t *options,
                 cli_buf_t *out)
{
    const char *slash = strrchr(path, '/');
    cli_picture_t picture = cli_picture_of(map, slash != NULL ? slash + 1 : path);
    cli_layout_t layout;

    if (options->live && !see_servers(path, options, &picture))
        return false;
    layout = cli_picture_layout(&picture);
    cli_picture_svg(&picture, &layout, out);
    return true;
}

/* --- the command ------------------------------------------------------------------------------ */
static bool write_text(const agdb_map_t *map, bool json, cli_buf_t *out)
{
    agdb_error_t *err = NULL;
    bool good = agdb_map_write(map, json ? AGDB_MAP_JSON : AGDB_MAP_YAML, NULL, cli_buf_take, out,
                               &err) == AGDB_OK;

    if (!good)
        cli_report(err);
    agdb_error_clear(&err);
    return good;
}

/* In place: it may be a device, or a link. */
static bool put_out(const cli_buf_t *out, const char *path)
{
    bool good;
    int fd;

    if (path == NULL) {
        fwrite(out->data, 1, out->len, stdout);
        return true;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    good = fd >= 0 && cli_write_all(fd, out->data, out->len);
    if (fd >= 0)
        good = close(fd) == 0 && good;
    if (!good)
        cli_error("cannot write %s: %s", path, strerror(errno));
    return good;
}

static int show(const char *path, const show_options_t *options)
{
    agdb_map_t *map = cli_load_map(path);
    cli_buf_t out = {0};
    bool good;

    if (map == NULL)
        return CLI_FAILED;
    good = options->svg ? draw(map, path, options, &out) : write_text(map, options->json, &out);
    agdb_map_free(map);
    good = good && put_out(&out, options->output);
    return cli_finish(good ? CLI_OK : CLI_FAILED);
}

static int run(int argc, char **argv)
{
    show_options_t options = {.timeout_ms = 3000};
    const cli_option_t table[] = {
        CLI_FLAG("json", &options.json, "as JSON"),
        CLI_FLAG("svg", &options.svg, "as a picture (SVG)"),
        CLI_FLAG("live", &options.live, "with roles and lag, for which the servers are asked"),
        CLI_DURATION("timeout", &options.timeout_ms,
                     "how long to wait for servers that do not answer (default: 3s)"),
        {.name = "output",
         .value = "FILE",
         .text = &options.output,
         .doc = "write to this file (default: standard output)",
         .letter = 'o'},
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (options.json && options.svg) {
        cli_error("show: '--json' and '--svg' exclude each other");
        return CLI_USAGE;
    }
    if (options.live && !options.svg) {
        cli_error("show: '--live' goes with '--svg'");
        return CLI_USAGE;
    }
    return show(args.items[0], &options);
}

const cli_command_t cli_show = {&k_usage, run};
