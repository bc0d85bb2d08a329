/* Few rows that everybody updates, and one that somebody keeps locked: every update happens once,
 * nothing deadlocks, and only those who want the locked row wait for it. */
#include "base/clock.h"
#include "cluster.h"
#include "crew.h"
#include "direct.h"
#include "unit.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    THREADS = 64,
    ROWS = 50,
    LOCKED_ROW = 0,
    WAITERS = 3,
    LOAD_MS = 1200,
    GROW_MS = 500,
    HOLD_MS = 2000
};

/* How late a stranger to the locked row may be. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
enum { LATE_MS = 1500 };
#else
enum { LATE_MS = 400 };
#endif

typedef struct load {
    agdb_t *db;
    unsigned waiters;      /* threads that want the locked row only; the others keep away from it */
    atomic_ullong from_us; /* the others' calls are timed from then on */
    atomic_ullong until_us;
    atomic_ulong done[ROWS];
    atomic_ulong unknown[ROWS];
    atomic_ullong worst_us;        /* of the others */
    atomic_ullong worst_waiter_us; /* of the waiters */
} load_t;

static unsigned choose_row(crew_hand_t *hand, const load_t *load)
{
    if (load->waiters == 0)
        return crew_random(hand, ROWS);
    if (hand->number < load->waiters)
        return LOCKED_ROW;
    return LOCKED_ROW + 1 + crew_random(hand, ROWS - 1);
}

static void count_up(crew_hand_t *hand)
{
    load_t *load = hand->job;
    agdb_error_t *error = NULL;

    while (agdb__now_us() < atomic_load(&load->until_us)) {
        const unsigned row = choose_row(hand, load);
        const uint64_t start_us = agdb__now_us();
        agdb_result_t *res = NULL;
        agdb_status_t st = agdb_query(
            load->db,
            AGDB_REQUEST(.shard = "east-1", .sql = "UPDATE hot_row SET n = n + 1 WHERE id = $1",
                         AGDB_PARAMS(agdb_int4((int)row)), .timeout_ms = 10000),
            &res, &error);

        if (hand->number < load->waiters)
            crew_raise(&load->worst_waiter_us, agdb__now_us() - start_us);
        else if (start_us >= atomic_load(&load->from_us))
            crew_raise(&load->worst_us, agdb__now_us() - start_us);
        if (st == AGDB_OK)
            atomic_fetch_add(&load->done[row], 1);
        else if (agdb_error_outcome(error) == AGDB_OUTCOME_UNKNOWN)
            atomic_fetch_add(&load->unknown[row], 1);
        if (st != AGDB_OK)
            crew_wrong(hand, "row %u: %s", row, agdb_error_message(error));
        else if (agdb_result_affected(res) != 1)
            crew_wrong(hand, "row %u: %s", row, agdb_result_tag(res));
        agdb_result_free(res);
    }
    agdb_error_clear(&error);
}

static PGconn *prepare(bool durable)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *pg = direct_open(&node);

    direct_do(pg,
              "DROP TABLE IF EXISTS hot_row; CREATE TABLE hot_row (id int PRIMARY KEY, n bigint)");
    direct_do(pg, "INSERT INTO hot_row SELECT g, 0 FROM generate_series(0, %d) g", ROWS - 1);
    direct_set_durable(pg, durable);
    return pg;
}

static long long deadlocks(PGconn *pg)
{
    return direct_number(pg, "SELECT deadlocks FROM pg_stat_database"
                             " WHERE datname = current_database()");
}

static void start_load(load_t *load, crew_t *crew)
{
    load->db = cluster_open_core("pool: { max: 8 }\n  timeouts: { queue: 10s }", "", NULL);
    atomic_store(&load->until_us, agdb__after_ms(agdb__now_us(), LOAD_MS));
    crew_start(crew, THREADS, 1, count_up, load);
}

/* The row is locked when the pool has grown, and for a time. */
static void hold_lock(load_t *load, PGconn *hold)
{
    (void)poll(NULL, 0, GROW_MS);
    direct_do(hold, "BEGIN; SELECT FROM hot_row WHERE id = %d FOR UPDATE", LOCKED_ROW);
    atomic_store(&load->from_us, agdb__now_us());
    atomic_store(&load->until_us, agdb__after_ms(agdb__now_us(), HOLD_MS));
    (void)poll(NULL, 0, HOLD_MS);
    direct_do(hold, "COMMIT");
}

/* Each row holds what was acknowledged for it, and at most what is unknown more. */
static void judge(load_t *load, PGconn *pg, unsigned wrongs)
{
    unsigned long done = 0;
    unsigned off = 0;

    for (unsigned i = 0; i < ROWS; i++) {
        long long n = direct_number(pg, "SELECT n FROM hot_row WHERE id = %u", i);
        long long acknowledged = (long long)atomic_load(&load->done[i]);

        off += n < acknowledged || n > acknowledged + (long long)atomic_load(&load->unknown[i]);
        done += atomic_load(&load->done[i]);
    }
    print_message("%lu updates, worst %llu ms, of those who waited for the lock %llu ms\n", done,
                  atomic_load(&load->worst_us) / 1000, atomic_load(&load->worst_waiter_us) / 1000);
    assert_int_equal(off, 0);
    assert_int_equal(wrongs, 0);
    assert_true(done > ROWS * 10);
}

static void update_hot_rows(bool durable)
{
    PGconn *pg = prepare(durable);
    long long before = deadlocks(pg);
    load_t load = {0};
    static crew_t crew;
    unsigned wrongs;

    start_load(&load, &crew);
    wrongs = crew_join(&crew);
    cluster_close(load.db); /* sessions that end report what they have counted */
    judge(&load, pg, wrongs);
    assert_int_equal(deadlocks(pg), before);
    direct_set_durable(pg, true);
    PQfinish(pg);
}

static void update_beside_a_lock(bool durable)
{
    cluster_node_t node = cluster_node("core", "east-1", "primary");
    PGconn *pg = prepare(durable);
    PGconn *hold = direct_open(&node);
    load_t load = {.waiters = WAITERS};
    static crew_t crew;
    unsigned wrongs;

    start_load(&load, &crew);
    hold_lock(&load, hold);
    wrongs = crew_join(&crew);
    cluster_close(load.db);
    judge(&load, pg, wrongs);
    assert_true(atomic_load(&load.done[LOCKED_ROW]) >= WAITERS);
    assert_true(atomic_load(&load.worst_waiter_us) >= (HOLD_MS - 200) * 1000);
    assert_true(atomic_load(&load.worst_us) < LATE_MS * 1000);
    direct_set_durable(pg, true);
    PQfinish(hold);
    PQfinish(pg);
}

static void hot_rows_count_every_durable_update(void **state)
{
    (void)state;
    update_hot_rows(true);
}

static void hot_rows_count_every_quick_update(void **state)
{
    (void)state;
    update_hot_rows(false);
}

static void a_locked_row_delays_nobody_else_with_durable_commits(void **state)
{
    (void)state;
    update_beside_a_lock(true);
}

static void a_locked_row_delays_nobody_else_with_quick_commits(void **state)
{
    (void)state;
    update_beside_a_lock(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hot_rows_count_every_durable_update),
        cmocka_unit_test(hot_rows_count_every_quick_update),
        cmocka_unit_test(a_locked_row_delays_nobody_else_with_durable_commits),
        cmocka_unit_test(a_locked_row_delays_nobody_else_with_quick_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
