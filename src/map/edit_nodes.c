#include "map/edit_impl.h"
#include "map/host.h"
#include "map/suggest.h"

#include <strings.h>

/* A node's state: nodes are named by what the map makes of them, and changed where they stand. */

#define STATES "active|no-reads|out"

typedef enum how { BY_NAME, BY_ADDRESS, BY_HOST, HOWS } how_t;

typedef struct found {
    size_t keyspace;
    size_t shard;
    size_t node;
} found_t;

typedef struct finds {
    found_t *item;
    size_t count;
} finds_t;

static const agdb__map_shard_t *shard_of(const agdb__edit_t *e, const found_t *at)
{
    return &e->map->keyspaces[at->keyspace].shards[at->shard];
}

static bool is_meant(const agdb__map_node_t *node, const char *text, how_t how)
{
    char address[AGDB__NODE_NAME_SIZE];

    if (how == BY_NAME)
        return strcmp(node->name, text) == 0;
    if (how == BY_HOST)
        return strcasecmp(node->host, text) == 0;
    agdb__node_name(address, node->host, node->port);
    return strcasecmp(address, text) == 0;
}

static void search_shard(const agdb__edit_t *e, found_t at, how_t how, finds_t *ret)
{
    const agdb__map_shard_t *shard = shard_of(e, &at);

    if (e->ask->shard != NULL && strcmp(shard->name, e->ask->shard) != 0)
        return;
    for (at.node = 0; at.node < shard->nnodes; at.node++)
        if (is_meant(&shard->nodes[at.node], e->ask->node, how))
            ret->item[ret->count++] = at;
}

static void search(const agdb__edit_t *e, how_t how, finds_t *ret)
{
    found_t at = {0};

    for (at.keyspace = 0; at.keyspace < e->map->nkeyspaces; at.keyspace++) {
        const agdb__map_keyspace_t *keyspace = &e->map->keyspaces[at.keyspace];
        if (e->ask->keyspace != NULL && strcmp(keyspace->name, e->ask->keyspace) != 0)
            continue;
        for (at.shard = 0; at.shard < keyspace->nshards; at.shard++)
            search_shard(e, at, how, ret);
    }
}

static size_t count_nodes(const agdb_map_t *map)
{
    size_t n = 0;
    size_t k;
    size_t s;

    for (k = 0; k < map->nkeyspaces; k++)
        for (s = 0; s < map->keyspaces[k].nshards; s++)
            n += map->keyspaces[k].shards[s].nnodes;
    return n;
}

static agdb_status_t ambiguous(agdb__edit_t *e, const finds_t *finds)
{
    agdb__buf_t list = agdb__edit_piece();
    size_t i;

    for (i = 0; i < finds->count; i++) {
        const found_t *at = &finds->item[i];
        agdb__buf_printf(&list, "%s%s/%s '%s'", i > 0 ? ", " : "",
                         e->map->keyspaces[at->keyspace].name, shard_of(e, at)->name,
                         shard_of(e, at)->nodes[at->node].name);
    }
    return agdb__fail(e->reterr, AGDB_E_INVAL,
                      "'%s' may be any of %zu nodes: %s. Name the keyspace and the shard, or take "
                      "all of them",
                      AGDB__Q(e->ask->node, strlen(e->ask->node)), finds->count,
                      agdb__edit_keep(e, &list));
}

static agdb_status_t find(agdb__edit_t *e, finds_t *ret)
{
    how_t how;

    ret->item = agdb__arena_array(e->arena, count_nodes(e->map), sizeof *ret->item);
    if (ret->item == NULL)
        return agdb__fail_nomem(e->reterr);
    for (how = BY_NAME; how < HOWS && ret->count == 0; how++)
        search(e, how, ret);
    if (ret->count == 0)
        return agdb__fail(e->reterr, AGDB_E_INVAL,
                          "the map has no node '%s' there: a node is named by its name, its "
                          "host:port or its host",
                          AGDB__Q(e->ask->node, strlen(e->ask->node)));
    return ret->count == 1 || e->ask->every ? AGDB_OK : ambiguous(e, ret);
}

static const agdb__tree_t *item_of(const agdb__edit_t *e, const found_t *at)
{
    const agdb__tree_t *shards = agdb__edit_shards(e, at->keyspace);
    const agdb__tree_t *shard = agdb__tree_key(shards->of, shard_of(e, at)->name);
    const agdb__tree_t *item = agdb__tree_key(shard->of, "nodes")->of->first;
    size_t i;

    for (i = 0; i < at->node; i++)
        item = item->next;
    return item;
}

/* The short form has no room for a state: it becomes the long one. */
static agdb_status_t set_long(agdb__edit_t *e, const agdb__tree_t *item)
{
    agdb__entry_node_t node = {.state = e->ask->state};
    agdb__buf_t text = agdb__edit_piece();

    (void)agdb__entry_node_read(item->text, item->len, &node); /* the map is valid */
    agdb__entry_node_flow(&text, &node, false, e->json);
    agdb__splice(&e->layout.splices, item->begin, item->end, agdb__edit_keep(e, &text));
    return AGDB_OK;
}

static agdb_status_t set_state(agdb__edit_t *e, const found_t *at)
{
    static const char *const k_states[] = {"active", "no-reads", "out"};
    const agdb__tree_t *item = item_of(e, at);
    const agdb__tree_t *key;
    agdb__buf_t entry = agdb__edit_piece();

    if (strcmp(k_states[shard_of(e, at)->nodes[at->node].state], e->ask->state) == 0)
        return AGDB_OK;
    if (item->kind == AGDB__TREE_SCALAR)
        return set_long(e, item);
    key = agdb__tree_key(item, "state");
    if (key != NULL)
        return agdb__edit_set_word(e, key->of, e->ask->state);
    agdb__entry_key(&entry, "state", e->json);
    agdb__entry_word(&entry, e->ask->state, e->json);
    agdb__layout_add(&e->layout, item, NULL, agdb__edit_keep(e, &entry));
    return AGDB_OK;
}

agdb_status_t agdb__edit_node_state(agdb__edit_t *e)
{
    finds_t finds = {0};
    agdb_status_t st;
    size_t i;

    if (e->ask->node == NULL || e->ask->state == NULL)
        return agdb__fail(e->reterr, AGDB_E_INVAL, "a node and its state are needed");
    if (agdb__word_find(STATES, e->ask->state, strlen(e->ask->state)) < 0)
        return agdb__fail(e->reterr, AGDB_E_INVAL,
                          "'%s' is not a state: a node is active, no-reads or out",
                          AGDB__Q(e->ask->state, strlen(e->ask->state)));
    st = find(e, &finds);
    for (i = 0; i < finds.count && st == AGDB_OK; i++)
        st = set_state(e, &finds.item[i]);
    return st;
}
