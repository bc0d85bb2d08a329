/* The map by which single nodes are asked. In it every node is a shard of its own. A keyspace may
 * name a database once, so that nodes that share one, as several keyspaces of the real map do, come
 * into keyspaces of their own. It is written as JSON, which is YAML, too. */
#include "cli/inspect.h"
#include "cli/json.h"
#include "cli/message.h"

#include <strings.h>

/* Of `connection`: all but search_path, whose schemas are nothing to these statements. */
static const char *const k_texts[] = {
    "user",         "dbname",          "sslmode",  "sslrootcert",
    "sslcert",      "sslkey",          "sslcrl",   "ssl_min_protocol_version",
    "passfile",     "channel_binding", "insecure", "password_file",
    "password_env",
};
static const char *const k_durations[] = {"keepalives_idle", "tcp_user_timeout"};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

char *cli_inspect_shard(size_t node)
{
    return cli_format("n%zu", node);
}

static bool is_same_database(const cli_node_t *a, const cli_node_t *b)
{
    return strcasecmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0 &&
           strcmp(a->dbname, b->dbname) == 0;
}

const char **cli_inspect_keyspaces(const cli_nodes_t *nodes)
{
    const char **names = cli_alloc((nodes->count + 1) * sizeof *names);
    size_t i;
    size_t k;

    for (i = 0; i < nodes->count; i++) {
        const cli_node_t *at = &nodes->items[i];
        size_t before = 0;

        for (k = 0; k < i; k++)
            before += is_same_database(&nodes->items[k], at) &&
                      nodes->items[k].via_pgbouncer == at->via_pgbouncer;
        names[i] =
            cli_format("agencydb-inspect.%s.%zu", at->via_pgbouncer ? "bouncer" : "direct", before);
    }
    return names;
}

/* A dollar sign would begin a variable. */
static char *escaped(const char *text)
{
    cli_buf_t out = {0};

    cli_buf_text(&out, "");
    for (; *text != '\0'; text++)
        cli_buf_add(&out, *text == '$' ? "$$" : text, *text == '$' ? 2 : 1);
    return out.data;
}

static void write_connection(cli_json_t *json, const agdb_map_t *map, const cli_node_t *node)
{
    size_t i;

    cli_json_open(json, "connection", '{');
    for (i = 0; i < COUNT(k_texts) + COUNT(k_durations); i++) {
        const bool is_text = i < COUNT(k_texts);
        const char *name = is_text ? k_texts[i] : k_durations[i - COUNT(k_texts)];
        const char *text = cli_node_setting(map, node->keyspace_at, node->shard_at, node->node_at,
                                            cli_format("connection.%s", name));
        if (text == NULL)
            continue;
        if (strcmp(name, "insecure") == 0)
            cli_json_word(json, name, text);
        else
            cli_json_text(json, name, is_text ? escaped(text) : cli_format("%sms", text));
    }
    cli_json_close(json);
}

/* As few connections as possible: the server may be full. */
static void write_limits(cli_json_t *json, uint32_t timeout_ms)
{
    enum { CONNECT_MAX_MS = 600000 };
    static const char *const k_names[] = {"call", "queue", "park", "server"};
    const char *text = cli_format("%ums", (unsigned)timeout_ms);
    size_t i;

    cli_json_open(json, "pool", '{');
    cli_json_number(json, "min", 0);
    cli_json_number(json, "max", 1);
    cli_json_close(json);
    cli_json_open(json, "timeouts", '{');
    for (i = 0; i < COUNT(k_names); i++)
        cli_json_text(json, k_names[i], text);
    cli_json_text(json, "connect",
                  timeout_ms < CONNECT_MAX_MS ? text : cli_format("%dms", CONNECT_MAX_MS));
    cli_json_close(json);
}

static void write_shard(cli_json_t *json, const agdb_map_t *map, const cli_nodes_t *nodes,
                        size_t at, bool first)
{
    const cli_node_t *node = &nodes->items[at];
    uint64_t port = 0;

    (void)cli_number(node->port, UINT16_MAX, &port);
    cli_json_open(json, cli_inspect_shard(at), '{');
    cli_json_open(json, "slots", '[');
    if (first)
        cli_json_text(json, NULL, cli_format("0-%u", agdb_map_slots(map) - 1));
    cli_json_close(json);
    cli_json_open(json, "nodes", '[');
    cli_json_open(json, NULL, '{');
    cli_json_text(json, "host", escaped(node->host));
    cli_json_number(json, "port", port);
    write_connection(json, map, node);
    cli_json_close(json);
    cli_json_close(json);
    cli_json_close(json);
}

/* The nodes from `first` on that are of its keyspace. */
static void write_keyspace(cli_json_t *json, const cli_inspect_t *inspect, size_t first)
{
    const cli_nodes_t *nodes = inspect->nodes;
    size_t i;

    cli_json_open(json, inspect->keyspaces[first], '{');
    if (nodes->items[first].via_pgbouncer)
        cli_json_text(json, "via", "pgbouncer");
    cli_json_open(json, "shards", '{');
    for (i = first; i < nodes->count; i++)
        if (strcmp(inspect->keyspaces[i], inspect->keyspaces[first]) == 0)
            write_shard(json, inspect->map, nodes, i, i == first);
    cli_json_close(json);
    cli_json_close(json);
}

static bool is_first(const cli_inspect_t *inspect, size_t at)
{
    size_t i;

    for (i = 0; i < at; i++)
        if (strcmp(inspect->keyspaces[i], inspect->keyspaces[at]) == 0)
            return false;
    return true;
}

char *cli_inspect_map(const cli_inspect_t *inspect)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out, .compact = true};
    size_t i;

    cli_json_open(&json, NULL, '{');
    cli_json_number(&json, "agencydb", 1);
    cli_json_open(&json, "hash", '{');
    cli_json_text(&json, "algorithm", "xxh3_64");
    cli_json_number(&json, "slots", agdb_map_slots(inspect->map));
    cli_json_close(&json);
    cli_json_text(&json, "default_keyspace", inspect->keyspaces[0]);
    cli_json_open(&json, "defaults", '{');
    write_limits(&json, inspect->timeout_ms);
    cli_json_close(&json);
    cli_json_open(&json, "keyspaces", '{');
    for (i = 0; i < inspect->nodes->count; i++)
        if (is_first(inspect, i))
            write_keyspace(&json, inspect, i);
    cli_json_close(&json);
    cli_json_close(&json);
    return out.data;
}
