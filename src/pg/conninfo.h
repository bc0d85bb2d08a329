/* The keyword/value arrays for PQconnectStartParams, in which nothing is left to the environment.
 *
 * libpq fills every option that has no value, or an empty one, from PG* variables and from files in
 * the user's home. So each gets a neutral value that is not empty. What cannot be closed this way:
 *  - PGSERVICE: a service that is not found fails the connection; one that is found changes
 *    nothing, because everything has a value;
 *  - PGREQUIREPEER on sockets: it can only make the connection fail;
 *  - PGTZ, PGDATESTYLE: set right again after the login, see conn_hello.c; PGGEQO: left alone. */
#ifndef AGDB_PG_CONNINFO_H
#define AGDB_PG_CONNINFO_H

#include "base/buf.h"
#include "pg/login.h"

enum { AGDB__CONNINFO_MAX = 96 };

/* Sent instead of a password when there is none: an empty one would be looked up in PGPASSWORD. */
#define AGDB__NO_PASSWORD "(no password)"

typedef struct agdb__conninfo {
    const char *keyword[AGDB__CONNINFO_MAX + 1]; /* ends with NULL */
    const char *value[AGDB__CONNINFO_MAX + 1];
    size_t count;
    char port[8];
    char hosts[2]; /* see hostaddr in conninfo.c */
    agdb__buf_t host;
    agdb__buf_t options;
} agdb__conninfo_t;

/* `login`, `address` and `password` are borrowed by the arrays. Needs agdb__conninfo_fini in any
 * case. AGDB_E_CONNECT, AGDB_E_TLS, AGDB_E_NOMEM. */
agdb_status_t agdb__conninfo_build(agdb__conninfo_t *info, const agdb__login_t *login,
                                   const char *address, const char *password,
                                   agdb_error_t **reterr);
void agdb__conninfo_fini(agdb__conninfo_t *info);

/* Whether the libpq at run time has the option. */
bool agdb__conninfo_knows(const char *keyword);

#endif
