/* AGDB_ORDERED: a k-way merge of rows that each shard has ordered. That it has is looked at row by
 * row, because a wrong order would be silent. */
#include "base/alloc.h"
#include "base/error.h"
#include "exec/heap.h"
#include "exec/merge_impl.h"
#include "exec/sort.h"

/* --- the order of each leg ---------------------------------------------------------------------
 */

static agdb_status_t check_leg(const agdb_result_t *leg, const agdb__sort_key_t *keys, size_t nkeys,
                               agdb_error_t **reterr)
{
    const size_t rows = agdb__result_rows(leg);
    size_t i;

    for (i = 0; i < rows; i++) {
        const agdb__spot_t before = {leg, i - 1};
        const agdb__spot_t at = {leg, i};
        size_t key = agdb__order_unreadable(keys, nkeys, agdb__spot_cell, &at);

        if (key < nkeys)
            return agdb__sort_fail_unreadable(leg->pg, keys[key].column, reterr);
        if (i > 0 && agdb__order_rows(keys, nkeys, agdb__spot_cell, &before, &at, &key) > 0)
            return agdb__sort_fail_disorder(leg->pg, &keys[key], i, reterr);
    }
    return AGDB_OK;
}

/* --- the merge ---------------------------------------------------------------------------------
 */

/* The legs that have rows left, as a heap: the one with the least row is the first. */
typedef struct race {
    const agdb__sort_key_t *keys;
    size_t nkeys;
    agdb__spot_t *at; /* of each leg: its next row */
    uint32_t *heap;
    size_t count;
} race_t;

/* Equal rows come in the order of their shards. */
static bool is_before(const void *user, uint32_t a, uint32_t b)
{
    const race_t *r = user;
    const int order =
        agdb__order_rows(r->keys, r->nkeys, agdb__spot_cell, &r->at[a], &r->at[b], NULL);

    return order != 0 ? order < 0 : a < b;
}

static void start(race_t *r, const agdb__mix_t *mix)
{
    uint32_t i;

    for (i = 0; i < mix->nlegs; i++) {
        r->at[i] = (agdb__spot_t){mix->leg[i], 0};
        if (agdb__result_rows(mix->leg[i]) > 0)
            r->heap[r->count++] = i;
    }
    agdb__heap_make(r->heap, r->count, is_before, r);
}

static agdb__row_t take_first(race_t *r)
{
    const uint32_t leg = r->heap[0];
    const agdb__row_t row = {leg, (uint32_t)r->at[leg].row};

    if (++r->at[leg].row == agdb__result_rows(r->at[leg].leg))
        r->heap[0] = r->heap[--r->count];
    agdb__heap_settle(r->heap, r->count, is_before, r);
    return row;
}

static void run(race_t *r, const agdb__mix_t *mix, agdb__row_t *row, size_t count)
{
    uint64_t skip = mix->merge->offset;
    size_t i = 0;

    start(r, mix);
    while (i < count) {
        const agdb__row_t next = take_first(r);

        if (skip > 0)
            skip--;
        else
            row[i++] = next;
    }
}

static agdb_status_t prepare(const agdb__mix_t *mix, agdb__sort_key_t *keys, agdb_error_t **reterr)
{
    agdb_status_t st = agdb__sort_find(mix->merge, mix->first->pg, keys, reterr);
    size_t i;

    for (i = 0; i < mix->nlegs && st == AGDB_OK; i++) {
        st = check_leg(mix->leg[i], keys, mix->merge->norder, reterr);
        if (st != AGDB_OK)
            agdb__error_place(reterr, mix->leg[i]->shard, NULL);
    }
    return st;
}

agdb_status_t agdb__merge_ordered(const agdb__mix_t *mix, agdb__row_t **ret_row, size_t *ret_count,
                                  agdb_error_t **reterr)
{
    const size_t count = agdb__mix_window(mix, mix->total);
    agdb__sort_key_t *keys = agdb__calloc(mix->merge->norder, sizeof *keys);
    agdb__row_t *row = agdb__malloc((count + 1) * sizeof *row);
    race_t r = {.keys = keys,
                .nkeys = mix->merge->norder,
                .at = agdb__malloc(mix->nlegs * sizeof *r.at),
                .heap = agdb__malloc(mix->nlegs * sizeof *r.heap)};
    agdb_status_t st = AGDB_OK;

    if (keys == NULL || row == NULL || r.at == NULL || r.heap == NULL)
        st = agdb__fail_nomem(reterr);
    if (st == AGDB_OK)
        st = prepare(mix, keys, reterr);
    if (st == AGDB_OK) {
        run(&r, mix, row, count);
        *ret_row = row;
        *ret_count = count;
        row = NULL;
    }
    agdb__free(keys);
    agdb__free(row);
    agdb__free(r.at);
    agdb__free(r.heap);
    return st;
}
