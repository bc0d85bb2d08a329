/* An allocator that refuses: the calling thread's next allocations succeed so often, then one
 * fails, or all. What other threads ask for (the keeper) they get. It counts what is alive. */
#ifndef AGDB_TESTS_MISER_H
#define AGDB_TESTS_MISER_H

#include "agencydb/base.h"

extern const agdb_allocator_t k_miser;

/* From now on, for this thread. `once`: a single one fails, else all behind these. */
void miser_begin(long granted, bool once);
/* No more. True: something was refused. */
bool miser_end(void);
/* Blocks of all threads that are not released. */
long miser_live(void);

#endif
