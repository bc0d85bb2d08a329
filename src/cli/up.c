/* agencydb up: boots a throwaway cluster for the loopback nodes of a map. */
#include "cli/cli.h"
#include "cli/cluster.h"
#include "cli/message.h"
#include "cli/ports.h"
#include "cli/table.h"

#include <stdio.h>

static const cli_usage_t k_usage = {
    .name = "up",
    .synopsis = "[OPTIONS] MAP",
    .summary = "Boots a local PostgreSQL cluster for a map",
    .about =
        "Makes a server for every node of the map, which must all be on this machine "
        "(127.0.0.0/8,\n"
        "::1, localhost). The first node of a shard is its primary, the others are streaming\n"
        "replicas of it. Nodes with one host and port share a server. Each gets the role\n"
        "connection.user and the database connection.dbname, which that role owns. The password\n"
        "comes from connection.password_file (made when it is missing) or password_env.\n\n"
        "The cluster is for trying and testing: it does not flush to disk, and `agencydb down`\n"
        "removes it with all that is in it. Its folder holds nodes.tsv, a line per node for "
        "scripts\n"
        "(keyspace, shard, node, role, host, port, data folder, process, socket folder), and\n"
        "admin.pgpass, the password of the superuser " CLI_ADMIN ", who comes in through the\n"
        "socket folders only:\n"
        "  PGPASSFILE=DIR/admin.pgpass psql -U " CLI_ADMIN " -h SOCKET_FOLDER -p PORT\n\n"
        "A cluster of the same map that is already there is left as it is; one that was stopped\n"
        "with `agencydb down --keep` is started again.",
    .examples = "  agencydb up shardmap/dev.yaml\n"
                "  agencydb up --free-ports --dir /tmp/try shardmap/dev.yaml",
    .exits = "  0  all servers take connections\n"
             "  1  something failed; what had been started was stopped again\n"
             "  2  the command line is wrong",
};

typedef struct up_options {
    const char *dir;
    const char *bindir;
    const char *run_as;
    bool free_ports;
    bool durable;
    bool revive;
    bool json;
} up_options_t;

/* --- what it prints --------------------------------------------------------------------------- */
static void print_json(const cli_cluster_t *cluster, bool was_up)
{
    cli_buf_t out = {0};
    cli_json_t json = {.out = &out};
    const char *texts[CLI_NODE_FIELDS];
    size_t i;
    size_t f;

    cli_json_open(&json, NULL, '{');
    cli_json_text(&json, "map", cluster->use_path);
    cli_json_text(&json, "dir", cluster->dir);
    cli_json_bool(&json, "was_up", was_up);
    cli_json_open(&json, "nodes", '[');
    for (i = 0; i < cluster->nplaces; i++) {
        cli_node_texts(cluster, &cluster->places[i], texts);
        cli_json_open(&json, NULL, '{');
        for (f = 0; f < CLI_NODE_FIELDS; f++) {
            if (f == CLI_NODE_PORT || f == CLI_NODE_PID)
                cli_json_word(&json, cli_node_names[f], texts[f]);
            else
                cli_json_text(&json, cli_node_names[f], texts[f]);
        }
        cli_json_close(&json);
    }
    cli_json_close(&json);
    cli_json_close(&json);
    cli_json_print(&json);
}

static void print_table(const cli_cluster_t *cluster)
{
    static const char *const k_heads[] = {"KEYSPACE", "SHARD", "NODE", "ROLE",
                                          "PORT",     "PID",   "DATA"};
    const char *texts[CLI_NODE_FIELDS];
    cli_table_t table;
    size_t i;

    cli_table_init(&table, sizeof k_heads / sizeof k_heads[0]);
    table.right[4] = table.right[5] = true;
    cli_table_row(&table, k_heads);
    for (i = 0; i < cluster->nplaces; i++) {
        cli_node_texts(cluster, &cluster->places[i], texts);
        cli_table_row(&table, (const char *const[]){texts[0], texts[1], texts[2], texts[3],
                                                    texts[CLI_NODE_PORT], texts[CLI_NODE_PID],
                                                    texts[CLI_NODE_DATA]});
    }
    cli_table_print(&table, false);
}

static int print_cluster(const cli_cluster_t *cluster, bool json, bool was_up)
{
    if (json) {
        print_json(cluster, was_up);
        return cli_finish(CLI_OK);
    }
    print_table(cluster);
    printf("\n%sMap:  %s\nStop: agencydb down --dir %s\n", was_up ? "It was up already.\n" : "",
           cluster->use_path, cluster->dir);
    return cli_finish(CLI_OK);
}

/* --- a cluster that is there ------------------------------------------------------------------ */
/* Starts what does not run: all of a cluster that `down --keep` stopped, or its dead servers. */
static int start_again(cli_cluster_t *cluster, const up_options_t *options)
{
    const char **stopped = NULL;
    size_t count = 0;
    size_t i;

    cluster->bindir = cli_find_bindir(options->bindir);
    if (cluster->bindir == NULL || !cli_find_user(options->run_as, &cluster->user))
        return CLI_FAILED;
    for (i = 0; i < cluster->nservers; i++) {
        if (cluster->servers[i].pid > 0)
            continue;
        stopped = cli_grow(stopped, count, sizeof *stopped);
        stopped[count++] = cluster->servers[i].data;
    }
    if (cli_boot_again(cluster) && cli_write_nodes(cluster))
        return print_cluster(cluster, options->json, false);
    cli_stop_servers(stopped, count, true);
    return CLI_FAILED;
}

/* What is there must be the cluster of the same map. */
static bool is_same(const cli_kept_t *kept, const cli_cluster_t *wanted, const char *source)
{
    const char *whose = kept->map_path;

    if (strcmp(kept->source, source) == 0 && kept->free_ports == wanted->free_ports)
        return true;
    if (strcmp(kept->source, source) == 0)
        whose = kept->free_ports ? "this map with free ports" : "this map with its own ports";
    else if (strcmp(kept->map_path, wanted->map_path) == 0)
        whose = "an earlier form of this map";
    cli_error("%s holds the cluster of %s; run 'agencydb down --dir %s' first, or use another "
              "'--dir'",
              wanted->dir, whose, wanted->dir);
    return false;
}

/* Counts the servers that do not answer, and names them. */
static size_t count_silent(const cli_cluster_t *cluster, cli_buf_t *names)
{
    enum { ANSWER_MS = 3000 };
    size_t silent = 0;
    size_t i;

    for (i = 0; i < cluster->nservers; i++) {
        const cli_server_t *server = &cluster->servers[i];
        if (server->pid > 0 && cli_server_answers(server->host, server->port, ANSWER_MS))
            continue;
        cli_buf_format(names, "\n    %s (%s port %u)", server->label, server->host, server->port);
        silent++;
    }
    return silent;
}

static int use_existing(cli_cluster_t *cluster, const char *source, const up_options_t *options)
{
    cli_kept_t kept;
    cli_buf_t names = {0};
    size_t running = 0;
    size_t silent;
    size_t i;
    bool complete;

    if (!cli_lock_cluster(cluster->dir))
        return CLI_FAILED;
    complete = cli_read_state(cluster->dir, &kept);
    if (complete && !is_same(&kept, cluster, source))
        return CLI_FAILED;
    if (!complete || !cli_take_state(cluster, &kept)) {
        cli_error("%s holds a cluster that was not completed; run 'agencydb down --dir %s' first",
                  cluster->dir, cluster->dir);
        return CLI_FAILED;
    }
    for (i = 0; i < cluster->nservers; i++)
        running += cluster->servers[i].pid > 0 ? 1 : 0;
    if (running == 0 || (options->revive && running < cluster->nservers))
        return start_again(cluster, options);
    silent = count_silent(cluster, &names);
    if (silent == 0)
        return print_cluster(cluster, options->json, true);
    cli_error("%zu of %zu servers in %s do not answer; run 'agencydb down --dir %s' first, or "
              "start the dead ones with '--revive'%s",
              silent, cluster->nservers, cluster->dir, cluster->dir, names.data);
    return CLI_FAILED;
}

/* --- a new one -------------------------------------------------------------------------------- */
static void undo(const char *dir)
{
    size_t count;
    const char **data = cli_data_folders(dir, &count);

    cli_stop_servers(data, count, false);
    if (cli_remove_cluster(dir))
        fprintf(stderr, "What had been started was stopped, and %s removed.\n", dir);
}

static int boot_new(cli_cluster_t *cluster, const agdb_map_t *map, const char *source,
                    const up_options_t *options)
{
    uint64_t start = cli_now_ms();

    cluster->bindir = cli_find_bindir(options->bindir);
    if (cluster->bindir == NULL || !cli_find_user(options->run_as, &cluster->user) ||
        !cli_plan_ports(cluster) || cli_interrupted())
        return CLI_FAILED;
    cli_progress("Booting %zu server%s in %s", cluster->nservers, cluster->nservers == 1 ? "" : "s",
                 cluster->dir);
    if (!cli_create_state(cluster, source) || !cli_plan_logins(cluster, map) ||
        (cluster->free_ports && !cli_write_use_map(cluster, map)) || !cli_boot(cluster) ||
        !cli_write_nodes(cluster)) {
        if (cli_find_cluster(cluster->dir) == CLI_FOUND_CLUSTER)
            undo(cluster->dir);
        return CLI_FAILED;
    }
    cli_progress("Ready after %.1f s", (double)(cli_now_ms() - start) / 1000);
    return print_cluster(cluster, options->json, false);
}

static int up_map(const char *path, const agdb_map_t *map, const up_options_t *options)
{
    cli_cluster_t cluster = {.free_ports = options->free_ports, .durable = options->durable};
    cli_buf_t source = {0};
    agdb_error_t *err = NULL;

    cluster.map_path = cli_absolute(path);
    cluster.dir = cli_absolute(options->dir != NULL ? options->dir : cli_default_dir(path));
    cluster.use_path =
        cluster.free_ports ? cli_format("%s/map.yaml", cluster.dir) : cluster.map_path;
    if (strpbrk(cluster.dir, "\n\t") != NULL || strpbrk(cluster.map_path, "\n\t") != NULL) {
        cli_error("names of folders with tabs and line ends are not supported");
        return CLI_FAILED;
    }
    if (agdb_map_write(map, AGDB_MAP_YAML, NULL, cli_buf_take, &source, &err) != AGDB_OK) {
        cli_report(err);
        return CLI_FAILED;
    }
    if (!cli_plan_servers(&cluster, map))
        return CLI_FAILED;
    switch (cli_find_cluster(cluster.dir)) {
    case CLI_FOUND_CLUSTER:
        return use_existing(&cluster, source.data, options);
    case CLI_FOUND_FOREIGN:
        cli_error("%s was not made by 'agencydb up' and is not empty; use another '--dir'",
                  cluster.dir);
        return CLI_FAILED;
    case CLI_FOUND_NOTHING:
        break;
    }
    return boot_new(&cluster, map, source.data, options);
}

static int run(int argc, char **argv)
{
    up_options_t options = {0};
    const cli_option_t table[] = {
        CLI_TEXT("dir", "DIR", &options.dir,
                 "where to (default: ${TMPDIR:-/tmp}/agencydb-UID/NAME_OF_MAP)"),
        CLI_FLAG("free-ports", &options.free_ports,
                 "choose free ports and write DIR/map.yaml, the map to use"),
        CLI_FLAG("durable", &options.durable, "flush to disk as a real server does"),
        CLI_FLAG("revive", &options.revive, "start again the dead servers of a cluster that is up"),
        CLI_TEXT("bindir", "DIR", &options.bindir,
                 "folder of postgres, initdb, pg_basebackup (default: pg_config's, or the newest)"),
        CLI_TEXT("run-as", "USER", &options.run_as,
                 "as root: who runs the servers (default: postgres)"),
        CLI_FLAG("json", &options.json, "print one JSON object"),
    };
    cli_args_t args = {CLI_ARGS(k_usage, table), .least = 1, .most = 1};
    int code = cli_args_read(&args, argc, argv);
    agdb_map_t *map;

    if (code >= 0)
        return code;
    cli_catch_interrupts();
    map = cli_load_map(args.items[0]);
    if (map == NULL)
        return CLI_FAILED;
    code = up_map(args.items[0], map, &options);
    agdb_map_free(map);
    return code;
}

const cli_command_t cli_up = {&k_usage, run};
