/* What the commands of `agencydb map` share: an edit that is tried, judged, shown and written. */
#ifndef AGDB_CLI_MAP_EDIT_H
#define AGDB_CLI_MAP_EDIT_H

#include "cli/cli.h"
#include "cli/json.h"

typedef struct cli_map_job {
    const char *path; /* as it was given */
    agdb_map_edit_t edit;
    bool moved; /* the user says that the rows are where the edit has them */
    bool dry_run;
    bool json;
    const char *keys; /* a file of agencies: which of them move? May be NULL */
    const char *note; /* said when it is done; may be NULL */
} cli_map_job_t;

#define CLI_MAP_JOB(k)                                                                             \
    {                                                                                              \
        .edit = {.struct_size = sizeof(agdb_map_edit_t), .kind = (k) }                             \
    }

/* Options of all edits. */
#define CLI_MAP_DRY_RUN(job) CLI_FLAG("dry-run", &(job)->dry_run, "show the edit, write nothing")
#define CLI_MAP_JSON(job)    CLI_FLAG("json", &(job)->json, "what becomes of it as one JSON object")
#define CLI_MAP_KEYSPACE(job)                                                                      \
    CLI_TEXT("keyspace", "NAME", &(job)->edit.keyspace, "which keyspace (default: the map's)")
/* Of those that may change where rows are looked for. */
#define CLI_MAP_MOVED(job)                                                                         \
    CLI_FLAG("moved", &(job)->moved, "the rows were moved already: write 'moved_since', too")

#define CLI_MAP_KEYS(job)                                                                          \
    CLI_TEXT("keys", "FILE", &(job)->keys, "say which of these agencies move, as 'agencydb diff'")

#define CLI_MAP_EXITS                                                                              \
    "  0  done, or there was nothing to do\n"                                                      \
    "  1  the map is not valid, cannot be edited so, or rows would be stranded: it is left as it " \
    "is\n"                                                                                         \
    "  2  the command line is wrong"

/* The command's exit code. */
int cli_map_edit(cli_map_job_t *job);
/* What went wrong with the file, as the library's errors look. */
void cli_map_fault_json(cli_json_t *json, const char *text);

/* The parts of `agencydb map`. */
extern const cli_command_t cli_map_new;
extern const cli_command_t cli_map_add_shard;
extern const cli_command_t cli_map_add_node;
extern const cli_command_t cli_map_pin;
extern const cli_command_t cli_map_unpin;
extern const cli_command_t cli_map_freeze;
extern const cli_command_t cli_map_thaw;
extern const cli_command_t cli_map_node_state;
extern const cli_command_t cli_map_split;
extern const cli_command_t cli_map_bump;

#endif
