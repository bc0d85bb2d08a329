/* Asks single nodes, whatever their role, state and stamp: all at once, each within the same time,
 * so that a node that is dead or hangs neither stops nor hides the others.
 *
 * It is a client of a map of its own, in which every node is a shard for itself (inspect_map.c).
 * The shards' real names are not looked at there: who asks compares them. */
#ifndef AGDB_CLI_INSPECT_H
#define AGDB_CLI_INSPECT_H

#include "cli/client.h"
#include "cli/nodes.h"

/* What its connections call themselves; its keeper's are CLI_INSPECT_NAME " keeper". */
#define CLI_INSPECT_NAME "agencydb-inspect"
/* What keepers of services have behind the service's name. */
#define CLI_KEEPER_SUFFIX " keeper"

enum { CLI_INSPECT_MS = 3000 };

typedef struct cli_inspect {
    const agdb_map_t *map;
    const cli_nodes_t *nodes;
    const cli_client_t *login; /* user and password; may be empty */
    uint32_t timeout_ms;       /* for each node, and for each question to it */
    agdb_t *db;
    const char **keyspaces; /* of each node, in its own map */
    const char **reasons;   /* set by meet, of each node: why it cannot be asked; NULL: it can */
    bool *refused;          /* the reason is one that a person must act on: its login or TLS */
} cli_inspect_t;

/* One question to some of the nodes. */
typedef struct cli_question {
    const char *sql;
    const agdb_value_t *params; /* one for each node; NULL: the statement has none */
    const bool *skip;           /* of each node: not asked; NULL: all that answer are */
} cli_question_t;

/* What came back, for each node. */
typedef struct cli_answers {
    agdb_result_t **results; /* NULL: not asked, or errors says why */
    agdb_error_t **errors;
    size_t count;
} cli_answers_t;

/* False: an error was said. */
bool cli_inspect_open(cli_inspect_t *inspect);
void cli_inspect_close(cli_inspect_t *inspect);

/* Waits until each node has answered or failed, at most timeout_ms. May be called again: nodes come
 * and go. */
void cli_inspect_meet(cli_inspect_t *inspect);
/* Asks those that have been met. One that lets its time pass is asked nothing more: what it costs
 * is its time once. */
cli_answers_t cli_inspect_ask(cli_inspect_t *inspect, const cli_question_t *question);
void cli_answers_free(cli_answers_t *answers);
/* Why a node did not answer, in one line: without the names that only the inspecting map has. */
const char *cli_answers_reason(const cli_answers_t *answers, size_t node);

/* Its map, and names in it. */
char *cli_inspect_map(const cli_inspect_t *inspect);
const char **cli_inspect_keyspaces(const cli_nodes_t *nodes);
char *cli_inspect_shard(size_t node);

#endif
