/* The table agencydb.migration of a shard: which files were applied, and which was begun. */
#ifndef AGDB_CLI_LEDGER_H
#define AGDB_CLI_LEDGER_H

#include "cli/errand.h"
#include "cli/migration.h"

typedef struct cli_records {
    cli_record_t *items;
    size_t count;
} cli_records_t;

/* Each returns false with errand->err. */

/* Makes the table when it is not there, and lets these users read it. */
bool cli_ledger_make(cli_errand_t *errand, cli_names_t users);
/* Until the errand's transaction ends no other run works on this keyspace of the shard. Waits. */
bool cli_ledger_lock(cli_errand_t *errand);
/* Inside the errand's transaction, or by itself; no table is no record. */
bool cli_ledger_read(cli_errand_t *errand, cli_records_t *ret);
/* Records a file, as done or as started. */
bool cli_ledger_add(cli_errand_t *errand, const cli_migration_t *migration, bool done);
/* So many statements of a started file are done; all of them: it is done. */
bool cli_ledger_count(cli_errand_t *errand, const cli_migration_t *migration, size_t finished);
/* Says that a started file is done, or forgets that it was started. `ret` says whether it was. */
bool cli_ledger_mark(cli_errand_t *errand, uint64_t number, bool done, bool *ret);
/* The files' checksums, as a server computes them, one for each. */
bool cli_ledger_checksums(cli_errand_t *errand, const cli_migrations_t *migrations,
                          const char **ret);

#endif
