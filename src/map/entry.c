#include "map/entry.h"

#include "map/host.h"
#include "map/quote.h"
#include "map/ranges.h"
#include "map/text.h"

enum { STEP = 2 }; /* of indentation, where nothing beside shows one */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_plain(const char *text, size_t len)
{
    size_t i;

    if (len == 0 || !(is_alnum(text[0]) || text[0] == '/') || agdb__text_is_rewritten(text, len))
        return false;
    for (i = 0; i < len; i++)
        if (!is_alnum(text[i]) && text[i] != '.' && text[i] != '-' && text[i] != '/')
            return false;
    return true;
}

void agdb__entry_text(agdb__buf_t *out, const char *text, size_t len, bool json)
{
    if (!json && is_plain(text, len))
        agdb__buf_add(out, text, len);
    else
        agdb__quote_json(out, text, len);
}

void agdb__entry_word(agdb__buf_t *out, const char *word, bool json)
{
    if (json && word[strspn(word, "0123456789")] != '\0')
        agdb__quote_json(out, word, strlen(word));
    else
        agdb__buf_text(out, word);
}

void agdb__entry_key(agdb__buf_t *out, const char *name, bool json)
{
    agdb__entry_text(out, name, strlen(name), json);
    agdb__buf_text(out, ": ");
}

void agdb__entry_slots(agdb__buf_t *out, const bool *set, uint32_t slots, bool json)
{
    char range[AGDB__RANGE_SIZE];
    const char *between = "";
    uint32_t first = 0;
    uint32_t last = 0;

    agdb__buf_text(out, "[");
    for (; agdb__range_next(set, slots, &first, &last); first = last + 1) {
        agdb__buf_text(out, between);
        agdb__entry_word(out, agdb__range_text(range, first, last), json);
        between = ", ";
    }
    agdb__buf_text(out, "]");
}

/* --- nodes -------------------------------------------------------------------------------------
 */

/* Colons inside of `${NAME:-default}` are none. */
static const char *port_behind_variable(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] != '}')
        len--;
    return text[len] == ':' ? text + len + 1 : NULL;
}

const char *agdb__entry_node_read(const char *text, size_t len, agdb__entry_node_t *ret)
{
    agdb__endpoint_t at = {.host = text, .host_len = len};
    const char *fault = NULL;
    uint16_t port;

    if (len == 0)
        return "is empty: write a host, or host:port";
    if (memchr(text, '$', len) != NULL) {
        at.port = port_behind_variable(text, len);
        at.port_len = at.port != NULL ? len - (size_t)(at.port - text) : 0;
        at.host_len = at.port != NULL ? (size_t)(at.port - text) - 1 : len;
    } else {
        fault = agdb__endpoint_parse(text, len, &at);
        if (fault == NULL)
            fault = agdb__host_fault(at.host, at.host_len);
        if (fault == NULL && at.port != NULL && !agdb__port_parse(at.port, at.port_len, &port))
            fault = "has a port that is not a number from 1 to 65535";
    }
    ret->host = at.host;
    ret->host_len = at.host_len;
    ret->port = at.port;
    ret->port_len = at.port_len;
    return fault;
}

typedef struct pair {
    const char *name;
    const char *text; /* NULL: is not said */
    size_t len;
} pair_t;

enum { NODE_PAIRS = 5 };

static void node_pairs(const agdb__entry_node_t *node, pair_t ret[NODE_PAIRS])
{
    const pair_t pairs[NODE_PAIRS] = {
        {"name", node->name, node->name != NULL ? strlen(node->name) : 0},
        {"host", node->host, node->host_len},
        {"port", node->port, node->port_len},
        {"zone", node->zone, node->zone != NULL ? strlen(node->zone) : 0},
        {"state", node->state, node->state != NULL ? strlen(node->state) : 0},
    };

    memcpy(ret, pairs, sizeof pairs);
}

static void add_pair(agdb__buf_t *out, const pair_t *pair, bool json)
{
    uint16_t port;

    agdb__entry_key(out, pair->name, json);
    if (strcmp(pair->name, "port") == 0 && agdb__port_parse(pair->text, pair->len, &port))
        agdb__buf_printf(out, "%u", (unsigned)port);
    else
        agdb__entry_text(out, pair->text, pair->len, json);
}

/* All pairs that say something, with `between` in between. */
static void add_pairs(agdb__buf_t *out, const agdb__entry_node_t *node, const char *between,
                      bool json)
{
    pair_t pairs[NODE_PAIRS];
    const char *before = "";
    size_t i;

    node_pairs(node, pairs);
    for (i = 0; i < NODE_PAIRS; i++) {
        if (pairs[i].text == NULL)
            continue;
        agdb__buf_text(out, before);
        add_pair(out, &pairs[i], json);
        before = between;
    }
}

static void add_short(agdb__buf_t *out, const agdb__entry_node_t *node, bool json)
{
    const bool bracketed = memchr(node->host, ':', node->host_len) != NULL &&
                           memchr(node->host, '$', node->host_len) == NULL;
    agdb__buf_t text;

    agdb__buf_init(&text, out->ceiling);
    agdb__buf_text(&text, bracketed ? "[" : "");
    agdb__buf_add(&text, node->host, node->host_len);
    agdb__buf_text(&text, bracketed ? "]" : "");
    if (node->port != NULL) {
        agdb__buf_text(&text, ":");
        agdb__buf_add(&text, node->port, node->port_len);
    }
    if (text.failed)
        out->failed = true;
    else
        agdb__entry_text(out, text.data, text.len, json);
    agdb__buf_fini(&text);
}

void agdb__entry_node_flow(agdb__buf_t *out, const agdb__entry_node_t *node, bool is_short,
                           bool json)
{
    if (is_short && node->name == NULL && node->zone == NULL && node->state == NULL) {
        add_short(out, node, json);
        return;
    }
    agdb__buf_text(out, "{ ");
    add_pairs(out, node, ", ", json);
    agdb__buf_text(out, " }");
}

/* A line break and so many spaces. */
static void new_line(agdb__buf_t *out, size_t indent)
{
    agdb__buf_printf(out, "\n%*s", (int)indent, "");
}

void agdb__entry_node_like(agdb__buf_t *out, const agdb__entry_node_t *node,
                           const agdb__tree_t *list, bool json)
{
    const agdb__tree_t *like = list->last;
    const size_t step = like->column > list->column + 1 ? like->column - list->column : STEP;
    char between[128] = "\n";

    if (!list->is_flow)
        agdb__buf_printf(out, "-%*s", (int)step - 1, "");
    if (list->is_flow || like->is_flow || like->kind == AGDB__TREE_SCALAR ||
        step + 2 > sizeof between) {
        agdb__entry_node_flow(out, node, like->kind == AGDB__TREE_SCALAR, json);
        return;
    }
    memset(between + 1, ' ', step);
    between[1 + step] = '\0';
    add_pairs(out, node, between, json);
}

/* --- shards ------------------------------------------------------------------------------------
 */

/* The list beside, of which the new one takes its form; NULL: there is none. */
static const agdb__tree_t *nodes_beside(const agdb__tree_t *shard)
{
    const agdb__tree_t *nodes = agdb__tree_key(shard->of, "nodes");

    return nodes != NULL && nodes->of != NULL && nodes->of->last != NULL ? nodes : NULL;
}

static void add_nodes(agdb__buf_t *out, const agdb__entry_shard_t *shard,
                      const agdb__tree_t *beside, bool json)
{
    const bool is_short = beside == NULL || beside->of->last->kind == AGDB__TREE_SCALAR;
    size_t i;

    agdb__entry_key(out, "nodes", json);
    agdb__buf_text(out, "[ ");
    for (i = 0; i < shard->nnodes; i++) {
        if (i > 0)
            agdb__buf_text(out, ", ");
        agdb__entry_node_flow(out, &shard->nodes[i], is_short, json);
    }
    agdb__buf_text(out, " ]");
}

static void add_flow_shard(agdb__buf_t *out, const agdb__entry_shard_t *shard,
                           const agdb__tree_t *like, bool json)
{
    agdb__entry_key(out, shard->name, json);
    agdb__buf_text(out, "{ ");
    if (shard->region != NULL) {
        agdb__entry_key(out, "region", json);
        agdb__entry_text(out, shard->region, strlen(shard->region), json);
        agdb__buf_text(out, ", ");
    }
    agdb__entry_key(out, "slots", json);
    agdb__entry_slots(out, shard->owned, shard->slots, json);
    agdb__buf_text(out, ", ");
    add_nodes(out, shard, nodes_beside(like), json);
    agdb__buf_text(out, " }");
}

/* The nodes with a line each, from the column where those beside have their dashes. */
static void add_block_nodes(agdb__buf_t *out, const agdb__entry_shard_t *shard,
                            const agdb__tree_t *beside, size_t step)
{
    const size_t dash = step + beside->of->column - beside->column;
    size_t i;

    agdb__buf_text(out, "nodes:");
    for (i = 0; i < shard->nnodes; i++) {
        agdb__buf_t node;
        size_t at;
        agdb__buf_init(&node, out->ceiling);
        agdb__entry_node_like(&node, &shard->nodes[i], beside->of, false);
        new_line(out, dash);
        for (at = 0; at < node.len; at++) {
            if (node.data[at] == '\n')
                new_line(out, dash);
            else
                agdb__buf_add(out, node.data + at, 1);
        }
        out->failed = out->failed || node.failed;
        agdb__buf_fini(&node);
    }
}

static void add_block_shard(agdb__buf_t *out, const agdb__entry_shard_t *shard,
                            const agdb__tree_t *like)
{
    const agdb__tree_t *beside = nodes_beside(like);
    const size_t step = like->of->column > like->column ? like->of->column - like->column : STEP;

    agdb__entry_text(out, shard->name, strlen(shard->name), false);
    agdb__buf_text(out, ":");
    if (shard->region != NULL) {
        new_line(out, step);
        agdb__entry_key(out, "region", false);
        agdb__entry_text(out, shard->region, strlen(shard->region), false);
    }
    new_line(out, step);
    agdb__buf_text(out, "slots: ");
    agdb__entry_slots(out, shard->owned, shard->slots, false);
    new_line(out, step);
    if (beside != NULL && !beside->of->is_flow)
        add_block_nodes(out, shard, beside, step);
    else
        add_nodes(out, shard, beside, false);
}

void agdb__entry_shard(agdb__buf_t *out, const agdb__entry_shard_t *shard,
                       const agdb__tree_t *shards, bool json)
{
    const agdb__tree_t *like = shards->last;

    if (shards->is_flow || like->of->is_flow)
        add_flow_shard(out, shard, like, json);
    else
        add_block_shard(out, shard, like);
}
