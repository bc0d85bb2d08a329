/* The states of a connection: which may follow which. Pure. */
#ifndef AGDB_PG_CONN_FSM_H
#define AGDB_PG_CONN_FSM_H

#include "pg/conn.h"

bool agdb__conn_may_go(agdb__conn_state_t from, agdb__conn_state_t to);
const char *agdb__conn_state_name(agdb__conn_state_t state);
/* The only place that changes a state. A change that is not in the table is a bug: it asserts, and
 * in a release build the connection is DEAD. */
void agdb__conn_go(agdb__conn_state_t *state, agdb__conn_state_t to);

#endif
