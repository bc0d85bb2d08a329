/* The nodes of a map, as a list: what commands that ask each of them need to know. */
#ifndef AGDB_CLI_NODES_H
#define AGDB_CLI_NODES_H

#include "cli/text.h"

/* Texts live as long as the command; names are borrowed from the map. */
typedef struct cli_node {
    const char *keyspace;
    const char *shard;
    size_t keyspace_at; /* numbers as in agdb_map_node_setting */
    size_t shard_at;
    size_t node_at;
    const char *name;
    const char *host;
    const char *port;
    const char *where; /* host and port as one text, the same for all nodes of one server */
    const char *zone;  /* "" when the map has none */
    const char *state; /* active, no-reads, out */
    const char *user;
    const char *dbname;
    bool never_reads;
    bool via_pgbouncer;
    uint64_t pool_max;
    uint64_t keep_ms;    /* idempotency.keep */
    uint64_t max_lag_ms; /* replicas.max_lag */
} cli_node_t;

typedef struct cli_nodes {
    cli_node_t *items; /* keyspace by keyspace, shard by shard, each in the order of the map */
    size_t count;
} cli_nodes_t;

/* NULL: every keyspace, every shard, every node. */
cli_nodes_t cli_nodes_pick(const agdb_map_t *map, const char *keyspace, const char *shard,
                           const char *node);
bool cli_node_is_out(const cli_node_t *node);
/* Whether both are of one shard. */
bool cli_node_is_beside(const cli_node_t *a, const cli_node_t *b);
/* How many nodes from `first` on are of its shard. */
size_t cli_nodes_of_shard(const cli_nodes_t *nodes, size_t first);

#endif
