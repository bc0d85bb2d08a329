#include "exec/bulk_session.h"

#include "base/clock.h"
#include "exec/single.h"

/* The load is over: its caller does not wait long for this. */
enum { ASK_MS = 1000 };

/* The position of a write that does nothing lies behind all that was committed before. */
static bool ask(agdb__shard_t *shard, agdb_session_t *session)
{
    agdb_request_t request = AGDB_REQUEST_INIT;

    request.sql = "SELECT 1";
    request.session = session;
    request.timeout_ms = ASK_MS;
    request.idempotent = true;
    return agdb__single_run(shard, &request, agdb__now_us(), NULL, NULL) == AGDB_OK;
}

void agdb__bulk_tell_session(const agdb__bulk_in_t *b)
{
    agdb_session_t *session = b->options.session;
    size_t i;

    for (i = 0; session != NULL && i < b->target.nshards; i++) {
        const agdb__leg_t *leg = &b->legs[i];

        if (leg->unknown > 0 || (leg->committed > 0 && !ask(leg->shard, session)))
            agdb__session_doubt(session, leg->shard->id);
    }
}
