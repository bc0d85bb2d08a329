/* Where passwords come from: a file, an environment variable, a file in libpq's .pgpass format.
 * Read anew for every connection, so that rotation works. Files may hang (network file systems):
 * called on helper threads only. Messages name the file, never its content. */
#ifndef AGDB_PG_SECRET_H
#define AGDB_PG_SECRET_H

#include "agencydb/error.h"

enum { AGDB__SECRET_MAX = 8192 };

/* Each writes a NUL-terminated password into `buf` of AGDB__SECRET_MAX bytes; AGDB_E_AUTH. */
agdb_status_t agdb__secret_from_file(const char *path, char *buf, agdb_error_t **reterr);
agdb_status_t agdb__secret_from_env(const char *name, char *buf, agdb_error_t **reterr);
/* The first line that matches gives the password. The mode must be 0600 or stricter: libpq would
 * skip a file with another one and print a warning to stderr, so it is read here. `host` is
 * compared as the map has it, a socket's folder too. */
agdb_status_t agdb__secret_from_passfile(const char *path, const char *host, unsigned port,
                                         const char *dbname, const char *user, char *buf,
                                         agdb_error_t **reterr);

#endif
