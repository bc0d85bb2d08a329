/* Who is connected: sessions of all nodes, added up by service and host. */
#ifndef AGDB_CLI_CENSUS_H
#define AGDB_CLI_CENSUS_H

#include "cli/epochs.h"
#include "cli/sessions.h"

/* One service on one host. */
typedef struct cli_census_row {
    const char *service;
    const char *host; /* NULL: may not be seen */
    size_t connections;
    size_t active;
    size_t idle;
    size_t in_transaction; /* idle in it */
    size_t unseen;         /* what they do may not be seen */
    size_t keepers;
    size_t unseen_keepers;
    size_t nodes;
    size_t last_node; /* counted last */
    int64_t oldest_ms;
    cli_epochs_t epochs;
} cli_census_row_t;

typedef struct cli_census {
    cli_sight_t *sights;    /* of each node */
    const char **faults;    /* of each node: why its sessions are not among them; NULL: they are */
    cli_census_row_t *rows; /* by service and host */
    size_t count;
} cli_census_t;

/* `service` may be NULL: all of them. */
cli_census_t cli_census_take(cli_inspect_t *inspect, const char *service);
/* One session of a node; node after node. Pure. */
void cli_census_add(cli_census_t *census, size_t node, const cli_session_t *session);
/* Says on standard error which nodes could not be asked. Returns how many. */
size_t cli_census_tell_faults(const cli_census_t *census, const cli_nodes_t *nodes);
/* Says there that a right is missing to see what others do, if it is. */
void cli_census_tell_blind(const cli_census_t *census, const cli_nodes_t *nodes);

#endif
