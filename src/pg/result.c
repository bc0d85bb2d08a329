#include "pg/result.h"

#include "base/alloc.h"
#include "base/error.h"
#include "pg/decode.h"

#include <libpq-fe.h>

static agdb_result_t *new_result(struct pg_result *pg, const char *shard, const char *node)
{
    const size_t shard_size = strlen(shard) + 1;
    const size_t node_size = strlen(node) + 1;
    agdb_result_t *res = agdb__malloc(sizeof *res + shard_size + node_size);
    char *names;

    if (res == NULL)
        return NULL;
    *res = (agdb_result_t){.pg = pg};
    names = (char *)(res + 1);
    memcpy(names, shard, shard_size);
    memcpy(names + shard_size, node, node_size);
    res->shard = names;
    res->node = names + shard_size;
    res->timing.struct_size = sizeof res->timing;
    return res;
}

agdb_result_t *agdb__result_new(struct pg_result *take_pg, const char *shard, const char *node)
{
    agdb_result_t *res = new_result(take_pg, shard, node);

    if (res == NULL)
        PQclear(take_pg);
    return res;
}

static void free_merged(agdb__merged_t *merged)
{
    size_t i;

    for (i = 0; i < merged->nlegs; i++)
        agdb__result_free(merged->leg[i]);
    for (i = 0; i < merged->nfailures; i++)
        agdb__error_free(merged->failure[i]);
    PQclear(merged->combined);
    agdb__free(merged->leg);
    agdb__free(merged->row);
    agdb__free(merged->failure);
    agdb__free(merged);
}

void agdb__result_free(agdb_result_t *res)
{
    if (res == NULL)
        return;
    if (res->merged != NULL)
        free_merged(res->merged);
    else
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

/* --- several shards ----------------------------------------------------------------------------
 */

/* What the slowest leg took is what the caller has waited. */
static void add_leg(agdb_result_t *res, const agdb_result_t *leg)
{
    res->merged->affected += agdb__result_affected(leg);
    res->replayed = res->replayed || leg->replayed;
    if (leg->role != AGDB_ROLE_PRIMARY)
        res->role = leg->role;
    if (leg->timing.total_us >= res->timing.total_us)
        res->timing = leg->timing;
}

/* A write that had happened before has no columns. */
static struct pg_result *columns_of(agdb_result_t *const *legs, size_t nlegs)
{
    size_t i;

    for (i = 0; i < nlegs; i++)
        if (PQnfields(legs[i]->pg) > 0)
            return legs[i]->pg;
    return legs[0]->pg;
}

/* The rows of a combined result are its own: those of its legs are not kept. */
static void drop_rows(agdb__merged_t *merged)
{
    size_t i;

    for (i = 0; i < merged->nlegs; i++) {
        PQclear(merged->leg[i]->pg);
        merged->leg[i]->pg = NULL;
    }
}

agdb_result_t *agdb__result_merge(agdb_result_t *const *legs, size_t nlegs, agdb__row_t *take_row,
                                  size_t nrows, struct pg_result *take_combined)
{
    agdb_result_t *res = new_result(columns_of(legs, nlegs), "", "");
    agdb__merged_t *merged = agdb__calloc(1, sizeof *merged);
    agdb_result_t **copy = agdb__malloc(nlegs * sizeof *copy);
    size_t i;

    if (res == NULL || merged == NULL || copy == NULL) {
        agdb__free(res);
        agdb__free(merged);
        agdb__free(copy);
        return NULL;
    }
    memcpy(copy, legs, nlegs * sizeof *copy);
    *merged = (agdb__merged_t){.leg = copy, .nlegs = nlegs, .row = take_row, .nrows = nrows};
    res->merged = merged;
    res->role = AGDB_ROLE_PRIMARY;
    for (i = 0; i < nlegs; i++)
        add_leg(res, legs[i]);
    if (take_combined != NULL) {
        drop_rows(merged);
        merged->combined = take_combined;
        res->pg = take_combined;
    }
    return res;
}

bool agdb__result_lack(agdb_result_t *res, const agdb_error_t *const *errors, size_t count)
{
    agdb__merged_t *merged = res->merged;
    size_t i;

    merged->failure = agdb__calloc(count, sizeof *merged->failure);
    if (merged->failure == NULL)
        return false;
    for (i = 0; i < count; i++)
        merged->failure[i] = agdb__error_dup(errors[i]);
    merged->nfailures = count;
    return true;
}

/* --- reading a leg -----------------------------------------------------------------------------
 */

size_t agdb__result_rows(const agdb_result_t *leg)
{
    return (size_t)PQntuples(leg->pg);
}

size_t agdb__result_cols(const agdb_result_t *leg)
{
    return (size_t)PQnfields(leg->pg);
}

const char *agdb__result_name(const agdb_result_t *leg, size_t col)
{
    return PQfname(leg->pg, (int)col);
}

uint32_t agdb__result_oid(const agdb_result_t *leg, size_t col)
{
    return PQftype(leg->pg, (int)col);
}

size_t agdb__result_bytes(const agdb_result_t *leg)
{
    return PQresultMemorySize(leg->pg);
}

uint64_t agdb__result_affected(const agdb_result_t *leg)
{
    uint64_t count = 0;

    return agdb__decode_uint64(PQcmdTuples(leg->pg), &count) ? count : 0;
}

const char *agdb__result_value(const agdb_result_t *leg, size_t row, size_t col, size_t *ret_len)
{
    if (PQgetisnull(leg->pg, (int)row, (int)col) != 0)
        return NULL;
    *ret_len = (size_t)PQgetlength(leg->pg, (int)row, (int)col);
    return PQgetvalue(leg->pg, (int)row, (int)col);
}

/* --- making rows -------------------------------------------------------------------------------
 */

struct pg_result *agdb__rows_new(const agdb_result_t *like, const uint32_t *oids)
{
    const int cols = PQnfields(like->pg);
    PGresult *rows = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc *desc = agdb__calloc((size_t)cols + 1, sizeof *desc);
    bool made = rows != NULL && desc != NULL;
    int i;

    for (i = 0; made && i < cols; i++) {
        const bool same = PQftype(like->pg, i) == oids[i];

        desc[i] = (PGresAttDesc){.name = PQfname(like->pg, i),
                                 .typid = oids[i],
                                 .typlen = same ? PQfsize(like->pg, i) : -1,
                                 .atttypmod = same ? PQfmod(like->pg, i) : -1};
    }
    made = made && PQsetResultAttrs(rows, cols, desc) != 0;
    agdb__free(desc);
    if (made)
        return rows;
    PQclear(rows);
    return NULL;
}

/* libpq copies what it takes as not const. */
bool agdb__rows_put(struct pg_result *rows, size_t row, size_t col, const char *text, size_t len)
{
    union {
        const char *theirs;
        char *libpq;
    } value = {.theirs = text};

    return PQsetvalue(rows, (int)row, (int)col, value.libpq, text != NULL ? (int)len : -1) != 0;
}
