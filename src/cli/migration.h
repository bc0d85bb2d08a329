/* Numbered SQL files, what a shard says of them, and what follows from both. The files are read
 * from a folder; all else is pure. */
#ifndef AGDB_CLI_MIGRATION_H
#define AGDB_CLI_MIGRATION_H

#include "cli/sql_file.h"

typedef struct cli_migration {
    uint64_t number;
    const char *name; /* of the file, in its folder */
    cli_sql_file_t file;
    const char *checksum; /* SHA-256 of its bytes, in hex; set later, by a server */
} cli_migration_t;

/* In the order of their numbers, which are different. */
typedef struct cli_migrations {
    cli_migration_t *items;
    size_t count;
} cli_migrations_t;

/* Whether a name is DIGITS_WORD.sql: up to 18 digits, then letters, digits, '_', '-' and '.'. */
bool cli_migration_number(const char *name, uint64_t *ret);

/* Reads a folder; names that begin with a dot are skipped. False: every mistake was said. */
bool cli_migrations_read(const char *folder, cli_migrations_t *ret);

/* What a shard has recorded of a file. */
typedef struct cli_record {
    uint64_t number;
    const char *name;
    const char *checksum;
    bool done;         /* else started, without a transaction */
    uint64_t finished; /* statements of it */
} cli_record_t;

typedef enum cli_step_state {
    CLI_STEP_APPLIED,
    CLI_STEP_PENDING,
    CLI_STEP_LATE,    /* pending, although a file with a higher number was applied */
    CLI_STEP_CHANGED, /* applied, and another content since */
    CLI_STEP_STARTED, /* begun, not ended: interrupted, unless it is running now */
    CLI_STEP_MISSING, /* applied; there is no such file, but later ones */
    CLI_STEP_NEWER    /* applied; from a newer folder than this one */
} cli_step_state_t;

/* "applied", ... */
const char *cli_step_name(cli_step_state_t state);

/* A file, a record, or both. */
typedef struct cli_step {
    cli_step_state_t state;
    const cli_migration_t *migration;
    const cli_record_t *record;
} cli_step_t;

/* In the order of numbers. */
typedef struct cli_steps {
    cli_step_t *items;
    size_t count;
} cli_steps_t;

/* Records are in the order of their numbers. */
cli_steps_t cli_steps_of(const cli_migrations_t *migrations, const cli_record_t *records,
                         size_t nrecords);
/* Whether nothing may be applied because of it. */
bool cli_step_stops(const cli_step_t *step, bool out_of_order);
/* The first that is to be applied; NULL: there is none. Asked when no step stops. */
const cli_step_t *cli_steps_next(const cli_steps_t *steps);
/* What to do with a file that was interrupted on a shard. */
char *cli_migration_remedy(uint64_t number, const char *shard);
/* How many are in a state. */
size_t cli_steps_count(const cli_steps_t *steps, cli_step_state_t state);

#endif
