#include "relay.h"

#include "unit.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHUNK = 65536 };

struct relay {
    struct sockaddr_in server;
    int listener;
    uint16_t port;
    pthread_t thread;
    atomic_bool stopping;
    atomic_long left[2]; /* to the server, to the client; negative: no end */
    atomic_long passed[2];
    atomic_int turn; /* COMMITs that pass before one is turned; negative: none is */
};

enum { TO_SERVER, TO_CLIENT };

/* In what goes to the client, which has room for it. Returns the new length. */
static size_t turn_commit(relay_t *relay, char *data, size_t n)
{
    static const char commit[] = "C\0\0\0\013COMMIT";
    static const char rollback[] = "C\0\0\0\015ROLLBACK";
    char *at = data;

    while (atomic_load(&relay->turn) >= 0 &&
           (at = memmem(at, n - (size_t)(at - data), commit, sizeof commit)) != NULL) {
        if (atomic_fetch_sub(&relay->turn, 1) == 0) {
            const size_t more = sizeof rollback - sizeof commit;
            memmove(at + sizeof rollback, at + sizeof commit,
                    n - (size_t)(at - data) - sizeof commit);
            memcpy(at, rollback, sizeof rollback);
            n += more;
        }
        at++;
    }
    return n;
}

/* Passes on what has come. False: cut, or over. */
static bool pass(relay_t *relay, int way, int from, int to)
{
    static char data[CHUNK + 16];
    const long left = atomic_load(&relay->left[way]);
    ssize_t n = recv(from, data, CHUNK, 0);
    size_t size;

    if (n <= 0)
        return false;
    size = (size_t)n;
    if (way == TO_CLIENT)
        size = turn_commit(relay, data, size);
    if (left >= 0 && (long)size >= left) {
        (void)wire_write(to, data, (size_t)left);
        atomic_fetch_add(&relay->passed[way], left);
        return false;
    }
    if (left >= 0)
        atomic_fetch_sub(&relay->left[way], (long)size);
    atomic_fetch_add(&relay->passed[way], (long)size);
    return wire_write(to, data, size);
}

/* What was passed before the cut arrives: no reset while something is unread. */
static void end(int fd)
{
    char data[4096];

    (void)shutdown(fd, SHUT_WR);
    while (recv(fd, data, sizeof data, 0) > 0)
        continue;
    close(fd);
}

static void carry(relay_t *relay, int client)
{
    const int on = 1;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = server >= 0 &&
                connect(server, (const struct sockaddr *)&relay->server, sizeof relay->server) == 0;

    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (open && !atomic_load(&relay->stopping)) {
        struct pollfd p[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};

        if (poll(p, 2, 100) <= 0)
            continue;
        if (p[0].revents != 0)
            open = pass(relay, TO_SERVER, client, server);
        if (open && p[1].revents != 0)
            open = pass(relay, TO_CLIENT, server, client);
    }
    close(server);
    end(client);
}

static void *serve(void *arg)
{
    relay_t *relay = arg;

    while (!atomic_load(&relay->stopping)) {
        struct pollfd p = {.fd = relay->listener, .events = POLLIN};
        int client;

        if (poll(&p, 1, 100) <= 0)
            continue;
        client = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0)
            carry(relay, client);
    }
    return NULL;
}

relay_t *relay_start(const char *host, uint16_t port)
{
    relay_t *relay = calloc(1, sizeof *relay);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof own;

    assert_non_null(relay);
    relay->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, host, &relay->server.sin_addr), 1);
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(relay->listener, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(listen(relay->listener, 8), 0);
    assert_int_equal(getsockname(relay->listener, (struct sockaddr *)&own, &size), 0);
    relay->port = ntohs(own.sin_port);
    atomic_init(&relay->stopping, false);
    atomic_init(&relay->turn, -1);
    relay_cut_after(relay, -1, -1);
    assert_int_equal(pthread_create(&relay->thread, NULL, serve, relay), 0);
    return relay;
}

void relay_stop(relay_t *relay)
{
    atomic_store(&relay->stopping, true);
    pthread_join(relay->thread, NULL);
    close(relay->listener);
    free(relay);
}

uint16_t relay_port(const relay_t *relay)
{
    return relay->port;
}

void relay_cut_after(relay_t *relay, long to_server, long to_client)
{
    atomic_store(&relay->left[TO_SERVER], to_server);
    atomic_store(&relay->left[TO_CLIENT], to_client);
    atomic_store(&relay->passed[TO_SERVER], 0);
    atomic_store(&relay->passed[TO_CLIENT], 0);
}

long relay_passed_to_server(const relay_t *relay)
{
    return atomic_load(&relay->passed[TO_SERVER]);
}

long relay_passed_to_client(const relay_t *relay)
{
    return atomic_load(&relay->passed[TO_CLIENT]);
}

void relay_turn_commit(relay_t *relay, int skip)
{
    atomic_store(&relay->turn, skip);
}
