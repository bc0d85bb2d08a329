/* A server asked directly, past the library: what tests set up, and compare with. */
#ifndef AGDB_TESTS_DIRECT_H
#define AGDB_TESTS_DIRECT_H

#include "agencydb/base.h"
#include "cluster.h"

#include <libpq-fe.h>

/* Of the application's role. All of these fail the test when something does not succeed. */
PGconn *direct_open(const cluster_node_t *node);
/* The same in another database. */
PGconn *direct_open_database(const cluster_node_t *node, const char *database);
/* Of the superuser. */
PGconn *direct_open_admin(const cluster_node_t *node);

/* Statements, several with semicolons between them. */
void direct_do(PGconn *pg, const char *format, ...) AGDB_PRINTF(2, 3);

/* The first value of the (last) statement: as a copy, "" when there is none; as a number. */
char *direct_text(PGconn *pg, const char *format, ...) AGDB_PRINTF(2, 3);
long long direct_number(PGconn *pg, const char *format, ...) AGDB_PRINTF(2, 3);

/* Gives the first column of each row as a number to `take`; memory does not grow with the rows. */
void direct_stream(PGconn *pg, const char *sql, void (*take)(void *user, long long value),
                   void *user);

/* Whether the application's new sessions wait for their commits to be on disk. */
void direct_set_durable(PGconn *pg, bool durable);

#endif
