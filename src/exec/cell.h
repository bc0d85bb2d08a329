/* One value of a row in the server's text form, borrowed. */
#ifndef AGDB_EXEC_CELL_H
#define AGDB_EXEC_CELL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct agdb__cell {
    const char *text; /* NULL: SQL NULL */
    size_t len;
} agdb__cell_t;

#endif
