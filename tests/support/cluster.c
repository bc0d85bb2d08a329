#include "cluster.h"

#include "base/clock.h"
#include "unit.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *cluster_env(const char *name)
{
    const char *value = getenv(name);

    if (value == NULL)
        fail_msg("%s is not set: run tests/run --only live", name);
    return value;
}

static bool parse_node(char *line, cluster_node_t *node)
{
    char *field[9] = {NULL};
    size_t n = 0;

    for (char *rest = line; n < AGDB_COUNT(field); n++)
        if ((field[n] = strsep(&rest, "\t\n")) == NULL)
            break;
    if (n < 7)
        return false;
    snprintf(node->keyspace, sizeof node->keyspace, "%s", field[0]);
    snprintf(node->shard, sizeof node->shard, "%s", field[1]);
    snprintf(node->name, sizeof node->name, "%s", field[2]);
    snprintf(node->role, sizeof node->role, "%s", field[3]);
    snprintf(node->host, sizeof node->host, "%s", field[4]);
    node->port = (int)strtol(field[5], NULL, 10);
    snprintf(node->data, sizeof node->data, "%s", field[6]);
    snprintf(node->socket, sizeof node->socket, "%s", n > 8 ? field[8] : "");
    return true;
}

cluster_node_t cluster_node(const char *keyspace, const char *shard, const char *role)
{
    FILE *file = fopen(cluster_env("AGDB_TEST_NODES"), "re");
    cluster_node_t node = {0};
    char line[1024];

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (parse_node(line, &node) && strcmp(node.keyspace, keyspace) == 0 &&
            strcmp(node.shard, shard) == 0 && strcmp(node.role, role) == 0) {
            fclose(file);
            return node;
        }
    fclose(file);
    fail_msg("the cluster has no %s of %s/%s", role, keyspace, shard);
    return node;
}

static pid_t postmaster(const cluster_node_t *node)
{
    char path[600];
    long pid = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/postmaster.pid", node->data);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld", &pid) != 1)
        pid = 0;
    fclose(file);
    return (pid_t)pid;
}

bool cluster_is_running(const cluster_node_t *node)
{
    pid_t pid = postmaster(node);

    return pid > 0 && kill(pid, 0) == 0;
}

void cluster_signal(const cluster_node_t *node, int signal)
{
    pid_t pid = postmaster(node);

    assert_true(pid > 0);
    assert_int_equal(kill(pid, signal), 0);
}

/* In the child: the owner of the data folder starts the server, as PostgreSQL demands. */
static void start_as_owner(const cluster_node_t *node)
{
    char tool[512];
    char log[600];
    struct stat st;
    FILE *config = popen("pg_config --bindir", "re");

    if (config == NULL || fscanf(config, "%480s", tool) != 1 || stat(node->data, &st) != 0)
        _exit(9);
    pclose(config);
    snprintf(tool + strlen(tool), sizeof tool - strlen(tool), "/pg_ctl");
    snprintf(log, sizeof log, "%s/restart.log", node->data);
    if (geteuid() == 0 &&
        (setgroups(0, NULL) != 0 || setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0))
        _exit(9);
    if (chdir(node->data) != 0 || freopen("/dev/null", "w", stderr) == NULL)
        _exit(9);
    execl(tool, tool, "-D", node->data, "-l", log, "-t", "30", "-w", "-s", "start", (char *)NULL);
    _exit(9);
}

static bool try_start(const cluster_node_t *node)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        start_as_owner(node);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A killed postmaster's children live on for a moment, and a new one does not start beside them. */
void cluster_start(const cluster_node_t *node)
{
    uint64_t until_us = agdb__after_ms(agdb__now_us(), 30000);

    while (!try_start(node))
        if (agdb__now_us() >= until_us)
            fail_msg("%s could not be started: see %s/restart.log", node->name, node->data);
        else
            (void)usleep(100000);
}

agdb_t *cluster_open(const agdb_options_t *options)
{
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;

    if (agdb_open(cluster_env("AGDB_TEST_MAP"), options, &db, &error) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_ALL, 20000, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

agdb_t *cluster_open_edited(const char *text, const char *by, const agdb_options_t *options)
{
    FILE *f = fopen(cluster_env("AGDB_TEST_MAP"), "re");
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    char map[32768];
    char edited[sizeof map];
    char *at;

    assert_non_null(f);
    map[fread(map, 1, sizeof map - 1, f)] = '\0';
    fclose(f);
    at = strstr(map, text);
    if (at == NULL)
        fail_msg("the map has no '%s'", text);
    snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - map), map, by, at + strlen(text));
    if (agdb_open_text(edited, strlen(edited), options, &db, &error) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_ALL, 20000, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

agdb_t *cluster_open_core(const char *defaults, const char *keyspace, const agdb_options_t *options)
{
    cluster_node_t east = cluster_node("core", "east-1", "primary");
    cluster_node_t west = cluster_node("core", "west-1", "primary");
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    char text[2048];

    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: 1\n"
             "defaults:\n  connection: { user: %s, dbname: %s, password_file: %s }\n  %s\n"
             "keyspaces:\n  core:\n    %s\n    shards:\n"
             "      east-1: { slots: [0-2047], nodes: [ \"%s:%d\" ] }\n"
             "      west-1: { slots: [2048-4095], nodes: [ \"%s:%d\" ] }\n",
             cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), defaults, keyspace, east.host, east.port,
             west.host, west.port);
    if (agdb_open_text(text, strlen(text), options, &db, &error) != AGDB_OK ||
        agdb_wait_ready(db, AGDB_READY_ALL, 20000, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

agdb_t *cluster_open_nodes(const char *defaults, const char *east, const char *west,
                           const agdb_options_t *options)
{
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    char shards[1024];
    char text[2048];

    if (west == NULL)
        snprintf(shards, sizeof shards, "      east-1: { nodes: [ %s ] }\n", east);
    else
        snprintf(shards, sizeof shards,
                 "      east-1: { slots: [0-2047], nodes: [ %s ] }\n"
                 "      west-1: { slots: [2048-4095], nodes: [ %s ] }\n",
                 east, west);
    snprintf(text, sizeof text,
             "agencydb: 1\nepoch: 1\n"
             "defaults:\n  connection: { user: %s, dbname: %s, password_file: %s,"
             " sslmode: disable, insecure: true }\n  %s\n"
             "keyspaces:\n  core:\n    shards:\n%s",
             cluster_env("AGDB_TEST_USER"), cluster_env("AGDB_TEST_DBNAME"),
             cluster_env("AGDB_TEST_PASSWORD_FILE"), defaults, shards);
    if (agdb_open_text(text, strlen(text), options, &db, &error) != AGDB_OK)
        fail_msg("%s", agdb_error_message(error));
    return db;
}

void cluster_close(agdb_t *db)
{
    assert_int_equal(agdb_close(db, 10000), AGDB_OK);
}

char *cluster_value(agdb_t *db, const agdb_request_t *request)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    char *copy = NULL;

    if (agdb_query(db, request, &res, &error) != AGDB_OK)
        fail_msg("%s: %s", request->sql, agdb_error_message(error));
    if (agdb_result_rows(res) > 0 && agdb_result_text(res, 0, 0) != NULL)
        copy = strdup(agdb_result_text(res, 0, 0));
    else
        copy = strdup("");
    agdb_result_free(res);
    return copy;
}

void cluster_do(agdb_t *db, const agdb_request_t *request)
{
    free(cluster_value(db, request));
}

void cluster_expect(agdb_t *db, const char *shard, const char *sql, const char *want)
{
    char *got = cluster_value(db, AGDB_REQUEST(.shard = shard, .sql = sql));

    if (strcmp(got, want) != 0)
        fail_msg("%s: '%s', not '%s'", sql, got, want);
    free(got);
}

void cluster_wait_for_no_transaction(agdb_t *db, const char *shard)
{
    const uint64_t end_us = agdb__now_us() + 10000000;
    bool none = false;

    while (!none) {
        char *n = cluster_value(
            db, AGDB_REQUEST(.shard = shard, .sql = "SELECT count(*) FROM pg_stat_activity"
                                                    " WHERE state LIKE 'idle in transaction%'"));

        none = strcmp(n, "0") == 0;
        free(n);
        if (!none && agdb__now_us() > end_us)
            fail_msg("%s: a session is idle in a transaction", shard);
    }
}
