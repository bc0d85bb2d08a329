/* A token that several threads use. */
#ifndef AGDB_EXEC_SESSION_H
#define AGDB_EXEC_SESSION_H

#include "agencydb/session.h"
#include "base/sync.h"
#include "exec/token.h"

struct agdb_session {
    agdb__mutex_t lock;
    agdb__token_t token;
};

/* As agdb__token_*. @threads any */
agdb__need_kind_t agdb__session_need(agdb_session_t *session, uint64_t shard,
                                     agdb__position_t *ret);
/* `at->lsn` 0: the write was confirmed, but not where. */
void agdb__session_wrote(agdb_session_t *session, uint64_t shard, const agdb__position_t *at);
void agdb__session_doubt(agdb_session_t *session, uint64_t shard);

#endif
