/* A service that shows its metrics: it reads and writes, and answers GET /metrics on this machine
 * for Prometheus. The library serves no HTTP, so a few lines of sockets do here; a service with a
 * web server gives the text from a handler of that. The map's file is followed meanwhile.
 *
 *     18-metrics MAP          asks itself once, and ends
 *     18-metrics MAP PORT     serves until it is ended; 0: any port that is free */
#include <agencydb.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, PAUSE_MS = 10, REQUEST_MAX = 4096 };

static agdb_t *s_db;

/* One call in four writes. */
static void *work(void *unused)
{
    static const char *const keys[] = {"cdc", "fema", "noaa", "us/ca/dph", "us/ny/dec"};
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    agdb_error_t *err = NULL;
    unsigned i;

    for (i = 0; unused == NULL; i++, nanosleep(&pause, NULL)) {
        const bool is_write = i % 4 == 0;
        const char *sql = is_write ? "INSERT INTO agency VALUES ($1, $1)"
                                     " ON CONFLICT (key) DO UPDATE SET name = excluded.name"
                                   : "SELECT name FROM agency WHERE key = $1";

        if (agdb_query(s_db,
                       AGDB_REQUEST(.key = agdb_key(keys[i % 5]), .sql = sql,
                                    AGDB_PARAMS(agdb_text(keys[i % 5])),
                                    .access = is_write ? AGDB_WRITE : AGDB_READ_REPLICA_OK,
                                    .tag = is_write ? "agency.touch" : "agency.show"),
                       NULL, &err) != AGDB_OK)
            fprintf(stderr, "%s\n", agdb_error_message(err));
    }
    return NULL;
}

static void append(const char *text, size_t len, void *user)
{
    fwrite(text, 1, len, user);
}

/* One connection, one answer. Whoever is too slow is left after a second. */
static void answer(int fd)
{
    const struct timeval patience = {1, 0};
    const char *status = "200 OK";
    char request[REQUEST_MAX + 1] = "", *page = NULL;
    size_t len = 0, page_len = 0;
    FILE *out = open_memstream(&page, &page_len);
    ssize_t n = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    for (; n > 0 && strstr(request, "\r\n\r\n") == NULL; len += n > 0 ? (size_t)n : 0)
        n = recv(fd, request + len, REQUEST_MAX - len, 0);
    if (strncmp(request, "GET /metrics ", 13) != 0)
        status = "404 Not Found";
    else if (out == NULL || agdb_metrics(s_db, append, out, NULL) != AGDB_OK)
        status = "503 Service Unavailable";
    if (out != NULL && fclose(out) == 0) /* with its length, so that half a page is noticed */
        dprintf(fd,
                "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: %zu\r\n"
                "Connection: close\r\n\r\n%s",
                status, page_len, page);
    free(page);
    close(fd);
}

/* What Prometheus does. */
static void *ask(void *address)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    FILE *in = fdopen(fd, "r");
    char line[1024];

    if (in == NULL || connect(fd, address, sizeof(struct sockaddr_in)) != 0 ||
        dprintf(fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n") < 0)
        exit(1);
    while (fgets(line, sizeof line, in) != NULL)
        if (strncmp(line, "HTTP", 4) == 0 || strstr(line, "agdb_map_epoch") != NULL)
            printf("%.*s\n", (int)strcspn(line, "\r\n"), line);
    fclose(in);
    return NULL;
}

int main(int argc, char **argv)
{
    const agdb_options_t options = {.struct_size = sizeof options, .watch = true};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof at;
    pthread_t thread[WORKERS + 1];
    int i;

    at.sin_port = htons((uint16_t)(argc > 2 ? atoi(argv[2]) : 0));
    signal(SIGPIPE, SIG_IGN); /* of who asked and has left */
    if (argc < 2 || agdb_open(argv[1], &options, &s_db, NULL) != AGDB_OK ||
        bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return 1;
    printf("http://127.0.0.1:%u/metrics\n", ntohs(at.sin_port));
    fflush(stdout);
    for (i = 0; i < WORKERS + (argc == 2); i++)
        pthread_create(&thread[i], NULL, i < WORKERS ? work : ask, i < WORKERS ? NULL : &at);
    while (argc > 2)
        answer(accept(fd, NULL, NULL));
    answer(accept(fd, NULL, NULL));
    pthread_join(thread[WORKERS], NULL);
    return 0;
}
