#include "cli/ports.h"

#include "cli/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool cli_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* --- who listens ------------------------------------------------------------------------------ */
/* The inode of the socket that listens on the port, by /proc/net/tcp and tcp6; 0: none is seen. */
static unsigned long listener_inode(const char *table, unsigned port)
{
    char line[512];
    unsigned long found = 0;
    FILE *file = fopen(table, "re");

    if (file == NULL)
        return 0;
    while (found == 0 && fgets(line, sizeof line, file) != NULL) {
        char address[64];
        unsigned local;
        unsigned state;
        unsigned long inode;
        if (sscanf(line, " %*u: %63[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*s %*s %*s %*u %*u %lu",
                   address, &local, &state, &inode) == 4 &&
            local == port && state == 0x0A)
            found = inode;
    }
    fclose(file);
    return found;
}

static bool process_has(const char *pid, unsigned long inode)
{
    char *folder = cli_format("/proc/%s/fd", pid);
    char *wanted = cli_format("socket:[%lu]", inode);
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    if (dir == NULL)
        return false;
    while (!found && (entry = readdir(dir)) != NULL) {
        char target[64];
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        if (len > 0) {
            target[len] = '\0';
            found = strcmp(target, wanted) == 0;
        }
    }
    closedir(dir);
    return found;
}

static char *process_name(const char *pid)
{
    char name[64] = "";
    FILE *file = fopen(cli_format("/proc/%s/comm", pid), "re");

    if (file != NULL) {
        if (fgets(name, sizeof name, file) != NULL)
            name[strcspn(name, "\n")] = '\0';
        fclose(file);
    }
    return cli_copy(name);
}

/* "postgres (process 123)", or that it cannot be seen. */
static char *port_owner(unsigned port)
{
    unsigned long inode = listener_inode("/proc/net/tcp", port);
    const struct dirent *entry;
    char *owner = NULL;
    DIR *dir;

    if (inode == 0)
        inode = listener_inode("/proc/net/tcp6", port);
    dir = inode != 0 ? opendir("/proc") : NULL;
    while (dir != NULL && owner == NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && process_has(entry->d_name, inode))
            owner = cli_format("%s (process %s)", process_name(entry->d_name), entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return owner != NULL ? owner : cli_copy("a process of another user");
}

/* --- free ports ------------------------------------------------------------------------------- */
/* 0 when the address can be bound, else errno. */
static int try_bind(const struct addrinfo *at)
{
    int on = 1;
    int error = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno;
    /* as PostgreSQL does: the remains of old connections do not count */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, 1) != 0)
        error = errno;
    close(fd);
    return error;
}

static struct addrinfo *resolve(const char *host, unsigned port)
{
    struct addrinfo hints;
    struct addrinfo *list = NULL;
    char service[16];

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
    snprintf(service, sizeof service, "%u", port);
    return getaddrinfo(host, service, &hints, &list) == 0 ? list : NULL;
}

/* 0 when a server can listen on one address of the host at least and none is busy. */
static int bind_error(const char *host, unsigned port)
{
    struct addrinfo *list = resolve(host, port);
    const struct addrinfo *at;
    int first = EADDRNOTAVAIL;
    bool bound = false;

    for (at = list; at != NULL; at = at->ai_next) {
        int error = try_bind(at);
        if (error == EADDRINUSE || error == EACCES) {
            freeaddrinfo(list);
            return error;
        }
        if (error == 0)
            bound = true;
        else
            first = error;
    }
    if (list != NULL)
        freeaddrinfo(list);
    return bound ? 0 : first;
}

bool cli_port_free(const char *host, unsigned port, char **ret_why)
{
    int error = bind_error(host, port);

    if (error == 0)
        return true;
    if (error == EADDRINUSE)
        *ret_why = cli_format("port %u is in use by %s", port, port_owner(port));
    else
        *ret_why = cli_format("cannot listen on %s port %u: %s", host, port, strerror(error));
    return false;
}

unsigned cli_find_port(const char *host, const unsigned *taken, size_t ntaken)
{
    enum { FIRST = 20000, COUNT = 12000, TRIES = 2000 };
    unsigned tries;

    for (tries = 0; tries < TRIES; tries++) {
        unsigned port = 0;
        size_t i;
        if (getrandom(&port, sizeof port, 0) != (ssize_t)sizeof port)
            continue;
        port = FIRST + port % COUNT;
        for (i = 0; i < ntaken && taken[i] != port; i++)
            ;
        if (i == ntaken && bind_error(host, port) == 0)
            return port;
    }
    return 0;
}

/* --- is it PostgreSQL ------------------------------------------------------------------------- */
static bool wait_for(int fd, short events, uint64_t until)
{
    for (;;) {
        uint64_t now = cli_now_ms();
        struct pollfd one = {.fd = fd, .events = events};
        int n = now < until ? poll(&one, 1, (int)(until - now)) : 0;
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

/* Asks for TLS: a PostgreSQL server answers with one letter, before any login. */
static bool ask(int fd, uint64_t until)
{
    static const unsigned char k_request[8] = {0, 0, 0, 8, 4, 210, 22, 47};
    char answer = 0;

    return wait_for(fd, POLLOUT, until) &&
           send(fd, k_request, sizeof k_request, MSG_NOSIGNAL) == (ssize_t)sizeof k_request &&
           wait_for(fd, POLLIN, until) && recv(fd, &answer, 1, 0) == 1 &&
           (answer == 'N' || answer == 'S');
}

static bool answers_at(int family, const struct sockaddr *address, socklen_t len, uint64_t until)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool answered;

    if (fd < 0)
        return false;
    answered = (connect(fd, address, len) == 0 || errno == EINPROGRESS) && ask(fd, until);
    close(fd);
    return answered;
}

bool cli_server_answers(const char *host, unsigned port, unsigned timeout_ms)
{
    uint64_t until = cli_now_ms() + timeout_ms;
    struct addrinfo *list;
    const struct addrinfo *at;
    bool answered = false;

    if (host[0] == '/') {
        struct sockaddr_un local = {.sun_family = AF_UNIX};
        if (snprintf(local.sun_path, sizeof local.sun_path, "%s/.s.PGSQL.%u", host, port) >=
            (int)sizeof local.sun_path)
            return false;
        return answers_at(AF_UNIX, (const struct sockaddr *)&local, sizeof local, until);
    }
    list = resolve(host, port);
    for (at = list; at != NULL && !answered; at = at->ai_next)
        answered = answers_at(at->ai_family, at->ai_addr, at->ai_addrlen, until);
    if (list != NULL)
        freeaddrinfo(list);
    return answered;
}
