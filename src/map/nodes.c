#include "map/load_impl.h"

#include "map/host.h"

#include <stdio.h>
#include <strings.h>

enum { DEFAULT_PORT = 5432 };

#define NODE_KEYS "host|port|name|zone|state|reads|" AGDB__SECTION_KEYS

/* A node while it is read, with what remarks need. */
typedef struct draft {
    agdb__tree_t *at;    /* the item of the list */
    agdb__tree_t *label; /* what names it in remarks; never shows an expanded value */
    agdb__map_node_t *node;
    bool ok; /* host and port are known */
} draft_t;

static const char *default_name(agdb__load_t *l, const char *host, unsigned port)
{
    char name[AGDB__NODE_NAME_SIZE];

    agdb__node_name(name, host, port);
    return agdb__arena_text(l->arena, name, strlen(name));
}

static bool set_host(agdb__load_t *l, draft_t *d, agdb__tree_t *node, const char *host, size_t len)
{
    const char *fault = agdb__host_fault(host, len);

    if (fault != NULL) {
        agdb__diag_error(l->diag, node->line, node->column, "host %s %s", AGDB__SHOWN(node), fault);
        return false;
    }
    d->node->host = agdb__arena_text(l->arena, host, len);
    return d->node->host != NULL;
}

static void read_short(agdb__load_t *l, draft_t *d)
{
    agdb__endpoint_t endpoint;
    const char *fault;

    d->label = d->at;
    if (!agdb__value_text(l, d->at, "node", 1, AGDB__HOST_MAX + 8))
        return;
    fault = agdb__endpoint_parse(d->at->value, d->at->value_len, &endpoint);
    if (fault != NULL) {
        agdb__diag_error(l->diag, d->at->line, d->at->column, "node %s %s", AGDB__SHOWN(d->at),
                         fault);
        return;
    }
    if (!set_host(l, d, d->at, endpoint.host, endpoint.host_len))
        return;
    if (endpoint.port != NULL &&
        !agdb__port_parse(endpoint.port, endpoint.port_len, &d->node->port)) {
        agdb__diag_error(l->diag, d->at->line, d->at->column,
                         "node %s: its port is not a number from 1 to 65535", AGDB__SHOWN(d->at));
        return;
    }
    agdb__warn_rewritten(l, d->at);
    d->ok = true;
}

static void read_address(agdb__load_t *l, draft_t *d)
{
    agdb__tree_t *host_key = agdb__tree_key(d->at, "host");
    agdb__tree_t *host = agdb__at(d->at, "host");
    agdb__tree_t *port = agdb__at(d->at, "port");
    uint64_t n = DEFAULT_PORT;

    if (host_key == NULL)
        agdb__diag_error(l->diag, d->at->line, d->at->column,
                         "a node needs a host: a name, an address or a socket folder");
    d->ok = host != NULL && agdb__value_text(l, host, "host", 1, SIZE_MAX) &&
            set_host(l, d, host, host->value, host->value_len);
    if (port != NULL && !agdb__value_uint(l, port, "port", 1, UINT16_MAX, &n))
        d->ok = false;
    d->node->port = (uint16_t)n;
}

/* The default name is allowed although it is no name: a map that was written out says it. */
static void read_name(agdb__load_t *l, draft_t *d, agdb__tree_t *name)
{
    const char *usual = d->ok ? default_name(l, d->node->host, d->node->port) : NULL;

    d->label = name;
    if (usual != NULL && name->kind == AGDB__TREE_SCALAR && agdb__expand(l, name) &&
        strcmp(name->value, usual) == 0)
        d->node->name = usual;
    else
        d->node->name = agdb__value_name(l, name, "node name");
}

static void read_labels(agdb__load_t *l, draft_t *d)
{
    agdb__tree_t *name = agdb__at(d->at, "name");
    agdb__tree_t *zone = agdb__at(d->at, "zone");
    agdb__tree_t *state = agdb__at(d->at, "state");
    agdb__tree_t *reads = agdb__at(d->at, "reads");

    if (name != NULL)
        read_name(l, d, name);
    if (zone != NULL)
        d->node->zone = agdb__value_name(l, zone, "zone");
    if (state != NULL) {
        int word = agdb__value_word(l, state, "state", "active|no-reads|out");
        d->node->state = word > 0 ? (agdb__node_state_t)word : AGDB__NODE_ACTIVE;
    }
    if (reads != NULL)
        d->node->reads_never = agdb__value_word(l, reads, "reads", "never") == 0;
}

static void read_node(agdb__load_t *l, draft_t *d, agdb__level_t *level)
{
    d->node->port = DEFAULT_PORT;
    d->node->zone = "";
    if (d->at->kind == AGDB__TREE_SCALAR) {
        read_short(l, d);
    } else if (agdb__expect_mapping(l, d->at, NULL, "a node")) {
        d->label = agdb__at(d->at, "host");
        agdb__check_keys(l, d->at, "a node", NODE_KEYS);
        read_address(l, d);
        read_labels(l, d);
        agdb__level_read(l, d->at, level);
    }
    if (d->node->zone == NULL)
        d->node->zone = "";
    if (!d->ok)
        return;
    if (d->node->name == NULL)
        d->node->name = default_name(l, d->node->host, d->node->port);
    d->node->settings = level->value;
    agdb__level_check(l, level, d->node->host, AGDB__SHOWN(d->label), d->at);
}

static bool same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* Nodes of one shard must differ in where they are and in what they are called. */
static bool check_within(agdb__load_t *l, const draft_t *all, const draft_t *d)
{
    const draft_t *e;

    for (e = all; e < d; e++) {
        if (!e->ok)
            continue;
        if (e->node->port == d->node->port && strcasecmp(e->node->host, d->node->host) == 0) {
            agdb__diag_error(l->diag, d->at->line, d->at->column,
                             "node %s is on line %u already: a shard lists each server once",
                             AGDB__SHOWN(d->label), e->at->line);
            return false;
        }
        if (same_text(e->node->name, d->node->name)) {
            agdb__diag_error(l->diag, d->label->line, d->label->column,
                             "the node on line %u is called %s too: give each its own name",
                             e->label->line, AGDB__SHOWN(d->label));
            return false;
        }
    }
    return true;
}

/* What stands in the set of endpoints: the first node there, and its shard. */
typedef struct endpoint_use {
    const agdb__tree_t *at;
    const agdb__tree_t *shard_key;
} endpoint_use_t;

/* One database holds the rows of one shard: two of a keyspace would mix them. */
static bool check_across(agdb__load_t *l, const agdb__tree_t *shard_key, agdb__set_t *endpoints,
                         const draft_t *d)
{
    const char *dbname = d->node->settings.text[AGDB_S_DBNAME];
    size_t size = strlen(d->node->host) + strlen(dbname) + 16;
    char *key = agdb__arena_alloc(l->scratch, size);
    endpoint_use_t *use = agdb__arena_alloc(l->scratch, sizeof *use);
    const endpoint_use_t *other;
    size_t i;

    if (key == NULL || use == NULL)
        return false;
    *use = (endpoint_use_t){d->at, shard_key};
    snprintf(key, size, "%s\n%u\n%s", d->node->host, (unsigned)d->node->port, dbname);
    for (i = 0; key[i] != '\n'; i++)
        if (key[i] >= 'A' && key[i] <= 'Z')
            key[i] = (char)(key[i] - 'A' + 'a');
    other = agdb__set_put(endpoints, key, strlen(key), use);
    if (other == NULL || other->shard_key == shard_key)
        return true;
    agdb__diag_error(l->diag, d->at->line, d->at->column,
                     "node %s is in shard '%s' on line %u already, with the same database: two "
                     "shards of a keyspace cannot share one",
                     AGDB__SHOWN(d->label), other->shard_key->text, other->at->line);
    return false;
}

void agdb__load_nodes(agdb__load_t *l, const agdb__tree_t *shard_key, const agdb__level_t *level,
                      agdb__set_t *endpoints, agdb__map_shard_t *ret)
{
    agdb__tree_t *list = agdb__at(shard_key->of, "nodes");
    agdb__map_node_t *nodes;
    draft_t draft[AGDB__NODES_MAX];
    agdb__tree_t *item;
    size_t n = 0;

    if (list == NULL)
        return;
    if (list->kind != AGDB__TREE_SEQUENCE || list->count == 0) {
        agdb__diag_error(l->diag, list->line, list->column,
                         "nodes of shard '%s' must be a list of at least one: [ \"host:port\" ]",
                         AGDB__Q(shard_key->text, shard_key->len));
        return;
    }
    if (list->count > AGDB__NODES_MAX) {
        agdb__diag_error(l->diag, list->line, list->column, "shard '%s' has %zu nodes: %d at most",
                         AGDB__Q(shard_key->text, shard_key->len), list->count, AGDB__NODES_MAX);
        return;
    }
    nodes = agdb__arena_array(l->arena, list->count, sizeof *nodes);
    if (nodes == NULL)
        return;
    for (item = list->first; item != NULL; item = item->next, n++) {
        agdb__level_t own = *level;
        draft[n] = (draft_t){.at = item, .label = item, .node = &nodes[n]};
        if (item->kind == AGDB__TREE_BAD)
            continue;
        read_node(l, &draft[n], &own);
        if (!draft[n].ok)
            continue;
        if (check_within(l, draft, &draft[n]) && check_across(l, shard_key, endpoints, &draft[n]))
            agdb__level_check_shared(l, &own, draft[n].node, AGDB__SHOWN(draft[n].label), item);
    }
    ret->nodes = nodes;
    ret->nnodes = n;
}
