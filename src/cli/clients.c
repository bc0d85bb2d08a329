/* agencydb clients: which services are connected from where, over all nodes. */
#include "cli/cli.h"
#include "cli/message.h"
#include "cli/sessions.h"
#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>

static const cli_usage_t k_usage = {
    .name = "clients",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Shows which services are connected, and what their connections do",
    .about =
        "Asks every node of the map, all at once, for the sessions in the map's databases, and\n"
        "adds them up by service (application_name) and host. KEEPERS are the connections by\n"
        "which services ask for roles: one for each process and server; they are not among\n"
        "CONNECTIONS. Its own connections are left out.\n\n"
        "States and hosts of other roles' sessions are seen with pg_monitor only (GRANT "
        "pg_monitor\n"
        "TO the map's user, or '--user', which needs USAGE on the schema agencydb and SELECT on\n"
        "agencydb.identity).",
    .examples = "  agencydb clients shardmap.yaml\n"
                "  agencydb clients --service foundation-api --json shardmap.yaml",
    .exits = "  0  every node was asked\n"
             "  1  one could not be; the others are shown\n"
             "  2  the command line is wrong",
};

typedef struct clients_options {
    const char *keyspace;
    const char *service;
    cli_login_options_t login;
    uint32_t timeout_ms;
    bool json;
} clients_options_t;

/* One service on one host. */
typedef struct client_row {
    const char *service;
    const char *host; /* NULL: may not be seen */
    size_t connections;
    size_t active;
    size_t idle;
    size_t in_transaction; /* idle in it */
    size_t unseen;
    size_t keepers;
    size_t nodes;
    size_t last_node; /* counted last */
    int64_t oldest_ms;
} client_row_t;

typedef struct clients_run {
    const clients_options_t *options;
    cli_nodes_t nodes;
    cli_sight_t *sights;
    bool *skip;
    cli_sessions_t *sessions;
    client_row_t *rows;
    size_t count;
    size_t failed;
} clients_run_t;

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static client_row_t *find_row(clients_run_t *run, const cli_session_t *session)
{
    size_t i;

    for (i = 0; i < run->count; i++)
        if (strcmp(run->rows[i].service, session->service) == 0 &&
            is_same(run->rows[i].host, session->host))
            return &run->rows[i];
    run->rows = cli_grow(run->rows, run->count, sizeof *run->rows);
    run->rows[run->count] = (client_row_t){
        .service = session->service, .host = session->host, .last_node = SIZE_MAX, .oldest_ms = -1};
    return &run->rows[run->count++];
}

static void count_session(clients_run_t *run, size_t node, const cli_session_t *session)
{
    client_row_t *row = find_row(run, session);

    row->nodes += row->last_node != node;
    row->last_node = node;
    if (session->is_keeper) {
        row->keepers++;
        return;
    }
    row->connections++;
    if (session->state == NULL)
        row->unseen++;
    else if (strncmp(session->state, "idle in", 7) == 0)
        row->in_transaction++;
    else if (cli_session_is_in(session, "idle"))
        row->idle++;
    else
        row->active++;
    if (session->transaction_ms > row->oldest_ms)
        row->oldest_ms = session->transaction_ms;
}

static void count_all(clients_run_t *run)
{
    size_t i;
    size_t s;

    for (i = 0; i < run->nodes.count; i++)
        for (s = 0; !run->skip[i] && s < run->sessions[i].count; s++) {
            const cli_session_t *session = &run->sessions[i].items[s];

            if (cli_session_is_of(session, &run->nodes, run->nodes.items[i].where) &&
                (run->options->service == NULL ||
                 strcmp(run->options->service, session->service) == 0))
                count_session(run, i, session);
        }
}

static int by_name(const void *a, const void *b)
{
    const client_row_t *left = a;
    const client_row_t *right = b;
    const int order = strcmp(left->service, right->service);

    if (order != 0)
        return order;
    return strcmp(left->host != NULL ? left->host : "", right->host != NULL ? right->host : "");
}

/* --- telling ---------------------------------------------------------------------------------- */
static const char *number(size_t count)
{
    return cli_format("%zu", count);
}

static void print_table(const clients_run_t *run)
{
    static const char *const k_heads[] = {"SERVICE", "HOST",      "CONNECTIONS", "ACTIVE", "IDLE",
                                          "IN TX",   "OLDEST TX", "KEEPERS",     "NODES"};
    cli_table_t table;
    size_t i;

    cli_table_init(&table, sizeof k_heads / sizeof k_heads[0]);
    for (i = 2; i < table.columns; i++)
        table.right[i] = true;
    cli_table_row(&table, k_heads);
    for (i = 0; i < run->count; i++) {
        const client_row_t *row = &run->rows[i];
        const bool hidden = row->unseen > 0;

        cli_table_row(&table, (const char *const[]){row->service[0] != '\0' ? row->service : "-",
                                                    row->host != NULL ? row->host : "?",
                                                    number(row->connections),
                                                    hidden ? "?" : number(row->active),
                                                    hidden ? "?" : number(row->idle),
                                                    hidden ? "?" : number(row->in_transaction),
                                                    hidden ? "?" : cli_span_text(row->oldest_ms),
                                                    number(row->keepers), number(row->nodes)});
    }
    cli_table_print(&table, false);
}

static void json_row(cli_json_t *json, const client_row_t *row)
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
    cli_json_close(json);
}

/* Why a node's sessions are not among them; NULL: they are. */
static const char *fault_of(const clients_run_t *run, size_t node)
{
    if (run->sights[node].reason != NULL)
        return run->sights[node].reason;
    return run->skip[node] ? NULL : run->sessions[node].fault;
}

static void print_json(const clients_run_t *run)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    size_t i;

    cli_json_open(&json, NULL, '{');
    cli_json_open(&json, "clients", '[');
    for (i = 0; i < run->count; i++)
        json_row(&json, &run->rows[i]);
    cli_json_close(&json);
    cli_json_open(&json, "nodes", '[');
    for (i = 0; i < run->nodes.count; i++) {
        const char *fault = fault_of(run, i);

        cli_json_open(&json, NULL, '{');
        cli_json_text(&json, "keyspace", run->nodes.items[i].keyspace);
        cli_json_text(&json, "shard", run->nodes.items[i].shard);
        cli_json_text(&json, "node", run->nodes.items[i].name);
        if (fault != NULL)
            cli_json_text(&json, "reason", fault);
        else
            cli_json_bool(&json, "sees_all", run->sights[i].sees_all);
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_close(&json);
    cli_json_print(&json);
}

/* What the table does not hold. */
static void tell_gaps(clients_run_t *run)
{
    const cli_sight_t *blind = NULL;
    size_t hidden = 0;
    size_t i;

    for (i = 0; i < run->nodes.count; i++) {
        const cli_node_t *node = &run->nodes.items[i];

        if (fault_of(run, i) != NULL) {
            run->failed++;
            cli_error("%s / %s / %s could not be asked: %s", node->keyspace, node->shard,
                      node->name, fault_of(run, i));
        } else if (!run->sights[i].sees_all) {
            blind = &run->sights[i];
        }
    }
    for (i = 0; i < run->count; i++)
        hidden += run->rows[i].unseen;
    if (blind != NULL && hidden > 0)
        fprintf(stderr,
                "Role '%s' may not see what %zu sessions of other roles do: GRANT pg_monitor TO "
                "%s.\n",
                blind->login, hidden, cli_quoted(blind->login, '"'));
}

/* --- the command ------------------------------------------------------------------------------ */
static int show(const agdb_map_t *map, const cli_client_t *login, const clients_options_t *options)
{
    clients_run_t run = {.options = options,
                         .nodes = cli_nodes_pick(map, options->keyspace, NULL, NULL)};
    cli_inspect_t inspect = {
        .map = map, .nodes = &run.nodes, .login = login, .timeout_ms = options->timeout_ms};

    if (run.nodes.count == 0) {
        cli_error("the map has no keyspace '%s'", options->keyspace);
        return CLI_FAILED;
    }
    if (!cli_inspect_open(&inspect))
        return CLI_FAILED;
    run.sights = cli_look(&inspect);
    run.skip = cli_sessions_skip(&run.nodes, run.sights);
    run.sessions = cli_sessions_gather(&inspect, run.skip);
    cli_inspect_close(&inspect);
    count_all(&run);
    if (run.count > 0)
        qsort(run.rows, run.count, sizeof *run.rows, by_name);
    if (options->json)
        print_json(&run);
    else
        print_table(&run);
    tell_gaps(&run);
    return cli_finish(run.failed == 0 ? CLI_OK : CLI_FAILED);
}

static int run(int argc, char **argv)
{
    clients_options_t options = {.timeout_ms = CLI_INSPECT_MS};
    const cli_option_t table[] = {
        CLI_TEXT("keyspace", "NAME", &options.keyspace, "only the nodes of this keyspace"),
        CLI_TEXT("service", "NAME", &options.service, "only this service"),
        CLI_DURATION("timeout", &options.timeout_ms, "for each node (default: 3s)"),
        CLI_LOGIN_OPTIONS(options.login),
        CLI_FLAG("json", &options.json, "print one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);
    cli_client_t login = {0};
    agdb_map_t *map;

    if (code >= 0)
        return code;
    code = cli_client_take(&login, "clients", &options.login);
    if (code >= 0)
        return code;
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    code = show(map, &login, &options);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_clients = {&k_usage, run};
