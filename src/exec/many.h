/* Several requests side by side, waited for together by the calling thread. */
#ifndef AGDB_EXEC_MANY_H
#define AGDB_EXEC_MANY_H

#include "exec/scatter.h"

typedef struct agdb__many_item {
    agdb_request_t request; /* checked already; what it points to is borrowed */
    agdb__shard_t *shard;   /* or `scatter`; both NULL: not to be run */
    agdb__scatter_t *scatter;
    agdb__task_t task; /* its end: status, result, error */
} agdb__many_item_t;

/* Returns when each item that is to be run has its end. A failure means that none was begun. The
 * requests' time counts from `start_us`. */
agdb_status_t agdb__many_run(agdb__many_item_t *items, size_t count, uint64_t start_us,
                             agdb_error_t **reterr);

#endif
