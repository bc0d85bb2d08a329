/* Records for the host's log callbacks. A logger without one costs one comparison. */
#ifndef AGDB_BASE_LOG_H
#define AGDB_BASE_LOG_H

#include "agencydb/log.h"

typedef struct agdb__logger {
    agdb_log_fn fn;
    void *user;
    agdb_log_level_t level; /* the most detailed level wanted */
    agdb_record_fn record;
    void *record_user;
} agdb__logger_t;

/* Whether somebody hears it. */
bool agdb__log_wants(const agdb__logger_t *logger, agdb_log_level_t level);

/* Must not be called while a lock is held: the callback is the host's code. */
void agdb__log_record(const agdb__logger_t *logger, const agdb_log_record_t *record);

#endif
