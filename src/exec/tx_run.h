/* Transactions the blocking way. */
#ifndef AGDB_EXEC_TX_RUN_H
#define AGDB_EXEC_TX_RUN_H

#include "exec/tx.h"

/* Drives a flight to its end, at most until its deadline. Its error is the flight's. */
agdb_status_t agdb__tx_fly(agdb__tx_t *tx, agdb__flight_t *flight);
/* Commits what is not committed yet, or says why that cannot be. */
agdb_status_t agdb__tx_commit(agdb__tx_t *tx, agdb_error_t **reterr);
/* Rolls back; waits for the server's answer a moment at most, with `wait` false not at all. */
void agdb__tx_undo(agdb__tx_t *tx, bool wait);

/* Runs `fn` with `handle` and commits, as often as that helps (agdb_run). */
agdb_status_t agdb__tx_repeat(agdb__tx_t *tx, agdb_tx_fn fn, agdb_tx_t *handle, void *user,
                              agdb_error_t **reterr);

#endif
