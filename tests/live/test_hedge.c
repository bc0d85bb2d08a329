/* Reads of a replica that hangs, with and without `replicas.hedge` in the map. */
#include "base/clock.h"
#include "cluster.h"
#include "direct.h"
#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALL_MS = 1000, READS = 20 };

#define SERVICE "hedge test"

static PGconn *g_replica;

/* The replica's processes that serve this test. */
static void signal_backends(int number)
{
    PGresult *rows = PQexec(
        g_replica, "SELECT pid FROM pg_stat_activity WHERE application_name = '" SERVICE "'");
    int i;

    for (i = 0; i < PQntuples(rows); i++)
        assert_int_equal(kill(atoi(PQgetvalue(rows, i, 0)), number), 0);
    PQclear(rows);
}

static agdb_status_t read_one(agdb_t *db, agdb_access_t access, uint32_t timeout_ms,
                              agdb_role_t *ret_role)
{
    agdb_result_t *res = NULL;
    agdb_status_t st = agdb_query(db,
                                  AGDB_REQUEST(.shard = "east-1", .sql = "SELECT 1",
                                               .access = access, .timeout_ms = timeout_ms),
                                  &res, NULL);

    if (st == AGDB_OK) {
        assert_string_equal(agdb_result_text(res, 0, 0), "1");
        *ret_role = agdb_result_role(res);
    }
    agdb_result_free(res);
    return st;
}

/* Until the replica answers: it may have to be seen caught up first. */
static void wait_for_the_replica(agdb_t *db)
{
    agdb_role_t role = AGDB_ROLE_PRIMARY;
    uint64_t end_us = agdb__now_us() + 10000000;

    while (role != AGDB_ROLE_REPLICA) {
        assert_int_equal(read_one(db, AGDB_READ_REPLICA_OK, 5000, &role), AGDB_OK);
        assert_true(agdb__now_us() < end_us);
    }
}

static agdb_t *open_with(const char *hedge)
{
    const agdb_options_t options = {.struct_size = sizeof options, .service = SERVICE};
    agdb_t *db = cluster_open_edited("hedge: 0ms", hedge, &options);

    wait_for_the_replica(db);
    return db;
}

static void a_replica_that_hangs_costs_its_readers_the_hedge(void **state)
{
    agdb_t *db = open_with("hedge: 30ms");
    agdb_role_t role = AGDB_ROLE_REPLICA;
    uint64_t worst_us = 0;
    int i;

    (void)state;
    signal_backends(SIGSTOP);
    for (i = 0; i < READS; i++) {
        uint64_t from_us = agdb__now_us();
        uint64_t us;

        assert_int_equal(read_one(db, AGDB_READ_REPLICA_OK, CALL_MS, &role), AGDB_OK);
        us = agdb__now_us() - from_us;
        worst_us = us > worst_us ? us : worst_us;
        if (i == 0)
            assert_int_equal(role, AGDB_ROLE_PRIMARY);
    }
    signal_backends(SIGCONT);
    print_message("worst of %d reads: %llu us\n", READS, (unsigned long long)worst_us);
    assert_true(worst_us < CALL_MS * 1000 / 2);
    cluster_close(db);
}

static void without_a_hedge_the_first_reader_waits(void **state)
{
    agdb_t *db = open_with("hedge: 0ms");
    agdb_role_t role = AGDB_ROLE_REPLICA;
    uint64_t from_us;

    (void)state;
    signal_backends(SIGSTOP);
    from_us = agdb__now_us();
    assert_int_equal(read_one(db, AGDB_READ_REPLICA_OK, CALL_MS, &role), AGDB_E_TIMEOUT);
    assert_true(agdb__now_us() - from_us >= CALL_MS * 1000);
    signal_backends(SIGCONT);
    cluster_close(db);
}

static void a_healthy_replica_answers_as_before(void **state)
{
    agdb_t *db = open_with("hedge: 500ms");
    agdb_role_t role = AGDB_ROLE_PRIMARY;
    int by_replica = 0;
    int i;

    (void)state;
    for (i = 0; i < READS; i++) {
        assert_int_equal(read_one(db, AGDB_READ_REPLICA_OK, 5000, &role), AGDB_OK);
        by_replica += role == AGDB_ROLE_REPLICA;
    }
    assert_int_equal(by_replica, READS);
    cluster_close(db);
}

static int open_all(void **state)
{
    cluster_node_t replica = cluster_node("core", "east-1", "replica");

    (void)state;
    g_replica = direct_open_admin(&replica);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    PQfinish(g_replica);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_that_hangs_costs_its_readers_the_hedge),
        cmocka_unit_test(without_a_hedge_the_first_reader_waits),
        cmocka_unit_test(a_healthy_replica_answers_as_before),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
