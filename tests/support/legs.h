/* Many shards on one server of the cluster, each a database of its own: s0, s1, ... For what is
 * about several shards rather than servers. */
#ifndef AGDB_TESTS_LEGS_H
#define AGDB_TESTS_LEGS_H

#include "direct.h"

enum { LEGS_MAX = 12 };

/* Makes the databases that are missing. */
void legs_make(size_t count);
/* A client on so many of them; even ones are of region east, odd ones of west. They own equal parts
 * of the slots. `defaults` is a line of the map such as "pool: { max: 2 }". */
agdb_t *legs_open(size_t count, const char *defaults);
/* The same, with another port for one leg, and an allocator; waits for nothing. */
agdb_t *legs_open_moved(size_t count, const char *defaults, size_t leg, int port,
                        const agdb_allocator_t *allocator);
/* The database of a leg, directly. */
PGconn *legs_direct(size_t leg);
/* Statements on all of them. */
void legs_do(size_t count, const char *sql);

#endif
