/* agencydb check: is a map valid, and may it replace another one. */
#include "cli/cli.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "check",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Checks a shard map, and whether it may replace another",
    .about =
        "Writes every mistake to standard error, all at once, as FILE:LINE:COLUMN: error: TEXT.\n"
        "With '--against' it also says each reason why a running program that uses OLD would\n"
        "refuse MAP.",
    .examples = "  agencydb check shardmap.yaml\n"
                "  agencydb check --against /etc/agencydb/shardmap.yaml shardmap.yaml",
    .exits = "  0  the map is valid (there may be warnings), and may replace OLD\n"
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
static bool check(const char *path, const char *against, cli_json_t *json)
{
    char *where = cli_format("%s: error: may not replace %s", path, against != NULL ? against : "");
    agdb_map_t *map = json != NULL ? load_json(path, "diagnostics", json) : cli_load_map(path);
    agdb_map_t *old = NULL;
    bool good = map != NULL;

    if (against != NULL) {
        old =
            json != NULL ? load_json(against, "against_diagnostics", json) : cli_load_map(against);
        if (json != NULL)
            cli_json_open(json, "reasons", '[');
        good = good && old != NULL && check_replace(old, map, where, json);
        if (json != NULL)
            cli_json_close(json);
    }
    agdb_map_free(old);
    agdb_map_free(map);
    return good;
}

static int check_json(const char *path, const char *against)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    bool good;

    cli_json_open(&json, NULL, '{');
    good = check(path, against, &json);
    cli_json_bool(&json, "ok", good);
    cli_json_close(&json);
    cli_json_print(&json);
    return cli_finish(good ? CLI_OK : CLI_FAILED);
}

static int run(int argc, char **argv)
{
    const char *against = NULL;
    bool json = false;
    const cli_option_t table[] = {
        CLI_TEXT("against", "OLD", &against, "the map that is in use now"),
        CLI_FLAG("json", &json, "print the diagnostics as one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (json)
        return check_json(args.items[0], against);
    return check(args.items[0], against, NULL) ? CLI_OK : CLI_FAILED;
}

const cli_command_t cli_check = {&k_usage, run};
