#include "pg/result.h"

#include "base/alloc.h"

#include <libpq-fe.h>

agdb_result_t *agdb__result_new(struct pg_result *take_pg, const char *shard, const char *node)
{
    const size_t shard_size = strlen(shard) + 1;
    const size_t node_size = strlen(node) + 1;
    agdb_result_t *res = agdb__malloc(sizeof *res + shard_size + node_size);
    char *names;

    if (res == NULL) {
        PQclear(take_pg);
        return NULL;
    }
    *res = (agdb_result_t){.pg = take_pg};
    names = (char *)(res + 1);
    memcpy(names, shard, shard_size);
    memcpy(names + shard_size, node, node_size);
    res->shard = names;
    res->node = names + shard_size;
    res->timing.struct_size = sizeof res->timing;
    return res;
}

void agdb__result_free(agdb_result_t *res)
{
    if (res == NULL)
        return;
    PQclear(res->pg);
    agdb__free(res);
}

PGresult *agdb__rows_none(void)
{
    return PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
}

void agdb__rows_free(PGresult *take_rows)
{
    PQclear(take_rows);
}
