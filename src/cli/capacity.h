/* How many connections services make to each server, and what it must allow. Pure. */
#ifndef AGDB_CLI_CAPACITY_H
#define AGDB_CLI_CAPACITY_H

#include "cli/nodes.h"

/* Beside a pool's connections: one for LISTEN, when the process listens; and one by which its
 * keeper asks the server, which also cancels. */
enum { CLI_LISTENS_PER_POOL = 1, CLI_KEEPERS = 1, CLI_RESERVED_DEFAULT = 3 };

/* One pool of each process. */
typedef struct cli_pool_load {
    const char *user;
    const char *dbname;
    uint64_t max;
} cli_pool_load_t;

typedef struct cli_server_load {
    const char *where;
    bool via_pgbouncer; /* what is counted reaches the PgBouncer, not the server */
    cli_pool_load_t *pools;
    size_t npools;
    uint64_t per_process;
} cli_server_load_t;

typedef struct cli_server_loads {
    cli_server_load_t *items; /* in the order of the map */
    size_t count;
} cli_server_loads_t;

cli_server_loads_t cli_loads_of(const cli_nodes_t *nodes);
/* The load of a node's server. */
const cli_server_load_t *cli_load_at(const cli_server_loads_t *loads, const cli_node_t *node);
/* Connections that one process makes to it as `user` or, when that is NULL, to `dbname`. The
 * keeper's is one of either, as far as can be known. */
uint64_t cli_load_as(const cli_server_load_t *load, const char *user, const char *dbname);
/* "agency 8 + LISTEN 1, notes 8 + LISTEN 1, keeper 1" */
char *cli_load_text(const cli_server_load_t *load);

#endif
