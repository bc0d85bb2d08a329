#include "exec/batch.h"

#include "base/alloc.h"

enum { FIRST_ROOM = 256 };

bool agdb__batch_init(agdb__batch_t *batch, size_t nparts)
{
    *batch = (agdb__batch_t){.part = agdb__calloc(nparts, sizeof *batch->part), .nparts = nparts};
    return batch->part != NULL;
}

void agdb__batch_fini(agdb__batch_t *batch)
{
    size_t i;

    for (i = 0; batch->part != NULL && i < batch->nparts; i++)
        agdb__rows_free(batch->part[i]);
    agdb__free(batch->part);
    agdb__free(batch->row);
    *batch = (agdb__batch_t){.part = NULL};
}

bool agdb__batch_is_full(const agdb__batch_t *batch, const struct pg_result *row,
                         uint64_t max_bytes)
{
    return batch->nrows > 0 && batch->bytes + agdb__rows_cost(row) > max_bytes;
}

static bool grow(agdb__batch_t *batch)
{
    const size_t room = batch->room != 0 ? batch->room * 2 : FIRST_ROOM;
    agdb__row_t *grown;

    if (batch->nrows < batch->room)
        return true;
    grown = agdb__realloc(batch->row, room * sizeof *grown);
    if (grown == NULL)
        return false;
    batch->row = grown;
    batch->room = room;
    return true;
}

bool agdb__batch_add(agdb__batch_t *batch, size_t part, const struct pg_result *row)
{
    struct pg_result **rows = &batch->part[part];
    uint64_t before;

    if (batch->nparts > 1 && !grow(batch))
        return false;
    before = *rows != NULL ? agdb__rows_bytes(*rows) : 0;
    if (*rows == NULL)
        *rows = agdb__rows_like(row);
    if (*rows == NULL)
        return false;
    if (batch->nparts > 1)
        batch->row[batch->nrows] = (agdb__row_t){(uint32_t)part, (uint32_t)agdb__rows_count(*rows)};
    if (!agdb__rows_add(*rows, row))
        return false;
    batch->bytes += agdb__rows_bytes(*rows) - before;
    batch->nrows++;
    return true;
}

/* --- the result --------------------------------------------------------------------------------
 */

static agdb_result_t *part_result(agdb__batch_t *batch, size_t part, const agdb__origin_t *origin)
{
    agdb_result_t *res = agdb__result_new(batch->part[part], origin->shard, origin->node);

    batch->part[part] = NULL;
    if (res == NULL)
        return NULL;
    res->role = origin->role;
    res->timing = origin->timing;
    return res;
}

/* From the numbers of parts to those of legs, which only those with rows are. */
static void renumber(agdb__batch_t *batch, const uint32_t *leg_of)
{
    size_t i;

    for (i = 0; i < batch->nrows; i++)
        batch->row[i].leg = leg_of[batch->row[i].leg];
}

static agdb_result_t *merge(agdb__batch_t *batch, agdb_result_t **leg, uint32_t *leg_of,
                            const agdb__origin_t *origin)
{
    agdb_result_t *res = NULL;
    size_t nlegs = 0;
    size_t i;

    for (i = 0; i < batch->nparts; i++) {
        if (batch->part[i] == NULL)
            continue;
        leg_of[i] = (uint32_t)nlegs;
        leg[nlegs] = part_result(batch, i, &origin[i]);
        if (leg[nlegs] == NULL)
            goto out;
        nlegs++;
    }
    renumber(batch, leg_of);
    res = agdb__result_merge(leg, nlegs, batch->row, batch->nrows, NULL);
out:
    if (res != NULL)
        batch->row = NULL;
    else
        while (nlegs > 0)
            agdb__result_free(leg[--nlegs]);
    return res;
}

static size_t only_part(const agdb__batch_t *batch)
{
    size_t only = batch->nparts;
    size_t i;

    for (i = 0; i < batch->nparts; i++)
        if (batch->part[i] != NULL && only != batch->nparts)
            return batch->nparts;
        else if (batch->part[i] != NULL)
            only = i;
    return only;
}

agdb_result_t *agdb__batch_result(agdb__batch_t *batch, const agdb__origin_t *origin)
{
    const size_t only = only_part(batch);
    agdb_result_t *res = NULL;
    agdb_result_t **leg;
    uint32_t *leg_of;

    if (only < batch->nparts)
        return part_result(batch, only, &origin[only]);
    leg = agdb__calloc(batch->nparts, sizeof *leg);
    leg_of = agdb__calloc(batch->nparts, sizeof *leg_of);
    if (leg != NULL && leg_of != NULL)
        res = merge(batch, leg, leg_of, origin);
    agdb__free(leg);
    agdb__free(leg_of);
    return res;
}
