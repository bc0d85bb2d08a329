/* Sums and averages of numbers in decimal text, exact at any length, with the scale that PostgreSQL
 * gives them. Pure. */
#ifndef AGDB_EXEC_NUMERIC_H
#define AGDB_EXEC_NUMERIC_H

#include "exec/cell.h"

#include <stdint.h>

/* A sum. All zeros is one of nothing: 0. */
typedef struct agdb__numeric {
    bool has_nan;
    bool has_plus_infinity;
    bool has_minus_infinity;
    bool negative;
    size_t whole;          /* digits before the point */
    size_t scale;          /* and after it: of the number that had most */
    unsigned char *digits; /* 0 to 9, the highest first */
} agdb__numeric_t;

typedef enum agdb__numeric_added {
    AGDB__NUMERIC_ADDED = 0,
    AGDB__NUMERIC_UNREADABLE, /* no integer and no numeric */
    AGDB__NUMERIC_NOMEM
} agdb__numeric_added_t;

enum { AGDB__NUMERIC_SCALE_MAX = 1000 }; /* of what the server divides */

/* Counts beyond this do not divide: nobody has so many rows. */
#define AGDB__NUMERIC_COUNT_MAX UINT64_C(1000000000000000000)

agdb__numeric_added_t agdb__numeric_add(agdb__numeric_t *sum, agdb__cell_t cell);
void agdb__numeric_fini(agdb__numeric_t *sum);

/* Both give a text to be freed with agdb__free; NULL: no memory. */
char *agdb__numeric_text(const agdb__numeric_t *sum);
/* The sum divided by `count`, 1 to AGDB__NUMERIC_COUNT_MAX. */
char *agdb__numeric_average(const agdb__numeric_t *sum, uint64_t count);

#endif
