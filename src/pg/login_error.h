/* What a failed login means, from libpq's text: it gives no code. The text is asked for with
 * SQLSTATEs in it (PQERRORS_VERBOSE). Pure. */
#ifndef AGDB_PG_LOGIN_ERROR_H
#define AGDB_PG_LOGIN_ERROR_H

#include "agencydb/error.h"

/* AGDB_E_CONNECT, AUTH or TLS; stage CONNECT; SQLSTATE where there is one. `had_password`: one was
 * given, else the remedy is another. */
agdb_status_t agdb__login_error(const char *text, const char *where, bool had_password,
                                agdb_error_t **reterr);

#endif
