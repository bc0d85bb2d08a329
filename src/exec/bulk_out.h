/* Rows out, shard after shard, as one stream. */
#ifndef AGDB_EXEC_BULK_OUT_H
#define AGDB_EXEC_BULK_OUT_H

#include "base/bell.h"
#include "base/gate.h"
#include "exec/bulk_report.h"
#include "exec/call.h"

typedef struct agdb__bulk_out {
    const agdb_copy_options_t *options; /* checked; borrowed, as all here */
    agdb__shard_t **shards;
    size_t nshards;
    agdb__gate_t *gate; /* of the client */
    agdb__bell_t *bell; /* rung when it closes */
    /* The callbacks, as the border wants them called; false: stop. */
    bool (*sink)(void *user, const void *data, size_t len);
    bool (*tell)(void *user, const agdb_copy_progress_t *progress); /* NULL: nobody to tell */
    void *user;
    agdb_copy_report_t *report; /* one place for each shard */
} agdb__bulk_out_t;

agdb_status_t agdb__bulk_out_run(const agdb__bulk_out_t *out, agdb_error_t **reterr);

#endif
