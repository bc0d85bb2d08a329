/* How many connections the server has from this role: seen by the server, not told by the side. */
#ifndef BENCH_CENSUS_H
#define BENCH_CENSUS_H

#include <stdbool.h>

typedef struct census {
    bool taken;
    int open;
    int used; /* ran a statement in the last tenth of a second */
} census_t;

/* Its own connection is made beforehand, so that only one statement runs while others are timed. */
bool census_open(const char *conninfo);
bool census_take(census_t *census);
void census_close(void);

#endif
