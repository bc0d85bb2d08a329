/* agencydb diff: what differs between two maps. */
#include "cli/cli.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "diff",
    .synopsis = "[OPTIONS] OLD NEW",
    .summary = "Prints what differs between two shard maps",
    .about = "Keyspaces, shards, nodes, settings, slots and pins that change owner, and the\n"
             "'moved_since' line that such a change needs. Comments and order do not count.",
    .examples = "  agencydb diff /etc/agencydb/shardmap.yaml shardmap.yaml",
    .exits = "  0  the maps mean the same\n"
             "  1  they differ\n"
             "  2  one of them is not valid, or the command line is wrong",
};

static int run(int argc, char **argv)
{
    bool json = false;
    const cli_option_t table[] = {CLI_FLAG("json", &json, "as one JSON object")};
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 2, .most = 2};
    int code = cli_args_read(&args, argc, argv);
    agdb_error_t *err = NULL;
    cli_buf_t text = {0};
    cli_buf_t probe = {0};
    agdb_map_t *old;
    agdb_map_t *new;

    if (code >= 0)
        return code;
    old = cli_load_map(args.items[0]);
    new = cli_load_map(args.items[1]);
    code = CLI_USAGE;
    /* the form for people is empty when, and only when, nothing differs */
    if (old != NULL && new != NULL &&
        agdb_map_diff(old, new, false, cli_buf_take, &probe, &err) == AGDB_OK &&
        (!json || agdb_map_diff(old, new, true, cli_buf_take, &text, &err) == AGDB_OK)) {
        const cli_buf_t *out = json ? &text : &probe;
        fwrite(out->data != NULL ? out->data : "", 1, out->len, stdout);
        if (out->data != NULL && out->len > 0 && out->data[out->len - 1] != '\n')
            fputc('\n', stdout);
        code = probe.len > 0 ? CLI_FAILED : CLI_OK;
    } else if (err != NULL) {
        cli_report(err);
    }
    agdb_error_clear(&err);
    agdb_map_free(old);
    agdb_map_free(new);
    return cli_finish(code);
}

const cli_command_t cli_diff = {&k_usage, run};
