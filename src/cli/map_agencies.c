/* agencydb map pin, unpin. */
#include "cli/map_edit.h"
#include "cli/message.h"

static const cli_usage_t k_pin = {
    .name = "map pin",
    .synopsis = "[OPTIONS] MAP KEY SHARD",
    .summary = "Puts an agency on a shard, whatever its slot",
    .about = "KEY is exact bytes, or hex:... . An agency whose rows are elsewhere has to be\n"
             "moved first: freeze it ('writes: refuse'), copy its rows, then pin it with\n"
             "'--moved'. A new agency has no rows: '--moved' is true for it, too. A pin to\n"
             "where it is already needs nothing.",
    .examples = "  agencydb map pin shardmap.yaml us/ca/dph east-2 --moved\n"
                "  agencydb map pin shardmap.yaml hex:00ff10 west-1 --keyspace notes",
    .exits = CLI_MAP_EXITS,
};

static const cli_usage_t k_unpin = {
    .name = "map unpin",
    .synopsis = "[OPTIONS] MAP KEY",
    .summary = "Removes an agency's pin, so that its slot counts again",
    .about = "An agency of which the map says nothing else disappears from it, with the\n"
             "comment on its line.",
    .examples = "  agencydb map unpin shardmap.yaml us/ca/dph --moved",
    .exits = CLI_MAP_EXITS,
};

/* The operands are MAP, KEY and, for a pin, SHARD. */
static int run_agency(cli_map_job_t *job, const cli_args_t *args)
{
    unsigned char room[AGDB_KEY_MAX];
    const char *key = args->items[1];

    if (!cli_agency_key(key, strlen(key), room, &job->edit.key)) {
        cli_error("%s: '%s' is not an agency key: 1 to %d bytes, or hex: and two digits for each",
                  args->usage->name, key, AGDB_KEY_MAX);
        return CLI_USAGE;
    }
    job->path = args->items[0];
    job->edit.shard = args->count > 2 ? args->items[2] : NULL;
    return cli_map_edit(job);
}

static int run_pin(int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(AGDB_EDIT_PIN);
    const cli_option_t table[] = {
        CLI_MAP_KEYSPACE(&job),
        CLI_MAP_MOVED(&job),
        CLI_MAP_DRY_RUN(&job),
        CLI_MAP_JSON(&job),
    };
    cli_args_t args = {CLI_ARGS(k_pin, table), .least = 3, .most = 3};
    int code = cli_args_read(&args, argc, argv);

    return code >= 0 ? code : run_agency(&job, &args);
}

static int run_unpin(int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(AGDB_EDIT_UNPIN);
    const cli_option_t table[] = {
        CLI_MAP_KEYSPACE(&job),
        CLI_MAP_MOVED(&job),
        CLI_MAP_DRY_RUN(&job),
        CLI_MAP_JSON(&job),
    };
    cli_args_t args = {CLI_ARGS(k_unpin, table), .least = 2, .most = 2};
    int code = cli_args_read(&args, argc, argv);

    return code >= 0 ? code : run_agency(&job, &args);
}

const cli_command_t cli_map_pin = {&k_pin, run_pin};
const cli_command_t cli_map_unpin = {&k_unpin, run_unpin};
