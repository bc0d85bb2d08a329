/* agencydb down: stops and removes what `agencydb up` made. */
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "down",
    .synopsis = "[OPTIONS] MAP | --dir DIR",
    .summary = "Stops and removes a local cluster",
    .about =
        "Works also when some of its servers are dead, or when 'up' did not end. It removes only\n"
        "folders that 'agencydb up' made. Password files outside of that folder stay.",
    .examples = "  agencydb down shardmap/dev.yaml\n"
                "  agencydb down --dir /tmp/try\n"
                "  agencydb down --keep shardmap/dev.yaml   # 'up' starts it again",
    .exits = "  0  nothing of it runs any more, also when there was nothing\n"
             "  1  the folder is not one of 'agencydb up', or cannot be removed\n"
             "  2  the command line is wrong",
};

static int stop(const char *dir, bool keep)
{
    const char **data;
    size_t count;
    size_t running;

    if (!cli_lock_cluster(dir))
        return CLI_FAILED;
    data = cli_data_folders(dir, &count);
    running = cli_stop_servers(data, count, keep);
    if (!keep && !cli_remove_cluster(dir))
        return CLI_FAILED;
    printf("Stopped %zu of %zu server%s; %s %s.\n", running, count, count == 1 ? "" : "s", dir,
           keep ? "kept" : "removed");
    return cli_finish(CLI_OK);
}

static int run(int argc, char **argv)
{
    const char *dir = NULL;
    bool keep = false;
    const cli_option_t table[] = {
        CLI_TEXT("dir", "DIR", &dir, "the cluster's folder, instead of MAP"),
        CLI_FLAG("keep", &keep, "stop the servers but keep their data"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .most = 1};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if ((dir == NULL) == (args.count == 0)) {
        cli_error("down: name the map, or the folder with '--dir'");
        return CLI_USAGE;
    }
    cli_catch_interrupts();
    dir = cli_absolute(dir != NULL ? dir : cli_default_dir(args.items[0]));
    switch (cli_find_cluster(dir)) {
    case CLI_FOUND_CLUSTER:
        return stop(dir, keep);
    case CLI_FOUND_FOREIGN:
        cli_error("%s was not made by 'agencydb up'; it is left as it is", dir);
        return CLI_FAILED;
    case CLI_FOUND_NOTHING:
        break;
    }
    printf("There is no cluster in %s.\n", dir);
    return cli_finish(CLI_OK);
}

const cli_command_t cli_down = {&k_usage, run};
