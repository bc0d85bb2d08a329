#include "base/log.h"

bool agdb__log_wants(const agdb__logger_t *logger, agdb_log_level_t level)
{
    return logger != NULL && (logger->fn != NULL || logger->record != NULL) &&
           level <= logger->level;
}

void agdb__log_record(const agdb__logger_t *logger, const agdb_log_record_t *record)
{
    if (!agdb__log_wants(logger, record->level))
        return;
    if (logger->fn != NULL)
        logger->fn(record->level, record->message, logger->user);
    if (logger->record != NULL)
        logger->record(record, logger->record_user);
}
