#include "load/census.h"
#include "load/histogram.h"
#include "load/load.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void complain(const char *side, const char *what)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&said))
        (void)fprintf(stderr, "bench_load: %s: %s\n", side, what);
}

const side_t *side_named(const char *name)
{
    static const side_t *const all[] = {&k_side_raw,    &k_side_mutexpool, &k_side_agdb,
                                        &k_side_submit, &k_side_many,      &k_side_scatter,
                                        &k_side_tx,     &k_side_tx_array,  &k_side_raw_tx};
    size_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long total = 0;
    long resident = 0;

    if (f != NULL) {
        if (fscanf(f, "%ld %ld", &total, &resident) != 2)
            resident = 0;
        (void)fclose(f);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static double us(uint64_t ns)
{
    return (double)ns / 1000.0;
}

void report_json(const options_t *o, const char *side, const histogram_t *h, uint64_t failures,
                 double seconds, double cpu_seconds, const census_t *census)
{
    (void)printf("{\"side\": \"%s\", \"work\": \"%s\", \"threads\": %u, \"operations\": %llu, "
                 "\"failures\": %llu, \"seconds\": %.6f, \"per_second\": %.1f, "
                 "\"mean_us\": %.2f, \"p50_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, "
                 "\"p999_us\": %.2f, \"max_us\": %.2f, \"cpu_seconds\": %.4f, "
                 "\"resident_kib\": %ld",
                 side, o->work, o->threads, (unsigned long long)h->count,
                 (unsigned long long)failures, seconds, (double)h->count / seconds,
                 h->count > 0 ? us(h->sum) / (double)h->count : 0, us(histogram_at(h, 0.5)),
                 us(histogram_at(h, 0.9)), us(histogram_at(h, 0.99)), us(histogram_at(h, 0.999)),
                 us(h->max), cpu_seconds, resident_kib());
    if (census->taken)
        (void)printf(", \"connections_open\": %d, \"connections_used\": %d", census->open,
                     census->used);
    (void)printf("}\n");
    (void)fflush(stdout);
}
