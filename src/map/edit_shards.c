#include "map/edit_impl.h"
#include "map/ranges.h"
#include "map/text.h"

/* New shards, and new nodes of a shard. */

/* The asked ones. Labels are given to a single one only. */
static agdb_status_t read_nodes(agdb__edit_t *e, agdb__entry_node_t *ret)
{
    const bool labelled = e->ask->kind == AGDB_EDIT_ADD_NODE;
    size_t i;

    for (i = 0; i < e->ask->nnodes; i++) {
        const char *text = e->ask->nodes[i];
        const char *fault;
        ret[i] = (agdb__entry_node_t){.host = ""};
        if (text == NULL)
            return agdb__fail(e->reterr, AGDB_E_INVAL, "a node is NULL: give HOST or HOST:PORT");
        fault = agdb__entry_node_read(text, strlen(text), &ret[i]);
        if (fault != NULL)
            return agdb__fail(e->reterr, AGDB_E_INVAL, "node '%s' %s", AGDB__Q(text, strlen(text)),
                              fault);
        if (labelled) {
            ret[i].name = e->ask->name;
            ret[i].zone = e->ask->zone;
            ret[i].state = e->ask->state;
        }
    }
    return AGDB_OK;
}

static agdb_status_t check_name(agdb__edit_t *e, const char *name)
{
    const agdb__map_keyspace_t *keyspace = &e->map->keyspaces[e->keyspace];
    const int found = agdb__map_shard(keyspace, name);

    if (found >= 0)
        return agdb__fail(e->reterr, AGDB_E_INVAL,
                          "keyspace '%s' has a shard '%s' already, line %u", keyspace->name,
                          keyspace->shards[found].name,
                          agdb__edit_shard_key(e, (size_t)found)->line);
    if (!agdb__text_is_name(name, strlen(name)))
        return agdb__fail(e->reterr, AGDB_E_INVAL,
                          "'%s' is not a name: 1 to 63 of A-Z a-z 0-9 _ . - and no . or - in front",
                          AGDB__Q(name, strlen(name)));
    return AGDB_OK;
}

agdb_status_t agdb__edit_new_shard(agdb__edit_t *e, const char *name, const bool *owned)
{
    agdb__entry_shard_t shard = {
        .name = name, .region = e->ask->region, .owned = owned, .slots = e->map->slots};
    agdb__entry_node_t *nodes = agdb__arena_array(e->arena, e->ask->nnodes + 1, sizeof *nodes);
    agdb__buf_t piece = agdb__edit_piece();
    agdb_status_t st = check_name(e, name);

    if (nodes == NULL)
        return agdb__fail_nomem(e->reterr);
    if (st == AGDB_OK && e->ask->nnodes == 0)
        st = agdb__fail(e->reterr, AGDB_E_INVAL,
                        "keyspace '%s' has no shard '%s': a new one needs the nodes that it is to "
                        "have",
                        e->map->keyspaces[e->keyspace].name, name);
    if (st == AGDB_OK)
        st = read_nodes(e, nodes);
    if (st != AGDB_OK)
        return st;
    shard.nodes = nodes;
    shard.nnodes = e->ask->nnodes;
    agdb__entry_shard(&piece, &shard, e->shards_key->of, e->json);
    agdb__layout_add(&e->layout, e->shards_key->of, NULL, agdb__edit_keep(e, &piece));
    return AGDB_OK;
}

static agdb_status_t take_from(agdb__edit_t *e, size_t shard, const bool *taken)
{
    bool *owned = agdb__edit_owned(e, (int)shard);
    uint32_t slot;

    if (owned == NULL)
        return agdb__fail_nomem(e->reterr);
    for (slot = 0; slot < e->map->slots; slot++)
        owned[slot] = owned[slot] && !taken[slot];
    return agdb__edit_set_slots(e, shard, owned);
}

/* The slots that are asked for leave the shards that have them. Also a single shard, which owns
 * them all without a word, has to say so from now on. */
static agdb_status_t take_slots(agdb__edit_t *e, const bool *taken)
{
    const agdb__map_keyspace_t *keyspace = &e->map->keyspaces[e->keyspace];
    bool *loses = agdb__arena_array(e->arena, keyspace->nshards, sizeof *loses);
    agdb_status_t st = AGDB_OK;
    uint32_t slot;
    size_t i;

    if (loses == NULL)
        return agdb__fail_nomem(e->reterr);
    for (slot = 0; slot < e->map->slots; slot++)
        loses[keyspace->owner[slot]] = loses[keyspace->owner[slot]] || taken[slot];
    for (i = 0; i < keyspace->nshards && st == AGDB_OK; i++)
        if (loses[i] || agdb__tree_key(agdb__edit_shard_key(e, i)->of, "slots") == NULL)
            st = take_from(e, i, taken);
    return st;
}

agdb_status_t agdb__edit_add_shard(agdb__edit_t *e)
{
    agdb_status_t st = agdb__edit_keyspace(e);
    bool *taken = agdb__edit_owned(e, -1);
    const char *bad = NULL;
    size_t len = 0;

    if (st != AGDB_OK)
        return st;
    if (taken == NULL)
        return agdb__fail_nomem(e->reterr);
    if (e->ask->shard == NULL)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "the new shard needs a name");
    st = check_name(e, e->ask->shard);
    if (st != AGDB_OK)
        return st;
    if (e->ask->slots != NULL)
        bad = agdb__range_read(e->ask->slots, e->map->slots, taken, &len);
    if (bad != NULL)
        return agdb__fail(e->reterr, AGDB_E_INVAL,
                          "slots: '%s' is neither a slot nor a range of them, such as 0-1023: the "
                          "map has slots 0 to %u",
                          AGDB__Q(bad, len), e->map->slots - 1);
    st = take_slots(e, taken);
    return st == AGDB_OK ? agdb__edit_new_shard(e, e->ask->shard, taken) : st;
}

agdb_status_t agdb__edit_add_node(agdb__edit_t *e)
{
    agdb_status_t st = agdb__edit_keyspace(e);
    agdb__buf_t piece = agdb__edit_piece();
    const agdb__tree_t *list;
    agdb__entry_node_t node;
    int shard;

    if (st != AGDB_OK)
        return st;
    if (e->ask->shard == NULL || e->ask->nnodes != 1)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "one shard and one node are needed");
    shard = agdb__edit_shard(e, e->ask->shard);
    if (shard < 0)
        return AGDB_E_INVAL;
    st = read_nodes(e, &node);
    if (st != AGDB_OK)
        return st;
    list = agdb__tree_key(agdb__edit_shard_key(e, (size_t)shard)->of, "nodes")->of;
    agdb__entry_node_like(&piece, &node, list, e->json);
    agdb__layout_add(&e->layout, list, NULL, agdb__edit_keep(e, &piece));
    return AGDB_OK;
}
