/* What an operator has to know of a node, from what it said of itself and of its settings. Pure. */
#ifndef AGDB_CLI_CHECK_RULES_H
#define AGDB_CLI_CHECK_RULES_H

#include "cli/capacity.h"
#include "cli/check_facts.h"
#include "cli/finding.h"
#include "cli/standing.h"

/* One node with all that is known of it. */
typedef struct cli_checked {
    const cli_node_t *node;
    const cli_sight_t *sight;
    const cli_check_facts_t *facts;
    const cli_standing_t *standing;
    const cli_check_facts_t *primary; /* the facts of its shard's primary; NULL: there is none */
    const cli_server_load_t *load;
    bool is_first_of_server; /* the server as a whole is judged once */
    size_t nodes_of_shard;
    cli_expected_t expected;
    uint64_t instances;
    const char *map_path; /* for remedies */
} cli_checked_t;

/* Each adds findings about checked->node. */
void cli_check_node(cli_findings_t *findings, const cli_checked_t *checked);
/* How many connections the server allows, and may be made: part of the above. */
void cli_check_connections(cli_findings_t *findings, const cli_checked_t *checked);
/* What roles and databases have been given by ALTER ... SET: part of the above. */
void cli_check_role_settings(cli_findings_t *findings, const cli_checked_t *checked);
/* About a shard: it has exactly one primary. */
void cli_check_shard(cli_findings_t *findings, const cli_node_t *nodes, const cli_sight_t *sights,
                     const cli_shard_standing_t *shard);
/* How to make a replica the primary. */
char *cli_promotion_hint(const cli_node_t *node);

#endif
