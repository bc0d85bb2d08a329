/* What `status` shows: a look at all nodes, for people or as JSON. */
#ifndef AGDB_CLI_STATUS_REPORT_H
#define AGDB_CLI_STATUS_REPORT_H

#include "cli/json.h"
#include "cli/standing.h"

typedef struct cli_status {
    const agdb_map_t *map;
    const cli_nodes_t *nodes;
    const cli_sight_t *sights;
    /* Of each node that is a shard's first: since when this command has seen no primary there; 0:
     * there is one. NULL: it looked once only. */
    const uint64_t *without_since_ms;
    uint64_t now_ms;
} cli_status_t;

/* False: a shard has no primary, or a node that is not out of service may not be used. */
bool cli_status_is_good(const cli_status_t *status);
/* The shard that begins at node `first`. */
cli_shard_standing_t cli_status_shard(const cli_status_t *status, size_t first);
void cli_status_print(const cli_status_t *status);
/* The shard that begins at node `first`, as a member or an element. */
void cli_status_shard_json(const cli_status_t *status, size_t first, const char *name,
                           cli_json_t *json);
/* How long at most a shard has had no primary, in milliseconds: there was one when the last commit
 * was made that its most advanced replica has. -1: not known. Pure. */
int64_t cli_status_without_at_most(const cli_shard_standing_t *shard, const cli_sight_t *sights);
/* One object. */
void cli_status_json(const cli_status_t *status, cli_json_t *json);

#endif
