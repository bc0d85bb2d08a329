/* Rules of groups, for all who send them: lanes of callers and of loops. Pure. */
#ifndef AGDB_POOL_GROUP_H
#define AGDB_POOL_GROUP_H

#include "agencydb/error.h"

#include <stdint.h>

/* Nobody behind a group waits for longer than this because of it: the expected times of its members
 * in sum. */
enum { AGDB__GROUP_TIME_US = 4000 };

/* Whether sharing a transaction with others may have brought this error about: such a statement has
 * to be run on its own before its caller is told anything. */
bool agdb__group_is_at_fault(const agdb_error_t *error);
/* When a group that was sent at `sent_us` is on a connection of no use. */
uint64_t agdb__group_stuck_us(uint64_t sent_us, uint64_t expected_us);
/* Whether its members have to be timed again. */
bool agdb__group_is_slow(uint64_t took_us, uint64_t expected_us);
/* The error of one whose time was over while it was in flight: `waited_us` after it began. */
agdb_status_t agdb__group_fail_late(uint64_t waited_us, agdb_error_t **reterr);

#endif
