/* Brings one shard to the newest migration, or looks how far it is. */
#ifndef AGDB_CLI_ADVANCE_H
#define AGDB_CLI_ADVANCE_H

#include "cli/bar.h"
#include "cli/ledger.h"

/* What all shards of a run share. */
typedef struct cli_march {
    const agdb_map_t *map;
    agdb_t *db;
    cli_migrations_t migrations;
    uint32_t timeout_ms; /* for each file on each shard */
    bool out_of_order;
    cli_bar_t bar;
    pthread_mutex_t lock; /* of `summed` and of the migrations' checksums */
    bool summed;
} cli_march_t;

typedef struct cli_applied {
    const cli_migration_t *migration;
    uint64_t took_ms;
} cli_applied_t;

typedef enum cli_advance_state {
    CLI_ADVANCE_DONE, /* nothing is pending; when it was only looked: nothing stands in the way */
    CLI_ADVANCE_REFUSED, /* a step stops it: see steps */
    CLI_ADVANCE_FAILED,  /* errand.err says why; what failed did not happen, or is recorded */
    CLI_ADVANCE_UNKNOWN  /* errand.err says why; the next run finds out what happened */
} cli_advance_state_t;

/* One shard on its way. */
typedef struct cli_advance {
    cli_errand_t errand;
    const char *node; /* who answered last; NULL: nobody did */
    bool seen;        /* steps are there */
    cli_steps_t steps;
    cli_applied_t *applied; /* in this run */
    size_t napplied;
    const cli_migration_t *failed; /* the file that did */
    cli_advance_state_t state;
} cli_advance_t;

/* Reads only. */
void cli_advance_look(cli_advance_t *advance, cli_march_t *march, const cli_target_t *target);
/* Applies what is pending, file by file. Goes on where the shard stands, also when another run has
 * worked on it meanwhile. */
void cli_advance_run(cli_advance_t *advance, cli_march_t *march, const cli_target_t *target);

#endif
