#include "exec/session.h"

agdb__need_kind_t agdb__session_need(agdb_session_t *session, uint64_t shard, agdb__position_t *ret)
{
    agdb__need_kind_t kind;

    agdb__lock(&session->lock);
    kind = agdb__token_need(&session->token, shard, ret);
    agdb__unlock(&session->lock);
    return kind;
}

void agdb__session_wrote(agdb_session_t *session, uint64_t shard, const agdb__position_t *at)
{
    agdb__lock(&session->lock);
    if (at->lsn != 0)
        agdb__token_advance(&session->token, shard, at);
    else
        agdb__token_doubt(&session->token, shard);
    agdb__unlock(&session->lock);
}

void agdb__session_doubt(agdb_session_t *session, uint64_t shard)
{
    agdb__lock(&session->lock);
    agdb__token_doubt(&session->token, shard);
    agdb__unlock(&session->lock);
}
