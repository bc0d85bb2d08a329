/* What a shard's nodes are to each other, from what each said of itself. Pure. The rules are those
 * by which services choose: who says it is the primary and has the highest timeline is. */
#ifndef AGDB_CLI_STANDING_H
#define AGDB_CLI_STANDING_H

#include "cli/sight.h"

typedef enum cli_place_of {
    CLI_NODE_SILENT,  /* does not answer */
    CLI_NODE_REFUSED, /* services do not use it: a person must act */
    CLI_NODE_OUTSIDE, /* state: out in the map */
    CLI_NODE_STALE,   /* it says that it is a primary, and is behind one of a newer timeline */
    CLI_NODE_RIVAL,   /* one of several primaries of one timeline */
    CLI_NODE_PRIMARY,
    CLI_NODE_REPLICA
} cli_place_of_t;

typedef struct cli_standing {
    cli_place_of_t place;
    const char *reason; /* "" when there is nothing to say */
    int64_t lag_bytes;  /* of a replica: behind the primary; -1: not known */
    int64_t lag_ms;     /* 0 without lag_bytes; else since what it replayed last was committed */
    bool is_astray;     /* a replica that may follow another primary than the shard's */
} cli_standing_t;

typedef enum cli_shard_condition {
    CLI_SHARD_READY,
    CLI_SHARD_WITHOUT_PRIMARY,
    CLI_SHARD_SPLIT,
    CLI_SHARD_SILENT /* no node may be asked */
} cli_shard_condition_t;

#define CLI_NO_NODE SIZE_MAX

typedef struct cli_shard_standing {
    cli_shard_condition_t condition;
    size_t primary;        /* CLI_NO_NODE: none */
    size_t most_advanced;  /* without a primary: the replica that has most; CLI_NO_NODE: none */
    cli_standing_t *nodes; /* one for each */
} cli_shard_standing_t;

/* What the map expects of a stamp. */
typedef struct cli_expected {
    unsigned slots;
    bool required; /* a keyspace of several shards */
} cli_expected_t;

/* What is wrong with the node's stamp; NULL: nothing. */
const char *cli_stamp_fault(const cli_node_t *node, const cli_stamp_t *stamp,
                            cli_expected_t expected);
/* `count` nodes of one shard. */
cli_shard_standing_t cli_stand(const cli_node_t *nodes, const cli_sight_t *sights, size_t count,
                               cli_expected_t expected);
/* How far the node's log has come, received or replayed. */
uint64_t cli_sight_reach(const cli_sight_t *sight);
/* "16/B374D848" */
char *cli_lsn_text(uint64_t lsn);
const char *cli_place_name(cli_place_of_t place);
const char *cli_condition_name(cli_shard_condition_t condition);

#endif
