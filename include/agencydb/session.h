/* Read your own writes: a session remembers, for each shard, the place in the server's log behind
 * its last write. Reads with AGDB_READ_SESSION are answered by a replica only when it has replayed
 * that place, else by the primary.
 *
 *     agdb_session_t *session = NULL;
 *     agdb_session_new(&session, &err);
 *     agdb_query(db, AGDB_REQUEST(.key = k, .sql = "INSERT ...", .session = session), ...);
 *     agdb_query(db, AGDB_REQUEST(.key = k, .sql = "SELECT ...", .access = AGDB_READ_SESSION,
 *                                 .session = session), ...);          // sees the row
 *
 * The text form takes it along to another process: in a cookie, a header, a message. */
#ifndef AGENCYDB_SESSION_H
#define AGENCYDB_SESSION_H

#include "agencydb/base.h"
#include "agencydb/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* @threads any */
typedef struct agdb_session agdb_session_t;

/* Room that the text form needs at most, the NUL included. */
#define AGDB_SESSION_TEXT_MAX 4096

/* @param ret     set on success: a session that has written nothing; free with agdb_session_free
 * @param reterr  may be NULL
 * @return AGDB_OK, AGDB_E_NOMEM, AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_session_new(agdb_session_t **ret, agdb_error_t **reterr);

/* @param session  NULL is fine; no request uses it any more
 * @threads one */
AGDB_API void agdb_session_free(agdb_session_t *session);

/* The text form: printable ASCII without spaces, quotes, commas or names. It holds no secret, but
 * tells how far a shard's log has come.
 * @param session  not NULL
 * @param buf      receives the text and a NUL; may be NULL when size is 0
 * @param size     room in buf; AGDB_SESSION_TEXT_MAX is always enough
 * @return the text's length without the NUL; what did not fit was cut off
 * @threads any */
AGDB_API size_t agdb_session_text(agdb_session_t *session, char *buf, size_t size);

/* Makes the session see what the other one has written, too. The text may come from anywhere: what
 * is no token is refused, and a made-up one harms nobody but its bearer.
 * @param session  not NULL
 * @param text     of agdb_session_text, of any process
 * @param len      bytes
 * @param reterr   may be NULL
 * @return AGDB_OK, AGDB_E_INVAL (it is no token: the session is as before), AGDB_E_MISUSE
 * @threads any */
AGDB_API AGDB_CHECKED agdb_status_t agdb_session_merge(agdb_session_t *session, const char *text,
                                                       size_t len, agdb_error_t **reterr);

#ifdef __cplusplus
}
#endif
#endif
