#include "cli/capacity.h"

static bool is_same_pool(const cli_pool_load_t *pool, const cli_node_t *node)
{
    return strcmp(pool->user, node->user) == 0 && strcmp(pool->dbname, node->dbname) == 0;
}

static void add_pool(cli_server_load_t *load, const cli_node_t *node)
{
    size_t i;

    for (i = 0; i < load->npools; i++)
        if (is_same_pool(&load->pools[i], node))
            return; /* nodes of several keyspaces share it */
    load->pools = cli_grow(load->pools, load->npools, sizeof *load->pools);
    load->pools[load->npools++] = (cli_pool_load_t){node->user, node->dbname, node->pool_max};
    load->per_process += node->pool_max + (load->via_pgbouncer ? 0 : CLI_LISTENS_PER_POOL);
}

static cli_server_load_t *find(const cli_server_loads_t *loads, const cli_node_t *node)
{
    size_t i;

    for (i = 0; i < loads->count; i++)
        if (strcmp(loads->items[i].where, node->where) == 0)
            return &loads->items[i];
    return NULL;
}

cli_server_loads_t cli_loads_of(const cli_nodes_t *nodes)
{
    cli_server_loads_t loads = {0};
    size_t i;

    for (i = 0; i < nodes->count; i++) {
        const cli_node_t *node = &nodes->items[i];
        cli_server_load_t *load = find(&loads, node);

        if (load == NULL) {
            loads.items = cli_grow(loads.items, loads.count, sizeof *loads.items);
            load = &loads.items[loads.count++];
            *load = (cli_server_load_t){.where = node->where,
                                        .via_pgbouncer = node->via_pgbouncer,
                                        .per_process = CLI_KEEPERS};
        }
        add_pool(load, node);
    }
    return loads;
}

const cli_server_load_t *cli_load_at(const cli_server_loads_t *loads, const cli_node_t *node)
{
    return find(loads, node);
}

uint64_t cli_load_as(const cli_server_load_t *load, const char *user, const char *dbname)
{
    uint64_t sum = CLI_KEEPERS;
    size_t i;

    for (i = 0; i < load->npools; i++)
        if (user != NULL ? strcmp(load->pools[i].user, user) == 0
                         : strcmp(load->pools[i].dbname, dbname) == 0)
            sum += load->pools[i].max + (load->via_pgbouncer ? 0 : CLI_LISTENS_PER_POOL);
    return sum;
}

char *cli_load_text(const cli_server_load_t *load)
{
    cli_buf_t out = {0};
    size_t i;

    for (i = 0; i < load->npools; i++)
        cli_buf_format(&out, load->via_pgbouncer ? "%s %llu, " : "%s %llu + LISTEN 1, ",
                       load->pools[i].dbname, (unsigned long long)load->pools[i].max);
    cli_buf_format(&out, "keeper %d", CLI_KEEPERS);
    return out.data;
}
