/* The inside of a stream, for stream*.c only. */
#ifndef AGDB_EXEC_STREAM_IMPL_H
#define AGDB_EXEC_STREAM_IMPL_H

#include "exec/batch.h"
#include "exec/cursor.h"
#include "exec/flow.h"
#include "exec/sort.h"
#include "exec/stream.h"

struct agdb__stream {
    agdb__flow_t *flow; /* one for each shard */
    size_t nflows;
    agdb_merge_t merge; /* AGDB_CONCAT or AGDB_ORDERED */
    uint64_t max_rows;  /* of all */
    uint64_t max_bytes; /* of a batch */
    uint64_t deadline_us;
    agdb__origin_t *origin; /* of the flows; for batches */

    struct pg_result *columns; /* of the first row */
    size_t columns_of;         /* the flow */
    agdb__sort_key_t *key;     /* found with the columns */
    uint32_t *heap;            /* AGDB_ORDERED: flows that have a row */
    size_t nheap;
    bool racing; /* the heap is made */
    size_t at;   /* AGDB_CONCAT: the flow */

    uint64_t fingerprint;    /* of its cursors */
    agdb_cursor_t *behind;   /* the rows have to be behind it; NULL: any */
    struct pg_result *start; /* the same as a row, found with the columns */

    uint64_t skipped; /* for the merge's offset */
    uint64_t given;
    agdb__flow_t *latest; /* whose row was given last */
    bool rows_lost;       /* that a batch would have had */
    bool over;
    agdb_error_t *error; /* why it has failed */
    bool failed;
};

/* --- stream_front.c --- */
/* Finds the flow that has the next row. WAIT: not without waiting; END: no flow has any; FAILED:
 * *ret is the flow whose call has the error. */
agdb__flow_step_t agdb__stream_front(agdb__stream_t *stream, bool wait, agdb__flow_t **ret);
/* The flows are begun anew. */
void agdb__stream_front_reset(agdb__stream_t *stream);

/* --- stream_cursor.c --- */
/* The columns are known. */
agdb_status_t agdb__stream_find_start(agdb__stream_t *stream, agdb_error_t **reterr);
/* Whether a shard's first row is behind the cursor. */
agdb_status_t agdb__stream_check_start(const agdb__stream_t *stream, const struct pg_result *row,
                                       agdb_error_t **reterr);

#endif
