/* The prepared statements that one backend knows, by SQL text, comment and parameter types, the
 * least recently used one going first. (Parameter formats travel with each execution and results
 * are always text, so formats are no part of the key.) Pure: no I/O. */
#ifndef AGDB_PG_STMT_CACHE_H
#define AGDB_PG_STMT_CACHE_H

#include "pg/statement.h"

enum {
    AGDB__STMT_MAX = 256,           /* per connection */
    AGDB__STMT_SQL_MAX = 64 * 1024, /* longer texts are not kept */
    AGDB__STMT_NAME_SIZE = 32
};

/* What makes a statement the same one. Borrows all that it points to. */
typedef struct agdb__stmt_key {
    const char *sql;
    size_t sql_len;
    uint64_t sql_hash;     /* agdb__statement_hash of the text; 0: not computed yet */
    const unsigned *types; /* nparams of them */
    int nparams;
    const char *tag; /* in its comment; NULL: it has none */
} agdb__stmt_key_t;

typedef struct agdb__stmt {
    char name[AGDB__STMT_NAME_SIZE]; /* on the server; never used twice on a connection */
    uint64_t number;                 /* in its name */
    uint64_t hash;                   /* of the whole key */
    char *sql;
    size_t sql_len;
    unsigned *types; /* nparams of them */
    int nparams;
    char *tag;
    agdb__statement_class_t kind;
    struct agdb__stmt *chain; /* same bucket */
    struct agdb__stmt *newer; /* order of use */
    struct agdb__stmt *older;
} agdb__stmt_t;

typedef struct agdb__stmt_cache {
    agdb__stmt_t *bucket[AGDB__STMT_MAX];
    agdb__stmt_t *newest;
    agdb__stmt_t *oldest;
    size_t count;
    size_t max;
    uint64_t last_name;
} agdb__stmt_cache_t;

void agdb__stmt_cache_init(agdb__stmt_cache_t *cache, size_t max);
void agdb__stmt_cache_fini(agdb__stmt_cache_t *cache);

/* The statement, made the newest; NULL when it is not known. */
agdb__stmt_t *agdb__stmt_find(agdb__stmt_cache_t *cache, const agdb__stmt_key_t *key);
/* Whether this is the statement of that key. */
bool agdb__stmt_is(const agdb__stmt_t *stmt, const agdb__stmt_key_t *key);
/* A statement with a fresh name that is not in the cache yet. NULL: no memory. */
agdb__stmt_t *agdb__stmt_new(agdb__stmt_cache_t *cache, const agdb__stmt_key_t *key,
                             agdb__statement_class_t kind);
/* The name that goes with a number. */
void agdb__stmt_name(uint64_t number, char name[AGDB__STMT_NAME_SIZE]);
/* The server knows it now. Returns the statement that had to make room (owned by the caller, out
 * of the cache), or NULL. */
agdb__stmt_t *agdb__stmt_add(agdb__stmt_cache_t *cache, agdb__stmt_t *take_stmt);
/* Takes it out of the cache; owned by the caller then. */
void agdb__stmt_remove(agdb__stmt_cache_t *cache, agdb__stmt_t *stmt);
void agdb__stmt_free(agdb__stmt_t *stmt);

#endif
