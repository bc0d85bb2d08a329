/* Rules of groups, for all who send them: lanes of callers and of loops. Pure. */
#ifndef AGDB_POOL_GROUP_H
#define AGDB_POOL_GROUP_H

#include "agencydb/error.h"

#include <stdint.h>

/* TIME: nobody behind a group waits for longer than this because of it: the work of its members in
 * sum. LOCK: a write that waits for a row lock for so long goes on alone, so that it does not hold
 * up strangers. */
enum { AGDB__GROUP_TIME_US = 4000, AGDB__GROUP_LOCK_MS = 50 };

/* What riding may have to do with a member's failure. */
typedef enum agdb__group_fault {
    AGDB__FAULT_NONE = 0, /* nothing: it is the statement's own */
    AGDB__FAULT_PASSING,  /* it may have been the others, or a moment: alone for a while */
    AGDB__FAULT_LASTING   /* such a statement has no place in a group: alone for good */
} agdb__group_fault_t;

/* Of a member's error, NULL included. A statement with a fault was certainly rolled back and has to
 * be run alone before its caller is told anything. */
agdb__group_fault_t agdb__group_fault(const agdb_error_t *error);
/* Whether a member's failure says nothing about its statement. */
bool agdb__group_spares(agdb_status_t status);
/* When a group that was sent at `sent_us` may be on a connection of no use. One of reads is asked
 * again elsewhere then; the writers of another could only be told that nobody knows, so it goes on
 * unless the server has passed it over (pool.h), and is looked at again after LOOK_AGAIN. */
enum { AGDB__GROUP_LOOK_AGAIN_US = 100000 };
uint64_t agdb__group_stuck_us(uint64_t sent_us, uint64_t expected_us);
/* Whether its members have to be timed again. */
bool agdb__group_is_slow(uint64_t took_us, uint64_t expected_us);

#endif
