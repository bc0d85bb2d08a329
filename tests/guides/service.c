/* A service as the guides speak of them: it follows its map, answers on a control socket, and never
 * stops calling.
 *
 *     service MAP SOCKET NAME KEY...
 *
 * says "ready", then for each key in turn writes a visit, which happens once, and reads the visits.
 * On SIGTERM it ends and says how many calls it made, how many failed and how long the longest
 * took; it ends with 1 when one has failed, and says why on standard error. */
#include "agencydb.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 20, CALL_MS = 120000 };

typedef struct service {
    agdb_t *db;
    const char *name;
    uint64_t calls;
    uint64_t failed;
    uint64_t longest_us;
} service_t;

static volatile sig_atomic_t g_over;

static void on_term(int sig)
{
    (void)sig;
    g_over = 1;
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void call(service_t *s, const agdb_request_t *request)
{
    const uint64_t start_us = now_us();
    agdb_error_t *error = NULL;
    uint64_t took_us;

    s->calls++;
    if (agdb_query(s->db, request, NULL, &error) != AGDB_OK) {
        s->failed++;
        fprintf(stderr, "%s: %s\n", s->name, agdb_error_message(error));
        agdb_error_free(error);
    }
    took_us = now_us() - start_us;
    if (took_us > s->longest_us)
        s->longest_us = took_us;
}

static void serve(service_t *s, const char *key)
{
    char once[64];

    snprintf(once, sizeof once, "%ld-%" PRIu64, (long)getpid(), s->calls);
    call(s, AGDB_REQUEST(.key = agdb_key(key), .tag = "visit.add", .idempotency_key = once,
                         .sql = "INSERT INTO visit (agency) VALUES ($1)",
                         AGDB_PARAMS(agdb_text(key)), .timeout_ms = CALL_MS));
    call(s, AGDB_REQUEST(.key = agdb_key(key), .tag = "visit.count", .access = AGDB_READ_REPLICA_OK,
                         .sql = "SELECT count(*) FROM visit WHERE agency = $1",
                         AGDB_PARAMS(agdb_text(key)), .timeout_ms = CALL_MS));
}

int main(int argc, char **argv)
{
    agdb_options_t options = {.struct_size = sizeof options, .watch = true};
    const struct timespec pause = {0, PAUSE_MS * 1000000L};
    agdb_error_t *error = NULL;
    service_t s = {0};
    int i = 4;

    if (argc < 5) {
        fprintf(stderr, "usage: service MAP SOCKET NAME KEY...\n");
        return 2;
    }
    signal(SIGTERM, on_term);
    options.control = argv[2];
    options.service = s.name = argv[3];
    if (agdb_open(argv[1], &options, &s.db, &error) != AGDB_OK ||
        agdb_wait_ready(s.db, AGDB_READY_PRIMARIES, CALL_MS, &error) != AGDB_OK) {
        fprintf(stderr, "%s: %s\n", s.name, agdb_error_message(error));
        return 2;
    }
    printf("ready\n");
    fflush(stdout);
    for (; !g_over; i = i + 1 < argc ? i + 1 : 4) {
        serve(&s, argv[i]);
        nanosleep(&pause, NULL);
    }
    (void)!agdb_close(s.db, 1000);
    printf("%s: %" PRIu64 " calls, %" PRIu64 " failed, the longest took %" PRIu64 " ms\n", s.name,
           s.calls, s.failed, s.longest_us / 1000);
    return s.failed == 0 ? 0 : 1;
}
