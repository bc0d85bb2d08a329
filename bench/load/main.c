/* bench_load: one side, one workload, T threads, for some seconds; one line of JSON. */
#include "load/census.h"
#include "load/course.h"
#include "load/pair.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

typedef struct worker {
    pthread_t thread;
    unsigned number;
    bool failed_to_start;
    course_t course;
} worker_t;

static struct {
    options_t options;
    workload_t work;
    const side_t *side;
    pthread_barrier_t ready;
} g_load;

static bool prime(void *own, uint64_t *seed)
{
    unsigned i;

    for (i = 0; i < g_load.work.statements; i++) {
        operation_t op = workload_prime(&g_load.work, i, seed);

        if (!g_load.side->run(own, &op))
            return false;
    }
    return true;
}

/* One operation after the other. */
static void run_course(void *own, course_t *course)
{
    moment_t now = moment_now();

    while (!moment_is_last(now)) {
        operation_t op = course_next(course);

        now = course_end(course, now, g_load.side->run(own, &op));
    }
}

static void *work(void *arg)
{
    worker_t *worker = arg;
    course_t *course = &worker->course;
    void *own = g_load.side->join(worker->number);

    course->work = &g_load.work;
    course->seed = 0x9E3779B97F4A7C15u * (worker->number + 1) ^ now_ns();
    worker->failed_to_start = own == NULL || !prime(own, &course->seed);
    pthread_barrier_wait(&g_load.ready);
    if (worker->failed_to_start)
        goto out;
    if (g_load.side->drive == NULL)
        run_course(own, course);
    else if (!g_load.side->drive(own, course, g_load.options.threads))
        worker->failed_to_start = true;
out:
    if (own != NULL)
        g_load.side->leave(own);
    return NULL;
}

static void *disturb(void *arg)
{
    worker_t *worker = arg;
    void *own = g_load.side->sleep != NULL ? g_load.side->join(worker->number) : NULL;
    moment_t now = moment_now();

    worker->failed_to_start = own == NULL;
    pthread_barrier_wait(&g_load.ready);
    for (; own != NULL && !moment_is_last(now); now = moment_now())
        if (!g_load.side->sleep(own))
            atomic_fetch_add(&worker->course.failures, 1);
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
        done += atomic_load(&workers[i].course.done);
        failures += atomic_load(&workers[i].course.failures);
    }
    (void)printf("{\"elapsed\": %.1f, \"operations\": %llu, \"failures\": %llu}\n", elapsed, done,
                 failures);
    (void)fflush(stdout);
}

/* The census is taken while the load goes on, but nothing is measured any more. */
static bool measure(const worker_t *workers, unsigned count, double *ret_seconds, double *ret_cpu,
                    census_t *census)
{
    const options_t *o = &g_load.options;
    uint64_t begin;
    double cpu;
    double elapsed = 0;
    bool right = true;

    pause_for(o->warm);
    cpu = cpu_seconds();
    begin = now_ns();
    phase_set(MEASURING);
    while (elapsed < o->seconds) {
        double left = o->seconds - elapsed;

        pause_for(o->every > 0 && o->every < left ? o->every : left);
        elapsed = (double)(now_ns() - begin) / 1e9;
        if (o->every > 0)
            tell_progress(workers, count, elapsed);
    }
    *ret_seconds = (double)(now_ns() - begin) / 1e9;
    *ret_cpu = cpu_seconds() - cpu;
    phase_set(RUNNING);
    if (o->census != NULL)
        right = census_take(census);
    phase_set(STOPPING);
    return right;
}

static int conclude(worker_t *workers, unsigned count, double seconds, double cpu,
                    const census_t *census)
{
    histogram_t *all = &workers[0].course.latencies;
    uint64_t failures = 0;
    bool started = true;
    unsigned i;

    for (i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        failures += atomic_load(&workers[i].course.failures);
        started = started && !workers[i].failed_to_start;
    }
    for (i = 1; i < count; i++)
        histogram_merge(all, &workers[i].course.latencies);
    if (!started)
        return 1;
    report_json(&g_load.options, g_load.side->name, all, failures, seconds, cpu, census);
    return failures == 0 && all->count > 0 ? 0 : 1;
}

static bool start(worker_t *workers, unsigned count, unsigned disturbers)
{
    unsigned i;

    if (pthread_barrier_init(&g_load.ready, NULL, count + 1) != 0)
        return false;
    for (i = 0; i < count; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, i < count - disturbers ? work : disturb,
                           &workers[i]) != 0)
            return false;
    }
    return true;
}

static int run_threads(void)
{
    const options_t *o = &g_load.options;
    unsigned disturbers = o->disturb ? 1 : 0;
    unsigned count = (g_load.side->drive != NULL ? 1 : o->threads) + disturbers;
    worker_t *workers = calloc(count, sizeof *workers);
    census_t census = {.taken = false};
    double seconds = 0;
    double cpu = 0;
    bool right;
    int status;

    if (workers == NULL || !start(workers, count, disturbers)) {
        (void)fprintf(stderr, "bench_load: no memory, or no thread\n");
        exit(1); /* those at the barrier would wait for ever */
    }
    pthread_barrier_wait(&g_load.ready);
    right = measure(workers, count, &seconds, &cpu, &census);
    status = conclude(workers, count, seconds, cpu, &census);
    pthread_barrier_destroy(&g_load.ready);
    free(workers);
    return right ? status : 1;
}

int main(int argc, char **argv)
{
    options_t *o = &g_load.options;
    int status = 1;

    if (!options_parse(o, argc, argv))
        return 2;
    if (!workload_init(&g_load.work, o))
        return 2;
    if (o->census != NULL && !census_open(o->census))
        return 1;
    if (o->pair != NULL) {
        status = run_pair(o, &g_load.work);
    } else {
        g_load.side = side_named(o->side);
        if (g_load.side->open(o, &g_load.work)) {
            status = run_threads();
            g_load.side->close();
        }
    }
    census_close();
    workload_fini(&g_load.work);
    return status;
}
