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
    if (s < 120 * 60)
        return cli_format("%u min", (unsigned)(s / 60));
    if (s < 48 * 3600)
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
static const char *latency(const cli_json_value_t *node)
{
    const char *lately = cli_json_string(node, "read_latency_ms");

    return lately[0] != '\0' ? lately : cli_json_string(node, "mean_ms");
}

static void add_node(cli_table_t *table, const char *keyspace, const cli_json_value_t *shard,
                     const cli_json_value_t *node)
{
    const bool first = node == cli_json_get(shard, "nodes")->items;
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

static void add_keyspace(cli_table_t *table, const cli_json_value_t *keyspace)
{
    const cli_json_value_t *shards = cli_json_get(keyspace, "shards");
    size_t s;
    size_t n;

    for (s = 0; s < shards->count; s++) {
        const cli_json_value_t *nodes = cli_json_get(&shards->items[s], "nodes");

        for (n = 0; n < nodes->count; n++)
            add_node(table, cli_json_string(keyspace, "name"), &shards->items[s], &nodes->items[n]);
    }
}

static void print_head(const cli_json_value_t *dump)
{
    const cli_json_value_t *process = cli_json_get(dump, "process");
    const cli_json_value_t *map = cli_json_get(dump, "map");

    printf("%s, process %s: epoch %s for %s, %s\n\n", cli_json_string(process, "service"),
           cli_json_string(process, "pid"), cli_json_string(map, "epoch"),
           cli_age(cli_json_string(map, "in_use_s")),
           cli_json_string(map, "file")[0] != '\0' ? cli_json_string(map, "file")
                                                   : "a map given as a text");
}

const char *cli_shard_trouble(const cli_json_value_t *shard)
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

static void print_trouble(const cli_json_value_t *keyspace)
{
    const cli_json_value_t *shards = cli_json_get(keyspace, "shards");
    size_t s;

    for (s = 0; s < shards->count; s++) {
        const char *trouble = cli_shard_trouble(&shards->items[s]);

        if (trouble != NULL)
            printf("\n%s / %s %s\n", cli_json_string(keyspace, "name"),
                   cli_json_string(&shards->items[s], "name"), trouble);
    }
}

static void print_table(const cli_json_value_t *dump)
{
    static const size_t numbers[] = {3, 7, 8, 9, 10};
    const cli_json_value_t *keyspaces = cli_json_get(dump, "keyspaces");
    cli_table_t table;
    size_t i;

    print_head(dump);
    cli_table_init(&table, COLUMNS);
    for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        table.right[numbers[i]] = true;
    cli_table_row(&table, k_head);
    for (i = 0; i < keyspaces->count; i++)
        add_keyspace(&table, &keyspaces->items[i]);
    cli_table_print(&table, true);
    for (i = 0; i < keyspaces->count; i++)
        print_trouble(&keyspaces->items[i]);
}

cli_shards_t cli_dump_shards(const cli_json_value_t *dump)
{
    const cli_json_value_t *keyspaces = cli_json_get(dump, "keyspaces");
    cli_shards_t sum = {0};
    size_t k;
    size_t s;

    for (k = 0; k < keyspaces->count; k++) {
        const cli_json_value_t *shards = cli_json_get(&keyspaces->items[k], "shards");

        for (s = 0; s < shards->count; s++) {
            sum.all++;
            sum.writable += cli_json_truth(&shards->items[s], "writable");
            sum.parked += cli_json_whole(&shards->items[s], "parked");
        }
    }
    return sum;
}

int cli_status_of(const char *socket_path, bool json)
{
    cli_answer_t answer;
    const cli_json_value_t *dump = cli_ask_dump(socket_path, &answer);
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
