/* All that `doctor` asks the nodes of one shard. */
#ifndef AGDB_CLI_DOCTOR_FACTS_H
#define AGDB_CLI_DOCTOR_FACTS_H

#include "cli/verdict.h"

/* agencydb.idempotency, of the primary. */
typedef struct cli_keys {
    const char *fault; /* why they are not known; "" when there is no such table */
    int64_t rows;
    int64_t dead;
    int64_t bytes;
    int64_t oldest_ms;    /* -1: there is none */
    bool oldest_at_least; /* only the first rows were looked at */
} cli_keys_t;

typedef struct cli_slot {
    const char *name;
    bool active;
    const char *status; /* wal_status */
    int64_t bytes;
} cli_slot_t;

typedef struct cli_doctor {
    const agdb_map_t *map;
    const char *key; /* as shown */
    agdb_route_info_t route;
    cli_nodes_t nodes; /* of its shard */
    cli_sight_t *sights;
    cli_shard_standing_t shard;
    cli_sessions_t *sessions; /* of each node, in the shard's database, without keepers */
    cli_limit_t *limits;
    size_t nlimits;
    const char *sync_names; /* the primary's synchronous_standby_names; NULL: not known */
    cli_keys_t keys;
    cli_slot_t *slots; /* the primary's */
    size_t nslots;
    cli_blocks_t *blocks; /* of each node */
} cli_doctor_t;

/* Fills all behind `nodes`. */
void cli_doctor_gather(cli_doctor_t *doctor, cli_inspect_t *inspect);
/* What is worst of each kind. Pure. */
cli_case_t cli_doctor_case(const cli_doctor_t *doctor);
/* Active, and waiting for neither a lock nor a standby. */
bool cli_session_runs(const cli_session_t *session);

#endif
