/* Dates and times in ISO text as points of time that compare: with years of more than four digits,
 * before Christ, in other zones than UTC, and infinite ones. Pure. */
#ifndef AGDB_EXEC_MOMENT_H
#define AGDB_EXEC_MOMENT_H

#include "exec/cell.h"

#include <stdint.h>

/* A date alone has 0 in `us`, a time alone 0 in `days`. */
typedef struct agdb__moment {
    int64_t days; /* since 1970-01-01; INT64_MIN and INT64_MAX: -infinity and infinity */
    int64_t us;   /* of the day */
} agdb__moment_t;

/* A date, timestamp or timestamptz. False: it is none in ISO form. */
bool agdb__moment_read(agdb__cell_t cell, agdb__moment_t *ret);
/* A time without zone. */
bool agdb__moment_read_time(agdb__cell_t cell, agdb__moment_t *ret);
/* Less than, equal to or greater than 0. */
int agdb__moment_compare(const agdb__moment_t *a, const agdb__moment_t *b);

#endif
