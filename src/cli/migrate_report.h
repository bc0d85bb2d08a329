/* What `agencydb migrate` says of shards. */
#ifndef AGDB_CLI_MIGRATE_REPORT_H
#define AGDB_CLI_MIGRATE_REPORT_H

#include "cli/advance.h"

typedef enum cli_migrate_mode {
    CLI_MIGRATE_RUN,
    CLI_MIGRATE_DRY_RUN,
    CLI_MIGRATE_STATUS
} cli_migrate_mode_t;

typedef struct cli_migrate_report {
    cli_migrate_mode_t mode;
    const cli_targets_t *targets;
    const cli_advance_t *advances; /* one for each target */
    const cli_migrations_t *migrations;
    bool out_of_order;
} cli_migrate_report_t;

/* A table, and what is wrong on standard error. */
void cli_migrate_text(const cli_migrate_report_t *report);
/* A JSON array with an object for each shard. */
void cli_migrate_json(const cli_migrate_report_t *report);

#endif
