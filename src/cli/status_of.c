#include "cli/status_of.h"

#include "cli/cli.h"
#include "cli/control.h"
#include "cli/message.h"
#include "cli/table.h"

#include <stdio.h>

static const char *const k_head[] = {"KEYSPACE", "SHARD", "STATE", "PARKED",  "NODE",  "HEALTH",
                                     "ROLE",     "TL",    "LAG",   "LATENCY", "CALLS", "REASON"};
enum { COLUMNS = sizeof k_head / sizeof k_head[0] };

const char *cli_age(const char *seconds)
{
    uint64_t s = 0;

    if (!cli_number(cli_copy_n(seconds, strcspn(seconds, ".")), UINT64_MAX, &s))
        return "-";
    if (s < 120)
        return cli_format("%u s", (unsigned)s);
    if (s < UINT64_C(120) * 60)
        return cli_format("%u min", (unsigned)(s / 60));
    if (s < UINT64_C(48) * 3600)
        return cli_format("%u h", (unsigned)(s / 3600));
    return cli_format("%llu d", (unsigned long long)(s / 86400));
}

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static const char *with_unit(const char *number)
{
    return number[0] != '\0' ? cli_format("%s ms", number) : "-";
}

/* Of reads lately, where replicas are compared; else of all calls so far. */
static const char *latency(const json_t *node)
{
    const char *lately = cli_json_string(node, "read_latency_ms");

    return lately[0] != '\0' ? lately : cli_json_string(node, "mean_ms");
}

static void add_node(cli_table_t *table, const char *keyspace, const json_t *shard,
                     const json_t *node)
{
    const bool first = node == json_array_get(json_object_get(shard, "nodes"), 0);
    const char *const cells[COLUMNS] = {
        first ? keyspace : "",
        first ? cli_json_string(shard, "name") : "",
        first ? cli_json_string(shard, "state") : "",
        first ? cli_json_string(shard, "parked") : "",
        cli_json_string(node, "name"),
        cli_json_string(node, "state"),
        cli_json_string(node, "role"),
        cli_json_whole(node, "timeline") > 0 ? cli_json_string(node, "timeline") : "-",
        with_unit(cli_json_string(node, "lag_ms")),
        with_unit(latency(node)),
        cli_json_string(node, "calls"),
        or_dash(cli_json_string(node, "reason"))};

    cli_table_row(table, cells);
}

static void add_keyspace(cli_table_t *table, const json_t *keyspace)
{
    const json_t *shards = json_object_get(keyspace, "shards");
    const json_t *shard;
    const json_t *node;
    size_t s;
    size_t n;

    json_array_foreach (shards, s, shard)
        json_array_foreach (json_object_get(shard, "nodes"), n, node)
            add_node(table, cli_json_string(keyspace, "name"), shard, node);
}

static void print_head(const json_t *dump)
{
    const json_t *process = json_object_get(dump, "process");
    const json_t *map = json_object_get(dump, "map");

    printf("%s, process %s: epoch %s for %s, %s\n\n", cli_json_string(process, "service"),
           cli_json_string(process, "pid"), cli_json_string(map, "epoch"),
           cli_age(cli_json_string(map, "in_use_s")),
           cli_json_string(map, "file")[0] != '\0' ? cli_json_string(map, "file")
                                                   : "a map given as a text");
}

const char *cli_shard_trouble(const json_t *shard)
{
    const uint64_t parked = cli_json_whole(shard, "parked");
    const bool split = strcmp(cli_json_string(shard, "state"), "split") == 0;

    if (cli_json_truth(shard, "writable"))
        return NULL;
    return cli_format("has had %s for %s; %llu call%s for it",
                      split ? "several primaries, and takes no writes," : "no primary",
                      cli_age(cli_json_string(shard, "without_primary_s")),
                      (unsigned long long)parked, parked == 1 ? " waits" : "s wait");
}

static void print_trouble(const json_t *keyspace)
{
    const json_t *shard;
    size_t s;

    json_array_foreach (json_object_get(keyspace, "shards"), s, shard) {
        const char *trouble = cli_shard_trouble(shard);

        if (trouble != NULL)
            printf("\n%s / %s %s\n", cli_json_string(keyspace, "name"),
                   cli_json_string(shard, "name"), trouble);
    }
}

static void print_table(const json_t *dump)
{
    static const size_t numbers[] = {3, 7, 8, 9, 10};
    const json_t *keyspaces = json_object_get(dump, "keyspaces");
    const json_t *keyspace;
    cli_table_t table;
    size_t i;

    print_head(dump);
    cli_table_init(&table, COLUMNS);
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        table.right[numbers[i]] = true;
    cli_table_row(&table, k_head);
    json_array_foreach (keyspaces, i, keyspace)
        add_keyspace(&table, keyspace);
    cli_table_print(&table, false);
    json_array_foreach (keyspaces, i, keyspace)
        print_trouble(keyspace);
}

cli_shards_t cli_dump_shards(const json_t *dump)
{
    const json_t *keyspace;
    const json_t *shard;
    cli_shards_t sum = {0};
    size_t k;
    size_t s;

    json_array_foreach (json_object_get(dump, "keyspaces"), k, keyspace)
        json_array_foreach (json_object_get(keyspace, "shards"), s, shard) {
            sum.all++;
            sum.writable += cli_json_truth(shard, "writable");
            sum.parked += cli_json_whole(shard, "parked");
        }
    return sum;
}

int cli_status_of(const char *socket_path, bool json)
{
    cli_answer_t answer;
    const json_t *dump = cli_ask_dump(socket_path, &answer);
    cli_shards_t shards;

    if (dump == NULL) {
        cli_error("%s", answer.text);
        return CLI_FAILED;
    }
    if (json)
        fwrite(answer.text, 1, answer.len, stdout);
    else
        print_table(dump);
    shards = cli_dump_shards(dump);
    return cli_finish(shards.writable < shards.all ? CLI_FAILED : CLI_OK);
}
