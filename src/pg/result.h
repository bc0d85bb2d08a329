/* agdb_result_t: a PGresult and where it came from, in one block. */
#ifndef AGDB_PG_RESULT_H
#define AGDB_PG_RESULT_H

#include "agencydb/result.h"

struct pg_result;

struct agdb_result {
    struct pg_result *pg;
    const char *shard; /* behind the struct */
    const char *node;
    agdb_role_t role;
    bool replayed;
    agdb_timing_t timing;
};

/* Takes `pg` also on failure. NULL: no memory. */
agdb_result_t *agdb__result_new(struct pg_result *take_pg, const char *shard, const char *node);
void agdb__result_free(agdb_result_t *res);
/* A statement's answer without rows and tag. NULL: no memory. */
struct pg_result *agdb__rows_none(void);
/* For rows that become no result. NULL is fine. */
void agdb__rows_free(struct pg_result *take_rows);

#endif
