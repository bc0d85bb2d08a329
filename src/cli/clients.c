/* agencydb clients: which services are connected from where, over all nodes, and with which
 * epoch of the map. */
#include "cli/census.h"
#include "cli/cli.h"
#include "cli/message.h"
#include "cli/process.h"
#include "cli/reached.h"
#include "cli/table.h"

static const cli_usage_t k_usage = {
    .name = "clients",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Shows which services are connected, what their connections do, and with which map",
    .about =
        "Asks every node of the map, all at once, for the sessions in the map's databases, and\n"
        "adds them up by service (application_name) and host. KEEPERS are the connections by\n"
        "which services ask for roles: one for each process and server; they are not among\n"
        "CONNECTIONS. Its own connections are left out.\n\n"
        "PROCESSES are as many as the server sees that sees most of them. EPOCH is that of the\n"
        "map that they have in use, as they say once a second; when they differ, with the number\n"
        "of processes: '11 (1), 12 (2)'. '?' may not be seen, or has not been said yet. Behind a\n"
        "PgBouncer, sessions are the PgBouncer's.\n\n"
        "'--wait-epoch N' waits until every process that is connected has a map of epoch N or a\n"
        "later one in use. A node that does not answer is told; only when none does is there\n"
        "nothing to go by.\n\n"
        "States, hosts and epochs of other roles' sessions are seen with pg_monitor only (GRANT\n"
        "pg_monitor TO the map's user, or '--user', which needs USAGE on the schema agencydb and\n"
        "SELECT on agencydb.identity).",
    .examples = "  agencydb clients shardmap.yaml\n"
                "  agencydb clients --service foundation-api --json shardmap.yaml\n"
                "  agencydb clients --wait-epoch 13 --timeout 5m shardmap.yaml",
    .exits = "  0  every node was asked; every process has the epoch\n"
             "  1  one could not be, and the others are shown; some process is behind\n"
             "  2  the command line is wrong",
};

typedef struct clients_options {
    const char *keyspace;
    const char *service;
    cli_login_options_t login;
    const char *epoch_text;
    uint64_t epoch; /* to wait for; 0: not */
    uint32_t timeout_ms;
    bool json;
} clients_options_t;

/* --- telling ---------------------------------------------------------------------------------- */
static const char *number(size_t count)
{
    return cli_format("%zu", count);
}

static void print_table(const cli_census_t *census)
{
    static const char *const k_heads[] = {"SERVICE", "HOST",      "CONNECTIONS", "ACTIVE",
                                          "IDLE",    "IN TX",     "OLDEST TX",   "KEEPERS",
                                          "NODES",   "PROCESSES", "EPOCH"};
    cli_table_t table;
    size_t i;

    cli_table_init(&table, sizeof k_heads / sizeof k_heads[0]);
    for (i = 2; i < table.columns - 1; i++)
        table.right[i] = true;
    cli_table_row(&table, k_heads);
    for (i = 0; i < census->count; i++) {
        const cli_census_row_t *row = &census->rows[i];
        const bool hidden = row->unseen > 0;

        cli_table_row(&table,
                      (const char *const[]){
                          row->service[0] != '\0' ? row->service : "-",
                          row->host != NULL ? row->host : "?", number(row->connections),
                          hidden ? "?" : number(row->active), hidden ? "?" : number(row->idle),
                          hidden ? "?" : number(row->in_transaction),
                          hidden ? "?" : cli_span_text(row->oldest_ms), number(row->keepers),
                          number(row->nodes), number(row->epochs.all.processes),
                          cli_epochs_text(&row->epochs)});
    }
    cli_table_print(&table, false);
}

static void json_row(cli_json_t *json, const cli_census_row_t *row)
{
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "service", row->service);
    if (row->host != NULL)
        cli_json_text(json, "host", row->host);
    cli_json_number(json, "connections", row->connections);
    if (row->unseen == 0) {
        cli_json_number(json, "active", row->active);
        cli_json_number(json, "idle", row->idle);
        cli_json_number(json, "idle_in_transaction", row->in_transaction);
        if (row->oldest_ms >= 0)
            cli_json_number(json, "oldest_transaction_ms", (uint64_t)row->oldest_ms);
    }
    cli_json_number(json, "keepers", row->keepers);
    cli_json_number(json, "nodes", row->nodes);
    cli_epochs_json(&row->epochs, json);
    cli_json_close(json);
}

static void print_json(const cli_census_t *census, const cli_nodes_t *nodes)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "clients", '[');
    for (i = 0; i < census->count; i++)
        json_row(&json, &census->rows[i]);
    cli_json_close(&json);
    cli_json_open(&json, "nodes", '[');
    for (i = 0; i < nodes->count; i++) {
        const char *fault = census->faults[i];

        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "keyspace", nodes->items[i].keyspace);
        cli_json_text(&json, "shard", nodes->items[i].shard);
        cli_json_text(&json, "node", nodes->items[i].name);
        if (fault != NULL)
            cli_json_text(&json, "reason", fault);
        else
            cli_json_bool(&json, "sees_all", census->sights[i].sees_all);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_close(&json);
    cli_json_print(&json);
}

/* --- the command ------------------------------------------------------------------------------ */
static int show(cli_inspect_t *inspect, const clients_options_t *options)
{
    const cli_census_t census = cli_census_take(inspect, options->service);
    size_t failed;

    if (options->json)
        print_json(&census, inspect->nodes);
    else
        print_table(&census);
    failed = cli_census_tell_faults(&census, inspect->nodes);
    cli_census_tell_blind(&census, inspect->nodes);
    return cli_finish(failed == 0 ? CLI_OK : CLI_FAILED);
}

static int run_map(const agdb_map_t *map, const cli_client_t *login,
                   const clients_options_t *options)
{
    const cli_reached_t reached = {(int64_t)options->epoch, options->service, options->timeout_ms,
                                   options->json};
    const cli_nodes_t nodes = cli_nodes_pick(map, options->keyspace, NULL, NULL);
    cli_inspect_t inspect = {
        .map = map, .nodes = &nodes, .login = login, .timeout_ms = CLI_INSPECT_MS};
    int code;

    if (nodes.count == 0) {
        cli_error("the map has no keyspace '%s'", options->keyspace);
        return CLI_FAILED;
    }
    if (options->epoch == 0)
        inspect.timeout_ms = options->timeout_ms;
    else
        cli_catch_interrupts();
    if (!cli_inspect_open(&inspect))
        return CLI_FAILED;
    code = options->epoch != 0 ? cli_wait_reached(&inspect, &reached) : show(&inspect, options);
    cli_inspect_close(&inspect);
    return code;
}

static bool check_options(clients_options_t *options)
{
    enum { REACH_MS = 60000 };

    if (options->epoch_text != NULL &&
        (!cli_number(options->epoch_text, INT64_MAX, &options->epoch) || options->epoch == 0)) {
        cli_error("clients: '--wait-epoch %s' is not an epoch: a number from 1",
                  options->epoch_text);
        return false;
    }
    /* a keeper is in one database of its server, which may be another keyspace's */
    if (options->epoch != 0 && options->keyspace != NULL) {
        cli_error("clients: '--wait-epoch' is of the whole map, without '--keyspace'");
        return false;
    }
    if (options->timeout_ms == 0)
        options->timeout_ms = options->epoch != 0 ? REACH_MS : CLI_INSPECT_MS;
    return true;
}

static int run(int argc, char **argv)
{
    clients_options_t options = {.timeout_ms = 0};
    const cli_option_t table[] = {
        CLI_TEXT("wait-epoch", "N", &options.epoch_text,
                 "wait until every process has a map of epoch N or later"),
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "only the nodes of this keyspace"),
        CLI_TEXT("service", "NAME", &options.service, "only this service"),
        CLI_DURATION("timeout", &options.timeout_ms,
                     "for each node (default: 3s); with '--wait-epoch' for all (default: 1m)"),
        CLI_LOGIN_OPTIONS(options.login),
        CLI_FLAG("json", &options.json, "print one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);
    cli_client_t login = {0};
    agdb_map_t *map;

    if (code >= 0)
        return code;
    if (!check_options(&options))
        return CLI_USAGE;
    code = cli_client_take(&login, "clients", &options.login);
    if (code >= 0)
        return code;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    code = run_map(map, &login, &options);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_clients = {&k_usage, run};
