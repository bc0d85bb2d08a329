/* A read that is asked of a second node when the first says nothing. */
#include "exec/hedge.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "parts.h"
#include "unit.h"

enum { NODES = 2, HEDGE_MS = 20, CALL_MS = 200 };

static agdb__login_t g_login[NODES];
static agdb__node_t g_nodes[NODES];
static agdb__shard_t g_shard;
static agdb_result_t *g_result;
static agdb_error_t *g_error;

static void wake(void *user)
{
    (void)user;
}

static int setup(void **state)
{
    static const char *const names[NODES] = {"db-1", "db-2"};
    const agdb__pool_limits_t limits = {.min = 2,
                                        .max = 2,
                                        .handshakes = 9,
                                        .queue = 9,
                                        .queue_ms = 1000,
                                        .idle_ms = 60000,
                                        .lifetime_ms = 600000,
                                        .grouping = true};
    uint32_t i;

    (void)state;
    fake_reset();
    for (i = 0; i < NODES; i++) {
        g_login[i] = (agdb__login_t){.node = names[i], .connect_ms = 1000};
        g_nodes[i] = (agdb__node_t){.name = names[i],
                                    .pool = agdb__pool_new(&g_login[i], &limits, NULL, wake, NULL)};
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
    }
    g_shard = (agdb__shard_t){.name = "east-1",
                              .nodes = g_nodes,
                              .nnodes = NODES,
                              .call_ms = CALL_MS,
                              .park_ms = 50,
                              .hedge_ms = HEDGE_MS};
    if (!agdb__board_init(&g_shard.board, NODES))
        return -1;
    agdb__board_publish(&g_shard.board, (agdb__view_t){AGDB__SHARD_READY, 0, 2}, 0);
    return 0;
}

static int teardown(void **state)
{
    uint32_t i;

    (void)state;
    agdb__result_free(g_result);
    g_result = NULL;
    agdb__error_free(g_error);
    g_error = NULL;
    for (i = 0; i < NODES; i++)
        agdb__pool_free(g_nodes[i].pool);
    agdb__board_fini(&g_shard.board);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

/* Returns how long it took. */
static uint64_t read_by(agdb_access_t access, agdb_status_t want)
{
    const uint64_t start_us = agdb__now_us();
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = "R";
    r.access = access;
    assert_true(agdb__hedge_is_wanted(&g_shard, &r));
    assert_int_equal(agdb__hedge_run(&g_shard, &r, start_us, &g_result, &g_error), want);
    return agdb__now_us() - start_us;
}

static void who_answers_in_time_is_the_only_one_asked(void **state)
{
    (void)state;
    (void)read_by(AGDB_READ_REPLICA_OK, AGDB_OK);
    assert_string_equal(g_result->node, "db-2");
    assert_int_equal(g_fake.runs, 1);
}

static void a_silent_node_costs_its_reader_the_hedge_only(void **state)
{
    uint64_t us;

    (void)state;
    g_fake.silent_node = "db-2";
    us = read_by(AGDB_READ_REPLICA_OK, AGDB_OK);
    assert_string_equal(g_result->node, "db-1");
    assert_int_equal(g_fake.runs, 2);
    assert_in_range(us, HEDGE_MS * 1000, CALL_MS * 1000 - 1);
    assert_in_range(g_result->timing.earlier_us, HEDGE_MS * 1000, us); /* the silent one's */
    parts_are_whole(&g_result->timing);
    assert_true(atomic_load(&g_nodes[1].grade.failures) > 0); /* it is asked less from now on */
    assert_int_equal(atomic_load(&g_nodes[0].grade.failures), 0);
}

static void two_silent_nodes_cost_the_deadline(void **state)
{
    uint64_t us;

    (void)state;
    g_fake.never_answers = true;
    us = read_by(AGDB_READ_REPLICA_OK, AGDB_E_TIMEOUT);
    assert_int_equal(g_fake.runs, 2);
    assert_in_range(us, CALL_MS * 1000, CALL_MS * 1000 + 50000);
    assert_null(g_result);
}

static void without_a_budget_nobody_else_is_asked(void **state)
{
    (void)state;
    while (agdb__budget_spend(&g_shard.budget))
        continue;
    g_fake.silent_node = "db-2";
    (void)read_by(AGDB_READ_REPLICA_OK, AGDB_E_TIMEOUT);
    assert_int_equal(g_fake.runs, 1);
}

static void without_another_node_nobody_else_is_asked(void **state)
{
    (void)state;
    agdb__board_publish(&g_shard.board, (agdb__view_t){AGDB__SHARD_READY, 0, 0}, 0);
    g_fake.silent_node = "db-1";
    (void)read_by(AGDB_READ_REPLICA_OK, AGDB_E_TIMEOUT);
    assert_int_equal(g_fake.runs, 1);
    assert_int_equal(atomic_load(&g_shard.budget.taken), 0); /* and nothing is spent on it */
}

static void writes_reads_of_the_primary_and_maps_without_it_are_not_hedged(void **state)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    (void)state;
    r.access = AGDB_WRITE;
    assert_false(agdb__hedge_is_wanted(&g_shard, &r));
    r.access = AGDB_READ;
    assert_false(agdb__hedge_is_wanted(&g_shard, &r));
    r.access = AGDB_READ_SESSION;
    assert_true(agdb__hedge_is_wanted(&g_shard, &r));
    g_shard.hedge_ms = 0;
    assert_false(agdb__hedge_is_wanted(&g_shard, &r));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(who_answers_in_time_is_the_only_one_asked),
        CASE(a_silent_node_costs_its_reader_the_hedge_only),
        CASE(two_silent_nodes_cost_the_deadline),
        CASE(without_a_budget_nobody_else_is_asked),
        CASE(without_another_node_nobody_else_is_asked),
        CASE(writes_reads_of_the_primary_and_maps_without_it_are_not_hedged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
