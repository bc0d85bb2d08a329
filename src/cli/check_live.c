#include "cli/check_live.h"

#include "cli/check_rules.h"
#include "cli/message.h"
#include "cli/table.h"

#include <stdio.h>

/* --- what servers must allow ------------------------------------------------------------------ */
static char *number_text(uint64_t number)
{
    return cli_format("%llu", (unsigned long long)number);
}

static void needs_json(const cli_server_loads_t *loads, uint64_t instances, cli_json_t *json)
{
    size_t i;
    size_t p;

    cli_json_number(json, "instances", instances);
    cli_json_open(json, "servers", '[');
    for (i = 0; i < loads->count; i++) {
        const cli_server_load_t *load = &loads->items[i];

        cli_json_open(json, NULL, '{');
        cli_json_text(json, "server", load->where);
        cli_json_bool(json, "pgbouncer", load->via_pgbouncer);
        cli_json_open(json, "pools", '[');
        for (p = 0; p < load->npools; p++) {
            cli_json_open(json, NULL, '{');
            cli_json_text(json, "dbname", load->pools[p].dbname);
            cli_json_text(json, "user", load->pools[p].user);
            cli_json_number(json, "max", load->pools[p].max);
            cli_json_close(json);
        }
        cli_json_close(json);
        cli_json_number(json, "per_process", load->per_process);
        cli_json_number(json, "connections", instances * load->per_process);
        if (load->via_pgbouncer)
            cli_json_number(json, "max_client_conn", instances * load->per_process);
        else
            cli_json_number(json, "max_connections",
                            instances * load->per_process + CLI_RESERVED_DEFAULT);
        cli_json_close(json);
    }
    cli_json_close(json);
}

static void needs_table(const cli_server_loads_t *loads, uint64_t instances)
{
    static const char *const k_heads[] = {"SERVER", "EACH PROCESS", "SUM", "x PROCESSES",
                                          "MAX_CONNECTIONS"};
    cli_table_t table;
    size_t i;

    cli_table_init(&table, sizeof k_heads / sizeof k_heads[0]);
    table.right[2] = table.right[3] = table.right[4] = true;
    cli_table_row(&table, k_heads);
    for (i = 0; i < loads->count; i++) {
        const cli_server_load_t *load = &loads->items[i];
        const uint64_t needed = instances * load->per_process;

        cli_table_row(&table, (const char *const[]){
                                  load->where, cli_load_text(load), number_text(load->per_process),
                                  number_text(needed),
                                  load->via_pgbouncer
                                      ? cli_format("%s (max_client_conn)", number_text(needed))
                                      : number_text(needed + CLI_RESERVED_DEFAULT)});
    }
    cli_table_print(&table, false);
    printf("\nFor %llu process%s. MAX_CONNECTIONS holds %d that are reserved for superusers; what "
           "else connects comes on top.\n",
           (unsigned long long)instances, instances == 1 ? "" : "es", CLI_RESERVED_DEFAULT);
}

void cli_check_needs(const cli_check_live_t *live, const agdb_map_t *map, cli_json_t *json)
{
    cli_nodes_t nodes = cli_nodes_pick(map, NULL, NULL, NULL);
    cli_server_loads_t loads = cli_loads_of(&nodes);

    if (json != NULL)
        needs_json(&loads, live->instances, json);
    else
        needs_table(&loads, live->instances);
}

/* --- what they are ---------------------------------------------------------------------------- */
typedef struct live_run {
    const cli_check_live_t *live;
    const agdb_map_t *map;
    cli_nodes_t nodes;
    cli_server_loads_t loads;
    cli_sight_t *sights;
    cli_check_facts_t *facts;
    cli_findings_t findings;
} live_run_t;

static bool is_first_of_server(const cli_nodes_t *nodes, size_t at)
{
    size_t i;

    for (i = 0; i < at; i++)
        if (strcmp(nodes->items[i].where, nodes->items[at].where) == 0)
            return false;
    return true;
}

static void judge_shard(live_run_t *run, size_t first, size_t count)
{
    const cli_node_t *nodes = &run->nodes.items[first];
    const cli_expected_t expected = {agdb_map_slots(run->map),
                                     agdb_map_shard_count(run->map, nodes->keyspace_at) > 1};
    cli_shard_standing_t shard = cli_stand(nodes, &run->sights[first], count, expected);
    size_t i;

    cli_check_shard(&run->findings, nodes, &run->sights[first], &shard);
    for (i = 0; i < count; i++) {
        const cli_checked_t checked = {
            .node = &nodes[i],
            .sight = &run->sights[first + i],
            .facts = &run->facts[first + i],
            .standing = &shard.nodes[i],
            .primary = shard.primary != CLI_NO_NODE ? &run->facts[first + shard.primary] : NULL,
            .load = cli_load_at(&run->loads, &nodes[i]),
            .is_first_of_server = is_first_of_server(&run->nodes, first + i),
            .nodes_of_shard = count,
            .expected = expected,
            .instances = run->live->instances,
            .map_path = run->live->path,
        };
        cli_check_node(&run->findings, &checked);
    }
}

static void judge(live_run_t *run)
{
    size_t at = 0;

    while (at < run->nodes.count) {
        const size_t count = cli_nodes_of_shard(&run->nodes, at);

        judge_shard(run, at, count);
        at += count;
    }
}

bool cli_check_live(const cli_check_live_t *live, const agdb_map_t *map, cli_json_t *json)
{
    live_run_t run = {.live = live, .map = map, .nodes = cli_nodes_pick(map, NULL, NULL, NULL)};
    cli_inspect_t inspect = {
        .map = map, .nodes = &run.nodes, .login = &live->login, .timeout_ms = live->timeout_ms};

    if (!cli_inspect_open(&inspect))
        return false;
    run.loads = cli_loads_of(&run.nodes);
    run.sights = cli_look(&inspect);
    run.facts = cli_check_gather(&inspect, run.sights);
    cli_inspect_close(&inspect);
    judge(&run);
    if (json != NULL) {
        needs_json(&run.loads, live->instances, json);
        cli_findings_json(&run.findings, json);
    } else {
        cli_findings_print(&run.findings);
    }
    return run.findings.levels[CLI_LEVEL_ERROR] == 0;
}
