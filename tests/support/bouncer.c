#include "bouncer.h"

#include "base/clock.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int free_port(void)
{
    struct sockaddr_in own = loopback(0);
    socklen_t size = sizeof own;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    close(fd);
    return ntohs(own.sin_port);
}

static void read_password(char *buf, size_t size)
{
    FILE *file = fopen(cluster_env("AGDB_TEST_PASSWORD_FILE"), "re");

    assert_non_null(file);
    assert_non_null(fgets(buf, (int)size, file));
    buf[strcspn(buf, "\n")] = '\0';
    fclose(file);
}

/* `any` with a forced user: whoever comes is logged in at the server as the application. */
static void write_config(const bouncer_t *bouncer, int size, const char *mode,
                         const struct stat *owner)
{
    char path[96];
    char password[128];
    FILE *file;
    int fd;

    read_password(password, sizeof password);
    snprintf(path, sizeof path, "%s/pgbouncer.ini", bouncer->dir);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    fprintf(file,
            "[databases]\n"
            "%s = host=%s port=%d user=%s password='%s'\n"
            "[pgbouncer]\n"
            "listen_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"
            "logfile = %s/log\n"
            "auth_type = any\npool_mode = %s\n"
            "default_pool_size = %d\nmax_client_conn = 500\n"
            "server_login_retry = 1\n",
            cluster_env("AGDB_TEST_DBNAME"), bouncer->node.host, bouncer->node.port,
            cluster_env("AGDB_TEST_USER"), password, bouncer->port, bouncer->dir, mode, size);
    fclose(file);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, owner->st_uid, owner->st_gid), 0);
        assert_int_equal(chown(bouncer->dir, owner->st_uid, owner->st_gid), 0);
    }
}

/* In the child. */
static void run(const bouncer_t *bouncer, const struct stat *owner)
{
    char path[96];
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
        _exit(9);
    if (geteuid() == 0 &&
        (setgroups(0, NULL) != 0 || setgid(owner->st_gid) != 0 || setuid(owner->st_uid) != 0))
        _exit(9);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof path, "%s/pgbouncer.ini", bouncer->dir);
    execlp("pgbouncer", "pgbouncer", path, (char *)NULL);
    execl("/usr/sbin/pgbouncer", "pgbouncer", path, (char *)NULL);
    _exit(9);
}

static bool is_listening(int port)
{
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool up = connect(fd, (struct sockaddr *)&at, sizeof at) == 0;

    close(fd);
    return up;
}

void bouncer_restart(bouncer_t *bouncer)
{
    uint64_t until_us = agdb__after_ms(agdb__now_us(), 10000);
    struct stat owner;

    assert_int_equal(stat(bouncer->node.data, &owner), 0);
    bouncer->pid = fork();
    assert_true(bouncer->pid >= 0);
    if (bouncer->pid == 0)
        run(bouncer, &owner);
    while (!is_listening(bouncer->port)) {
        if (waitpid(bouncer->pid, NULL, WNOHANG) == bouncer->pid || agdb__now_us() >= until_us)
            fail_msg("pgbouncer does not start (is it installed?): see %s/log", bouncer->dir);
        (void)usleep(10000);
    }
}

bouncer_t bouncer_start(const cluster_node_t *node, int size)
{
    return bouncer_start_mode(node, size, "transaction");
}

bouncer_t bouncer_start_mode(const cluster_node_t *node, int size, const char *mode)
{
    bouncer_t bouncer = {.node = *node, .dir = "/tmp/agdb-bouncer.XXXXXX"};
    struct stat owner;

    assert_non_null(mkdtemp(bouncer.dir));
    bouncer.port = free_port();
    assert_int_equal(stat(node->data, &owner), 0);
    write_config(&bouncer, size, mode, &owner);
    bouncer_restart(&bouncer);
    return bouncer;
}

void bouncer_kill(bouncer_t *bouncer)
{
    assert_int_equal(kill(bouncer->pid, SIGKILL), 0);
    while (waitpid(bouncer->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    bouncer->pid = 0;
}

void bouncer_stop(bouncer_t *bouncer)
{
    char path[96];

    if (bouncer->pid > 0)
        bouncer_kill(bouncer);
    snprintf(path, sizeof path, "%s/pgbouncer.ini", bouncer->dir);
    (void)unlink(path);
    snprintf(path, sizeof path, "%s/log", bouncer->dir);
    (void)unlink(path);
    (void)rmdir(bouncer->dir);
}
