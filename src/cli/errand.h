/* One piece of work on the primary of one shard: single statements and whole files, inside a
 * transaction or without, until one deadline. */
#ifndef AGDB_CLI_ERRAND_H
#define AGDB_CLI_ERRAND_H

#include "cli/sql_file.h"
#include "cli/targets.h"

typedef struct cli_errand {
    agdb_t *db;
    const cli_target_t *target;
    const char *tag;
    uint32_t timeout_ms; /* as the user said it */
    uint64_t deadline_ms;
    agdb_tx_t *tx; /* the transaction that statements go to; NULL: none */
    bool used;     /* a statement of it was sent */

    char *node;        /* set: who answered last */
    agdb_error_t *err; /* set: why the last step failed */
    /* set when a file's statement failed: */
    const char *path;
    cli_place_in_t at;
    const char *advice; /* NULL: none */
} cli_errand_t;

/* Its time begins now. */
cli_errand_t cli_errand_start(agdb_t *db, const cli_target_t *target, const char *tag,
                              uint32_t timeout_ms);
/* Rolls an open transaction back, and forgets the error. */
void cli_errand_end(cli_errand_t *errand);

/* Each returns false with errand->err. */
bool cli_errand_begin(cli_errand_t *errand);
bool cli_errand_commit(cli_errand_t *errand);

/* One statement. `ret` may be NULL. With `last` the transaction is committed in the same round
 * trip, which cli_errand_commit then confirms. */
bool cli_errand_ask(cli_errand_t *errand, const char *sql, const agdb_value_t *params,
                    size_t nparams, bool last, agdb_result_t **ret);
/* A statement that only reads, outside of a transaction. */
bool cli_errand_read(cli_errand_t *errand, const char *sql, const agdb_value_t *params,
                     size_t nparams, agdb_result_t **ret);
/* Statement number `index` of a file. */
bool cli_errand_run(cli_errand_t *errand, const cli_sql_file_t *file, size_t index, bool last);

/* Whether what failed may have happened all the same. */
bool cli_errand_is_unknown(const cli_errand_t *errand);

/* Says what failed, where, and what to do. */
void cli_errand_report(const cli_errand_t *errand);
/* The same as members of a JSON object. */
void cli_errand_json(cli_json_t *json, const cli_errand_t *errand);

#endif
