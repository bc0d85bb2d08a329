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

/* The diagnostics of one map as a JSON array; false: it is not valid. */
static agdb_map_t *load_json(const char *path, const char *name, cli_json_t *json)
{
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    agdb_error_t *err = NULL;
    size_t i;

    cli_json_open(json, name, '[');
    if (agdb_map_load(path, &map, &diag, &err) != AGDB_OK && agdb_diagnostics_count(diag) == 0) {
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "file", path);
        cli_json_text(json, "severity", "error");
        cli_json_text(json, "text", agdb_error_message(err));
        cli_json_close(json);
    }
    for (i = 0; i < agdb_diagnostics_count(diag); i++) {
        const agdb_diagnostic_t *one = agdb_diagnostics_at(diag, i);
        cli_json_open(json, NULL, '{');
        cli_json_text(json, "file", one->file);
        cli_json_number(json, "line", one->line);
        cli_json_number(json, "column", one->column);
        cli_json_text(json, "severity", one->is_error ? "error" : "warning");
        cli_json_text(json, "text", one->text);
        cli_json_close(json);
    }
    cli_json_close(json);
    agdb_diagnostics_free(diag);
    agdb_error_clear(&err);
    return map;
}

static int check_json(const char *path, const char *against)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    agdb_error_t *err = NULL;
    agdb_map_t *map;
    agdb_map_t *old = NULL;
    bool good;
    size_t i;

    cli_json_open(&json, NULL, '{');
    map = load_json(path, "diagnostics", &json);
    good = map != NULL;
    if (against != NULL) {
        old = load_json(against, "against_diagnostics", &json);
        cli_json_open(&json, "reasons", '[');
        if (map != NULL && old != NULL && agdb_map_may_replace(old, map, &err) != AGDB_OK) {
            for (i = 0; i < agdb_error_child_count(err); i++)
                cli_json_text(&json, NULL, agdb_error_message(agdb_error_child(err, i)));
            if (agdb_error_child_count(err) == 0)
                cli_json_text(&json, NULL, agdb_error_message(err));
        }
        cli_json_close(&json);
        good = map != NULL && old != NULL && err == NULL;
    }
    cli_json_bool(&json, "ok", good);
    cli_json_close(&json);
    cli_json_print(&json);
    agdb_error_clear(&err);
    agdb_map_free(old);
    agdb_map_free(map);
    return cli_finish(good ? CLI_OK : CLI_FAILED);
}

/* One line for each reason why `map` may not replace `old`. */
static bool check_replace(const char *path, const char *against, const agdb_map_t *old,
                          const agdb_map_t *map)
{
    agdb_error_t *err = NULL;
    size_t i;

    if (agdb_map_may_replace(old, map, &err) == AGDB_OK)
        return true;
    for (i = 0; i < agdb_error_child_count(err); i++)
        fprintf(stderr, "%s: error: may not replace %s: %s\n", path, against,
                agdb_error_message(agdb_error_child(err, i)));
    if (agdb_error_child_count(err) == 0)
        fprintf(stderr, "%s: error: may not replace %s: %s\n", path, against,
                agdb_error_message(err));
    agdb_error_clear(&err);
    return false;
}

static int check_text(const char *path, const char *against)
{
    agdb_map_t *map = cli_load_map(path);
    agdb_map_t *old = against != NULL ? cli_load_map(against) : NULL;
    bool good = map != NULL && (against == NULL || old != NULL);

    if (good && against != NULL)
        good = check_replace(path, against, old, map);
    agdb_map_free(old);
    agdb_map_free(map);
    return good ? CLI_OK : CLI_FAILED;
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
    return json ? check_json(args.items[0], against) : check_text(args.items[0], against);
}

const cli_command_t cli_check = {&k_usage, run};
