/* agencydb/session.h */
#include "exec/session.h"

#include "base/alloc.h"
#include "base/error.h"

agdb_status_t agdb_session_new(agdb_session_t **ret, agdb_error_t **reterr)
{
    agdb_session_t *session;

    if (ret == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_session_new needs a place for the session");
    session = agdb__calloc(1, sizeof *session);
    if (session == NULL || !agdb__mutex_init(&session->lock)) {
        agdb__free(session);
        return agdb__fail_nomem(reterr);
    }
    *ret = session;
    return AGDB_OK;
}

void agdb_session_free(agdb_session_t *session)
{
    if (session == NULL)
        return;
    agdb__mutex_fini(&session->lock);
    agdb__free(session);
}

size_t agdb_session_text(agdb_session_t *session, char *buf, size_t size)
{
    size_t len;

    agdb__lock(&session->lock);
    len = agdb__token_format(&session->token, buf, size);
    agdb__unlock(&session->lock);
    return len;
}

agdb_status_t agdb_session_merge(agdb_session_t *session, const char *text, size_t len,
                                 agdb_error_t **reterr)
{
    agdb__token_t other;

    if (session == NULL || text == NULL)
        return agdb__fail(reterr, AGDB_E_MISUSE, "agdb_session_merge needs a session and a text");
    if (len >= AGDB_SESSION_TEXT_MAX || !agdb__token_parse(text, len, &other))
        return agdb__fail(reterr, AGDB_E_INVAL, "the text is not a session's");
    agdb__lock(&session->lock);
    agdb__token_merge(&session->token, &other);
    agdb__unlock(&session->lock);
    return AGDB_OK;
}
