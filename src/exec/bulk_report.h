/* What became of a copy: agdb_copy_report_t. */
#ifndef AGDB_EXEC_BULK_REPORT_H
#define AGDB_EXEC_BULK_REPORT_H

#include "agencydb/copy.h"

struct agdb_copy_report {
    uint64_t rows;
    uint64_t bytes;
    size_t count;
    agdb_copy_shard_t *shard; /* their names and errors are owned */
    char *resume;             /* NULL: none */
};

/* With `count` shards that are all zero; NULL: no memory. */
agdb_copy_report_t *agdb__bulk_report_new(size_t count);
/* Its name and error are copied. */
void agdb__bulk_report_set(agdb_copy_report_t *report, size_t i, const agdb_copy_shard_t *shard);
void agdb__bulk_report_free(agdb_copy_report_t *report);

#endif
