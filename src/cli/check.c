/* agencydb check: is a map valid, may it replace another one, and is it true of its servers. */
#include "cli/check_live.h"
#include "cli/cli.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "check",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Checks a shard map, whether it may replace another, and its servers",
    .about =
        "Writes every mistake to standard error, all at once, as FILE:LINE:COLUMN: error: TEXT.\n"
        "With '--against' it also says each reason why a running program that uses OLD would\n"
        "refuse MAP.\n\n"
        "'--live' asks every server, all at once: stamp, role, streaming, version, settings, and\n"
        "whether it allows the connections that services may make. '--instances' says how many\n"
        "processes these are; without '--live' it prints what each server must allow. A process\n"
        "makes pool.max connections to each database of a node, one more to each when it listens,\n"
        "and one to each server by which its keeper asks it (renewed once a minute: two for a\n"
        "moment). To cancel takes none.\n\n"
        "The map's own login sees most; which standby is synchronous only with pg_monitor. "
        "Another\n"
        "login needs USAGE on the schema agencydb and SELECT on agencydb.identity.",
    .examples = "  agencydb check shardmap.yaml\n"
                "  agencydb check --against /etc/agencydb/shardmap.yaml shardmap.yaml\n"
                "  agencydb check --instances 12 shardmap.yaml\n"
                "  agencydb check --live --instances 12 shardmap.yaml",
    .exits = "  0  the map is valid (there may be warnings), may replace OLD, and is true\n"
             "  1  it is not\n"
             "  2  the command line is wrong",
};

/* A failure without diagnostics, as a diagnostic. */
static void failure_json(cli_json_t *json, const char *name, const char *path, const char *text)
{
    cli_json_open(json, name, '[');
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "file", path);
    cli_json_text(json, "severity", "error");
    cli_json_text(json, "text", text);
    cli_json_close(json);
    cli_json_close(json);
}

typedef struct check_options {
    const char *path;
    const char *against;
    const char *instances;
    cli_login_options_t login;
    cli_check_live_t live;
    bool is_live;
    bool json;
} check_options_t;

/* The diagnostics of one map as a JSON array. NULL: it is not valid. */
static agdb_map_t *load_json(const char *path, const char *name, cli_json_t *json)
{
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    agdb_error_t *err = NULL;

    if (agdb_map_load(path, &map, &diag, &err) != AGDB_OK && agdb_diagnostics_count(diag) == 0)
        failure_json(json, name, path, agdb_error_message(err));
    else
        cli_diagnostics_json(json, name, diag);
    agdb_diagnostics_free(diag);
    agdb_error_clear(&err);
    return map;
}

/* Each reason why `map` may not replace `old`: an element of an array, or a line for people. */
static bool check_replace(const agdb_map_t *old, const agdb_map_t *map, const char *where,
                          cli_json_t *json)
{
    agdb_error_t *err = NULL;
    size_t count;
    size_t i;

    if (agdb_map_may_replace(old, map, &err) == AGDB_OK)
        return true;
    count = agdb_error_child_count(err);
    for (i = 0; i < count || i == 0; i++) {
        const char *text = agdb_error_message(count > 0 ? agdb_error_child(err, i) : err);
        if (json != NULL)
            cli_json_text(json, NULL, text);
        else
            fprintf(stderr, "%s: %s\n", where, text);
    }
    agdb_error_clear(&err);
    return false;
}

/* `json` NULL: for people. */
static bool check_against(const check_options_t *options, const agdb_map_t *map, cli_json_t *json)
{
    char *where = cli_format("%s: error: may not replace %s", options->path, options->against);
    agdb_map_t *old = json != NULL ? load_json(options->against, "against_diagnostics", json)
                                   : cli_load_map(options->against);
    bool good;

    if (json != NULL)
        cli_json_open(json, "reasons", '[');
    good = map != NULL && old != NULL && check_replace(old, map, where, json);
    if (json != NULL)
        cli_json_close(json);
    agdb_map_free(old);
    return good;
}

static bool check(const check_options_t *options, cli_json_t *json)
{
    agdb_map_t *map =
        json != NULL ? load_json(options->path, "diagnostics", json) : cli_load_map(options->path);
    bool good = map != NULL;

    if (options->against != NULL)
        good = check_against(options, map, json) && good;
    if (map != NULL && options->is_live)
        good = cli_check_live(&options->live, map, json) && good;
    else if (map != NULL && options->instances != NULL)
        cli_check_needs(&options->live, map, json);
    agdb_map_free(map);
    return good;
}

static int check_json(const check_options_t *options)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    bool good;

    cli_json_open(&json, NULL, '{');
    good = check(options, &json);
    cli_json_bool(&json, "ok", good);
    cli_json_close(&json);
    cli_json_print(&json);
    return cli_finish(good ? CLI_OK : CLI_FAILED);
}

static bool take_options(check_options_t *options, const char *path)
{
    enum { INSTANCES_MAX = 100000 };

    options->path = options->live.path = path;
    if (options->instances != NULL &&
        (!cli_number(options->instances, INSTANCES_MAX, &options->live.instances) ||
         options->live.instances == 0)) {
        cli_error("check: '--instances %s' is not a number from 1 to %d", options->instances,
                  INSTANCES_MAX);
        return false;
    }
    if (options->login.user != NULL && !options->is_live) {
        cli_error("check: '--user' goes with '--live'");
        return false;
    }
    return true;
}

static int run(int argc, char **argv)
{
    check_options_t options = {.live = {.instances = 1, .timeout_ms = CLI_INSPECT_MS}};
    const cli_option_t table[] = {
        CLI_TEXT("against", "OLD", &options.against, "the map that is in use now"),
        CLI_FLAG("live", &options.is_live, "compare it with its servers"),
        CLI_TEXT("instances", "N", &options.instances,
                 "processes of services that will use it (default with '--live': 1)"),
        CLI_DURATION("timeout", &options.live.timeout_ms, "for each server (default: 3s)"),
        CLI_LOGIN_OPTIONS(options.login),
        CLI_FLAG("json", &options.json, "print one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (!take_options(&options, args.items[0]))
        return CLI_USAGE;
    code = cli_client_take(&options.live.login, "check", &options.login);
    if (code >= 0)
        return code;
    if (options.json)
        return check_json(&options);
    return cli_finish(check(&options, NULL) ? CLI_OK : CLI_FAILED);
}

const cli_command_t cli_check = {&k_usage, run};
