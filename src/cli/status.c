/* agencydb status: shards and nodes at this moment. */
#include "cli/cli.h"
#include "cli/message.h"
#include "cli/status_of.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "status",
    .synopsis = "--of SOCKET [OPTIONS]",
    .summary = "Shows shards and nodes as a running process sees them",
    .about = "A line per node: state and waiting calls of its shard; whether it is up, its role,\n"
             "timeline, lag, how long calls take there, how many, and the reason when it is not\n"
             "used. The process must have been opened with `.control`; its user and root may ask.",
    .examples = "  agencydb status --of /run/foundation-api/agencydb.sock\n"
                "  agencydb status --of /run/foundation-api/agencydb.sock --json | jq .pools",
    .exits = "  0  every shard can be written to\n"
             "  1  some cannot, or the process does not answer\n"
             "  2  the command line is wrong",
};

static int run(int argc, char **argv)
{
    const char *of = NULL;
    bool json = false;
    const cli_option_t table[] = {
        CLI_TEXT("of", "SOCKET", &of, "the control socket of a process"),
        CLI_FLAG("json", &json, "print all that the process shows of itself, as JSON"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table)};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (args.count > 0 || of == NULL) {
        cli_error("status: name the control socket of a process with '--of'");
        return CLI_USAGE;
    }
    return cli_status_of(of, json);
}

const cli_command_t cli_status = {&k_usage, run};
