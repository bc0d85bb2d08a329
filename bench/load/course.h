/* What a worker goes through: one operation after the other, or many side by side, each timed and
 * counted. */
#ifndef BENCH_COURSE_H
#define BENCH_COURSE_H

#include "load/histogram.h"
#include "load/load.h"

#include <stdatomic.h>

/* Of the whole program. What begins and ends while it is MEASURING counts. */
enum { RUNNING, MEASURING, STOPPING };

void phase_set(int phase);

struct course {
    const workload_t *work;
    uint64_t seed;
    atomic_ullong failures;
    atomic_ullong done; /* for lines in between */
    histogram_t latencies;
};

/* When an operation began. */
typedef struct moment {
    uint64_t ns;
    int phase;
} moment_t;

moment_t moment_now(void);
bool moment_is_last(moment_t moment);
operation_t course_next(course_t *course);
/* An operation that began then is over. Returns the moment at which it was. */
moment_t course_end(course_t *course, moment_t begun, bool right);

#endif
