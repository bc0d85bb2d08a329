/* agencydb status: every node with its role, lag and reason; once, again and again, or until one is
 * drained. */
#include "cli/cli.h"
#include "cli/drained.h"
#include "cli/message.h"
#include "cli/process.h"
#include "cli/status_of.h"
#include "cli/status_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const cli_usage_t k_usage = {
    .name = "status",
    .synopsis = "[OPTIONS] MAP | --of SOCKET",
    .summary = "Shows shards and nodes: roles, lag, timelines, latency, what is wrong",
    .about =
        "Asks every node, all at once; one that hangs takes '--timeout' and has its reason in its\n"
        "row. LAG is what a replica has not replayed yet of the primary's log, and how long ago\n"
        "what it replayed last was committed; LATENCY is that of a small statement. STATE is up,\n"
        "down, refused (login or stamp are wrong), stale (an old primary), split, or no-reads and\n"
        "out as the map says. For a shard without a primary it names the most advanced replica,\n"
        "and says for how long at most that has been so: since the last commit that a replica "
        "has.\n\n"
        "'--watch' looks again and again: in place on a terminal, else one after the other. It\n"
        "ends with ^C or after '--count' looks.\n\n"
        "'--wait-drained NODE' waits until no service has a connection to this node any more.\n"
        "Counted are sessions in the map's databases, of its roles and of services that have a\n"
        "keeper there; but not the keepers', which look at a node that is out, too, and not this\n"
        "command's own.\n\n"
        "'--of SOCKET' asks a running process instead, which was opened with `.control`: what it\n"
        "sees, also for how long a shard has had no primary, and how many calls wait for one; "
        "with\n"
        "'--json' all that it shows of itself.",
    .examples = "  agencydb status shardmap.yaml\n"
                "  agencydb status --watch --interval 500ms shardmap.yaml\n"
                "  agencydb status --wait-drained east-2 --timeout 2m shardmap.yaml\n"
                "  agencydb status --of /run/foundation-api/agencydb.sock",
    .exits =
        "  0  each shard has a primary and every node that is not out may be used; the node is\n"
        "     drained\n"
        "  1  not so\n"
        "  2  the command line is wrong",
};

typedef struct status_options {
    const char *keyspace;
    const char *drained;
    const char *of;
    cli_login_options_t login;
    const char *count_text;
    uint64_t count; /* looks; 0: until it is interrupted */
    uint32_t timeout_ms;
    uint32_t interval_ms;
    bool watch;
    bool json;
} status_options_t;

/* --- looking ---------------------------------------------------------------------------------- */
static void remember(const cli_status_t *status, uint64_t *since_ms)
{
    size_t at;

    for (at = 0; at < status->nodes->count; at += cli_nodes_of_shard(status->nodes, at)) {
        const cli_shard_standing_t shard = cli_status_shard(status, at);

        if (shard.condition == CLI_SHARD_READY || shard.condition == CLI_SHARD_SPLIT)
            since_ms[at] = 0;
        else if (since_ms[at] == 0)
            since_ms[at] = status->now_ms;
    }
}

static void show(const cli_status_t *status, bool as_json, bool on_one_line)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out, .compact = on_one_line};

    if (!as_json) {
        cli_status_print(status);
        return;
    }
    cli_status_json(status, &json);
    cli_json_print(&json);
}

/* --- again and again -------------------------------------------------------------------------- */
static bool is_terminal(void)
{
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

static char *clock_text(void)
{
    struct timespec now = {0};
    char text[32];
    struct tm parts;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || localtime_r(&now.tv_sec, &parts) == NULL ||
        strftime(text, sizeof text, "%F %T", &parts) == 0)
        return cli_copy("");
    return cli_copy(text);
}

static void print_head(bool in_place, bool first)
{
    if (in_place)
        printf("\033[H\033[J%s   ^C ends\n\n", clock_text());
    else
        printf("%s%s\n", first ? "" : "\n", clock_text());
}

static bool look(cli_inspect_t *inspect, const status_options_t *options, uint64_t *since_ms,
                 uint64_t number)
{
    cli_status_t status = {.map = inspect->map,
                           .nodes = inspect->nodes,
                           .sights = cli_look(inspect),
                           .without_since_ms = options->watch ? since_ms : NULL,
                           .now_ms = cli_now_ms()};

    if (cli_interrupted())
        return true;
    remember(&status, since_ms);
    if (options->watch && !options->json)
        print_head(is_terminal(), number == 0);
    show(&status, options->json, options->watch);
    return cli_status_is_good(&status);
}

static void pause_for(uint32_t ms)
{
    enum { STEP_MS = 50 };
    const uint64_t until = cli_now_ms() + ms;

    while (!cli_interrupted() && cli_now_ms() < until)
        cli_sleep_ms(until - cli_now_ms() < STEP_MS ? (unsigned)(until - cli_now_ms()) : STEP_MS);
}

static int watch(cli_inspect_t *inspect, const status_options_t *options, uint64_t *since_ms)
{
    static char buffer[1 << 16];
    bool good = true;
    uint64_t n;

    /* a table appears as a whole */
    (void)setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    for (n = 0; (options->count == 0 || n < options->count) && !cli_interrupted(); n++) {
        void *mark = cli_mark();

        if (n > 0)
            pause_for(options->interval_ms);
        if (!cli_interrupted())
            good = look(inspect, options, since_ms, n);
        cli_release(mark);
        if (fflush(stdout) != 0)
            break;
    }
    return cli_finish(good || cli_interrupted() ? CLI_OK : CLI_FAILED);
}

/* --- the command ------------------------------------------------------------------------------ */
static int run_inspect(cli_inspect_t *inspect, const status_options_t *options)
{
    const cli_drained_t drained = {options->drained, options->timeout_ms, options->json};
    uint64_t *since_ms = cli_alloc((inspect->nodes->count + 1) * sizeof *since_ms);
    int code;

    if (options->watch || options->drained != NULL)
        cli_catch_interrupts();
    if (!cli_inspect_open(inspect))
        return CLI_FAILED;
    if (options->drained != NULL)
        code = cli_wait_drained(inspect, &drained);
    else if (options->watch)
        code = watch(inspect, options, since_ms);
    else
        code = cli_finish(look(inspect, options, since_ms, 0) ? CLI_OK : CLI_FAILED);
    cli_inspect_close(inspect);
    return code;
}

static int run_map(const agdb_map_t *map, const cli_client_t *login,
                   const status_options_t *options)
{
    cli_nodes_t nodes = cli_nodes_pick(map, options->keyspace, NULL, options->drained);
    cli_inspect_t inspect = {.map = map, .nodes = &nodes, .login = login};

    if (nodes.count == 0 && options->drained != NULL) {
        cli_error("the map has no node '%s'", options->drained);
        return CLI_FAILED;
    }
    if (nodes.count == 0) {
        cli_error("the map has no keyspace '%s'", options->keyspace);
        return CLI_FAILED;
    }
    inspect.timeout_ms = options->timeout_ms;
    if (options->drained != NULL)
        inspect.timeout_ms = CLI_INSPECT_MS;
    return run_inspect(&inspect, options);
}

static bool check_options(status_options_t *options, size_t maps)
{
    enum { DRAIN_MS = 60000 };

    if (maps != (options->of == NULL ? 1 : 0)) {
        cli_error("status: give a map, or a process with '--of'");
        return false;
    }
    if (options->of != NULL && (options->watch || options->drained != NULL)) {
        cli_error("status: '--watch' and '--wait-drained' are of maps");
        return false;
    }
    if (options->count_text != NULL &&
        (!cli_number(options->count_text, UINT32_MAX, &options->count) || options->count == 0)) {
        cli_error("status: '--count %s' is not a number from 1", options->count_text);
        return false;
    }
    if (options->watch && options->drained != NULL) {
        cli_error("status: '--watch' and '--wait-drained' exclude each other");
        return false;
    }
    if (options->count > 0 && !options->watch) {
        cli_error("status: '--count' goes with '--watch'");
        return false;
    }
    if (options->timeout_ms == 0)
        options->timeout_ms = options->drained != NULL ? DRAIN_MS : CLI_INSPECT_MS;
    return true;
}

static int run(int argc, char **argv)
{
    status_options_t options = {.interval_ms = 1000};
    const cli_option_t table[] = {
        CLI_FLAG("watch", &options.watch, "look again and again"),
        CLI_DURATION("interval", &options.interval_ms, "between two looks (default: 1s)"),
        CLI_TEXT("count", "N", &options.count_text, "end after so many looks"),
        CLI_TEXT("wait-drained", "NODE", &options.drained,
                 "wait until no service is connected to this node"),
        CLI_DURATION("timeout", &options.timeout_ms,
                     "for each node (default: 3s); with '--wait-drained' for all (default: 1m)"),
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "only this keyspace"),
        CLI_TEXT("of", "SOCKET", &options.of, "ask this process, by its control socket"),
        CLI_LOGIN_OPTIONS(options.login),
        CLI_FLAG("json", &options.json, "print one JSON object, on a line each with '--watch'"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .most = 1};
    int code = cli_args_read(&args, argc, argv);
    cli_client_t login = {0};
    agdb_map_t *map;

    if (code >= 0)
        return code;
    if (!check_options(&options, args.count))
        return CLI_USAGE;
    if (options.of != NULL)
        return cli_status_of(options.of, options.json);
    code = cli_client_take(&login, "status", &options.login);
    if (code >= 0)
        return code;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    code = run_map(map, &login, &options);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_status = {&k_usage, run};
