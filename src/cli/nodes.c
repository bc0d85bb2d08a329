#include "cli/nodes.h"

#include "cli/message.h"

static bool is_wanted(const char *wanted, const char *name)
{
    return wanted == NULL || strcmp(wanted, name) == 0;
}

static const char *text_of(const agdb_map_t *map, const cli_node_t *node, const char *name)
{
    const char *text =
        cli_node_setting(map, node->keyspace_at, node->shard_at, node->node_at, name);

    return text != NULL ? text : "";
}

static uint64_t number_of(const agdb_map_t *map, const cli_node_t *node, const char *name)
{
    uint64_t number = 0;

    (void)cli_number(text_of(map, node, name), UINT64_MAX, &number);
    return number;
}

static void fill(const agdb_map_t *map, cli_node_t *node)
{
    node->keyspace = agdb_map_keyspace_name(map, node->keyspace_at);
    node->shard = agdb_map_shard_name(map, node->keyspace_at, node->shard_at);
    node->name = text_of(map, node, "name");
    node->host = text_of(map, node, "host");
    node->port = text_of(map, node, "port");
    node->where =
        cli_format(strchr(node->host, ':') != NULL ? "[%s]:%s" : "%s:%s", node->host, node->port);
    node->zone = text_of(map, node, "zone");
    node->state = text_of(map, node, "state");
    node->user = text_of(map, node, "connection.user");
    node->dbname = text_of(map, node, "connection.dbname");
    node->never_reads = strcmp(text_of(map, node, "reads"), "never") == 0;
    node->via_pgbouncer = strcmp(text_of(map, node, "via"), "pgbouncer") == 0;
    node->pool_max = number_of(map, node, "pool.max");
    node->keep_ms = number_of(map, node, "idempotency.keep");
    node->max_lag_ms = number_of(map, node, "replicas.max_lag");
}

static void add_shard(const agdb_map_t *map, cli_node_t at, const char *node, cli_nodes_t *nodes)
{
    size_t count = agdb_map_node_count(map, at.keyspace_at, at.shard_at);

    for (at.node_at = 0; at.node_at < count; at.node_at++) {
        fill(map, &at);
        if (!is_wanted(node, at.name))
            continue;
        nodes->items = cli_grow(nodes->items, nodes->count, sizeof *nodes->items);
        nodes->items[nodes->count++] = at;
    }
}

cli_nodes_t cli_nodes_pick(const agdb_map_t *map, const char *keyspace, const char *shard,
                           const char *node)
{
    cli_nodes_t nodes = {0};
    size_t k;
    size_t s;

    for (k = 0; k < agdb_map_keyspace_count(map); k++)
        for (s = 0; s < agdb_map_shard_count(map, k); s++)
            if (is_wanted(keyspace, agdb_map_keyspace_name(map, k)) &&
                is_wanted(shard, agdb_map_shard_name(map, k, s)))
                add_shard(map, (cli_node_t){.keyspace_at = k, .shard_at = s}, node, &nodes);
    return nodes;
}

bool cli_node_is_out(const cli_node_t *node)
{
    return strcmp(node->state, "out") == 0;
}

bool cli_node_is_beside(const cli_node_t *a, const cli_node_t *b)
{
    return a->keyspace_at == b->keyspace_at && a->shard_at == b->shard_at;
}

size_t cli_nodes_of_shard(const cli_nodes_t *nodes, size_t first)
{
    size_t end = first;

    while (end < nodes->count && cli_node_is_beside(&nodes->items[first], &nodes->items[end]))
        end++;
    return end - first;
}
