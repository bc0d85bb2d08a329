/* Counters for the life of a client. Maps come and go, and with them shards and pools; what was
 * counted of one goes on when the next has the same name, so that a counter never goes back. */
#ifndef AGDB_CLIENT_BOOKS_H
#define AGDB_CLIENT_BOOKS_H

#include "base/sync.h"
#include "exec/tally.h"
#include "pool/tally.h"

/* All names are names for the client's life (client/names.h): equal ones are the same pointer. */
typedef struct agdb__node_account {
    struct agdb__node_account *next;
    const char *name;
    agdb__node_tally_t tally;
} agdb__node_account_t;

typedef struct agdb__shard_account {
    struct agdb__shard_account *next;
    const char *keyspace;
    const char *shard;
    agdb__shard_tally_t tally;
    _Atomic(agdb__node_account_t *) nodes;
} agdb__shard_account_t;

typedef struct agdb__pool_account {
    struct agdb__pool_account *next;
    const char *node;
    const char *dbname;
    const char *user;
    agdb__pool_tally_t tally;
} agdb__pool_account_t;

/* Lists that only grow, at their heads: who reads them needs no lock. */
typedef struct agdb__books {
    _Atomic(agdb__shard_account_t *) shards;
    _Atomic(agdb__pool_account_t *) pools;
    agdb__ranks_t *agencies;
    agdb__ranks_t *tags;
    agdb__advice_t *advice;
    atomic_ullong reloads;
    atomic_ullong refusals;
    atomic_bool refused; /* the last map that was offered */
} agdb__books_t;

/* False: no memory. */
bool agdb__books_init(agdb__books_t *books);
void agdb__books_fini(agdb__books_t *books);

/* A map was offered: it is in use, or (false) was refused. @threads any */
void agdb__books_offered(agdb__books_t *books, bool taken);

/* The account of that name, an old one or a new one; NULL: no memory. The keeper's. */
agdb__shard_account_t *agdb__books_shard(agdb__books_t *books, const char *keyspace,
                                         const char *shard);
agdb__node_tally_t *agdb__books_node(agdb__shard_account_t *account, const char *node);
agdb__pool_tally_t *agdb__books_pool(agdb__books_t *books, const char *node, const char *dbname,
                                     const char *user);

#endif
