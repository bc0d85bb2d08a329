/* Functions of newer libpqs, used when the one at run time has them: libpq keeps its soname, so a
 * library built against 15 may well run with 17. Where this was compiled against a libpq that has
 * them they are still looked up weakly, so that an older one at run time is fine too. */
#ifndef AGDB_PG_LIBPQ_OPTIONAL_H
#define AGDB_PG_LIBPQ_OPTIONAL_H

#include <stdbool.h>

struct pg_conn;

/* PQsendPipelineSync (17): a Sync that does not flush by itself. */
bool agdb__pq_has_send_pipeline_sync(void);
/* PQsendClosePrepared (17): drops a statement without parsing SQL. */
bool agdb__pq_has_send_close_prepared(void);

/* A Sync; without a flush where that is possible. 1: fine, 0: failed. */
int agdb__pq_queue_sync(struct pg_conn *pg);
/* Drops a prepared statement: one result, PGRES_COMMAND_OK or an error. 1: fine, 0: failed. */
int agdb__pq_queue_close(struct pg_conn *pg, const char *name);

#endif
