/* agencydb map: edits the text of a map. Each kind of edit is a command of its own. */
#include "cli/map_edit.h"
#include "cli/message.h"

#include <stdio.h>

static const cli_command_t *const k_edits[] = {
    &cli_map_new,
    &cli_map_add_shard,
    &cli_map_add_node,
    &cli_map_pin,
    &cli_map_unpin,
    &cli_map_freeze,
    &cli_map_thaw,
    &cli_map_node_state,
    &cli_map_split,
    &cli_map_bump,
    NULL,
};
enum { EDITS = sizeof k_edits / sizeof k_edits[0] - 1, PREFIX = sizeof "map " - 1 };

static const cli_usage_t k_usage = {
    .name = "map",
    .synopsis = "EDIT [OPTIONS] MAP ...",
    .summary = "Edits a shard map, leaving its comments and layout alone",
    .about = "The edits:\n"
             "\n"
             "  new         Writes a map to begin with\n"
             "  add-shard   Adds a shard, which owns no slots yet\n"
             "  add-node    Adds a server to a shard\n"
             "  pin         Puts an agency on a shard, whatever its slot\n"
             "  unpin       Takes that back\n"
             "  freeze      Holds the writes of agencies, so that their rows can be moved\n"
             "  thaw        Ends the hold\n"
             "  node-state  Takes a node out, or from reads, or back\n"
             "  split       Gives a part of a shard's slots to another shard\n"
             "  bump        Raises the epoch only\n"
             "\n"
             "Each changes the lines that it has to and raises the epoch; all else in the file\n"
             "stays byte for byte. It shows which lines become what, and what that means, as\n"
             "'agencydb diff' does. The file is replaced as a whole, and only by a map that is\n"
             "valid and that programs which run on the old one would accept ('agencydb check\n"
             "--against'). Edits that change where rows are looked for need '--moved'. Nothing\n"
             "is sent to any server.",
    .examples = "  agencydb map add-node shardmap.yaml east-1 db-e3.example.gov --zone c\n"
                "  agencydb map node-state --dry-run shardmap.yaml db-e1 out\n"
                "  agencydb map split --help",
    .exits = CLI_MAP_EXITS,
    .parts = k_edits,
};

static const char *name_of(const cli_command_t *edit)
{
    return edit->usage->name + PREFIX;
}

static int unknown_edit(const char *word)
{
    const char *names[EDITS];
    const char *near;
    size_t i;

    for (i = 0; i < EDITS; i++)
        names[i] = name_of(k_edits[i]);
    near = cli_nearest(word, names, EDITS);
    if (near != NULL)
        cli_error("map: there is no edit '%s'; did you mean '%s'?", word, near);
    else
        cli_error("map: there is no edit '%s'; see 'agencydb map --help'", word);
    return CLI_USAGE;
}

static int run(int argc, char **argv)
{
    cli_args_t args = {.usage = &k_usage, .least = 1};
    size_t i;
    int code;

    for (i = 0; i < EDITS && argc > 1; i++)
        if (strcmp(name_of(k_edits[i]), argv[1]) == 0)
            return k_edits[i]->run(argc - 1, argv + 1);
    code = cli_args_read(&args, argc, argv); /* help, and what is wrong */
    return code >= 0 ? code : unknown_edit(args.items[0]);
}

const cli_command_t cli_map = {&k_usage, run};
