/* What is run on a connection, and what its text says about sharing a connection. */
#ifndef AGDB_PG_STATEMENT_H
#define AGDB_PG_STATEMENT_H

#include "agencydb/request.h"
#include "base/position.h"
#include "pg/text_hash.h"

/* Makes a write happen once, however often it is run: its key is inserted first, in the same
 * transaction. */
typedef struct agdb__once {
    const void *agency; /* whose key it is */
    size_t agency_len;
    const char *key;      /* NULL: no such thing */
    uint64_t fingerprint; /* of statement and parameters: a key that is used for another one is a
                             mistake */
} agdb__once_t;

typedef struct agdb__statement {
    const char *sql;
    const agdb_value_t *params;
    size_t nparams;
    bool read_only;      /* run it where writes are refused by the server */
    uint64_t max_rows;   /* 0: no limit */
    uint64_t max_bytes;  /* never 0; of memory that libpq holds for the rows */
    bool wants_position; /* a write: tell where in the log it ended (agdb__conn_position) */
    /* A read: only if the server has replayed this much, or is a primary; lsn 0: in any case. The
     * timeline must be the server's, which is the caller's business. */
    agdb__position_t at_least;
    agdb__once_t once; /* a write */
    bool streamed;     /* a read: its rows are taken one by one (agdb__conn_take_row), each of
                          max_bytes at most, in any number; run it alone */
    const char *tag;   /* of the call site, for a comment; NULL: none */
    uint64_t hash;     /* of sql, by agdb__statement_hash; 0: compute it where it is needed */
} agdb__statement_t;

/* Once per call, for all that look the text up. Never 0. */
static inline uint64_t agdb__statement_hash(const char *sql, size_t len)
{
    const uint64_t h = agdb__text_hash(0, sql, len);

    return h != 0 ? h : 1;
}

/* A transaction of more than the statement has no place in a group. */
static inline bool agdb__statement_is_solo(const agdb__statement_t *statement)
{
    return statement->once.key != NULL;
}

/* Decided from the first keyword and known function names; never used to guess reads or writes. */
typedef enum agdb__statement_class {
    AGDB__ST_PLAIN = 0, /* leaves no session state; may ride with others */
    AGDB__ST_ALONE,   /* leaves no session state, but wants a connection to itself (DDL, VACUUM) */
    AGDB__ST_SESSION, /* may leave session state (SET, set_config, advisory locks, temp tables,
                         DO, CALL, PREPARE, DISCARD, LOAD, ...): its connection is closed afterwards
                       */
    AGDB__ST_REFUSED  /* transaction control, COPY, LISTEN, ...: has no place in a request */
} agdb__statement_class_t;

agdb__statement_class_t agdb__statement_classify(const char *sql);
/* Of class SESSION: why it has no place in a transaction; NULL: it has. */
const char *agdb__statement_refusal_in_tx(const char *sql, bool read_only);
/* Why a refused statement is refused and what to use instead; static text. */
const char *agdb__statement_refusal(const char *sql);

#endif
