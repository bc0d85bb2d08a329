/* That the parts of a call's time are the whole of it. */
#ifndef AGDB_TESTS_PARTS_H
#define AGDB_TESTS_PARTS_H

#include "agencydb/result.h"
#include "unit.h"

static inline void parts_are_whole(const agdb_timing_t *t)
{
    assert_int_equal(t->wait_us, t->park_us + t->earlier_us + t->queue_us + t->connect_us);
    assert_int_equal(t->total_us, t->wait_us + t->exec_us);
}

#endif
