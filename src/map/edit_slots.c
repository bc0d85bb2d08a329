#include "map/edit_impl.h"
#include "map/ranges.h"

/* Lists of slots are changed item by item, so that what stands beside an item stays. */

bool *agdb__edit_owned(agdb__edit_t *e, int shard)
{
    const agdb__map_keyspace_t *keyspace = &e->map->keyspaces[e->keyspace];
    bool *owned = agdb__arena_array(e->arena, e->map->slots, sizeof *owned);
    uint32_t slot;

    for (slot = 0; owned != NULL && shard >= 0 && slot < e->map->slots; slot++)
        owned[slot] = keyspace->owner[slot] == (uint16_t)shard;
    return owned;
}

static agdb_status_t read_item(agdb__edit_t *e, const agdb__tree_t *item, uint32_t *first,
                               uint32_t *last)
{
    if (agdb__range_parse(item->text, item->len, first, last))
        return AGDB_OK;
    return agdb__fail(e->reterr, AGDB_E_UNSUPPORTED,
                      "line %u: slots '%s' come from the environment: write them out", item->line,
                      AGDB__Q(item->text, item->len));
}

/* The runs from `from` to before `end`, as items of a list: between those of a flow is a comma,
 * each of a block has a line and a dash. */
static void add_items(agdb__edit_t *e, agdb__buf_t *out, const agdb__tree_t *list, const bool *set,
                      uint32_t from, uint32_t end)
{
    char range[AGDB__RANGE_SIZE];
    uint32_t last = 0;

    for (; agdb__range_next(set, end, &from, &last); from = last + 1) {
        if (out->len > 0)
            agdb__buf_text(out, list->is_flow ? ", " : "\n");
        agdb__buf_text(out, list->is_flow ? "" : "- ");
        agdb__entry_word(out, agdb__range_text(range, from, last), e->json);
    }
}

/* --- fewer -------------------------------------------------------------------------------------
 */

/* What follows the first piece of an item that falls apart stands right behind it. */
static void add_behind(agdb__edit_t *e, const agdb__tree_t *list, const agdb__tree_t *item,
                       agdb__buf_t *take_items)
{
    agdb__buf_t text = agdb__edit_piece();

    if (take_items->len > 0 && list->is_flow) {
        agdb__buf_text(&text, ", ");
        agdb__buf_add(&text, take_items->data, take_items->len);
        agdb__splice(&e->layout.splices, item->end, item->end, agdb__edit_keep(e, &text));
    } else if (take_items->len > 0) {
        agdb__layout_add(&e->layout, list, item, agdb__edit_keep(e, take_items));
    }
    agdb__buf_fini(take_items);
}

/* Leaves of an item what is owned still. */
static agdb_status_t shorten(agdb__edit_t *e, const agdb__tree_t *list, agdb__tree_t *item,
                             const bool *owned)
{
    agdb__buf_t later = agdb__edit_piece();
    char range[AGDB__RANGE_SIZE];
    uint32_t first = 0;
    uint32_t last = 0;
    uint32_t from;
    uint32_t to = 0;
    agdb_status_t st = read_item(e, item, &first, &last);

    from = first;
    if (st != AGDB_OK)
        return st;
    item->is_dropped = !agdb__range_next(owned, last + 1, &from, &to);
    if (item->is_dropped || (from == first && to == last))
        return AGDB_OK;
    st = agdb__edit_set_word(e, item, agdb__range_text(range, from, to));
    add_items(e, &later, list, owned, to + 1, last + 1);
    add_behind(e, list, item, &later);
    return st;
}

static agdb_status_t take_slots(agdb__edit_t *e, const agdb__tree_t *key, const bool *owned)
{
    agdb__tree_t *item;
    bool drops = false;

    for (item = key->of->first; item != NULL; item = item->next) {
        agdb_status_t st = shorten(e, key->of, item, owned);
        if (st != AGDB_OK)
            return st;
        drops = drops || item->is_dropped;
    }
    return drops ? agdb__edit_drop(e, key) : AGDB_OK;
}

/* --- more --------------------------------------------------------------------------------------
 */

/* An item grows by the new slots that it touches; these are then no longer among `added`. */
static agdb_status_t lengthen(agdb__edit_t *e, const agdb__tree_t *item, bool *added)
{
    char range[AGDB__RANGE_SIZE];
    uint32_t first = 0;
    uint32_t last = 0;
    uint32_t from;
    uint32_t to;
    agdb_status_t st = read_item(e, item, &first, &last);

    if (st != AGDB_OK)
        return st;
    for (from = first; from > 0 && added[from - 1]; from--)
        added[from - 1] = false;
    for (to = last; to + 1 < e->map->slots && added[to + 1]; to++)
        added[to + 1] = false;
    if (from == first && to == last)
        return AGDB_OK;
    return agdb__edit_set_word(e, item, agdb__range_text(range, from, to));
}

static agdb_status_t give_slots(agdb__edit_t *e, const agdb__tree_t *list, bool *added)
{
    agdb__buf_t items = agdb__edit_piece();
    const agdb__tree_t *item;

    for (item = list->first; item != NULL; item = item->next) {
        agdb_status_t st = lengthen(e, item, added);
        if (st != AGDB_OK)
            return st;
    }
    add_items(e, &items, list, added, 0, e->map->slots);
    if (items.len > 0)
        agdb__layout_add(&e->layout, list, NULL, agdb__edit_keep(e, &items));
    agdb__buf_fini(&items);
    return AGDB_OK;
}

/* --- a list ------------------------------------------------------------------------------------
 */

/* A shard that owned all slots without saying so. */
static void add_list(agdb__edit_t *e, const agdb__tree_t *shard, const bool *owned)
{
    agdb__buf_t entry = agdb__edit_piece();

    agdb__entry_key(&entry, "slots", e->json);
    agdb__entry_slots(&entry, owned, e->map->slots, e->json);
    agdb__layout_add_before(&e->layout, shard, agdb__tree_key(shard->of, "nodes"),
                            agdb__edit_keep(e, &entry));
}

agdb_status_t agdb__edit_set_slots(agdb__edit_t *e, size_t shard, const bool *owned)
{
    const agdb__tree_t *shard_key = agdb__edit_shard_key(e, shard);
    const agdb__tree_t *key = agdb__tree_key(shard_key->of, "slots");
    bool *added = agdb__edit_owned(e, (int)shard);
    bool loses = false;
    bool gains = false;
    uint32_t slot;

    if (added == NULL)
        return agdb__fail_nomem(e->reterr);
    for (slot = 0; slot < e->map->slots; slot++) {
        loses = loses || (added[slot] && !owned[slot]);
        added[slot] = owned[slot] && !added[slot];
        gains = gains || added[slot];
    }
    if (key == NULL)
        add_list(e, shard_key, owned);
    else if (loses)
        return take_slots(e, key, owned);
    else if (gains)
        return give_slots(e, key->of, added);
    return AGDB_OK;
}

/* --- split -------------------------------------------------------------------------------------
 */

/* How many slots leave; 0 after an error. */
static size_t share_of(agdb__edit_t *e, const char *name, size_t total)
{
    const bool half = e->ask->share == 0 && e->ask->share_of == 0;
    const uint64_t share = half ? 1 : e->ask->share;
    const uint64_t of = half ? 2 : e->ask->share_of;
    uint64_t count;

    if (total == 0) {
        (void)agdb__fail(e->reterr, AGDB_E_INVAL,
                         "shard '%s' owns no slots: there is nothing to split", name);
        return 0;
    }
    if (share == 0 || share > of) {
        (void)agdb__fail(e->reterr, AGDB_E_INVAL,
                         "%llu/%llu is not a share: give a part of 1, such as 1/3",
                         (unsigned long long)share, (unsigned long long)of);
        return 0;
    }
    count = (total * share + of / 2) / of;
    return count > 0 ? (size_t)count : 1;
}

/* `into` is the shard's number, -1 for a new one. */
static agdb_status_t split(agdb__edit_t *e, int from, int into)
{
    const agdb__map_shard_t *shards = e->map->keyspaces[e->keyspace].shards;
    bool *left = agdb__edit_owned(e, from);
    bool *right = agdb__edit_owned(e, into);
    agdb_status_t st;
    size_t count;

    if (left == NULL || right == NULL)
        return agdb__fail_nomem(e->reterr);
    count = share_of(e, shards[from].name, agdb__range_count(left, e->map->slots));
    if (count == 0)
        return AGDB_E_INVAL;
    agdb__range_move(left, right, e->map->slots, count);
    st = agdb__edit_set_slots(e, (size_t)from, left);
    if (st != AGDB_OK)
        return st;
    if (into < 0)
        return agdb__edit_new_shard(e, e->ask->into, right);
    return agdb__edit_set_slots(e, (size_t)into, right);
}

agdb_status_t agdb__edit_split(agdb__edit_t *e)
{
    agdb_status_t st = agdb__edit_keyspace(e);
    int from;
    int into;

    if (st != AGDB_OK)
        return st;
    if (e->ask->shard == NULL || e->ask->into == NULL)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "two shards are needed: from which, into which");
    from = agdb__edit_shard(e, e->ask->shard);
    if (from < 0)
        return AGDB_E_INVAL;
    into = agdb__map_shard(&e->map->keyspaces[e->keyspace], e->ask->into);
    if (into == from)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "shard '%s' is split into another one",
                          e->ask->shard);
    if (into >= 0 && e->ask->nnodes > 0)
        return agdb__fail(e->reterr, AGDB_E_INVAL,
                          "shard '%s' is there already, with its nodes: none are given to it here",
                          e->ask->into);
    return split(e, from, into);
}
