/* A call that succeeds allocates what its result needs, alone and among others, and all of it is
 * released with the result. What is counted are the library's own allocations; libpq has its own.
 */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "unit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* PER_CALL: the result with its names. The values of a request are copied into memory that the
 * connection keeps. */
enum { PER_CALL = 1, WARM_CALLS = 200, CALLS = 400, ROWS = 64 };

typedef enum what { POINT_READ, ONE_ROW_WRITE } what_t;

/* --- the counting allocator ----------------------------------------------------------------------
 * The keeper allocates too: a thread counts for itself. */

static _Thread_local long t_allocated;
static _Thread_local long t_released;
static atomic_long g_live;

static void *count_alloc(size_t size, void *user)
{
    void *block = malloc(size);

    (void)user;
    t_allocated++;
    atomic_fetch_add(&g_live, block != NULL);
    return block;
}

static void *count_resize(void *block, size_t size, void *user)
{
    (void)user;
    t_allocated++; /* it may move: that is one more, and one less */
    t_released++;
    return realloc(block, size);
}

static void count_release(void *block, void *user)
{
    (void)user;
    t_released++;
    atomic_fetch_sub(&g_live, block != NULL);
    free(block);
}

static const agdb_allocator_t k_counting = {count_alloc, count_resize, count_release, NULL};

/* --- calls ---------------------------------------------------------------------------------------
 */

typedef struct job {
    agdb_t *db;
    what_t what;
    unsigned calls;
    bool keep; /* results until all calls are made */
    atomic_long allocated;
    atomic_long released;
} job_t;

static agdb_result_t *call_once(crew_hand_t *hand, job_t *job)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;
    const char *sql = job->what == POINT_READ ? "SELECT n FROM allocation WHERE id = $1"
                                              : "UPDATE allocation SET n = n + 1 WHERE id = $1";

    if (agdb_query(job->db,
                   AGDB_REQUEST(.shard = "east-1", .sql = sql,
                                AGDB_PARAMS(agdb_int4((int)hand->number)),
                                .access = job->what == POINT_READ ? AGDB_READ : AGDB_WRITE,
                                .timeout_ms = 20000),
                   &res, &error) != AGDB_OK)
        crew_wrong(hand, "%s", agdb_error_message(error));
    else if (agdb_result_affected(res) != 1)
        crew_wrong(hand, "%s", agdb_result_tag(res));
    agdb_error_clear(&error);
    return res;
}

static void call_often(crew_hand_t *hand)
{
    job_t *job = hand->job;
    agdb_result_t **kept = calloc(job->calls, sizeof *kept);
    unsigned i;

    for (i = 0; i < job->calls; i++) {
        agdb_result_t *res = call_once(hand, job);

        if (job->keep)
            kept[i] = res;
        else
            agdb_result_free(res);
    }
    for (i = 0; i < job->calls; i++)
        agdb_result_free(kept[i]);
    free(kept);
    atomic_fetch_add(&job->allocated, t_allocated);
    atomic_fetch_add(&job->released, t_released);
}

static job_t run(agdb_t *db, what_t what, unsigned threads, unsigned calls, bool keep)
{
    job_t job = {.db = db, .what = what, .calls = calls, .keep = keep};
    static crew_t crew;

    crew_start(&crew, threads, 1, call_often, &job);
    assert_int_equal(crew_join(&crew), 0);
    return job;
}

static void make_table(void)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *pg = direct_open(&node);

    direct_do(pg, "DROP TABLE IF EXISTS allocation;"
                  "CREATE TABLE allocation (id int PRIMARY KEY, n bigint)");
    direct_do(pg, "INSERT INTO allocation SELECT g, 0 FROM generate_series(0, %d) g", ROWS - 1);
    PQfinish(pg);
}

/* Both connections are there and know the statement when it is warm. */
static void count_calls(what_t what, unsigned threads)
{
    agdb_options_t options = {.struct_size = sizeof options, .allocator = &k_counting};
    long calls = (long)CALLS * threads;
    agdb_t *db;
    int keep;

    make_table();
    assert_int_equal(atomic_load(&g_live), 0);
    db = cluster_open_core("pool: { min: 2, max: 2 }\n  timeouts: { queue: 20s }", "", &options);
    (void)run(db, what, 4, WARM_CALLS, false);
    (void)run(db, what, threads, WARM_CALLS, false);
    for (keep = 0; keep < 2; keep++) {
        job_t job = run(db, what, threads, CALLS, keep == 1);

        print_message("%u threads, %ld calls: %ld allocations, %ld releases; %.4f a call\n",
                      threads, calls, atomic_load(&job.allocated), atomic_load(&job.released),
                      (double)atomic_load(&job.allocated) / (double)calls);
        assert_int_equal(atomic_load(&job.allocated), calls * PER_CALL);
        assert_int_equal(atomic_load(&job.released), calls * PER_CALL);
    }
    cluster_close(db);
    assert_int_equal(atomic_load(&g_live), 0);
}

static void a_point_read_alone_allocates_its_result(void **state)
{
    (void)state;
    count_calls(POINT_READ, 1);
}

static void point_reads_of_many_threads_allocate_their_results(void **state)
{
    (void)state;
    count_calls(POINT_READ, 16);
}

static void a_write_alone_allocates_its_result(void **state)
{
    (void)state;
    count_calls(ONE_ROW_WRITE, 1);
}

static void writes_of_many_threads_allocate_their_results(void **state)
{
    (void)state;
    count_calls(ONE_ROW_WRITE, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_point_read_alone_allocates_its_result),
        cmocka_unit_test(point_reads_of_many_threads_allocate_their_results),
        cmocka_unit_test(a_write_alone_allocates_its_result),
        cmocka_unit_test(writes_of_many_threads_allocate_their_results),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
