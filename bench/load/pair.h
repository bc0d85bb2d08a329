/* Two sides in one process, in turn. */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "load/load.h"

int run_pair(const options_t *options, const workload_t *work);

#endif
