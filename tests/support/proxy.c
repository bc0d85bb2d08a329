#include "proxy.h"

#include "base/sync.h"
#include "unit.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINKS_MAX = 256, CHUNK = 65536, ROOM_MAX = 16 << 20 };

/* What has come in one direction and is no whole message yet. */
typedef struct stream {
    char *data;
    size_t size;
    size_t room;
    bool begun; /* the start-up message is behind it: from then on each has a type */
} stream_t;

typedef struct relayed {
    int end[2]; /* where each way leads to: [PROXY_TO_SERVER] is the server's socket */
    stream_t stream[2];
    unsigned note[2];
    bool mute;
} relayed_t;

struct proxy {
    struct sockaddr_in server;
    int listener;
    int wake;
    uint16_t port;
    pthread_t thread;
    atomic_bool stopping;
    atomic_bool held;
    atomic_uint accepted;
    proxy_judge_fn judge;
    void *user;
    size_t nlinks;
    relayed_t *link[LINKS_MAX];
};

bool proxy_message_has(const proxy_message_t *message, const char *text)
{
    return memmem(message->body, message->size, text, strlen(text)) != NULL;
}

/* --- connections -------------------------------------------------------------------------------
 */

static void reset_on_close(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void close_link(proxy_t *p, size_t i)
{
    relayed_t *link = p->link[i];

    close(link->end[PROXY_TO_SERVER]);
    close(link->end[PROXY_TO_CLIENT]);
    free(link->stream[PROXY_TO_SERVER].data);
    free(link->stream[PROXY_TO_CLIENT].data);
    free(link);
    p->link[i] = p->link[--p->nlinks];
}

static void accept_one(proxy_t *p)
{
    const int on = 1;
    int client = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    relayed_t *link = calloc(1, sizeof *link);

    if (link == NULL || client < 0 || server < 0 || p->nlinks == LINKS_MAX ||
        connect(server, (const struct sockaddr *)&p->server, sizeof p->server) != 0) {
        if (client >= 0)
            close(client);
        if (server >= 0)
            close(server);
        free(link);
        return;
    }
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    link->end[PROXY_TO_SERVER] = server;
    link->end[PROXY_TO_CLIENT] = client;
    link->stream[PROXY_TO_CLIENT].begun = true;
    p->link[p->nlinks++] = link;
    atomic_fetch_add(&p->accepted, 1);
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* Of the whole message at the beginning of `data`; 0: it is not all there. */
static size_t message_size(const char *data, size_t size, bool typed)
{
    uint32_t length;

    if (size < sizeof length + typed)
        return 0;
    memcpy(&length, data + typed, sizeof length);
    length = ntohl(length) + typed;
    return size >= length ? length : 0;
}

static proxy_verdict_t judge_one(proxy_t *p, relayed_t *link, proxy_way_t way, const char *data,
                                 size_t size)
{
    const bool typed = link->stream[way].begun;
    const size_t head = sizeof(uint32_t) + typed;

    if (p->judge == NULL || size < head)
        return PROXY_PASS;
    return p->judge(p->user, &(proxy_message_t){.way = way,
                                                .type = typed ? data[0] : '\0',
                                                .body = data + head,
                                                .size = size - head,
                                                .note = link->note});
}

/* False: the connection ends. */
static bool pass_messages(proxy_t *p, relayed_t *link, proxy_way_t way)
{
    stream_t *s = &link->stream[way];
    size_t out = 0; /* what passes is moved together at the front */
    size_t at = 0;
    size_t size;

    while (!link->mute && (size = message_size(s->data + at, s->size - at, s->begun)) > 0) {
        proxy_verdict_t verdict = judge_one(p, link, way, s->data + at, size);

        if (verdict == PROXY_RESET) {
            reset_on_close(link->end[PROXY_TO_CLIENT]);
            return false;
        }
        link->mute = verdict == PROXY_MUTE;
        if (verdict == PROXY_PASS) {
            memmove(s->data + out, s->data + at, size);
            out += size;
        }
        at += size;
        s->begun = true;
    }
    if (!wire_write(link->end[way], s->data, out))
        return false;
    s->size -= at;
    memmove(s->data, s->data + at, s->size);
    return true;
}

static bool make_room(stream_t *s)
{
    char *more;

    if (s->room - s->size >= CHUNK)
        return true;
    if (s->room >= ROOM_MAX || (more = realloc(s->data, s->room + 2 * (size_t)CHUNK)) == NULL)
        return false;
    s->data = more;
    s->room += 2 * (size_t)CHUNK;
    return true;
}

/* False: the connection ends. */
static bool carry(proxy_t *p, relayed_t *link, proxy_way_t way)
{
    stream_t *s = &link->stream[way];
    ssize_t n;

    if (!make_room(s))
        return false;
    n = recv(link->end[!way], s->data + s->size, CHUNK, 0);
    if (n <= 0)
        return false;
    if (link->mute)
        return true;
    s->size += (size_t)n;
    return pass_messages(p, link, way);
}

/* --- the thread --------------------------------------------------------------------------------
 */

static void serve_links(proxy_t *p, const struct pollfd *polled)
{
    size_t i = p->nlinks;

    while (i-- > 0) { /* from the end: closing moves the last one */
        bool open = true;

        if (polled[2 * i].revents != 0)
            open = carry(p, p->link[i], PROXY_TO_SERVER);
        if (open && polled[2 * i + 1].revents != 0)
            open = carry(p, p->link[i], PROXY_TO_CLIENT);
        if (!open)
            close_link(p, i);
    }
}

static void *serve(void *arg)
{
    static const short in = POLLIN;
    struct pollfd polled[2 + 2 * LINKS_MAX];
    proxy_t *p = arg;

    while (!atomic_load(&p->stopping)) {
        const bool held = atomic_load(&p->held);
        const size_t nlinks = held ? 0 : p->nlinks;
        eventfd_t count;

        polled[0] = (struct pollfd){.fd = p->wake, .events = in};
        polled[1] = (struct pollfd){.fd = held ? -1 : p->listener, .events = in};
        for (size_t i = 0; i < nlinks; i++) {
            polled[2 + 2 * i] =
                (struct pollfd){.fd = p->link[i]->end[PROXY_TO_CLIENT], .events = in};
            polled[3 + 2 * i] =
                (struct pollfd){.fd = p->link[i]->end[PROXY_TO_SERVER], .events = in};
        }
        if (poll(polled, 2 + 2 * nlinks, -1) <= 0)
            continue;
        if (polled[0].revents != 0)
            (void)eventfd_read(p->wake, &count);
        if (nlinks > 0)
            serve_links(p, polled + 2);
        if (polled[1].revents != 0)
            accept_one(p);
    }
    return NULL;
}

static void wake(proxy_t *p)
{
    (void)eventfd_write(p->wake, 1);
}

/* --- start and stop ----------------------------------------------------------------------------
 */

proxy_t *proxy_start_on(int listener, uint16_t server_port, proxy_judge_fn judge, void *user)
{
    proxy_t *p = calloc(1, sizeof *p);
    struct sockaddr_in own;
    socklen_t size = sizeof own;

    assert_non_null(p);
    p->server = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_port = htons(server_port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    p->listener = listener;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&own, &size), 0);
    p->port = ntohs(own.sin_port);
    p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(p->wake >= 0);
    p->judge = judge;
    p->user = user;
    assert_true(agdb__thread_start(&p->thread, false, serve, p));
    return p;
}

proxy_t *proxy_start(const char *address, uint16_t port, uint16_t server_port, proxy_judge_fn judge,
                     void *user)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int on = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(listener >= 0);
    assert_int_equal(inet_pton(AF_INET, address, &own.sin_addr), 1);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(listener, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(listen(listener, 128), 0);
    return proxy_start_on(listener, server_port, judge, user);
}

void proxy_stop(proxy_t *p)
{
    atomic_store(&p->stopping, true);
    wake(p);
    pthread_join(p->thread, NULL);
    close(p->listener);
    while (p->nlinks > 0) {
        reset_on_close(p->link[0]->end[PROXY_TO_CLIENT]);
        close_link(p, 0);
    }
    close(p->wake);
    free(p);
}

uint16_t proxy_port(const proxy_t *p)
{
    return p->port;
}

void proxy_hold(proxy_t *p, bool hold)
{
    atomic_store(&p->held, hold);
    wake(p);
}

unsigned proxy_accepted(const proxy_t *p)
{
    return atomic_load(&((proxy_t *)(uintptr_t)p)->accepted);
}
