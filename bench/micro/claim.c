/* bench_claim MAP THREADS PAIRS: CPU time of one claim and release of a connection, with real
 * connections to the first node of the map. */
#include "agencydb.h"
#include "base/clock.h"
#include "client/client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_THREADS = 64,
    MAX_CONNECTIONS = 64,
    CLOCK_EVERY = 64,
    READY_MS = 10000,
    WARM_WAIT_MS = 10000
};

typedef struct worker {
    pthread_t thread;
    double cpu_ns;
    bool failed;
} worker_t;

static agdb__pool_t *g_pool;
static unsigned long g_pairs;
static pthread_barrier_t g_start;

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static bool pairs(unsigned long count)
{
    uint64_t now = 0;
    unsigned long i;

    for (i = 0; i < count; i++) {
        agdb__lease_t lease;

        if (i % CLOCK_EVERY == 0)
            now = agdb__now_us();
        if (agdb__pool_claim(g_pool, true, now, agdb__after_ms(now, READY_MS), &lease, NULL) !=
            AGDB_OK)
            return false;
        agdb__pool_release(g_pool, &lease, now);
    }
    return true;
}

static void *work(void *arg)
{
    worker_t *worker = arg;
    double begin;

    worker->failed = !pairs(g_pairs / 10 + 1);
    pthread_barrier_wait(&g_start);
    begin = cpu_ns();
    worker->failed = !pairs(g_pairs) || worker->failed;
    worker->cpu_ns = cpu_ns() - begin;
    return NULL;
}

static bool run(unsigned threads, double *ret_ns)
{
    worker_t workers[MAX_THREADS] = {0};
    double total = 0;
    bool failed = false;
    unsigned i;

    if (pthread_barrier_init(&g_start, NULL, threads) != 0)
        return false;
    for (i = 0; i < threads; i++)
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            exit(1); /* those at the barrier would wait for ever */
    for (i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        total += workers[i].cpu_ns;
        failed = failed || workers[i].failed;
    }
    pthread_barrier_destroy(&g_start);
    *ret_ns = total / (double)threads / (double)g_pairs;
    return !failed;
}

/* Each connection has run a read, as those of a pool that is in use: it is in the mode that a read
 * looks for. (One of several is kept for statements that share it, and cannot be claimed.) */
static bool use_all(unsigned open)
{
    const unsigned all = open > 1 ? open - 1 : open;
    const agdb__statement_t read = {.sql = "SELECT 1", .read_only = true, .max_bytes = 1 << 20};
    agdb__lease_t lease[MAX_CONNECTIONS];
    unsigned claimed = 0;
    bool ok = open <= MAX_CONNECTIONS;

    while (ok && claimed < all) {
        uint64_t now = agdb__now_us();
        struct pg_result *rows = NULL;
        agdb__lease_t *one = &lease[claimed];

        ok = agdb__pool_claim(g_pool, true, now, agdb__after_ms(now, READY_MS), one, NULL) ==
             AGDB_OK;
        if (!ok)
            break;
        claimed++;
        ok =
            agdb__conn_run(one->conn, &read, agdb__after_ms(now, READY_MS), &rows, NULL) == AGDB_OK;
        agdb__rows_free(rows);
    }
    while (claimed > 0)
        agdb__pool_release(g_pool, &lease[--claimed], agdb__now_us());
    return ok;
}

/* All `min` connections are there, or time is up. */
static unsigned wait_for_connections(unsigned min)
{
    unsigned open = 0;
    int waited;

    for (waited = 0; waited < WARM_WAIT_MS && open < min; waited += 10) {
        usleep(10000);
        open = agdb__pool_counts(g_pool).open;
    }
    return open;
}

int main(int argc, char **argv)
{
    unsigned threads = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    agdb_error_t *error = NULL;
    agdb_t *db = NULL;
    double ns = 0;
    int status = 1;

    if (threads == 0 || threads > MAX_THREADS) {
        fprintf(stderr, "usage: bench_claim MAP THREADS PAIRS\n");
        return 2;
    }
    g_pairs = strtoul(argv[3], NULL, 10);
    if (agdb_open(argv[1], NULL, &db, &error) == AGDB_OK &&
        agdb_wait_ready(db, AGDB_READY_PRIMARIES, READY_MS, &error) == AGDB_OK) {
        const agdb__endpoint_t *endpoint = db->topology.endpoints[0];
        unsigned open;

        g_pool = endpoint->pool;
        open = wait_for_connections(endpoint->limits.min);
        if (open >= endpoint->limits.min && use_all(open) && run(threads, &ns)) {
            printf("{\"threads\": %u, \"connections\": %u, \"cpu_ns\": %.2f}\n", threads, open, ns);
            status = 0;
        }
    }
    if (status != 0)
        fprintf(stderr, "bench_claim: %s\n", error != NULL ? agdb_error_message(error) : "failed");
    agdb_error_free(error);
    (void)agdb_close(db, 5000);
    return status;
}
