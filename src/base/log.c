#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_SIZE = 1024 };

void agdb__log(const agdb__logger_t *logger, agdb_log_level_t level, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    if (logger == NULL || logger->fn == NULL || level > logger->level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    logger->fn(level, line, logger->user);
}
