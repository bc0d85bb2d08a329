#include "map/load_impl.h"

#include "map/ranges.h"

#include <stdio.h>
#include <stdlib.h>

/* Every slot of a keyspace has exactly one owner. The ranges are sorted and walked once: work
 * grows with their number, not with slots x ranges. */

typedef struct range {
    uint32_t first;
    uint32_t last;
    uint32_t shard;
    const agdb__tree_t *at;
} range_t;

typedef struct ranges {
    range_t *item;
    size_t count;
    bool broken; /* a range could not be read: gaps would be its echo */
} ranges_t;

static bool read_range(agdb__load_t *l, agdb__tree_t *node, range_t *ret)
{
    if (!agdb__value_text(l, node, "slots", 1, SIZE_MAX))
        return false;
    if (!agdb__range_parse(node->value, node->value_len, &ret->first, &ret->last)) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "slots: %s is neither a slot nor a range such as 0-1023",
                         AGDB__SHOWN(node));
        return false;
    }
    if (ret->first > ret->last) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "slots: %s runs backwards: write the lower end first", AGDB__SHOWN(node));
        return false;
    }
    if (ret->last >= l->map->slots) {
        agdb__diag_error(l->diag, node->line, node->column,
                         "slots: %s is out of range: the map has slots 0 to %u", AGDB__SHOWN(node),
                         l->map->slots - 1);
        return false;
    }
    ret->at = node;
    return true;
}

static void read_shard_slots(agdb__load_t *l, const agdb__tree_t *key, uint32_t shard, bool alone,
                             ranges_t *ranges)
{
    const agdb__tree_t *slots_key = key->of != NULL && key->of->kind == AGDB__TREE_MAPPING
                                        ? agdb__tree_key(key->of, "slots")
                                        : NULL;
    agdb__tree_t *item;

    if (slots_key == NULL) {
        ranges->broken = true;
        if (!alone && key->of != NULL && key->of->kind == AGDB__TREE_MAPPING)
            agdb__diag_error(l->diag, key->line, key->column,
                             "shard '%s' has no slots: among several shards each says its own "
                             "(`slots: []` for one that takes pins only)",
                             AGDB__Q(key->text, key->len));
        return;
    }
    if (slots_key->of == NULL || slots_key->of->kind != AGDB__TREE_SEQUENCE) {
        ranges->broken = true;
        if (slots_key->of != NULL && slots_key->of->kind != AGDB__TREE_BAD)
            agdb__diag_error(l->diag, slots_key->of->line, slots_key->of->column,
                             "slots must be a list, such as [0-1023, 2048]");
        return;
    }
    for (item = slots_key->of->first; item != NULL; item = item->next) {
        range_t *r = &ranges->item[ranges->count];
        r->shard = shard;
        if (item->kind != AGDB__TREE_BAD && read_range(l, item, r))
            ranges->count++;
        else
            ranges->broken = true;
    }
}

static int by_first(const void *a, const void *b)
{
    const range_t *x = a;
    const range_t *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    if (x->at->line != y->at->line)
        return x->at->line < y->at->line ? -1 : 1;
    return x->at->column < y->at->column ? -1 : x->at->column > y->at->column;
}

static const char *range_text(char buf[32], uint32_t first, uint32_t last)
{
    if (first == last)
        snprintf(buf, 32, "slot %u", first);
    else
        snprintf(buf, 32, "slots %u-%u", first, last);
    return buf;
}

#define RANGE(first, last) range_text((char[32]){0}, (first), (last))

static bool is_later(const agdb__tree_t *a, const agdb__tree_t *b)
{
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

static void overlap(agdb__load_t *l, const agdb__map_shard_t *shards, const range_t *a,
                    const range_t *b)
{
    const range_t *later = is_later(a->at, b->at) ? a : b;
    const range_t *earlier = later == a ? b : a;
    uint32_t first = a->first > b->first ? a->first : b->first;
    uint32_t last = a->last < b->last ? a->last : b->last;

    agdb__diag_error(l->diag, later->at->line, later->at->column,
                     "%s: shard '%s' has %s on line %u already: a slot has one owner",
                     RANGE(first, last), shards[earlier->shard].name, first == last ? "it" : "them",
                     earlier->at->line);
}

static void gap(agdb__load_t *l, const agdb__map_shard_t *shards, const range_t *before,
                const range_t *behind, uint32_t first, uint32_t last)
{
    const range_t *place = before != NULL ? before : behind;

    if (before != NULL && behind != NULL)
        agdb__diag_error(l->diag, place->at->line, place->at->column,
                         "%s %s no owner, between shard '%s' on line %u and shard '%s' on line %u: "
                         "give %s to one",
                         RANGE(first, last), first == last ? "has" : "have",
                         shards[before->shard].name, before->at->line, shards[behind->shard].name,
                         behind->at->line, first == last ? "it" : "them");
    else
        agdb__diag_error(l->diag, place->at->line, place->at->column,
                         "%s %s no owner, %s shard '%s' on line %u: give %s to one",
                         RANGE(first, last), first == last ? "has" : "have",
                         before != NULL ? "behind" : "before", shards[place->shard].name,
                         place->at->line, first == last ? "it" : "them");
}

/* True when the ranges cover every slot once. */
static bool check_cover(agdb__load_t *l, const agdb__tree_t *shards_key,
                        const agdb__map_shard_t *shards, const ranges_t *ranges)
{
    const range_t *reach = NULL; /* the range that reaches furthest so far */
    size_t before = l->diag->nerrors;
    uint32_t next = 0;
    size_t i;

    for (i = 0; i < ranges->count; i++) {
        const range_t *r = &ranges->item[i];
        if (r->first < next)
            overlap(l, shards, reach, r);
        else if (r->first > next && !ranges->broken)
            gap(l, shards, reach, r, next, r->first - 1);
        if (r->last >= next) {
            reach = r;
            next = r->last + 1;
        }
    }
    if (next < l->map->slots && !ranges->broken) {
        if (reach != NULL)
            gap(l, shards, reach, NULL, next, l->map->slots - 1);
        else
            agdb__diag_error(l->diag, shards_key->line, shards_key->column,
                             "no shard owns slots 0-%u: give them to one", l->map->slots - 1);
    }
    return l->diag->nerrors == before && !ranges->broken;
}

/* Slot to shard. Keyspaces with one shard share one table, in which every slot is the first's. */
static const uint16_t *make_owner(agdb__load_t *l, const ranges_t *ranges, bool single)
{
    uint16_t *owner;
    size_t i;

    if (single && l->single_owner != NULL)
        return l->single_owner;
    owner = agdb__arena_array(l->arena, l->map->slots, sizeof *owner);
    if (owner == NULL)
        return NULL;
    for (i = 0; i < ranges->count; i++) {
        uint32_t slot;
        for (slot = ranges->item[i].first; slot <= ranges->item[i].last; slot++)
            owner[slot] = (uint16_t)ranges->item[i].shard;
    }
    if (single)
        l->single_owner = owner;
    return owner;
}

/* Ranges of each shard from the sorted ranges of all, joined where they touch. */
static void give_ranges(agdb__load_t *l, const ranges_t *ranges, agdb__map_shard_t *shards,
                        size_t nshards)
{
    agdb__slot_range_t *pool = agdb__arena_array(l->arena, ranges->count + 1, sizeof *pool);
    size_t *count = agdb__arena_array(l->scratch, nshards + 1, sizeof *count);
    agdb__slot_range_t **own = agdb__arena_array(l->scratch, nshards + 1, sizeof(void *));
    size_t i;

    if (pool == NULL || count == NULL || own == NULL)
        return;
    for (i = 0; i < ranges->count; i++)
        count[ranges->item[i].shard]++;
    for (i = 0; i < nshards; i++) {
        own[i] = pool;
        shards[i].ranges = pool;
        pool += count[i];
    }
    for (i = 0; i < ranges->count; i++) {
        const range_t *r = &ranges->item[i];
        agdb__slot_range_t *mine = own[r->shard];
        size_t *n = &shards[r->shard].nranges;
        if (*n > 0 && mine[*n - 1].last + 1 == r->first)
            mine[*n - 1].last = r->last;
        else
            mine[(*n)++] = (agdb__slot_range_t){r->first, r->last};
    }
}

static size_t count_items(agdb__tree_t *const *keys, size_t nshards)
{
    size_t n = 0;
    size_t i;

    for (i = 0; i < nshards; i++) {
        const agdb__tree_t *slots = keys[i]->of != NULL && keys[i]->of->kind == AGDB__TREE_MAPPING
                                        ? agdb__at(keys[i]->of, "slots")
                                        : NULL;
        n += slots != NULL ? slots->count : 0;
    }
    return n;
}

void agdb__load_slots(agdb__load_t *l, const agdb__tree_t *shards_key, agdb__tree_t *const *keys,
                      agdb__map_shard_t *shards, agdb__map_keyspace_t *ret)
{
    ranges_t ranges = {0};
    range_t whole = {.last = l->map->slots - 1, .at = shards_key};
    size_t i;

    ranges.item =
        agdb__arena_array(l->scratch, count_items(keys, ret->nshards) + 1, sizeof *ranges.item);
    if (ranges.item == NULL)
        return;
    for (i = 0; i < ret->nshards; i++)
        read_shard_slots(l, keys[i], (uint32_t)i, ret->nshards == 1, &ranges);
    if (ret->nshards == 1 && keys[0]->of != NULL && keys[0]->of->kind == AGDB__TREE_MAPPING &&
        agdb__tree_key(keys[0]->of, "slots") == NULL)
        ranges = (ranges_t){.item = &whole, .count = 1};
    qsort(ranges.item, ranges.count, sizeof *ranges.item, by_first);
    if (!check_cover(l, shards_key, shards, &ranges))
        return;
    ret->owner = make_owner(l, &ranges, ret->nshards == 1);
    give_ranges(l, &ranges, shards, ret->nshards);
}
