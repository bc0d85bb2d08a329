/* Lines for the host's log callback. A logger without a callback costs one comparison. */
#ifndef AGDB_BASE_LOG_H
#define AGDB_BASE_LOG_H

#include "agencydb/log.h"

typedef struct agdb__logger {
    agdb_log_fn fn;
    void *user;
    agdb_log_level_t level; /* the most detailed level wanted */
} agdb__logger_t;

/* Must not be called while a lock is held: the callback is the host's code. */
void agdb__log(const agdb__logger_t *logger, agdb_log_level_t level, const char *format, ...)
    AGDB_PRINTF(3, 4);

#endif
