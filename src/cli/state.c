/* What is kept of a cluster in its folder:
 *
 *   .agencydb-up   marks the folder as one that `up` made and `down` may remove; key TAB value
 *   source.yaml    the map that was booted, resolved, to know it again
 *   map.yaml       with --free-ports: the map to use
 *   nodes.tsv      one line per node, for scripts; written last
 *   admin.pgpass   the superuser's password, in libpq's form
 *   password       with --free-ports: the password that was made
 *   nodes/ s/      a folder per server, and its socket folder */
#include "cli/cluster.h"
#include "cli/message.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARKER "/.agencydb-up"
#define NODES  "/nodes.tsv"

static char *inside(const char *dir, const char *name)
{
    return cli_format("%s%s", dir, name);
}

/* --- where ------------------------------------------------------------------------------------ */
static char *default_root(void)
{
    const char *tmp = getenv("TMPDIR");

    return cli_format("%s/agencydb-%lu", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp",
                      (unsigned long)getuid());
}

char *cli_default_dir(const char *map_path)
{
    const char *slash = strrchr(map_path, '/');
    const char *base = slash != NULL ? slash + 1 : map_path;
    const char *dot = strrchr(base, '.');
    size_t len = dot != NULL && dot > base ? (size_t)(dot - base) : strlen(base);

    return cli_format("%s/%.*s", default_root(), (int)len, base);
}

static bool is_empty(const char *dir)
{
    DIR *open_dir = opendir(dir);
    const struct dirent *entry;
    bool empty = true;

    if (open_dir == NULL)
        return false;
    while (empty && (entry = readdir(open_dir)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(open_dir);
    return empty;
}

cli_found_t cli_find_cluster(const char *dir)
{
    struct stat info;

    if (lstat(inside(dir, MARKER), &info) == 0)
        return S_ISREG(info.st_mode) ? CLI_FOUND_CLUSTER : CLI_FOUND_FOREIGN;
    if (lstat(dir, &info) != 0)
        return errno == ENOENT ? CLI_FOUND_NOTHING : CLI_FOUND_FOREIGN;
    return S_ISDIR(info.st_mode) && is_empty(dir) ? CLI_FOUND_NOTHING : CLI_FOUND_FOREIGN;
}

/* The marker that was locked may have been removed by the one who held it. */
static bool is_current(int fd, const char *marker)
{
    struct stat locked;
    struct stat there;

    return fstat(fd, &locked) == 0 && lstat(marker, &there) == 0 && locked.st_ino == there.st_ino;
}

bool cli_lock_cluster(const char *dir)
{
    enum { WAIT_MS = 5000 };
    char *marker = inside(dir, MARKER);
    uint64_t until = cli_now_ms() + WAIT_MS;
    /* open until the process ends: the lock goes with it */
    int fd = open(marker, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        cli_error("cannot open %s: %s", marker, strerror(errno));
        return false;
    }
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (cli_interrupted() || cli_now_ms() > until) {
            cli_error("another 'agencydb up' or 'down' works in %s; wait for its end", dir);
            return false;
        }
        cli_sleep_ms(50);
    }
    if (is_current(fd, marker))
        return true;
    cli_error("another 'agencydb down' has just removed %s; try again", dir);
    return false;
}

/* --- making it -------------------------------------------------------------------------------- */
/* A world-writable TMPDIR may hold a folder that somebody else put there. */
static bool check_root(const char *dir, const char *map_path)
{
    struct stat info;
    char *root = default_root();

    if (strcmp(dir, cli_default_dir(map_path)) != 0)
        return true;
    if (lstat(root, &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
        (info.st_mode & 022) == 0)
        return true;
    cli_error("%s does not belong to you alone; use another folder with '--dir'", root);
    return false;
}

/* Whether the servers' user may enter `dir`, and all folders on the way; else says which not. */
static bool may_enter(const cli_user_t *user, const char *dir)
{
    size_t len;

    for (len = 1; len <= strlen(dir); len++) {
        char *part = cli_copy_n(dir, len);
        if ((dir[len] != '/' && dir[len] != '\0') || access(part, X_OK) == 0)
            continue;
        cli_error("user '%s', who runs the servers, may not enter %s; use another folder with "
                  "'--dir', or 'chmod o+x %s'",
                  user->name, part, part);
        return false;
    }
    return true;
}

static bool check_way(const cli_cluster_t *cluster)
{
    const cli_user_t *user = &cluster->user;
    pid_t pid;

    if (!user->change)
        return true;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (!cli_become(user))
            cli_error("cannot become user '%s': %s", user->name, strerror(errno));
        else if (may_enter(user, cluster->dir))
            _exit(0);
        _exit(1);
    }
    return pid > 0 && (cli_wait(pid) == 0 || cli_interrupted());
}

/* Unix sockets have short names: 107 bytes on Linux. NULL with errno. */
static const char *choose_socket_root(const cli_cluster_t *cluster)
{
    enum { LONGEST = 107 };
    static const char k_name[] = "/00/.s.PGSQL.65535.lock";
    char *root = inside(cluster->dir, "/s");

    if (strlen(root) + sizeof k_name <= LONGEST)
        return root;
    root = cli_copy("/tmp/agdb-XXXXXX");
    return mkdtemp(root);
}

static bool write_marker(const cli_cluster_t *cluster)
{
    char *text = cli_format("agencydb-up\t1\nmap\t%s\nfree_ports\t%d\nsockets\t%s\n",
                            cluster->map_path, cluster->free_ports, cluster->sockets);

    return cli_write_file(inside(cluster->dir, MARKER), 0600, text, strlen(text));
}

static void assign_sockets(cli_cluster_t *cluster)
{
    size_t i;

    for (i = 0; i < cluster->nservers; i++) {
        cli_server_t *server = &cluster->servers[i];
        server->socket =
            server->host[0] == '/' ? server->host : cli_format("%s/%02zu", cluster->sockets, i + 1);
    }
}

bool cli_create_state(cli_cluster_t *cluster, const char *source)
{
    mode_t mode = cluster->user.change ? 0711 : 0700;
    char *nodes = inside(cluster->dir, "/nodes");

    if (!cli_make_folders(cluster->dir, mode) || chmod(cluster->dir, mode) != 0) {
        cli_error("cannot make the folder %s: %s", cluster->dir, strerror(errno));
        return false;
    }
    if (!check_root(cluster->dir, cluster->map_path) || !check_way(cluster)) {
        rmdir(cluster->dir);
        return false;
    }
    /* the marker comes first: from there on `down` may remove all of it */
    cluster->sockets = choose_socket_root(cluster);
    if (cluster->sockets == NULL || !write_marker(cluster)) {
        cli_error("cannot write to the folder %s: %s", cluster->dir, strerror(errno));
        return false;
    }
    if (!cli_lock_cluster(cluster->dir))
        return false;
    if ((mkdir(cluster->sockets, mode) != 0 && errno != EEXIST) ||
        chmod(cluster->sockets, mode) != 0 || mkdir(nodes, mode) != 0 ||
        !cli_write_file(inside(cluster->dir, "/source.yaml"), 0600, source, strlen(source))) {
        cli_error("cannot write to the folder %s: %s", cluster->dir, strerror(errno));
        return false;
    }
    assign_sockets(cluster);
    return true;
}

const char *const cli_node_names[CLI_NODE_FIELDS] = {"keyspace", "shard", "node", "role",  "host",
                                                     "port",     "data",  "pid",  "socket"};

void cli_node_texts(const cli_cluster_t *cluster, const cli_place_t *place,
                    const char *ret[CLI_NODE_FIELDS])
{
    const cli_server_t *server = &cluster->servers[place->server];
    const char *const texts[CLI_NODE_FIELDS] = {
        place->keyspace_name, place->shard_name,
        place->node_name,     server->replica ? "replica" : "primary",
        server->host,         cli_format("%u", server->port),
        server->data,         cli_format("%ld", (long)server->pid),
        server->socket};

    memcpy(ret, texts, sizeof texts);
}

bool cli_write_nodes(const cli_cluster_t *cluster)
{
    char *login = cli_format("*:*:*:%s:%s\n", CLI_ADMIN, cluster->admin_password);
    char *pgpass = inside(cluster->dir, "/admin.pgpass");
    cli_buf_t out = {0};
    const char *texts[CLI_NODE_FIELDS];
    size_t i;
    size_t f;

    for (i = 0; i < cluster->nplaces; i++) {
        cli_node_texts(cluster, &cluster->places[i], texts);
        for (f = 0; f < CLI_NODE_FIELDS; f++)
            cli_buf_format(&out, "%s%c", texts[f], f + 1 < CLI_NODE_FIELDS ? '\t' : '\n');
    }
    if ((cluster->admin_password == NULL || cli_write_file(pgpass, 0600, login, strlen(login))) &&
        cli_write_file(inside(cluster->dir, NODES), 0644, out.data, out.len))
        return true;
    cli_error("cannot write to the folder %s: %s", cluster->dir, strerror(errno));
    return false;
}

/* --- reading it ------------------------------------------------------------------------------- */
static const char *marker_value(const char *marker, const char *key)
{
    size_t len = strlen(key);
    const char *line = marker;

    while (line != NULL && *line != '\0') {
        if (strncmp(line, key, len) == 0 && line[len] == '\t')
            return cli_copy_n(line + len + 1, strcspn(line + len + 1, "\n"));
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return "";
}

bool cli_read_state(const char *dir, cli_kept_t *ret)
{
    const char *marker = cli_read_file(inside(dir, MARKER), NULL);

    if (marker == NULL)
        return false;
    ret->map_path = marker_value(marker, "map");
    ret->sockets = marker_value(marker, "sockets");
    ret->free_ports = strcmp(marker_value(marker, "free_ports"), "1") == 0;
    ret->source = cli_read_file(inside(dir, "/source.yaml"), NULL);
    return ret->source != NULL && access(inside(dir, NODES), F_OK) == 0;
}

/* The map says all but the ports, and the names that are made of them. Lines stand in its order. */
static bool read_nodes(cli_cluster_t *cluster)
{
    const char *line = cli_read_file(inside(cluster->dir, NODES), NULL);
    char name[512];
    unsigned port;
    size_t i;

    for (i = 0; i < cluster->nplaces && line != NULL; i++) {
        cli_place_t *place = &cluster->places[i];
        if (sscanf(line, "%*[^\t]\t%*[^\t]\t%511[^\t]\t%*[^\t]\t%*[^\t]\t%5u", name, &port) != 2)
            return false;
        place->node_name = cli_copy(name);
        cluster->servers[place->server].port = port;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return line != NULL && *line == '\0';
}

bool cli_take_state(cli_cluster_t *cluster, const cli_kept_t *kept)
{
    size_t i;

    cluster->sockets = kept->sockets;
    assign_sockets(cluster);
    for (i = 0; i < cluster->nservers; i++)
        cluster->servers[i].pid = cli_server_pid(cluster->servers[i].data);
    return read_nodes(cluster);
}

/* --- removing it ------------------------------------------------------------------------------ */
const char **cli_data_folders(const char *dir, size_t *ret_count)
{
    char *nodes = inside(dir, "/nodes");
    DIR *open_dir = opendir(nodes);
    const struct dirent *entry;
    const char **folders = NULL;

    *ret_count = 0;
    while (open_dir != NULL && (entry = readdir(open_dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        folders = cli_grow(folders, *ret_count, sizeof *folders);
        folders[(*ret_count)++] = cli_format("%s/%s/data", nodes, entry->d_name);
    }
    if (open_dir != NULL)
        closedir(open_dir);
    return folders;
}

bool cli_remove_cluster(const char *dir)
{
    const char *marker = cli_read_file(inside(dir, MARKER), NULL);
    const char *sockets = marker != NULL ? marker_value(marker, "sockets") : "";

    if (strncmp(sockets, "/tmp/agdb-", 10) == 0 && strchr(sockets + 10, '/') == NULL)
        cli_remove_tree(sockets);
    if (cli_remove_tree(inside(dir, "/nodes")) && cli_remove_tree(dir))
        return true;
    cli_error("cannot remove %s: %s", dir, strerror(errno));
    return false;
}
