/* `agencydb status --of SOCKET`: shards and nodes as a running process sees them. */
#ifndef AGDB_CLI_STATUS_OF_H
#define AGDB_CLI_STATUS_OF_H

#include "cli/json_member.h"

/* Of all keyspaces. */
typedef struct cli_shards {
    size_t all;
    size_t writable;
    uint64_t parked; /* calls that wait for a shard to have a usable node */
} cli_shards_t;

cli_shards_t cli_dump_shards(const json_t *dump);

/* "has had no primary for 42 s; 3 calls wait for it"; NULL: it can be written to. */
const char *cli_shard_trouble(const json_t *shard);

/* Of a number of seconds, as people say it: "90 s", "5 min", "3 h", "12 d". */
const char *cli_age(const char *seconds);

/* Prints the table, or all that the process shows of itself as JSON. Returns the exit code: 1 also
 * when a shard cannot be written to. */
int cli_status_of(const char *socket_path, bool json);

#endif
