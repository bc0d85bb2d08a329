/* bench_copy_in MAP FILE TABLE KEY_INDEX [COMMIT_EVERY]: loads a file in COPY's text format, and
 * prints what it took as a line of JSON. */
#include <agencydb.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, READY_MS = 60000 };

static char g_chunk[CHUNK];

static void must(agdb_status_t status, const agdb_error_t *error)
{
    if (status == AGDB_OK)
        return;
    fprintf(stderr, "bench_copy_in: %s\n", agdb_error_message(error));
    exit(1);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double used(void)
{
    struct rusage r;

    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static uint64_t load(agdb_t *db, int file, const agdb_copy_options_t *options)
{
    agdb_copy_report_t *report = NULL;
    agdb_copy_t *copy = NULL;
    agdb_error_t *error = NULL;
    uint64_t rows;
    ssize_t n;

    must(agdb_copy_in_open(db, options, &copy, &error), error);
    while ((n = read(file, g_chunk, sizeof g_chunk)) > 0)
        must(agdb_copy_in_write(copy, g_chunk, (size_t)n, &error), error);
    must(agdb_copy_in_finish(copy, &report, &error), error);
    rows = agdb_copy_report_rows(report);
    agdb_copy_report_free(report);
    return rows;
}

int main(int argc, char **argv)
{
    agdb_copy_options_t options = AGDB_COPY_OPTIONS_INIT;
    agdb_t *db = NULL;
    agdb_error_t *error = NULL;
    double start, cpu;
    uint64_t rows;
    int file;

    if (argc < 5 || argc > 6) {
        fprintf(stderr, "usage: bench_copy_in MAP FILE TABLE KEY_INDEX [COMMIT_EVERY]\n");
        return 2;
    }
    options.table = argv[3];
    options.key_index = (uint32_t)strtoul(argv[4], NULL, 10);
    options.commit_every = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
    file = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        perror(argv[2]);
        return 1;
    }
    must(agdb_open(argv[1], NULL, &db, &error), error);
    must(agdb_wait_ready(db, AGDB_READY_PRIMARIES, READY_MS, &error), error);
    start = seconds();
    cpu = used();
    rows = load(db, file, &options);
    printf("{\"rows\": %llu, \"seconds\": %.6f, \"cpu\": %.6f}\n", (unsigned long long)rows,
           seconds() - start, used() - cpu);
    close(file);
    return agdb_close(db, 5000) == AGDB_OK ? 0 : 1;
}
