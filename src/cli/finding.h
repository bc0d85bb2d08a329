/* What a check found: each remark with its level and, when there is something to do, the remedy. */
#ifndef AGDB_CLI_FINDING_H
#define AGDB_CLI_FINDING_H

#include "cli/json.h"
#include "cli/nodes.h"

typedef enum cli_level { CLI_LEVEL_OK, CLI_LEVEL_WARNING, CLI_LEVEL_ERROR } cli_level_t;

typedef struct cli_finding {
    cli_level_t level;
    const cli_node_t *node; /* or, of a whole shard, its first one */
    bool of_shard;
    const char *check; /* what was looked at, as one word */
    const char *text;
    const char *remedy; /* NULL: nothing is to be done */
} cli_finding_t;

typedef struct cli_findings {
    cli_finding_t *items;
    size_t count;
    size_t levels[3]; /* how many of each */
    /* whom the next one is about: */
    const cli_node_t *node;
    bool of_shard;
} cli_findings_t;

void cli_find(cli_findings_t *findings, cli_level_t level, const char *check, const char *text,
              const char *remedy);
/* A line for each, under the name of its node or shard, and one that counts them. */
void cli_findings_print(const cli_findings_t *findings);
/* As an array. */
void cli_findings_json(const cli_findings_t *findings, cli_json_t *json);

#endif
