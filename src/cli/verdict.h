/* What is wrong with an agency's shard, and what to do: from facts, worst first. Pure. */
#ifndef AGDB_CLI_VERDICT_H
#define AGDB_CLI_VERDICT_H

#include "cli/blocking.h"
#include "cli/standing.h"

/* A limit of connections. */
typedef struct cli_limit {
    const char *node;
    const char *what; /* "max_connections less reserved", "role agency_app", "database agency" */
    uint64_t used;
    uint64_t allowed;
} cli_limit_t;

/* Texts may be NULL, and numbers -1, when there is no such thing, or it is not known. */
typedef struct cli_case {
    const char *key; /* as shown */
    const char *shard;
    bool frozen;
    cli_shard_condition_t condition;
    const char *advanced; /* without a primary: the most advanced replica, and how to promote it */
    const char *hint;
    const char *bad_node; /* a node that should be there and may not be used, and why */
    const char *bad_reason;
    cli_limit_t fullest; /* where used is nearest to allowed; allowed 0: not known */
    const char *sync_names;
    size_t sync_waiting;          /* commits that wait for a standby */
    cli_block_t block;            /* waiting 0: nobody is held up */
    const cli_session_t *slowest; /* running for longest */
    const char *slowest_node;
    const cli_session_t *idlest; /* idle in its transaction for longest */
    const char *late_node;       /* a replica over replicas.max_lag */
    int64_t late_ms;
    int64_t late_bytes;
    int64_t keys_rows; /* agencydb.idempotency */
    int64_t keys_dead;
    int64_t keys_oldest_ms;
    int64_t keep_ms;
    const char *slot; /* that holds most for nobody */
    int64_t slot_bytes;
    const char *far_node; /* slowest to answer a small statement */
    uint64_t far_us;
} cli_case_t;

typedef struct cli_verdict {
    const char *name; /* one word, for programs; "healthy" */
    const char *text;
    const char *remedy;
} cli_verdict_t;

typedef struct cli_verdicts {
    cli_verdict_t *items; /* the first is the verdict; "healthy" stands alone */
    size_t count;
} cli_verdicts_t;

cli_verdicts_t cli_judge(const cli_case_t *it);

#endif
