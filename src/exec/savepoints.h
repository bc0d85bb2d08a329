/* The savepoints of a transaction, and the commands about them that wait for the next statement to
 * travel with. No I/O. */
#ifndef AGDB_EXEC_SAVEPOINTS_H
#define AGDB_EXEC_SAVEPOINTS_H

#include "agencydb/tx.h"
#include "pg/conn_tx.h"

enum { AGDB__SAVEPOINT_NAME = 64 }; /* with its end: what the server does not cut */

typedef struct agdb__savepoints {
    char (*name)[AGDB__SAVEPOINT_NAME]; /* in the order in which they were set */
    unsigned count;
    char *waiting[AGDB__TX_CONTROLS]; /* SQL, in order */
    unsigned nwaiting;
} agdb__savepoints_t;

/* Each returns AGDB_OK, INVAL (a bad name; not set), TOO_BIG, NOMEM, and changes nothing then. */
agdb_status_t agdb__savepoints_set(agdb__savepoints_t *all, const char *name,
                                   agdb_error_t **reterr);
agdb_status_t agdb__savepoints_go_back(agdb__savepoints_t *all, const char *name,
                                       agdb_error_t **reterr);
agdb_status_t agdb__savepoints_release(agdb__savepoints_t *all, const char *name,
                                       agdb_error_t **reterr);
/* What waited was sent. */
void agdb__savepoints_sent(agdb__savepoints_t *all);
/* As at the beginning; frees all. */
void agdb__savepoints_clear(agdb__savepoints_t *all);

#endif
