#include "exec/ranks.h"

#include "base/alloc.h"
#include "base/gate.h"
#include "map/hash.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { WAYS = 4 };

typedef struct place {
    uint64_t hash; /* 0: empty */
    uint64_t calls;
    uint64_t us;
    uint32_t strength; /* calls, less those that found no place */
    uint16_t len;
    char name[AGDB__RANK_NAME];
} place_t;

typedef struct row {
    atomic_flag busy;
    place_t place[WAYS];
} row_t;

struct agdb__ranks {
    unsigned rows;
    row_t row[];
};

agdb__ranks_t *agdb__ranks_new(unsigned rows)
{
    agdb__ranks_t *ranks = agdb__calloc(1, sizeof *ranks + rows * sizeof ranks->row[0]);
    unsigned i;

    if (ranks == NULL)
        return NULL;
    ranks->rows = rows;
    for (i = 0; i < rows; i++)
        atomic_flag_clear(&ranks->row[i].busy);
    return ranks;
}

void agdb__ranks_free(agdb__ranks_t *ranks)
{
    agdb__free(ranks);
}

static bool enter(row_t *row)
{
    return !atomic_flag_test_and_set_explicit(&row->busy, memory_order_acquire);
}

static void leave(row_t *row)
{
    atomic_flag_clear_explicit(&row->busy, memory_order_release);
}

/* The name's own place, an empty one, or the weakest, one weaker. NULL: that is still too strong.
 */
static place_t *place_for(row_t *row, uint64_t hash)
{
    place_t *weakest = &row->place[0];
    unsigned i;

    for (i = 0; i < WAYS; i++) {
        if (row->place[i].hash == hash)
            return &row->place[i];
        if (row->place[i].strength < weakest->strength)
            weakest = &row->place[i];
    }
    if (weakest->hash != 0 && --weakest->strength > 0)
        return NULL;
    return weakest;
}

static void settle(place_t *place, uint64_t hash, const void *name, size_t len)
{
    *place = (place_t){.hash = hash, .len = (uint16_t)(len < UINT16_MAX ? len : UINT16_MAX)};
    memcpy(place->name, name, len < AGDB__RANK_NAME ? len : AGDB__RANK_NAME);
}

void agdb__ranks_note(agdb__ranks_t *ranks, const void *name, size_t len, unsigned calls,
                      uint64_t us)
{
    const uint64_t hash = agdb__hash_key(name, len) | 1; /* never 0 */
    row_t *row = &ranks->row[(hash >> 32) & (ranks->rows - 1)];
    place_t *place;

    if (!enter(row))
        return;
    place = place_for(row, hash);
    if (place != NULL) {
        if (place->hash != hash)
            settle(place, hash, name, len);
        place->calls += calls;
        place->us += us;
        if (place->strength <= UINT32_MAX - calls)
            place->strength += calls;
    }
    leave(row);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int by_calls(const void *a, const void *b)
{
    const agdb__rank_t *x = a;
    const agdb__rank_t *y = b;

    return x->calls != y->calls ? (x->calls < y->calls ? 1 : -1) : strcmp(x->name, y->name);
}

static int by_time(const void *a, const void *b)
{
    const agdb__rank_t *x = a;
    const agdb__rank_t *y = b;

    return x->us != y->us ? (x->us < y->us ? 1 : -1) : strcmp(x->name, y->name);
}

static size_t copy_row(row_t *row, agdb__rank_t *ret)
{
    size_t n = 0;
    unsigned i;

    while (!enter(row))
        continue; /* held for a few instructions */
    for (i = 0; i < WAYS; i++) {
        const place_t *p = &row->place[i];
        const size_t len = p->len < AGDB__RANK_NAME ? p->len : AGDB__RANK_NAME;

        if (p->hash == 0)
            continue;
        ret[n] = (agdb__rank_t){.len = p->len, .hash = p->hash, .calls = p->calls, .us = p->us};
        memcpy(ret[n++].name, p->name, len);
    }
    leave(row);
    return n;
}

size_t agdb__ranks_top(agdb__ranks_t *ranks, agdb__rank_t *ret, size_t max)
{
    agdb__rank_t *all = agdb__malloc((size_t)ranks->rows * WAYS * sizeof *all);
    size_t count = 0;
    size_t n;
    unsigned i;

    if (all == NULL)
        return SIZE_MAX;
    for (i = 0; i < ranks->rows; i++)
        count += copy_row(&ranks->row[i], all + count);
    qsort(all, count, sizeof *all, by_calls);
    n = count < max ? count : max;
    memcpy(ret, all, n * sizeof *ret);
    qsort(all + n, count - n, sizeof *all, by_time);
    count = count - n < max ? count - n : max;
    memcpy(ret + n, all + n, count * sizeof *ret);
    agdb__free(all);
    return n + count;
}
