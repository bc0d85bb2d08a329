/* The inside of a scatter, for scatter.c and scatter_end.c only. */
#ifndef AGDB_EXEC_SCATTER_IMPL_H
#define AGDB_EXEC_SCATTER_IMPL_H

#include "exec/merge.h"
#include "exec/scatter.h"

typedef struct agdb__leg {
    agdb__task_t task;
    agdb_request_t request;
    bool open;      /* the driver's */
    bool was_ended; /* a read that another leg's failure has ended: it has not failed itself */
} agdb__leg_t;

struct agdb__scatter {
    agdb__leg_t *leg;
    size_t nlegs;
    size_t open;
    agdb_merge_t merge;
    bool is_write;
    bool partial_ok;
    uint64_t max_rows; /* of all legs together; 0: no limit */
    uint64_t max_bytes;
    uint64_t rows; /* of those that have answered */
    uint64_t bytes;
    bool too_big;
    bool failed;
    size_t first; /* to fail */
    void *owner;
};

#endif
