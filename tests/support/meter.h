/* How late this machine wakes threads that only sleep: not the library's fault, and not forgiven to
 * it beyond that. One meter at a time. */
#ifndef AGDB_TESTS_METER_H
#define AGDB_TESTS_METER_H

#include <stdint.h>

/* As many sleepers as there are callers to be compared with, METER_MAX at most. */
enum { METER_MAX = 64 };
void meter_start(unsigned threads);
/* The worst so far. */
uint64_t meter_worst_us(void);
void meter_stop(void);

/* The value that `percent` of these do not exceed; sorts them. 0 when there are none. */
uint32_t meter_percentile(uint32_t *value, unsigned long count, double percent);

#endif
