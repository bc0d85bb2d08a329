#include "cli/status_report.h"

#include "cli/check_rules.h"
#include "cli/sessions.h"
#include "cli/table.h"

#include <stdio.h>

cli_shard_standing_t cli_status_shard(const cli_status_t *status, size_t first)
{
    const cli_node_t *nodes = &status->nodes->items[first];
    const cli_expected_t expected = {agdb_map_slots(status->map),
                                     agdb_map_shard_count(status->map, nodes->keyspace_at) > 1};

    return cli_stand(nodes, &status->sights[first], cli_nodes_of_shard(status->nodes, first),
                     expected);
}

static bool is_good_shard(const cli_shard_standing_t *shard, size_t count)
{
    size_t i;

    if (shard->condition != CLI_SHARD_READY)
        return false;
    for (i = 0; i < count; i++)
        if (shard->nodes[i].place < CLI_NODE_OUTSIDE || shard->nodes[i].place == CLI_NODE_STALE)
            return false;
    return true;
}

bool cli_status_is_good(const cli_status_t *status)
{
    bool good = true;
    size_t at = 0;

    while (at < status->nodes->count) {
        const size_t count = cli_nodes_of_shard(status->nodes, at);
        const cli_shard_standing_t shard = cli_status_shard(status, at);

        good = is_good_shard(&shard, count) && good;
        at += count;
    }
    return good;
}

/* --- words ------------------------------------------------------------------------------------ */
static const char *role_of(const cli_sight_t *sight)
{
    if (sight->reason != NULL)
        return "-";
    return sight->in_recovery ? "replica" : "primary";
}

/* A node that may be used has the state that the map gives it. */
static const char *state_of(const cli_node_t *node, const cli_standing_t *standing)
{
    if (standing->place < CLI_NODE_PRIMARY)
        return cli_place_name(standing->place);
    return node->never_reads && strcmp(node->state, "active") == 0 ? "no-reads"
           : strcmp(node->state, "active") == 0                    ? "up"
                                                                   : node->state;
}

static char *bytes_text(int64_t bytes)
{
    static const char *const k_units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;

    while (bytes >= 10240 && unit + 1 < sizeof k_units / sizeof k_units[0]) {
        bytes /= 1024;
        unit++;
    }
    return cli_format("%lld %s", (long long)bytes, k_units[unit]);
}

static char *lag_text(const cli_standing_t *standing)
{
    if (standing->lag_bytes < 0)
        return cli_copy("-");
    if (standing->lag_bytes == 0 || standing->lag_ms < 0)
        return bytes_text(standing->lag_bytes);
    return cli_format("%s, %s", bytes_text(standing->lag_bytes), cli_span_text(standing->lag_ms));
}

/* --- for people ------------------------------------------------------------------------------- */
static void add_rows(const cli_status_t *status, size_t first, const cli_shard_standing_t *shard,
                     cli_table_t *table)
{
    const size_t count = cli_nodes_of_shard(status->nodes, first);
    size_t i;

    for (i = 0; i < count; i++) {
        const cli_node_t *node = &status->nodes->items[first + i];
        const cli_sight_t *sight = &status->sights[first + i];
        const bool up = sight->reason == NULL;

        cli_table_row(table, (const char *const[]){
                                 node->keyspace, node->shard, node->name, role_of(sight),
                                 state_of(node, &shard->nodes[i]), lag_text(&shard->nodes[i]),
                                 up ? cli_format("%lld", (long long)sight->timeline) : "-",
                                 up ? cli_format("%.1f ms", (double)sight->latency_us / 1000) : "-",
                                 shard->nodes[i].reason});
    }
}

int64_t cli_status_without_at_most(const cli_shard_standing_t *shard, const cli_sight_t *sights)
{
    if (shard->condition != CLI_SHARD_WITHOUT_PRIMARY || shard->most_advanced == CLI_NO_NODE)
        return -1;
    return sights[shard->most_advanced].replayed_ago_ms;
}

static char *at_most_text(const cli_status_t *status, size_t first,
                          const cli_shard_standing_t *shard)
{
    const int64_t ms = cli_status_without_at_most(shard, &status->sights[first]);

    if (ms < 0)
        return cli_copy("");
    return cli_format(", for %s at most (by the last commit that %s has)", cli_span_text(ms),
                      status->nodes->items[first + shard->most_advanced].name);
}

static char *since_text(const cli_status_t *status, size_t first)
{
    if (status->without_since_ms == NULL || status->without_since_ms[first] == 0)
        return cli_copy("");
    return cli_format(" for %s (seen by this command)",
                      cli_span_text((int64_t)(status->now_ms - status->without_since_ms[first])));
}

static void print_trouble(const cli_status_t *status, size_t first,
                          const cli_shard_standing_t *shard)
{
    const cli_node_t *nodes = &status->nodes->items[first];
    const size_t best = shard->most_advanced;

    if (shard->condition == CLI_SHARD_READY)
        return;
    printf("\n%s / %s ", nodes->keyspace, nodes->shard);
    if (shard->condition == CLI_SHARD_SPLIT) {
        printf("has several primaries: writes are refused; stop all but the one that is to stay\n");
        return;
    }
    printf("has no primary%s%s", since_text(status, first), at_most_text(status, first, shard));
    if (best == CLI_NO_NODE)
        printf(", and no replica that may be used\n");
    else
        printf("; the most advanced replica is %s (timeline %lld, %s)\n  %s\n", nodes[best].name,
               (long long)status->sights[first + best].timeline,
               cli_lsn_text(cli_sight_reach(&status->sights[first + best])),
               cli_promotion_hint(&nodes[best]));
}

void cli_status_print(const cli_status_t *status)
{
    static const char *const k_heads[] = {"KEYSPACE", "SHARD",    "NODE",    "ROLE",  "STATE",
                                          "LAG",      "TIMELINE", "LATENCY", "REASON"};
    cli_shard_standing_t *shards = cli_alloc((status->nodes->count + 1) * sizeof *shards);
    cli_table_t table;
    size_t at;

    cli_table_init(&table, sizeof k_heads / sizeof k_heads[0]);
    table.right[5] = table.right[6] = table.right[7] = true;
    cli_table_row(&table, k_heads);
    for (at = 0; at < status->nodes->count; at += cli_nodes_of_shard(status->nodes, at)) {
        shards[at] = cli_status_shard(status, at);
        add_rows(status, at, &shards[at], &table);
    }
    cli_table_print(&table, false);
    for (at = 0; at < status->nodes->count; at += cli_nodes_of_shard(status->nodes, at))
        print_trouble(status, at, &shards[at]);
}

/* --- as JSON ---------------------------------------------------------------------------------- */
static void json_node(const cli_node_t *node, const cli_sight_t *sight,
                      const cli_standing_t *standing, cli_json_t *json)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "node", node->name);
    cli_json_text(json, "server", node->where);
    cli_json_text(json, "state", state_of(node, standing));
    if (sight->reason == NULL) {
        cli_json_text(json, "role", role_of(sight));
        cli_json_number(json, "timeline", (uint64_t)sight->timeline);
        cli_json_text(json, "lsn", cli_lsn_text(sight->lsn));
        cli_json_number(json, "latency_us", sight->latency_us);
    }
    if (standing->lag_bytes >= 0)
        cli_json_number(json, "lag_bytes", (uint64_t)standing->lag_bytes);
    if (standing->lag_bytes >= 0 && standing->lag_ms >= 0)
        cli_json_number(json, "lag_ms", (uint64_t)standing->lag_ms);
    if (standing->reason[0] != '\0')
        cli_json_text(json, "reason", standing->reason);
    cli_json_close(json);
}

void cli_status_shard_json(const cli_status_t *status, size_t first, const char *name,
                           cli_json_t *json)
{
    const cli_node_t *nodes = &status->nodes->items[first];
    const cli_shard_standing_t shard = cli_status_shard(status, first);
    const int64_t at_most_ms = cli_status_without_at_most(&shard, &status->sights[first]);
    const size_t count = cli_nodes_of_shard(status->nodes, first);
    size_t i;

    cli_json_open(json, name, '{');
    cli_json_text(json, "keyspace", nodes->keyspace);
    cli_json_text(json, "shard", nodes->shard);
    cli_json_text(json, "state", cli_condition_name(shard.condition));
    if (shard.primary != CLI_NO_NODE)
        cli_json_text(json, "primary", nodes[shard.primary].name);
    if (status->without_since_ms != NULL && status->without_since_ms[first] != 0)
        cli_json_number(json, "without_primary_ms",
                        status->now_ms - status->without_since_ms[first]);
    if (at_most_ms >= 0)
        cli_json_number(json, "without_primary_at_most_ms", (uint64_t)at_most_ms);
    if (shard.most_advanced != CLI_NO_NODE) {
        cli_json_text(json, "most_advanced", nodes[shard.most_advanced].name);
        cli_json_text(json, "hint", cli_promotion_hint(&nodes[shard.most_advanced]));
    }
    cli_json_open(json, "nodes", '[');
    for (i = 0; i < count; i++)
        json_node(&nodes[i], &status->sights[first + i], &shard.nodes[i], json);
    cli_json_close(json);
    cli_json_close(json);
}

void cli_status_json(const cli_status_t *status, cli_json_t *json)
{
    size_t at;

    cli_json_open(json, NULL, '{');
    cli_json_bool(json, "ok", cli_status_is_good(status));
    cli_json_open(json, "shards", '[');
    for (at = 0; at < status->nodes->count; at += cli_nodes_of_shard(status->nodes, at))
        cli_status_shard_json(status, at, NULL, json);
    cli_json_close(json);
    cli_json_close(json);
}
