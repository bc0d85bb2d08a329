/* From a map to the servers, roles and databases that `up` makes. */
#include "cli/cluster.h"
#include "cli/message.h"
#include "cli/ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *setting(const agdb_map_t *map, const cli_place_t *place, const char *name)
{
    return cli_node_setting(map, place->keyspace, place->shard, place->node, name);
}

/* --- servers ---------------------------------------------------------------------------------- */
static char *place_label(const cli_place_t *place)
{
    return cli_format("keyspace '%s', shard '%s', node '%s'", place->keyspace_name,
                      place->shard_name, place->node_name);
}

static bool check_host(const cli_cluster_t *cluster, const cli_place_t *place, const char *host)
{
    size_t len = strlen(cluster->dir);

    if (host[0] == '/') {
        if (strncmp(host, cluster->dir, len) == 0 && host[len] == '/' && strstr(host, "..") == NULL)
            return true;
        cli_error("%s: its host is the socket folder %s, which belongs to another server; use "
                  "127.0.0.1, or a folder inside %s",
                  place_label(place), host, cluster->dir);
        return false;
    }
    if (cli_is_loopback(host))
        return true;
    cli_error("%s: host '%s' is another machine; a local cluster boots loopback nodes only: use "
              "127.0.0.1, ::1 or localhost",
              place_label(place), host);
    return false;
}

static bool check_tls(const cli_place_t *place, const char *sslmode)
{
    if (sslmode == NULL || (strcmp(sslmode, "require") != 0 && strncmp(sslmode, "verify", 6) != 0))
        return true;
    cli_error("%s: sslmode '%s' asks for TLS, which local clusters do not have; use 'prefer' for "
              "loopback nodes",
              place_label(place), sslmode);
    return false;
}

/* Whether there is a place for the password at all: known before anything is made. */
static bool check_source(const cli_cluster_t *cluster, const agdb_map_t *map,
                         const cli_place_t *place)
{
    const char *variable = setting(map, place, "connection.password_env");
    const char *value = variable != NULL ? getenv(variable) : NULL;

    if (variable != NULL && (value == NULL || value[0] == '\0')) {
        cli_error("%s: its password comes from the environment variable %s, which is not set",
                  place_label(place), variable);
        return false;
    }
    if (variable != NULL || cluster->free_ports ||
        setting(map, place, "connection.password_file") != NULL)
        return true;
    if (setting(map, place, "connection.passfile") != NULL)
        cli_error("%s: connection.passfile cannot give a new server its password; use "
                  "password_file or password_env, or '--free-ports'",
                  place_label(place));
    else
        cli_error(
            "%s: it has no password; add 'connection: { password_file: FILE }' to the map (the "
            "file is made when it is missing), or use '--free-ports'",
            place_label(place));
    return false;
}

static size_t find_server(const cli_cluster_t *cluster, const char *host, unsigned port)
{
    size_t i;

    for (i = 0; i < cluster->nservers; i++) {
        if (cluster->servers[i].map_port == port && strcmp(cluster->servers[i].host, host) == 0)
            break;
    }
    return i;
}

/* Letters, digits and the like of a name, for a folder. */
static char *plain_name(const char *name)
{
    char *copy = cli_copy_n(name, strlen(name) < 40 ? strlen(name) : 40);
    char *at;

    for (at = copy; *at != '\0'; at++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", *at) == NULL)
            *at = '_';
    }
    return copy;
}

static void add_server(cli_cluster_t *cluster, const cli_place_t *place, const char *host,
                       unsigned port)
{
    size_t number = cluster->nservers++;
    cli_server_t *server;

    cluster->servers = cli_grow(cluster->servers, number, sizeof *server);
    server = &cluster->servers[number];
    *server = (cli_server_t){.host = host, .map_port = port, .port = port, .primary = number};
    server->label = place_label(place);
    server->folder = cli_format("%s/nodes/%02zu-%s-%s", cluster->dir, number + 1,
                                plain_name(place->keyspace_name), plain_name(place->shard_name));
    server->data = cli_format("%s/data", server->folder);
    server->log = cli_format("%s/log", server->folder);
}

/* The first node of a shard is its primary. One server has one role, whatever shards it is in. */
static bool assign_role(cli_cluster_t *cluster, const cli_place_t *place, size_t primary,
                        bool fresh)
{
    cli_server_t *server = &cluster->servers[place->server];

    if (fresh) {
        server->primary = primary;
        server->replica = primary != place->server;
        return true;
    }
    if (server->primary == primary)
        return true;
    cli_error("%s: %s port %u is also %s, where it follows another first node; a server has one "
              "primary: list the nodes of shards that share servers in the same order",
              place_label(place), server->host, server->map_port, server->label);
    return false;
}

static bool add_place(cli_cluster_t *cluster, const agdb_map_t *map, cli_place_t place)
{
    const char *host = setting(map, &place, "host");
    const char *port_text = setting(map, &place, "port");
    uint64_t port = 0;
    size_t first = cluster->nplaces - place.node;
    bool fresh;

    place.node_name = setting(map, &place, "name");
    if (host == NULL || port_text == NULL || !cli_number(port_text, 65535, &port)) {
        cli_error("%s: it has no host and port", place_label(&place));
        return false;
    }
    if (!check_host(cluster, &place, host) ||
        !check_tls(&place, setting(map, &place, "connection.sslmode")) ||
        !check_source(cluster, map, &place))
        return false;
    place.server = find_server(cluster, host, (unsigned)port);
    fresh = place.server == cluster->nservers;
    if (fresh)
        add_server(cluster, &place, host, (unsigned)port);
    cluster->places = cli_grow(cluster->places, cluster->nplaces, sizeof place);
    cluster->places[cluster->nplaces++] = place;
    return assign_role(cluster, &place, cluster->places[first].server, fresh);
}

bool cli_plan_servers(cli_cluster_t *cluster, const agdb_map_t *map)
{
    bool good = true;
    size_t k;
    size_t s;
    size_t n;

    for (k = 0; k < agdb_map_keyspace_count(map); k++) {
        for (s = 0; s < agdb_map_shard_count(map, k); s++) {
            for (n = 0; n < agdb_map_node_count(map, k, s) && good; n++)
                good = add_place(cluster, map,
                                 (cli_place_t){.keyspace = k,
                                               .shard = s,
                                               .node = n,
                                               .keyspace_name = agdb_map_keyspace_name(map, k),
                                               .shard_name = agdb_map_shard_name(map, k, s)});
        }
    }
    return good;
}

/* --- ports ------------------------------------------------------------------------------------ */
static bool choose_free_ports(cli_cluster_t *cluster)
{
    unsigned *taken = cli_alloc((cluster->nservers + 1) * sizeof *taken);
    size_t i;

    for (i = 0; i < cluster->nservers; i++) {
        cli_server_t *server = &cluster->servers[i];
        if (server->host[0] == '/')
            continue;
        server->port = cli_find_port(server->host, taken, i);
        if (server->port == 0) {
            cli_error("%s: there is no free port on host '%s'", server->label, server->host);
            return false;
        }
        taken[i] = server->port;
    }
    return true;
}

bool cli_plan_ports(cli_cluster_t *cluster)
{
    bool good = true;
    size_t i;

    if (cluster->free_ports)
        return choose_free_ports(cluster);
    for (i = 0; i < cluster->nservers; i++) {
        const cli_server_t *server = &cluster->servers[i];
        char *why = NULL;
        if (server->host[0] == '/' || cli_port_free(server->host, server->port, &why))
            continue;
        cli_error("%s: %s", server->label, why);
        good = false;
    }
    if (!good)
        fprintf(stderr, "Stop what is there, or use '--free-ports'.\n");
    return good;
}

/* --- logins ----------------------------------------------------------------------------------- */
static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20)
            return true;
    }
    return false;
}

static bool generate_password(const cli_place_t *place, const char *path, const char **ret)
{
    char *password = cli_random_hex(16);

    if ((!cli_is_folder(cli_folder(path)) && !cli_make_folders(cli_folder(path), 0700)) ||
        !cli_write_new_file(path, 0600, password, strlen(password))) {
        cli_error("%s: cannot write the password file %s: %s", place_label(place), path,
                  strerror(errno));
        return false;
    }
    *ret = password;
    return true;
}

static bool read_password(const cli_place_t *place, const char *path, const char **ret)
{
    size_t len = 0;
    char *text = cli_read_file(path, &len);

    if (text == NULL && errno == ENOENT)
        return generate_password(place, path, ret);
    if (text == NULL) {
        cli_error("%s: cannot read the password file %s: %s", place_label(place), path,
                  strerror(errno));
        return false;
    }
    /* the line end that editors and echo leave is not part of a password */
    if (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    if (len > 0 && text[len - 1] == '\r')
        text[--len] = '\0';
    if (len == 0 || strlen(text) != len) {
        cli_error("%s: the password file %s %s", place_label(place), path,
                  len == 0 ? "is empty" : "holds a NUL byte");
        return false;
    }
    *ret = text;
    return true;
}

static bool find_password(const cli_cluster_t *cluster, const agdb_map_t *map, cli_place_t *place,
                          const char **ret)
{
    const char *file = setting(map, place, "connection.password_file");
    const char *variable = setting(map, place, "connection.password_env");

    if (variable != NULL) {
        *ret = getenv(variable);
        return true;
    }
    /* with free ports all that is made stays inside the cluster's folder */
    if (file == NULL || (cluster->free_ports && access(file, F_OK) != 0))
        file = cli_format("%s/password", cluster->dir);
    place->password_file = file;
    return read_password(place, file, ret);
}

static bool add_role(cli_cluster_t *cluster, const cli_place_t *place, const char *user,
                     const char *password)
{
    size_t server = cluster->servers[place->server].primary;
    size_t i;

    for (i = 0; i < cluster->nroles; i++) {
        const cli_role_t *role = &cluster->roles[i];
        if (role->server != server || strcmp(role->user, user) != 0)
            continue;
        if (strcmp(role->password, password) == 0)
            return true;
        cli_error("%s: user '%s' has another password at a node that shares its server or primary; "
                  "give both the same password source",
                  place_label(place), user);
        return false;
    }
    cluster->roles = cli_grow(cluster->roles, cluster->nroles, sizeof *cluster->roles);
    cluster->roles[cluster->nroles++] = (cli_role_t){server, user, password};
    return true;
}

static void add_database(cli_cluster_t *cluster, const cli_place_t *place, const char *name,
                         const char *owner)
{
    size_t server = cluster->servers[place->server].primary;
    size_t i;

    for (i = 0; i < cluster->ndatabases; i++) {
        if (cluster->databases[i].server == server && strcmp(cluster->databases[i].name, name) == 0)
            return;
    }
    cluster->databases =
        cli_grow(cluster->databases, cluster->ndatabases, sizeof *cluster->databases);
    cluster->databases[cluster->ndatabases++] = (cli_database_t){server, name, owner};
}

static bool plan_login(cli_cluster_t *cluster, const agdb_map_t *map, cli_place_t *place)
{
    const char *user = setting(map, place, "connection.user");
    const char *dbname = setting(map, place, "connection.dbname");
    const char *password = NULL;

    if (user == NULL || dbname == NULL || has_control(user) || has_control(dbname)) {
        cli_error("%s: connection.user and connection.dbname must be printable names",
                  place_label(place));
        return false;
    }
    if (strcmp(user, CLI_ADMIN) == 0 || strcmp(user, CLI_REPLICATION) == 0 ||
        strncmp(user, "pg_", 3) == 0 || strcmp(dbname, "template0") == 0 ||
        strcmp(dbname, "template1") == 0) {
        cli_error("%s: user '%s' or database '%s' is reserved; choose another name",
                  place_label(place), user, dbname);
        return false;
    }
    if (!find_password(cluster, map, place, &password))
        return false;
    if (has_control(password)) {
        cli_error("%s: the password of user '%s' holds a line break or another control character",
                  place_label(place), user);
        return false;
    }
    add_database(cluster, place, dbname, user);
    return add_role(cluster, place, user, password);
}

bool cli_plan_logins(cli_cluster_t *cluster, const agdb_map_t *map)
{
    size_t i;

    cluster->admin_password = cli_random_hex(16);
    cluster->replication_password = cli_random_hex(16);
    for (i = 0; i < cluster->nplaces; i++) {
        if (!plan_login(cluster, map, &cluster->places[i]))
            return false;
    }
    return true;
}
