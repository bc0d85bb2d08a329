/* Everything that is needed to connect to one database of one server, and who it must be. Built
 * once from the map by the client; borrowed by its connections, which it outlives. */
#ifndef AGDB_PG_LOGIN_H
#define AGDB_PG_LOGIN_H

#include "agencydb/client.h"

/* What a server must say of itself before it may be used. */
typedef struct agdb__identity {
    const char *keyspace;
    const char *shard;
    uint32_t slots;
    bool required; /* false: a server without a stamp for this keyspace will do */
} agdb__identity_t;

typedef struct agdb__login {
    const char *node; /* name, for errors */
    const char *host; /* name, address or absolute socket directory */
    uint16_t port;
    const char *user;
    const char *dbname;
    const char *service;       /* application_name */
    const char *hello_comment; /* in front of the question for the role; NULL: none */
    const char *search_path;
    const char *const *keywords; /* further libpq options (sslmode, ...): noptions pairs */
    const char *const *values;
    size_t noptions;
    const char *password_file; /* at most one source is set; none: the callback, or no password */
    const char *password_env;
    const char *passfile;
    agdb_password_fn password;
    void *password_user;
    uint32_t connect_ms;            /* to establish a connection */
    uint32_t server_ms;             /* statement_timeout in read-only mode */
    bool comments;                  /* statements say who sends them (pg/comment.h) */
    bool pgbouncer;                 /* no prepared statements, no start-up options */
    const agdb__identity_t *expect; /* each must match the server's stamp for its keyspace */
    size_t nexpect;
} agdb__login_t;

#endif
