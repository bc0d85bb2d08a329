/* The inside of a load, for the bulk_in*.c files only. */
#ifndef AGDB_EXEC_BULK_IN_IMPL_H
#define AGDB_EXEC_BULK_IN_IMPL_H

#include "exec/bulk_in.h"

/* --- bulk_in_open.c --- */
/* The COPY of these columns. False: no memory. */
bool agdb__bulk_in_set_sql(agdb__bulk_in_t *b, const char *const *columns, size_t count);
/* Whether its rows come by agdb__bulk_in_row. */
bool agdb__bulk_in_is_by_row(const agdb__bulk_in_t *b);

/* --- bulk_in_wait.c --- */
void agdb__bulk_in_step(agdb__bulk_in_t *b, uint64_t now_us);
/* Until a leg can go on. */
void agdb__bulk_in_sleep(agdb__bulk_in_t *b, uint64_t now_us);
/* *ret: the first that has. */
bool agdb__bulk_in_has_failed(const agdb__bulk_in_t *b, const agdb__leg_t **ret);
/* Sets the error that stays, once; returns `st`. */
agdb_status_t agdb__bulk_in_stand_still(agdb__bulk_in_t *b, agdb_status_t st, const char *why);
/* Calls the progress callback, when it is time or with `last`. CANCELLED: it has said so. */
agdb_status_t agdb__bulk_in_tell(agdb__bulk_in_t *b, uint64_t now_us, bool last);
/* What ends the input from outside. */
agdb_status_t agdb__bulk_in_look_around(agdb__bulk_in_t *b, uint64_t now_us);

#endif
