/* Inside of a leg: bulk_leg.c gets it a connection, bulk_leg_copy.c uses that. */
#ifndef AGDB_EXEC_BULK_LEG_IMPL_H
#define AGDB_EXEC_BULK_LEG_IMPL_H

#include "exec/bulk_leg.h"

void agdb__leg_go(agdb__leg_t *leg, agdb__leg_state_t to, uint64_t now_us);
bool agdb__leg_is_full(const agdb__leg_t *leg);
void agdb__leg_give_back(agdb__leg_t *leg, uint64_t now_us);
/* Back to RESTING: the call that found the node is over, without an error. */
void agdb__leg_rest(agdb__leg_t *leg, uint64_t now_us);
/* The call's error is that of an attempt that can be repeated: every row is still here. */
void agdb__leg_attempt_failed(agdb__leg_t *leg, uint64_t now_us);
/* FAILED, with the leg's own error if there is one, else the call's. */
void agdb__leg_fail_call(agdb__leg_t *leg, uint64_t now_us);
void agdb__leg_fail(agdb__leg_t *leg, agdb_error_t *take_error, uint64_t now_us);

/* --- bulk_leg_copy.c --- */
void agdb__leg_step_leased(agdb__leg_t *leg, uint64_t now_us);
/* Given up: what is open is rolled back; a commit that is under way is taken if it is there, else
 * in doubt. */
void agdb__leg_end_open(agdb__leg_t *leg, uint64_t now_us);

#endif
