/* Two threads read by point over both shards: no error, and memory and descriptors stay flat.
 * AGDB_LOAD_CALLS (per thread) makes a soak of it: 1000000 takes about two minutes. */
#include "base/clock.h"
#include "base/sync.h"
#include "cluster.h"
#include "unit.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 2, ROWS = 1000, CALLS = 20000 };

/* What libpq, statement caches and malloc's arenas may add after the first tenth of the calls.
 * Under ASan freed memory is kept for a while, 256 MiB of it: there the leak checker is the judge.
 */
#ifdef __SANITIZE_ADDRESS__
enum { GROWTH_KIB = 512 * 1024 };
#else
enum { GROWTH_KIB = 2048 };
#endif

typedef struct reader {
    agdb_t *db;
    unsigned long calls;
    unsigned seed;
    atomic_ulong *done;
    atomic_bool *broken;
    char failure[512];
} reader_t;

static unsigned long calls_per_thread(void)
{
    const char *text = getenv("AGDB_LOAD_CALLS");

    return text != NULL ? strtoul(text, NULL, 10) : CALLS;
}

static unsigned long resident_kib(void)
{
    unsigned long size = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static unsigned long open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned long n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void *read_points(void *arg)
{
    static const char *const shards[] = {"east-1", "west-1"};
    reader_t *r = arg;
    agdb_error_t *error = NULL;
    unsigned long i;

    for (i = 0; i < r->calls; i++) {
        agdb_result_t *res = NULL;
        int id = (int)(rand_r(&r->seed) % ROWS);
        int64_t value = 0;

        if (agdb_query(r->db,
                       AGDB_REQUEST(.shard = shards[i & 1],
                                    .sql = "SELECT v FROM load_point WHERE id = $1",
                                    AGDB_PARAMS(agdb_int4(id)), .access = AGDB_READ),
                       &res, &error) != AGDB_OK ||
            agdb_result_int64(res, 0, 0, &value, &error) != AGDB_OK || value != id * 7) {
            snprintf(r->failure, sizeof r->failure, "call %lu: %s, value %lld", i,
                     agdb_error_message(error), (long long)value);
            agdb_result_free(res);
            atomic_store(r->broken, true);
            break;
        }
        agdb_result_free(res);
        atomic_fetch_add_explicit(r->done, 1, memory_order_relaxed);
    }
    agdb_error_clear(&error);
    return NULL;
}

static void make_tables(agdb_t *db)
{
    static const char *const shards[] = {"east-1", "west-1"};
    size_t i;

    for (i = 0; i < 2; i++) {
        cluster_do(db, AGDB_REQUEST(.shard = shards[i], .sql = "DROP TABLE IF EXISTS load_point"));
        cluster_do(db, AGDB_REQUEST(.shard = shards[i],
                                    .sql = "CREATE TABLE load_point AS SELECT g AS id, g * 7 AS v"
                                           " FROM generate_series(0, 999) g",
                                    .timeout_ms = 20000));
        cluster_do(db, AGDB_REQUEST(.shard = shards[i],
                                    .sql = "ALTER TABLE load_point ADD PRIMARY KEY (id)"));
    }
}

static void two_threads_of_point_reads_leave_no_trace(void **state)
{
    agdb_t *db = cluster_open(NULL);
    unsigned long calls = calls_per_thread();
    unsigned long total = calls * THREADS;
    pthread_t thread[THREADS];
    reader_t reader[THREADS];
    atomic_ulong done = 0;
    atomic_bool broken = false;
    unsigned long kib;
    unsigned long fds;
    uint64_t start;
    size_t i;

    (void)state;
    make_tables(db);
    start = agdb__now_us();
    for (i = 0; i < THREADS; i++) {
        reader[i] = (reader_t){
            .db = db, .calls = calls, .seed = (unsigned)i + 1, .done = &done, .broken = &broken};
        assert_true(agdb__thread_start(&thread[i], false, read_points, &reader[i]));
    }
    while (atomic_load(&done) < total / 10 && !atomic_load(&broken))
        (void)usleep(1000);
    kib = resident_kib();
    fds = open_descriptors();
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (i = 0; i < THREADS; i++)
        if (reader[i].failure[0] != '\0')
            fail_msg("%s", reader[i].failure);
    print_message("%lu calls in %.1f s; resident %lu -> %lu KiB, descriptors %lu -> %lu\n", total,
                  (double)(agdb__now_us() - start) / 1e6, kib, resident_kib(), fds,
                  open_descriptors());
    assert_true(resident_kib() <= kib + GROWTH_KIB);
    assert_true(open_descriptors() <= fds + 2); /* a pool may still grow to its second thread */
    cluster_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_of_point_reads_leave_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
