/* agencydb map pin, unpin, freeze, thaw. */
#include "cli/map_edit.h"
#include "cli/message.h"

static const cli_usage_t k_pin = {
    .name = "map pin",
    .synopsis = "[OPTIONS] MAP KEY SHARD",
    .summary = "Puts an agency on a shard, whatever its slot",
    .about = "KEY is exact bytes, or hex:... . An agency whose rows are elsewhere has to be\n"
             "moved first: freeze it ('agencydb map freeze'), copy its rows, then pin it with\n"
             "'--moved --thaw'. A new agency has no rows: '--moved' is true for it, too. A pin\n"
             "to where it is already needs nothing.",
    .examples = "  agencydb map pin shardmap.yaml us/ca/dph east-2 --moved --thaw\n"
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

static bool read_key(const cli_args_t *args, const char *text, agdb_bytes_t *ret)
{
    if (cli_agency_key(text, strlen(text), cli_alloc(AGDB_KEY_MAX), ret))
        return true;
    cli_error("%s: '%s' is not an agency key: 1 to %d bytes, or hex: and two digits for each",
              args->usage->name, text, AGDB_KEY_MAX);
    return false;
}

/* The operands are MAP, KEY and, for a pin, SHARD. */
static int run_agency(cli_map_job_t *job, const cli_args_t *args)
{
    if (!read_key(args, args->items[1], &job->edit.key))
        return CLI_USAGE;
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
        CLI_FLAG("thaw", &job.edit.thaw, "end the hold of its writes in the same edit"),
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

/* --- freeze, thaw ------------------------------------------------------------------------------
 */

static const cli_usage_t k_freeze = {
    .name = "map freeze",
    .synopsis = "[OPTIONS] MAP KEY...",
    .summary = "Holds the writes of agencies, so that their rows can be moved",
    .about = "Adds 'writes: refuse' to each agency: reads go on, in all keyspaces. A program\n"
             "refuses writes once it has taken this map, and not before: copy the rows when all\n"
             "of them have ('agencydb clients --wait-epoch'). Then 'agencydb map pin --moved\n"
             "--thaw', or 'agencydb map split --moved' and 'agencydb map thaw'.",
    .examples = "  agencydb map freeze shardmap.yaml us/ca/dph hex:00ff10\n"
                "  xargs -d '\\n' agencydb map freeze shardmap.yaml < agencies.txt",
    .exits = CLI_MAP_EXITS,
};

static const cli_usage_t k_thaw = {
    .name = "map thaw",
    .synopsis = "[OPTIONS] MAP KEY...",
    .summary = "Ends the hold of agencies' writes",
    .about = "Takes 'writes: refuse' out again. An agency of which the map says nothing else\n"
             "disappears from it, with the comment on its line. One that is not frozen stays\n"
             "as it is.",
    .examples = "  agencydb map thaw shardmap.yaml us/ca/dph",
    .exits = CLI_MAP_EXITS,
};

/* The operands are MAP and any number of KEY. */
static int run_hold(const cli_usage_t *usage, agdb_map_edit_kind_t kind, int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(kind);
    const cli_option_t table[] = {CLI_MAP_DRY_RUN(&job), CLI_MAP_JSON(&job)};
    cli_args_t args = {CLI_ARGS(*usage, table), .least = 2};
    const int code = cli_args_read(&args, argc, argv);
    agdb_bytes_t *keys;
    size_t i;

    if (code >= 0)
        return code;
    job.path = args.items[0];
    job.edit.nkeys = args.count - 1;
    job.edit.keys = keys = cli_alloc(job.edit.nkeys * sizeof *keys);
    for (i = 0; i < job.edit.nkeys; i++)
        if (!read_key(&args, args.items[1 + i], &keys[i]))
            return CLI_USAGE;
    if (kind == AGDB_EDIT_FREEZE)
        job.note = "Copy rows when every program has taken this map ('agencydb clients "
                   "--wait-epoch'):\nuntil then some still write.";
    return cli_map_edit(&job);
}

static int run_freeze(int argc, char **argv)
{
    return run_hold(&k_freeze, AGDB_EDIT_FREEZE, argc, argv);
}

static int run_thaw(int argc, char **argv)
{
    return run_hold(&k_thaw, AGDB_EDIT_THAW, argc, argv);
}

const cli_command_t cli_map_freeze = {&k_freeze, run_freeze};
const cli_command_t cli_map_thaw = {&k_thaw, run_thaw};
