/* A growing text with a ceiling given at creation. After a failure (no memory, ceiling) further
 * calls do nothing, so that only the end needs a check. */
#ifndef AGDB_BASE_BUF_H
#define AGDB_BASE_BUF_H

#include "agencydb/base.h"

typedef struct agdb__buf {
    char *data; /* NUL-terminated once something was added; NULL before */
    size_t len;
    size_t room;
    size_t ceiling;
    bool failed;
} agdb__buf_t;

void agdb__buf_init(agdb__buf_t *b, size_t ceiling);
void agdb__buf_fini(agdb__buf_t *b);
void agdb__buf_add(agdb__buf_t *b, const void *data, size_t len);
void agdb__buf_text(agdb__buf_t *b, const char *text);
void agdb__buf_printf(agdb__buf_t *b, const char *format, ...) AGDB_PRINTF(2, 3);
/* Hands the text to the caller (agdb__free); NULL after a failure. The buffer is empty then. */
char *agdb__buf_take(agdb__buf_t *b);

#endif
