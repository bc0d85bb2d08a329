/* A place in the write-ahead log of a shard's servers. */
#ifndef AGDB_BASE_POSITION_H
#define AGDB_BASE_POSITION_H

#include <stdint.h>

typedef struct agdb__position {
    uint64_t system_identifier;
    uint64_t lsn; /* bytes from the log's beginning; 0: not known */
    uint32_t timeline;
} agdb__position_t;

#endif
