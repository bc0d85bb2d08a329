/* A load: the input is cut into rows, each row goes to its shard's leg, and all legs go on together
 * whenever one has to be waited for.
 *
 * No two loads can wait for each other's connections for ever: while one waits for a connection,
 * its other legs commit what they have and give theirs back. */
#ifndef AGDB_EXEC_BULK_IN_H
#define AGDB_EXEC_BULK_IN_H

#include "base/gate.h"
#include "exec/bulk_leg.h"
#include "exec/bulk_report.h"
#include "map/model.h"

/* Where rows may go to. */
typedef struct agdb__bulk_target {
    const agdb_map_t *map; /* borrowed */
    size_t keyspace;
    agdb__shard_t **shards; /* borrowed: all of the keyspace, or the only one */
    size_t nshards;
    bool by_key;        /* else all rows go to the first */
    agdb__gate_t *gate; /* of the client */
} agdb__bulk_target_t;

typedef struct agdb__bulk_in {
    agdb__bulk_target_t target;
    agdb_copy_options_t options; /* texts that are needed later are copies, kept in `text` */
    agdb__buf_t text;
    agdb__bulk_way_t way;
    char *sql;
    agdb__bulk_rows_t rows;
    agdb__leg_t *legs;
    agdb__bell_t bell;
    agdb__pollset_t pollset;
    uint64_t fingerprint;
    uint64_t seen_us; /* when its legs were last stepped */
    uint64_t told_us; /* when the callback was last called */
    uint64_t last_row;
    uint64_t last_byte;
    bool calling;        /* the callback runs */
    agdb_error_t *error; /* the input stands still */
    void (*call)(void *user, const agdb_copy_progress_t *progress, bool *ret_go_on);
    void *call_user; /* the callback, as the border wants it called */
} agdb__bulk_in_t;

/* `options` are checked; borrowed until the return. What is left on failure: nothing. */
agdb_status_t agdb__bulk_in_init(agdb__bulk_in_t *b, const agdb__bulk_target_t *target,
                                 const agdb_copy_options_t *options, agdb_error_t **reterr);
/* Closes what is open. */
void agdb__bulk_in_fini(agdb__bulk_in_t *b);

agdb_status_t agdb__bulk_in_write(agdb__bulk_in_t *b, const void *data, size_t len,
                                  agdb_error_t **reterr);
agdb_status_t agdb__bulk_in_row(agdb__bulk_in_t *b, agdb_bytes_t key, const void *data, size_t len,
                                agdb_error_t **reterr);
/* Waits until everything is committed or has failed. */
agdb_status_t agdb__bulk_in_finish(agdb__bulk_in_t *b, agdb_error_t **reterr);
/* Waits until everything is rolled back. */
void agdb__bulk_in_abort(agdb__bulk_in_t *b);
/* NULL: no memory. */
agdb_copy_report_t *agdb__bulk_in_report(const agdb__bulk_in_t *b);

#endif
