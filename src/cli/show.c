/* agencydb show: a map as the library understands it. */
#include "cli/cli.h"
#include "cli/message.h"

static const cli_usage_t k_usage = {
    .name = "show",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Prints a shard map with every default filled in",
    .about = "The output is itself a valid map.",
    .examples = "  agencydb show shardmap.yaml\n"
                "  agencydb show --json shardmap.yaml | jq .keyspaces",
    .exits = "  0  printed\n"
             "  1  the map is not valid\n"
             "  2  the command line is wrong",
};

static int run(int argc, char **argv)
{
    bool json = false;
    const cli_option_t table[] = {CLI_FLAG("json", &json, "as JSON")};
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);
    agdb_error_t *err = NULL;
    agdb_map_t *map;

    if (code >= 0)
        return code;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    code = CLI_OK;
    if (agdb_map_write(map, json ? AGDB_MAP_JSON : AGDB_MAP_YAML, NULL, cli_print_take, NULL,
                       &err) != AGDB_OK) {
        cli_report(err);
        code = CLI_FAILED;
    }
    agdb_error_clear(&err);
    agdb_map_free(map);
    return cli_finish(code);
}

const cli_command_t cli_show = {&k_usage, run};
