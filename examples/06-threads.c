/* Many threads, one client. Connections are shared and bounded by the map (pool.max); a call that
 * cannot be answered in its time comes back in its time. */
#include <agencydb.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { THREADS = 16, CALLS = 200 };

static agdb_t *s_db;
static atomic_int s_answered, s_failed;

static void *work(void *arg)
{
    static const char *const keys[] = {"epa",       "cdc",       "noaa",
                                       "us/ca/dph", "us/ny/dec", "us/tx/tceq"};
    agdb_error_t *err = NULL; /* one variable for many calls: a later error replaces an earlier */
    const size_t *first = arg;
    int i;

    for (i = 0; i < CALLS; i++) {
        const char *key = keys[(*first + (size_t)i) % (sizeof keys / sizeof keys[0])];
        agdb_result_t *res = NULL;
        if (agdb_query(s_db,
                       AGDB_REQUEST(.key = agdb_key(key), .access = AGDB_READ,
                                    .sql = "SELECT $1::int + 1", AGDB_PARAMS(agdb_int4(i)),
                                    .timeout_ms = 5000),
                       &res, &err) == AGDB_OK)
            s_answered++;
        else if (s_failed++ == 0)
            fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_result_free(res);
    }
    agdb_error_free(err);
    return NULL;
}

static long ms_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
}

/* 200 ms for a statement of 10 s. Returns how long the call took, or -1. */
static long short_deadline(void)
{
    struct timespec start;
    agdb_error_t *err = NULL;
    agdb_status_t st;
    long ms;

    clock_gettime(CLOCK_MONOTONIC, &start);
    st = agdb_query(s_db,
                    AGDB_REQUEST(.key = agdb_key("epa"), .access = AGDB_READ,
                                 .sql = "SELECT pg_sleep(10)", .timeout_ms = 200),
                    NULL, &err);
    ms = ms_since(&start);
    printf("deadline: %s: %s\n", agdb_status_name(st), agdb_error_message(err));
    agdb_error_free(err);
    return st == AGDB_E_TIMEOUT ? ms : -1;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    size_t first[THREADS];
    agdb_error_t *err = NULL;
    long ms;
    size_t i;

    if (agdb_open(argc > 1 ? argv[1] : "shardmap.yaml", NULL, &s_db, &err) != AGDB_OK) {
        fprintf(stderr, "%s\n", agdb_error_message(err));
        agdb_error_clear(&err);
        return 1;
    }
    for (i = 0; i < THREADS; i++) {
        first[i] = i;
        if (pthread_create(&threads[i], NULL, work, &first[i]) != 0)
            return 1;
    }
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d threads: %d answers, %d failures\n", THREADS, s_answered, s_failed);
    ms = short_deadline();
    printf("the call came back after %ld ms\n", ms);
    agdb_close(s_db, 1000);
    return s_answered == THREADS * CALLS && ms >= 190 && ms < 1000 ? 0 : 1;
}
