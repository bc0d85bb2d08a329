/* agencydb map node-state, bump. */
#include "cli/map_edit.h"

static const cli_usage_t k_node_state = {
    .name = "map node-state",
    .synopsis = "[OPTIONS] MAP NODE active|no-reads|out",
    .summary = "Takes a node out for maintenance, or from reads, or back",
    .about = "NODE is its name, its host:port or its host. A server that several shards have\n"
             "is several nodes: '--all' takes them all, or '--keyspace' and '--shard' say\n"
             "which. 'no-reads' answers no replica reads and may be the primary; 'out' gets\n"
             "nothing but probes.",
    .examples = "  agencydb map node-state shardmap.yaml db-e1.example.gov out\n"
                "  agencydb map node-state shardmap.yaml db-e1.example.gov active",
    .exits = CLI_MAP_EXITS,
};

static int run_node_state(int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(AGDB_EDIT_NODE_STATE);
    const cli_option_t table[] = {
        CLI_FLAG("all", &job.edit.every, "all nodes that NODE means"),
        CLI_TEXT("keyspace", "NAME", &job.edit.keyspace, "only in this keyspace (default: all)"),
        CLI_TEXT("shard", "NAME", &job.edit.shard, "only in shards of this name"),
        CLI_MAP_DRY_RUN(&job),
        CLI_MAP_JSON(&job),
    };
    cli_args_t args = {CLI_ARGS(k_node_state, table), .least = 3, .most = 3};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    job.path = args.items[0];
    job.edit.node = args.items[1];
    job.edit.state = args.items[2];
    return cli_map_edit(&job);
}

static const cli_usage_t k_bump = {
    .name = "map bump",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Raises a map's epoch",
    .about = "For a map that was edited by hand: with a higher epoch it may replace the one\n"
             "before.",
    .examples = "  agencydb map bump shardmap.yaml",
    .exits = CLI_MAP_EXITS,
};

static int run_bump(int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(AGDB_EDIT_BUMP);
    const cli_option_t table[] = {CLI_MAP_DRY_RUN(&job), CLI_MAP_JSON(&job)};
    cli_args_t args = {CLI_ARGS(k_bump, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    job.path = args.items[0];
    return cli_map_edit(&job);
}

const cli_command_t cli_map_node_state = {&k_node_state, run_node_state};
const cli_command_t cli_map_bump = {&k_bump, run_bump};
