#include "pg/libpq_optional.h"

#include <libpq-fe.h>
#include <stddef.h>
#include <stdio.h>

/* Declared here as libpq 17 declares them; its own declarations are compatible with these. */
#ifndef LIBPQ_HAS_SEND_PIPELINE_SYNC
extern int PQsendPipelineSync(PGconn *conn);
#endif
#ifndef LIBPQ_HAS_CLOSE_PREPARED
extern int PQsendClosePrepared(PGconn *conn, const char *stmt);
#endif

#pragma weak PQsendPipelineSync
#pragma weak PQsendClosePrepared

bool agdb__pq_has_send_pipeline_sync(void)
{
    return PQsendPipelineSync != NULL;
}

bool agdb__pq_has_send_close_prepared(void)
{
    return PQsendClosePrepared != NULL;
}

int agdb__pq_queue_sync(PGconn *pg)
{
    return PQsendPipelineSync != NULL ? PQsendPipelineSync(pg) : PQpipelineSync(pg);
}

int agdb__pq_queue_close(PGconn *pg, const char *name)
{
    char sql[64];

    if (PQsendClosePrepared != NULL)
        return PQsendClosePrepared(pg, name);
    snprintf(sql, sizeof sql, "DEALLOCATE %s", name); /* names are ours: agdb_NUMBER */
    return PQsendQueryParams(pg, sql, 0, NULL, NULL, NULL, NULL, 0);
}
