/* One PostgreSQL server of a local cluster: made, started, stopped. */
#include "cli/cluster.h"
#include "cli/message.h"

#include <errno.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 60000, LOG_LINES = 8 };

/* --- what its files say ----------------------------------------------------------------------- */
/* A value of a libpq connection string. */
static char *conninfo_value(const char *text)
{
    cli_buf_t out = {0};

    cli_buf_text(&out, "'");
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            cli_buf_text(&out, "\\");
        cli_buf_add(&out, text, 1);
    }
    cli_buf_text(&out, "'");
    return out.data;
}

static char *configuration(const cli_cluster_t *cluster, const cli_server_t *server)
{
    static const char k_format[] = "# Written by agencydb up; read by postgresql.conf.\n"
                                   "listen_addresses = %s\n"
                                   "port = %u\n"
                                   "unix_socket_directories = %s\n"
                                   "fsync = %s\n"
                                   "shared_buffers = 32MB\n"
                                   "dynamic_shared_memory_type = mmap\n" /* goes with the folder */
                                   "max_connections = 200\n"
                                   "max_wal_size = 256MB\n"
                                   "wal_level = replica\n"
                                   "wal_log_hints = on\n"
                                   "wal_keep_size = 64MB\n"
                                   "max_wal_senders = 20\n"
                                   "max_replication_slots = 20\n"
                                   "hot_standby = on\n"
                                   "wal_receiver_status_interval = 1s\n"
                                   "wal_retrieve_retry_interval = 200ms\n"
                                   "password_encryption = scram-sha-256\n"
                                   "log_line_prefix = '%%m [%%p] '\n"
                                   "logging_collector = off\n"
                                   "log_destination = stderr\n"
                                   "timezone = UTC\n";

    return cli_format(
        k_format, cli_quoted(server->host[0] == '/' ? "" : server->host, '\''), server->port,
        /* a list, whose items are quoted too */
        cli_quoted(cli_quoted(server->socket, '"'), '\''), cluster->durable ? "on" : "off");
}

static const char k_hba[] =
    "# Written by agencydb up. The superuser comes in through the private socket folder only.\n"
    "local  all          all                                  scram-sha-256\n"
    "local  replication  " CLI_ADMIN "                       scram-sha-256\n"
    "local  replication  " CLI_REPLICATION "                 scram-sha-256\n"
    "host   all          " CLI_ADMIN "        all            reject\n"
    "host   replication  " CLI_REPLICATION "  127.0.0.0/8    scram-sha-256\n"
    "host   replication  " CLI_REPLICATION "  ::1/128        scram-sha-256\n"
    "host   all          " CLI_REPLICATION "  all            reject\n"
    "host   all          all                   127.0.0.0/8    scram-sha-256\n"
    "host   all          all                   ::1/128        scram-sha-256\n";

/* --- one step --------------------------------------------------------------------------------- */
/* Says it, unless the command was interrupted: then all fails. Returns false. */
static bool failed(const cli_server_t *server, const char *why)
{
    if (!cli_interrupted())
        cli_error("%s (%s port %u): %s; log %s%s", server->label, server->host, server->port, why,
                  server->log, cli_tail(server->log, LOG_LINES));
    return false;
}

static bool run_step(const cli_cluster_t *cluster, const cli_server_t *server,
                     const char *const *argv, const char *input)
{
    char *why = NULL;
    cli_program_t program = {
        .argv = argv, .user = &cluster->user, .log = server->log, .input = input};

    return cli_run(&program, &why) || failed(server, why);
}

static bool write_configuration(const cli_cluster_t *cluster, const cli_server_t *server)
{
    char *path = cli_format("%s/agencydb.conf", server->data);

    if (cli_write_file_of(path, &cluster->user, configuration(cluster, server)))
        return true;
    return failed(server, cli_format("cannot write %s: %s", path, strerror(errno)));
}

static char *tool(const cli_cluster_t *cluster, const char *name)
{
    return cli_format("%s/%s", cluster->bindir, name);
}

static bool make_folders(const cli_cluster_t *cluster, const cli_server_t *server)
{
    if (cli_make_folder_of(server->folder, &cluster->user) &&
        (cli_is_folder(server->socket) || cli_make_folder_of(server->socket, &cluster->user)))
        return true;
    return failed(server, cli_format("cannot make %s or %s: %s", server->folder, server->socket,
                                     strerror(errno)));
}

/* --- a primary -------------------------------------------------------------------------------- */
/* One statement per line, for a server in single-user mode: passwords are in no argument list and
 * need no login. */
static char *set_up_statements(const cli_cluster_t *cluster, size_t number)
{
    cli_buf_t out = {0};
    size_t i;

    cli_buf_format(&out, "ALTER ROLE %s PASSWORD %s;\n", CLI_ADMIN,
                   cli_quoted(cluster->admin_password, '\''));
    cli_buf_format(&out, "CREATE ROLE %s LOGIN REPLICATION PASSWORD %s;\n", CLI_REPLICATION,
                   cli_quoted(cluster->replication_password, '\''));
    for (i = 0; i < cluster->nroles; i++) {
        const cli_role_t *role = &cluster->roles[i];
        if (role->server == number)
            cli_buf_format(&out, "CREATE ROLE %s LOGIN PASSWORD %s;\n", cli_quoted(role->user, '"'),
                           cli_quoted(role->password, '\''));
    }
    for (i = 0; i < cluster->ndatabases; i++) {
        const cli_database_t *db = &cluster->databases[i];
        if (db->server != number)
            continue;
        if (strcmp(db->name, "postgres") == 0)
            cli_buf_format(&out, "ALTER DATABASE postgres OWNER TO %s;\n",
                           cli_quoted(db->owner, '"'));
        else
            cli_buf_format(&out, "CREATE DATABASE %s OWNER %s;\n", cli_quoted(db->name, '"'),
                           cli_quoted(db->owner, '"'));
    }
    return out.data;
}

static const char *locale_argument(void)
{
    locale_t utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);

    if (utf8 == (locale_t)0)
        return "--locale=C";
    freelocale(utf8);
    return "--locale=C.UTF-8";
}

static bool init_data(const cli_cluster_t *cluster, const cli_server_t *server)
{
    const char *const argv[] = {tool(cluster, "initdb"),
                                "-D",
                                server->data,
                                "--auth=peer",
                                "-U",
                                CLI_ADMIN,
                                "--encoding=UTF8",
                                locale_argument(),
                                "--no-instructions",
                                cluster->durable ? NULL : "--no-sync",
                                NULL};
    char *conf = cli_format("%s/postgresql.conf", server->data);
    char *hba = cli_format("%s/pg_hba.conf", server->data);
    char *text;

    if (!run_step(cluster, server, argv, NULL) || !write_configuration(cluster, server))
        return false;
    text = cli_read_file(conf, NULL);
    if (text != NULL &&
        cli_write_file_of(conf, &cluster->user,
                          cli_format("%s\ninclude 'agencydb.conf'\n", text)) &&
        cli_write_file_of(hba, &cluster->user, k_hba))
        return true;
    return failed(server, cli_format("cannot write %s: %s", conf, strerror(errno)));
}

bool cli_make_primary(const cli_cluster_t *cluster, size_t number)
{
    const cli_server_t *server = &cluster->servers[number];
    /* a failed statement must not put a password into the log */
    const char *const argv[] = {tool(cluster, "postgres"),
                                "--single",
                                "-D",
                                server->data,
                                "-c",
                                "exit_on_error=true",
                                "-c",
                                "log_min_error_statement=panic",
                                "-c",
                                "fsync=off",
                                "postgres",
                                NULL};

    return make_folders(cluster, server) && init_data(cluster, server) &&
           run_step(cluster, server, argv, set_up_statements(cluster, number));
}

/* --- a replica -------------------------------------------------------------------------------- */
bool cli_make_replica(const cli_cluster_t *cluster, size_t number)
{
    const cli_server_t *server = &cluster->servers[number];
    const cli_server_t *primary = &cluster->servers[server->primary];
    char *passfile = cli_format("%s/replication.pgpass", server->folder);
    char *slot = cli_format("agencydb_%02zu", number + 1);
    char *from =
        cli_format("host=%s port=%u user=%s passfile=%s application_name=%s sslmode=disable "
                   "gssencmode=disable",
                   conninfo_value(primary->host), primary->port, CLI_REPLICATION,
                   conninfo_value(passfile), slot);
    const char *const argv[] = {tool(cluster, "pg_basebackup"),
                                "-D",
                                server->data,
                                "-d",
                                from,
                                "-R",
                                "-C",
                                "-S",
                                slot,
                                "-X",
                                "stream",
                                "-c",
                                "fast",
                                "-w",
                                "--no-manifest",
                                cluster->durable ? NULL : "--no-sync",
                                NULL};
    char *login = cli_format("*:*:*:%s:%s\n", CLI_REPLICATION, cluster->replication_password);

    if (!make_folders(cluster, server))
        return false;
    if (!cli_write_file_of(passfile, &cluster->user, login))
        return failed(server, cli_format("cannot write %s: %s", passfile, strerror(errno)));
    return run_step(cluster, server, argv, NULL) && write_configuration(cluster, server);
}

/* --- start ------------------------------------------------------------------------------------ */
/* The line of postmaster.pid, counted from 1, without blanks at its end; NULL: there is none. */
static char *pid_file_line(const char *data, size_t line)
{
    char *text = cli_read_file(cli_format("%s/postmaster.pid", data), NULL);
    size_t len;

    for (; text != NULL && line > 1; line--) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    if (text == NULL)
        return NULL;
    len = strcspn(text, "\n");
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return cli_copy_n(text, len);
}

/* A process number may have gone to another program since: the postmaster is the one that works in
 * the data folder. */
pid_t cli_server_pid(const char *data)
{
    const char *text = pid_file_line(data, 1);
    char where[PATH_MAX];
    uint64_t pid = 0;
    ssize_t len;

    if (text == NULL || !cli_number(text, INT_MAX, &pid) || pid == 0)
        return 0;
    len = readlink(cli_format("/proc/%llu/cwd", (unsigned long long)pid), where, sizeof where - 1);
    if (len <= 0)
        return 0;
    where[len] = '\0';
    return strcmp(where, cli_absolute(data)) == 0 ? (pid_t)pid : 0;
}

/* A server that was killed leaves its System V segment, whose key tells it from a newer one, and
 * its pid file, which would stop the next start when the number has gone to another process. */
static void clear_remains(const char *data)
{
    const char *line = pid_file_line(data, 7);
    struct shmid_ds info;
    unsigned long key;
    int id;

    if (cli_server_pid(data) > 0)
        return;
    if (line == NULL || sscanf(line, "%lu %d", &key, &id) != 2)
        return;
    if (shmctl(id, IPC_STAT, &info) == 0 && (unsigned long)(unsigned)info.shm_perm.__key == key)
        shmctl(id, IPC_RMID, NULL);
    unlink(cli_format("%s/postmaster.pid", data));
}

static bool is_ready(const char *data, pid_t pid)
{
    const char *owner = pid_file_line(data, 1);
    const char *status = pid_file_line(data, 8);

    return owner != NULL && status != NULL && strcmp(status, "ready") == 0 &&
           strcmp(owner, cli_format("%ld", (long)pid)) == 0;
}

/* Ends a server that did not become ready. */
static void give_up(pid_t pid)
{
    uint64_t until = cli_now_ms() + 5000;

    kill(pid, SIGQUIT);
    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (cli_now_ms() > until)
            kill(pid, SIGKILL);
        cli_sleep_ms(10);
    }
}

bool cli_start_server(const cli_cluster_t *cluster, size_t number)
{
    const cli_server_t *server = &cluster->servers[number];
    const char *const argv[] = {tool(cluster, "postgres"), "-D", server->data, NULL};
    cli_program_t program = {
        .argv = argv, .user = &cluster->user, .log = server->log, .detached = true};
    uint64_t until = cli_now_ms() + START_MS;
    char *why = NULL;
    pid_t pid;

    /* both locks name a process; a killed server's number may be somebody else's by now */
    clear_remains(server->data);
    unlink(cli_format("%s/.s.PGSQL.%u.lock", server->socket, server->port));
    pid = cli_start(&program, &why);
    if (pid < 0)
        return failed(server, why);
    while (!is_ready(server->data, pid)) {
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return failed(server, "the server ended while it started");
        if (cli_interrupted() || cli_now_ms() > until) {
            give_up(pid);
            return failed(server, "the server was not ready in 60 s");
        }
        cli_sleep_ms(10);
    }
    return true;
}

/* --- stop ------------------------------------------------------------------------------------- */
/* Sends it to those that still run (0: to nobody); returns how many do. */
static size_t signal_running(const char *const *data, const pid_t *pids, size_t count, int number)
{
    size_t running = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (pids[i] > 0 && cli_server_pid(data[i]) == pids[i]) {
            kill(pids[i], number);
            running++;
        }
    }
    return running;
}

size_t cli_stop_servers(const char *const *data, size_t count, bool clean)
{
    /* a clean stop may wait for a checkpoint; the others end at once or not at all */
    const struct {
        int number;
        unsigned wait_ms;
    } steps[] = {{SIGINT, 15000}, {SIGQUIT, 5000}, {SIGKILL, 5000}};
    pid_t *pids = cli_alloc((count + 1) * sizeof *pids);
    size_t running;
    size_t i;

    for (i = 0; i < count; i++)
        pids[i] = cli_server_pid(data[i]);
    running = signal_running(data, pids, count, 0);
    for (i = clean ? 0 : 1; i < 3 && signal_running(data, pids, count, steps[i].number) > 0; i++) {
        uint64_t until = cli_now_ms() + steps[i].wait_ms;
        while (signal_running(data, pids, count, 0) > 0 && cli_now_ms() < until)
            cli_sleep_ms(10);
    }
    for (i = 0; i < count; i++)
        clear_remains(data[i]);
    return running;
}
