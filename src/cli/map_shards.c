/* agencydb map add-shard, add-node, split: servers, and slots. */
#include "cli/map_edit.h"
#include "cli/message.h"

static const cli_usage_t k_add_shard = {
    .name = "map add-shard",
    .synopsis = "[OPTIONS] MAP NAME --node HOST[:PORT] ...",
    .summary = "Adds a shard to a map",
    .about = "It owns no slots ('slots: []') unless they are given to it: every slot of a\n"
             "keyspace has an owner already, so a new shard takes agencies by pins first, and\n"
             "slots when their rows are there. A shard that was alone, and owned all slots\n"
             "without saying so, says so from now on.",
    .examples = "  agencydb map add-shard shardmap.yaml east-2 --region east --node db-e3 --node "
                "db-e4:5433\n"
                "  agencydb map add-shard shardmap.yaml n-2 --keyspace notes --node "
                "'${DB_N2:-127.0.0.1}:5450'",
    .exits = CLI_MAP_EXITS,
};

static int run_add_shard(int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(AGDB_EDIT_ADD_SHARD);
    cli_words_t nodes = {0};
    const cli_option_t table[] = {
        CLI_WORDS("node", "HOST[:PORT]", &nodes, "one of its servers; once for each"),
        CLI_TEXT("region", "NAME", &job.edit.region, "its region"),
        CLI_TEXT("slots", "RANGES", &job.edit.slots,
                 "slots to take from others, such as 0-99,200 (default: none)"),
        CLI_MAP_KEYSPACE(&job),
        CLI_MAP_KEYS(&job),
        CLI_MAP_MOVED(&job),
        CLI_MAP_DRY_RUN(&job),
        CLI_MAP_JSON(&job),
    };
    cli_args_t args = {CLI_ARGS(k_add_shard, table), .least = 2, .most = 2};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    job.path = args.items[0];
    job.edit.shard = args.items[1];
    job.edit.nodes = nodes.items;
    job.edit.nnodes = nodes.count;
    if (nodes.count == 0) {
        cli_error("map add-shard: name the shard's servers with '--node'");
        return CLI_USAGE;
    }
    if (job.edit.slots != NULL && strcmp(job.edit.slots, "none") == 0)
        job.edit.slots = NULL;
    if (job.edit.slots == NULL)
        job.note =
            cli_format("Shard '%s' owns no slots yet: 'agencydb map pin' moves agencies there "
                       "one by one,\n'agencydb map split' gives it slots.",
                       job.edit.shard);
    return cli_map_edit(&job);
}

const cli_command_t cli_map_add_shard = {&k_add_shard, run_add_shard};

static const cli_usage_t k_add_node = {
    .name = "map add-node",
    .synopsis = "[OPTIONS] MAP SHARD HOST[:PORT]",
    .summary = "Adds a server to a shard",
    .about = "It is written like the shard's last one: in short, in braces, or with a line for\n"
             "each setting. A new replica that should not answer reads yet gets '--state\n"
             "no-reads'.",
    .examples = "  agencydb map add-node shardmap.yaml east-1 db-e3.example.gov:5433 --zone c",
    .exits = CLI_MAP_EXITS,
};

static int run_add_node(int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(AGDB_EDIT_ADD_NODE);
    const cli_option_t table[] = {
        CLI_TEXT("name", "NAME", &job.edit.name, "what errors and labels call it"),
        CLI_TEXT("zone", "NAME", &job.edit.zone, "its zone"),
        CLI_TEXT("state", "STATE", &job.edit.state, "active, no-reads or out"),
        CLI_MAP_KEYSPACE(&job),
        CLI_MAP_DRY_RUN(&job),
        CLI_MAP_JSON(&job),
    };
    cli_args_t args = {CLI_ARGS(k_add_node, table), .least = 3, .most = 3};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    job.path = args.items[0];
    job.edit.shard = args.items[1];
    job.edit.nodes = &args.items[2];
    job.edit.nnodes = 1;
    return cli_map_edit(&job);
}

const cli_command_t cli_map_add_node = {&k_add_node, run_add_node};

static const cli_usage_t k_split = {
    .name = "map split",
    .synopsis = "[OPTIONS] MAP SHARD --into SHARD",
    .summary = "Gives a part of a shard's slots to another shard",
    .about =
        "Whole ranges as far as they fit, from the end, and the end of one more. The other\n"
        "shard is there already, or is added with '--node'. The rows of the agencies in these\n"
        "slots have to be there before the map says so. Without '--moved' nothing is written: it\n"
        "shows which slots move, and with '--keys' which agencies.",
    .examples = "  agencydb map split shardmap.yaml east-1 --into east-2 --keys agencies.txt\n"
                "  agencydb map split shardmap.yaml east-1 --into east-2 --share 1/3 --moved\n"
                "  agencydb map split shardmap.yaml main --into second --node db-2 --moved",
    .exits = CLI_MAP_EXITS,
};

/* "1/3" or "30%" */
static bool read_share(const char *text, agdb_map_edit_t *edit)
{
    const size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;
    uint64_t share = 0;
    uint64_t of = 100;

    if (!cli_number(cli_copy_n(text, digits), 1000000, &share))
        return false;
    if (strcmp(rest, "%") != 0 && (rest[0] != '/' || !cli_number(rest + 1, 1000000, &of)))
        return false;
    edit->share = (uint32_t)share;
    edit->share_of = (uint32_t)of;
    return share > 0 && share <= of;
}

static int run_split(int argc, char **argv)
{
    cli_map_job_t job = CLI_MAP_JOB(AGDB_EDIT_SPLIT);
    const char *share = "1/2";
    cli_words_t nodes = {0};
    const cli_option_t table[] = {
        CLI_TEXT("into", "SHARD", &job.edit.into, "which shard gets them"),
        CLI_TEXT("share", "N/M", &share, "how much, 1/3 or 30% (default: 1/2)"),
        CLI_WORDS("node", "HOST[:PORT]", &nodes, "add that shard, with this server; once for each"),
        CLI_TEXT("region", "NAME", &job.edit.region, "the region of a new one"),
        CLI_MAP_KEYSPACE(&job),
        CLI_MAP_KEYS(&job),
        CLI_MAP_MOVED(&job),
        CLI_MAP_DRY_RUN(&job),
        CLI_MAP_JSON(&job),
    };
    cli_args_t args = {CLI_ARGS(k_split, table), .least = 2, .most = 2};
    int code = cli_args_read(&args, argc, argv);

    if (code >= 0)
        return code;
    if (job.edit.into == NULL) {
        cli_error("map split: name the shard that gets the slots with '--into'");
        return CLI_USAGE;
    }
    if (!read_share(share, &job.edit)) {
        cli_error("map split: '--share %s' is not a share such as 1/3 or 30%%", share);
        return CLI_USAGE;
    }
    job.path = args.items[0];
    job.edit.shard = args.items[1];
    job.edit.nodes = nodes.items;
    job.edit.nnodes = nodes.count;
    return cli_map_edit(&job);
}

const cli_command_t cli_map_split = {&k_split, run_split};
