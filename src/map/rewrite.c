#include "map/rewrite.h"

#include "base/error.h"
#include "map/host.h"
#include "map/setting.h"

typedef struct rewriter {
    agdb__arena_t *arena;
    agdb_map_rewrite_fn fn;
    void *user;
    agdb_map_setting_t at;
} rewriter_t;

/* The answer's text goes with the next question: it is kept in the arena. */
static const char *ask(rewriter_t *r, const char *name, const char *value)
{
    const char *answer;

    r->at.name = name;
    r->at.value = value;
    answer = r->fn(&r->at, r->user);
    if (answer == NULL || answer == value)
        return answer;
    return agdb__arena_text(r->arena, answer, strlen(answer));
}

static agdb_status_t rewrite_node(rewriter_t *r, const agdb__map_shard_t *shard,
                                  agdb__map_node_t *node, agdb_error_t **reterr)
{
    const char *was = node->name;
    char made[AGDB__NODE_NAME_SIZE];
    char decimal[AGDB__SETTING_NUMBER];
    const char *port = NULL;
    size_t i;

    (void)agdb__node_setting(node, "port", &port, decimal);
    agdb__node_name(made, node->host, node->port);
    node->host = ask(r, "host", node->host);
    port = ask(r, "port", port);
    /* a name that was made from host and port is made again when the map is loaded */
    node->name = ask(r, "name", strcmp(was, made) != 0 ? was : NULL);
    for (i = 0; i < AGDB_S__COUNT; i++)
        if (agdb__setting_is_text(i))
            node->settings.text[i] = ask(r, agdb__setting_rows[i].name, node->settings.text[i]);
    if (agdb__arena_failed(r->arena))
        return agdb__fail_nomem(reterr);
    if (node->host == NULL)
        return agdb__fail(reterr, AGDB_E_INVAL, "shard '%s', node '%s': it is left without a host",
                          shard->name, was);
    if (port == NULL || !agdb__port_parse(port, strlen(port), &node->port))
        return agdb__fail(reterr, AGDB_E_INVAL,
                          "shard '%s', node '%s': its port is not a number from 1 to 65535",
                          shard->name, was);
    return AGDB_OK;
}

static void *copied(rewriter_t *r, const void *from, size_t count, size_t size)
{
    void *copy = agdb__arena_array(r->arena, count, size);

    if (copy != NULL)
        memcpy(copy, from, count * size);
    return copy;
}

static agdb_status_t rewrite_shard(rewriter_t *r, agdb__map_shard_t *shard, agdb_error_t **reterr)
{
    agdb__map_node_t *nodes = copied(r, shard->nodes, shard->nnodes, sizeof *nodes);
    agdb_status_t st = nodes != NULL ? AGDB_OK : agdb__fail_nomem(reterr);

    shard->nodes = nodes;
    for (r->at.node = 0; r->at.node < shard->nnodes && st == AGDB_OK; r->at.node++)
        st = rewrite_node(r, shard, &nodes[r->at.node], reterr);
    return st;
}

static agdb_status_t rewrite_keyspace(rewriter_t *r, agdb__map_keyspace_t *keyspace,
                                      agdb_error_t **reterr)
{
    agdb__map_shard_t *shards = copied(r, keyspace->shards, keyspace->nshards, sizeof *shards);
    agdb_status_t st = shards != NULL ? AGDB_OK : agdb__fail_nomem(reterr);

    keyspace->shards = shards;
    for (r->at.shard = 0; r->at.shard < keyspace->nshards && st == AGDB_OK; r->at.shard++)
        st = rewrite_shard(r, &shards[r->at.shard], reterr);
    return st;
}

agdb_status_t agdb__map_rewrite(const agdb_map_t *map, agdb_map_rewrite_fn fn, void *user,
                                agdb__arena_t *arena, const agdb__map_keyspace_t **ret,
                                agdb_error_t **reterr)
{
    rewriter_t r = {.arena = arena, .fn = fn, .user = user};
    agdb__map_keyspace_t *copy = copied(&r, map->keyspaces, map->nkeyspaces, sizeof *copy);
    agdb_status_t st = copy != NULL ? AGDB_OK : agdb__fail_nomem(reterr);

    for (r.at.keyspace = 0; r.at.keyspace < map->nkeyspaces && st == AGDB_OK; r.at.keyspace++)
        st = rewrite_keyspace(&r, &copy[r.at.keyspace], reterr);
    if (st == AGDB_OK)
        *ret = copy;
    return st;
}
