/* What each node says of itself: role, position, stamp, and how long an answer takes. */
#ifndef AGDB_CLI_SIGHT_H
#define AGDB_CLI_SIGHT_H

#include "cli/inspect.h"

/* The row of agencydb.identity for the node's keyspace. */
typedef struct cli_stamp {
    bool has_table;
    const char *fault; /* the table cannot be read; NULL: it can */
    const char *shard; /* NULL: no row */
    const char *hash;
    const char *slots;
} cli_stamp_t;

typedef struct cli_sight {
    const char *reason; /* why nothing is known of it; NULL: all below is set */
    bool is_refused;    /* with a reason: a person must act */
    uint64_t latency_us;
    const char *version; /* "15.8" */
    int64_t version_number;
    bool in_recovery;
    const char *system; /* identifier of its cluster */
    int64_t timeline;
    uint64_t lsn;          /* of a primary: written; of a replica: replayed */
    uint64_t received_lsn; /* of a replica, 0: none since it started */
    int64_t
        replayed_ago_ms; /* of a replica: when what it replayed last was committed; -1: unknown */
    bool is_paused;      /* a replica whose replay was stopped */
    bool is_receiving;   /* a replica with a running WAL receiver */
    const char *sender;  /* from where; NULL: this login may not see it */
    bool sees_all;       /* this login sees what others do */
    const char *login;
    bool has_keys; /* agencydb.idempotency is there */
    cli_stamp_t stamp;
} cli_sight_t;

/* Whether a server that gives this reason has no connection left. */
bool cli_is_full(const char *reason);
/* One for each node of inspect->nodes. */
cli_sight_t *cli_look(cli_inspect_t *inspect);

#endif
