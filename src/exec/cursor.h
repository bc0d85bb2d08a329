/* A place in ordered rows, and its text. Pure but for memory.
 *
 *   c1.FFFFFFFFFFFFFFFF.v323032362d31312d3236.n     fingerprint; values in hex, n is NULL */
#ifndef AGDB_EXEC_CURSOR_H
#define AGDB_EXEC_CURSOR_H

#include "agencydb/error.h"
#include "agencydb/request.h"
#include "exec/cell.h"

struct agdb_cursor {
    uint64_t fingerprint;
    size_t count;
    agdb__cell_t value[];
};

/* Not of the empty text. */
agdb_status_t agdb__cursor_read(const char *text, size_t len, agdb_cursor_t **ret,
                                agdb_error_t **reterr);
/* A copy; NULL: no memory. */
agdb_cursor_t *agdb__cursor_dup(const agdb_cursor_t *cursor);
/* Into `buf`, with a NUL. AGDB_E_TOO_BIG. */
agdb_status_t agdb__cursor_write(uint64_t fingerprint, const agdb__cell_t *value, size_t count,
                                 char *buf, size_t size, agdb_error_t **reterr);

#endif
