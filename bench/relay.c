/* bench_relay PORT SOCKET DELAY_US: takes connections on 127.0.0.1:PORT, joins each to the Unix
 * socket, and hands on every byte DELAY_US after it came, both ways. Runs until it is killed.
 *
 * One thread, one poll set. What comes waits in a queue with its due time, so that later bytes do
 * not wait for earlier ones longer than the delay. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_LINKS = 512, PIECE = 16384, MAX_PIECES = 64 };

typedef struct piece {
    struct piece *next;
    uint64_t due;
    size_t len;
    size_t sent;
    char bytes[PIECE];
} piece_t;

/* One direction. */
typedef struct way {
    piece_t *head;
    piece_t *tail;
    unsigned count;
    bool ended; /* nothing more comes */
    bool stuck; /* the other end takes nothing just now */
} way_t;

typedef struct joint {
    int fd[2];    /* client, server; -1: free */
    way_t way[2]; /* from fd[i] to fd[1 - i] */
} joint_t;

static joint_t g_joints[MAX_LINKS];
static uint64_t g_delay;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void drop_head(way_t *way)
{
    piece_t *piece = way->head;

    way->head = piece->next;
    if (way->head == NULL)
        way->tail = NULL;
    way->count--;
    free(piece);
}

static void close_joint(joint_t *joint)
{
    int i;

    for (i = 0; i < 2; i++) {
        while (joint->way[i].head != NULL)
            drop_head(&joint->way[i]);
        close(joint->fd[i]);
        joint->fd[i] = -1;
        joint->way[i] = (way_t){0};
    }
}

static void take_in(joint_t *joint, int i, uint64_t now)
{
    way_t *way = &joint->way[i];
    piece_t *piece = calloc(1, sizeof *piece);
    ssize_t n;

    if (piece == NULL)
        return;
    n = recv(joint->fd[i], piece->bytes, PIECE, MSG_DONTWAIT);
    if (n <= 0) {
        way->ended = n == 0 || (errno != EAGAIN && errno != EINTR);
        free(piece);
        return;
    }
    piece->len = (size_t)n;
    piece->due = now + g_delay;
    if (way->tail != NULL)
        way->tail->next = piece;
    else
        way->head = piece;
    way->tail = piece;
    way->count++;
}

static void hand_on(joint_t *joint, int i, uint64_t now)
{
    way_t *way = &joint->way[i];

    while (way->head != NULL && way->head->due <= now && !way->stuck) {
        piece_t *piece = way->head;
        ssize_t n = send(joint->fd[1 - i], piece->bytes + piece->sent, piece->len - piece->sent,
                         MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            way->stuck = errno == EAGAIN;
            return;
        }
        if (n < 0) {
            way->ended = true;
            while (way->head != NULL)
                drop_head(way);
            return;
        }
        piece->sent += (size_t)n;
        if (piece->sent == piece->len)
            drop_head(way);
    }
}

static void join(int client, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    size_t i = 0;

    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (i < MAX_LINKS && g_joints[i].fd[0] >= 0)
        i++;
    if (i == MAX_LINKS || server < 0 || connect(server, (struct sockaddr *)&to, sizeof to) != 0) {
        fprintf(stderr, "bench_relay: %s: %s\n", path, strerror(errno));
        close(client);
        if (server >= 0)
            close(server);
        return;
    }
    g_joints[i].fd[0] = client;
    g_joints[i].fd[1] = server;
}

static uint64_t fill(struct pollfd *set, nfds_t *count, int listener)
{
    uint64_t next = UINT64_MAX;
    size_t i;
    int j;

    set[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    *count = 1;
    for (i = 0; i < MAX_LINKS; i++) {
        if (g_joints[i].fd[0] < 0)
            continue;
        for (j = 0; j < 2; j++) {
            const way_t *in = &g_joints[i].way[j];
            const way_t *out = &g_joints[i].way[1 - j];
            short events = 0;

            if (!in->ended && in->count < MAX_PIECES)
                events = POLLIN;
            if (out->stuck)
                events = (short)(events | POLLOUT);
            if (in->head != NULL && !in->stuck && in->head->due < next)
                next = in->head->due;
            set[(*count)++] =
                (struct pollfd){.fd = events != 0 ? g_joints[i].fd[j] : -1, .events = events};
        }
    }
    return next;
}

static void serve(const struct pollfd *set, uint64_t now)
{
    nfds_t at = 1;
    size_t i;
    int j;

    for (i = 0; i < MAX_LINKS; i++) {
        joint_t *joint = &g_joints[i];

        if (joint->fd[0] < 0)
            continue;
        for (j = 0; j < 2; j++, at++) {
            if (set[at].revents & POLLOUT)
                joint->way[1 - j].stuck = false;
            if (set[at].revents & (POLLIN | POLLHUP | POLLERR))
                take_in(joint, j, now);
        }
        for (j = 0; j < 2; j++)
            hand_on(joint, j, now_ns());
        if ((joint->way[0].ended && joint->way[0].head == NULL) ||
            (joint->way[1].ended && joint->way[1].head == NULL))
            close_joint(joint);
    }
}

static void run(int listener, const char *path)
{
    static struct pollfd set[1 + 2 * MAX_LINKS];
    nfds_t count;

    for (;;) {
        uint64_t next = fill(set, &count, listener);
        uint64_t now = now_ns();
        uint64_t wait = next > now ? next - now : 0;
        struct timespec t = {.tv_sec = (time_t)(wait / 1000000000u),
                             .tv_nsec = (long)(wait % 1000000000u)};

        if (ppoll(set, count, next == UINT64_MAX ? NULL : &t, NULL) < 0)
            continue;
        serve(set, now_ns());
        if (set[0].revents & POLLIN) {
            int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

            if (client >= 0)
                join(client, path);
        }
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    size_t i;

    if (argc != 4) {
        fprintf(stderr, "usage: bench_relay PORT SOCKET DELAY_US\n");
        return 2;
    }
    at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    g_delay = strtoull(argv[3], NULL, 10) * 1000;
    for (i = 0; i < MAX_LINKS; i++)
        g_joints[i].fd[0] = g_joints[i].fd[1] = -1;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_TIMERSLACK, 1);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 256) != 0) {
        fprintf(stderr, "bench_relay: port %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    puts("ready");
    (void)fflush(stdout);
    run(listener, argv[2]);
    return 0;
}
