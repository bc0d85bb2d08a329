/* Latencies in log-linear buckets: 64 to each power of two, so a value is off by at most 1.6 %. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = HISTOGRAM_SUB * 60 };

typedef struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t bucket[HISTOGRAM_BUCKETS];
} histogram_t;

void histogram_add(histogram_t *h, uint64_t value);
void histogram_merge(histogram_t *into, const histogram_t *from);
/* The value that the share `part` (0 to 1) of all values does not exceed; 0 when it is empty. */
uint64_t histogram_at(const histogram_t *h, double part);

#endif
