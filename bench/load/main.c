/* bench_load: one side, one workload, T threads, for some seconds; one line of JSON. */
#include "load/histogram.h"
#include "load/load.h"
#include "load/pair.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { WARMING, MEASURING, STOPPING };

typedef struct worker {
    pthread_t thread;
    unsigned number;
    bool failed_to_start;
    atomic_ullong failures;
    atomic_ullong done; /* for lines in between */
    histogram_t latencies;
} worker_t;

static struct {
    options_t options;
    workload_t work;
    const side_t *side;
    pthread_barrier_t ready;
    atomic_int phase;
} g_load;

static bool prime(void *own, uint64_t *seed)
{
    char key[KEY_ROOM];
    unsigned i;

    for (i = 0; i < g_load.work.statements; i++) {
        operation_t op = workload_prime(&g_load.work, i, seed, key);

        if (!g_load.side->run(own, &op))
            return false;
    }
    return true;
}

/* What begins and ends while it is measured counts. */
static void drive(worker_t *worker, void *own, uint64_t *seed)
{
    char key[KEY_ROOM];
    uint64_t begin = now_ns();
    int before = atomic_load_explicit(&g_load.phase, memory_order_relaxed);

    while (before != STOPPING) {
        operation_t op = workload_next(&g_load.work, seed, key);
        bool right = g_load.side->run(own, &op);
        uint64_t end = now_ns();
        int after = atomic_load_explicit(&g_load.phase, memory_order_relaxed);

        if (!right)
            atomic_fetch_add_explicit(&worker->failures, 1, memory_order_relaxed);
        else if (before == MEASURING && after == MEASURING) {
            histogram_add(&worker->latencies, end - begin);
            atomic_store_explicit(&worker->done, worker->latencies.count, memory_order_relaxed);
        }
        begin = end;
        before = after;
    }
}

static void *work(void *arg)
{
    worker_t *worker = arg;
    uint64_t seed = 0x9E3779B97F4A7C15u * (worker->number + 1) ^ now_ns();
    void *own = g_load.side->join(worker->number);

    worker->failed_to_start = own == NULL || !prime(own, &seed);
    pthread_barrier_wait(&g_load.ready);
    if (!worker->failed_to_start)
        drive(worker, own, &seed);
    if (own != NULL)
        g_load.side->leave(own);
    return NULL;
}

static void *disturb(void *arg)
{
    worker_t *worker = arg;
    void *own = g_load.side->sleep != NULL ? g_load.side->join(worker->number) : NULL;

    worker->failed_to_start = own == NULL;
    pthread_barrier_wait(&g_load.ready);
    while (own != NULL && atomic_load(&g_load.phase) != STOPPING)
        if (!g_load.side->sleep(own))
            atomic_fetch_add(&worker->failures, 1);
    if (own != NULL)
        g_load.side->leave(own);
    return NULL;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void pause_for(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};

    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    while (nanosleep(&t, &t) != 0)
        continue;
}

static void tell_progress(const worker_t *workers, unsigned count, double elapsed)
{
    unsigned long long done = 0;
    unsigned long long failures = 0;
    unsigned i;

    for (i = 0; i < count; i++) {
        done += atomic_load(&workers[i].done);
        failures += atomic_load(&workers[i].failures);
    }
    (void)printf("{\"elapsed\": %.1f, \"operations\": %llu, \"failures\": %llu}\n", elapsed, done,
                 failures);
    (void)fflush(stdout);
}

static void measure(const worker_t *workers, unsigned count, double *ret_seconds, double *ret_cpu)
{
    const options_t *o = &g_load.options;
    uint64_t begin;
    double cpu;
    double elapsed = 0;

    pause_for(o->warm);
    cpu = cpu_seconds();
    begin = now_ns();
    atomic_store(&g_load.phase, MEASURING);
    while (elapsed < o->seconds) {
        double left = o->seconds - elapsed;

        pause_for(o->every > 0 && o->every < left ? o->every : left);
        elapsed = (double)(now_ns() - begin) / 1e9;
        if (o->every > 0)
            tell_progress(workers, count, elapsed);
    }
    *ret_seconds = (double)(now_ns() - begin) / 1e9;
    *ret_cpu = cpu_seconds() - cpu;
    atomic_store(&g_load.phase, STOPPING);
}

static int conclude(worker_t *workers, unsigned count, double seconds, double cpu)
{
    histogram_t *all = &workers[0].latencies;
    uint64_t failures = 0;
    bool started = true;
    unsigned i;

    for (i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        failures += atomic_load(&workers[i].failures);
        started = started && !workers[i].failed_to_start;
    }
    for (i = 1; i < count; i++)
        histogram_merge(all, &workers[i].latencies);
    if (!started)
        return 1;
    report_json(&g_load.options, g_load.side->name, all, failures, seconds, cpu);
    return failures == 0 && all->count > 0 ? 0 : 1;
}

static int run_threads(void)
{
    unsigned count = g_load.options.threads + (g_load.options.disturb ? 1 : 0);
    worker_t *workers = calloc(count, sizeof *workers);
    double seconds = 0;
    double cpu = 0;
    int status;
    unsigned i;

    if (workers == NULL || pthread_barrier_init(&g_load.ready, NULL, count + 1) != 0)
        return 1;
    for (i = 0; i < count; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, i < g_load.options.threads ? work : disturb,
                           &workers[i]) != 0) {
            (void)fprintf(stderr, "bench_load: no thread\n");
            exit(1); /* those at the barrier would wait for ever */
        }
    }
    pthread_barrier_wait(&g_load.ready);
    measure(workers, count, &seconds, &cpu);
    status = conclude(workers, count, seconds, cpu);
    pthread_barrier_destroy(&g_load.ready);
    free(workers);
    return status;
}

int main(int argc, char **argv)
{
    options_t *o = &g_load.options;
    int status = 1;

    if (!options_parse(o, argc, argv))
        return 2;
    if (!workload_init(&g_load.work, o))
        return 2;
    if (o->pair != NULL) {
        status = run_pair(o, &g_load.work);
    } else {
        g_load.side = side_named(o->side);
        if (g_load.side->open(o, &g_load.work)) {
            status = run_threads();
            g_load.side->close();
        }
    }
    workload_fini(&g_load.work);
    return status;
}
