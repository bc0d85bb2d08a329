/* The shards that a command is about, and work on several of them at once. */
#ifndef AGDB_CLI_TARGETS_H
#define AGDB_CLI_TARGETS_H

#include "cli/text.h"

/* Names are borrowed from the map. */
typedef struct cli_target {
    const char *keyspace;
    const char *shard;
    size_t keyspace_at; /* numbers as in agdb_map_shard_name */
    size_t shard_at;
} cli_target_t;

typedef struct cli_targets {
    cli_target_t *items; /* keyspace by keyspace, each in the order of its shards */
    size_t count;
} cli_targets_t;

/* NULL: every keyspace, every shard. */
cli_targets_t cli_targets_pick(const agdb_map_t *map, const char *keyspace, const char *shard);

typedef struct cli_names {
    const char **items;
    size_t count;
} cli_names_t;

/* The users as which clients log in to the nodes of a shard, each once. */
cli_names_t cli_map_users(const agdb_map_t *map, size_t keyspace, size_t shard);

/* Calls `work` once with each number below `count`, from up to `jobs` threads, and returns when all
 * is done. */
void cli_crew(size_t count, uint64_t jobs, void (*work)(size_t index, void *user), void *user);

/* Reads --jobs; NULL is the default of 4. False: an error was said. */
bool cli_read_jobs(const char *command, const char *text, uint64_t *ret);

#endif
