/* The way of many requests from one thread, to their nodes and their ends. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/sync.h"
#include "driver_fixture.h"
#include "exec/driver_impl.h"
#include "exec/many.h"
#include "fake_conn.h"
#include "pool/pool_impl.h"

#include <stdlib.h>

static agdb_status_t lose_on_the_replica(agdb__conn_t *conn, const agdb__statement_t *statement,
                                         agdb_error_t **reterr)
{
    (void)statement;
    if (strcmp(fake_node(conn), "db-1") == 0)
        return AGDB_OK;
    fake_set_clean(conn, false);
    (void)agdb__fail(reterr, AGDB_E_LOST, "connection lost");
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    return AGDB_E_LOST;
}

static void a_lost_read_goes_on_to_another_node(void **state)
{
    (void)state;
    g_fake.run = lose_on_the_replica;
    publish(AGDB__SHARD_READY, 0, 2);
    add_for(0, "new", AGDB_READ_REPLICA_OK, 5000);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_string_equal(g_task[0].result->node, "db-1");
    assert_int_equal(g_task[0].result->timing.attempts, 2);
    assert_true(agdb__pool_take_suspicion(g_nodes[1].pool));
}

static unsigned g_conflicts;

static agdb_status_t conflict_twice(agdb__conn_t *conn, const agdb__statement_t *statement,
                                    agdb_error_t **reterr)
{
    (void)conn;
    (void)statement;
    if (g_conflicts++ >= 2)
        return AGDB_OK;
    (void)agdb__fail(reterr, AGDB_E_SERVER, "ERROR 40001: could not serialize access");
    agdb__error_sqlstate(reterr, "40001");
    agdb__error_outcome(reterr, AGDB_OUTCOME_REJECTED);
    return AGDB_E_SERVER;
}

static void a_conflict_is_tried_again_without_sleeping(void **state)
{
    (void)state;
    g_conflicts = 0;
    g_fake.run = conflict_twice;
    add(0, "W");
    step();
    step();
    assert_int_equal(g_driver.paused.count, 1);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_int_equal(g_task[0].result->timing.attempts, 3);
}

static void *promote(void *arg)
{
    (void)arg;
    publish(AGDB__SHARD_READY, 1, 0);
    return NULL;
}

static void a_parked_request_goes_to_the_new_primary(void **state)
{
    pthread_t thread;

    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    add(0, "W");
    assert_int_equal(g_driver.paused.count, 1);
    assert_true(agdb__thread_start(&thread, false, promote, NULL));
    while (g_driver.done.count == 0)
        agdb__driver_step(&g_driver, AGDB__NEVER);
    pthread_join(thread, NULL);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
    assert_string_equal(g_task[0].result->node, "db-2");
}

static void a_parked_request_ends_at_its_time_or_when_the_client_closes(void **state)
{
    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    add(0, "W");
    run();
    assert_int_equal(g_task[0].status, AGDB_E_NO_PRIMARY);
    add(1, "W");
    agdb__board_close(&g_shard.board);
    run();
    assert_int_equal(g_task[1].status, AGDB_E_CLOSING);
}

static void a_write_that_waited_goes_to_who_is_the_primary_then(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "W");
    add(1, "W");
    step(); /* one connection: the second waits */
    assert_int_equal(g_fake.runs, 1);
    publish(AGDB__SHARD_READY, 1, 0);
    g_fake.never_answers = false;
    fake_answer_held();
    run();
    assert_int_equal(g_task[0].status, AGDB_E_LOST); /* confirmed by the old one: may be undone */
    assert_int_equal(g_task[1].status, AGDB_OK);
    assert_string_equal(g_task[1].result->node, "db-2");
}

static agdb__lease_t hold(void)
{
    uint64_t now = agdb__now_us();
    agdb__lease_t lease = {0};

    assert_int_equal(agdb__pool_claim(g_nodes[0].pool, false, now, now + 1000000, &lease, NULL),
                     AGDB_OK);
    return lease;
}

static void release(agdb__lease_t *lease)
{
    agdb__pool_release(g_nodes[0].pool, lease, agdb__now_us());
}

static void who_finds_all_connections_taken_waits_for_one(void **state)
{
    agdb__lease_t lease = hold();

    (void)state;
    add(0, "W");
    step();
    assert_int_equal(agdb__pool_counts(g_nodes[0].pool).waiting, 1);
    release(&lease);
    run();
    assert_int_equal(g_task[0].status, AGDB_OK);
}

static void who_waits_too_long_for_others_connections_is_told(void **state)
{
    agdb__lease_t lease = hold();
    uint64_t start = agdb__now_us();

    (void)state;
    add(0, "W"); /* queue_ms is 60 */
    while (g_driver.done.count == 0)
        agdb__driver_step(&g_driver, AGDB__NEVER);
    assert_in_range(agdb__now_us() - start, 55000, 150000);
    assert_int_equal(g_task[0].status, AGDB_E_TIMEOUT);
    assert_int_equal(g_task[0].error->stage, AGDB_STAGE_QUEUE);
    run();
    assert_int_equal(agdb__pool_counts(g_nodes[0].pool).waiting, 0); /* nothing is wanted more */
    release(&lease);
}

static void an_unreachable_node_gives_its_reason(void **state)
{
    agdb__lease_t lease = hold();

    (void)state;
    fake_set_clean(lease.conn, false);
    release(&lease);
    g_fake.refuse = AGDB_E_AUTH;
    tend();
    add(0, "W");
    add(1, "R");
    run();
    assert_int_equal(g_task[0].status, AGDB_E_AUTH);
    assert_int_equal(g_task[1].status, AGDB_E_AUTH);
    assert_string_equal(g_task[0].error->node, "db-1");
    assert_ptr_not_equal(g_task[0].error, g_task[1].error);
}

static void a_shut_pool_ends_what_waits(void **state)
{
    agdb__lease_t lease = hold();

    (void)state;
    add(0, "W");
    step();
    agdb__pool_shut(g_nodes[0].pool);
    run();
    assert_int_equal(g_task[0].status, AGDB_E_CLOSING);
    assert_int_equal(g_task[0].error->outcome, AGDB_OUTCOME_NOT_SENT);
    release(&lease);
}

static void *claim_once(void *arg)
{
    agdb__lease_t lease = hold();

    atomic_store((atomic_bool *)arg, true);
    release(&lease);
    return NULL;
}

static void a_caller_that_waits_gets_the_connection_between_two_statements(void **state)
{
    atomic_bool claimed = false;
    pthread_t thread;
    size_t i;

    (void)state;
    g_fake.never_answers = true;
    for (i = 0; i < 3; i++)
        add(i, "W");
    step();
    assert_true(agdb__thread_start(&thread, false, claim_once, &claimed));
    while (agdb__pool_counts(g_nodes[0].pool).waiting == 0)
        continue;
    fake_answer_held();
    step();
    pthread_join(thread, NULL);
    assert_true(atomic_load(&claimed));
    g_fake.never_answers = false;
    fake_answer_held();
    run();
    for (i = 0; i < 3; i++)
        assert_int_equal(g_task[i].status, AGDB_OK);
}

static void what_is_idle_goes_back(void **state)
{
    (void)state;
    add(0, "R");
    step();
    step();
    assert_int_equal(g_driver.done.count, 1);
    agdb__driver_rest(&g_driver);
    assert_int_equal(g_driver.feeds->ncarriers, 0);
    agdb__pool_release(g_nodes[0].pool, &(agdb__lease_t){.slot = hold().slot}, agdb__now_us());
}

static void the_end_closes_what_is_under_way(void **state)
{
    (void)state;
    g_fake.never_answers = true;
    add(0, "R");
    add(1, "W");
    step();
    (void)agdb__driver_drop(&g_driver, &g_task[0]);
    (void)agdb__driver_drop(&g_driver, &g_task[1]);
    agdb__driver_fini(&g_driver);
    assert_int_equal(g_fake.closed, 2);
    agdb__driver_init(&g_driver, &g_bell, &g_poller.base);
}

static void many_are_run_to_their_ends(void **state)
{
    static agdb__many_item_t items[TASKS];
    size_t i;

    (void)state;
    for (i = 0; i < TASKS; i++) {
        items[i] = (agdb__many_item_t){.shard = i % 50 == 7 ? NULL : &g_shard};
        items[i].request = AGDB_REQUEST_INIT;
        items[i].request.sql = i % 10 == 0 ? "W" : "R";
        items[i].request.access = i % 10 == 0 ? AGDB_WRITE : AGDB_READ;
        items[i].request.timeout_ms = 5000;
    }
    assert_int_equal(agdb__many_run(items, TASKS, agdb__now_us(), NULL), AGDB_OK);
    for (i = 0; i < TASKS; i++) {
        assert_int_equal(items[i].task.status, AGDB_OK);
        assert_true((items[i].task.result != NULL) == (items[i].shard != NULL));
        agdb__result_free(items[i].task.result);
    }
    assert_int_equal(agdb__many_run(NULL, 0, agdb__now_us(), NULL), AGDB_OK);
}

/* --- when memory ends --------------------------------------------------------------------------
 */

static long g_until; /* allocations until one fails */
static bool g_for_good;

static bool fails(void)
{
    if (g_until < 0)
        return false;
    if (g_until > 0) {
        g_until--;
        return false;
    }
    if (!g_for_good)
        g_until = -1;
    return true;
}

static void *scarce_alloc(size_t size, void *user)
{
    (void)user;
    return fails() ? NULL : malloc(size);
}

static void *scarce_resize(void *block, size_t size, void *user)
{
    (void)user;
    return fails() ? NULL : realloc(block, size);
}

static void scarce_release(void *block, void *user)
{
    (void)user;
    free(block);
}

/* Reads, writes and one that is parked; returns how many did not succeed. */
static unsigned run_with_scarce_memory(long until, bool for_good)
{
    static const agdb_allocator_t scarce = {scarce_alloc, scarce_resize, scarce_release, NULL};
    static agdb__many_item_t items[30];
    const agdb_allocator_t *outer = agdb__alloc_enter(&scarce);
    agdb_error_t *error = NULL;
    unsigned failed = 0;
    agdb_status_t st;
    size_t i;

    for (i = 0; i < 30; i++) {
        items[i] = (agdb__many_item_t){.shard = &g_shard};
        items[i].request = AGDB_REQUEST_INIT;
        items[i].request.sql = i % 10 == 0 ? "W" : "R";
        items[i].request.access = i % 10 == 0 ? AGDB_WRITE : AGDB_READ;
        items[i].request.timeout_ms = 60;
    }
    g_until = until;
    g_for_good = for_good;
    st = agdb__many_run(items, 30, agdb__now_us(), &error);
    g_until = -1;
    (void)agdb__alloc_enter(outer);
    assert_true(st == AGDB_OK || st == AGDB_E_NOMEM);
    for (i = 0; i < 30 && st == AGDB_OK; i++) {
        assert_true((items[i].task.status == AGDB_OK) == (items[i].task.result != NULL));
        assert_true((items[i].task.status == AGDB_OK) == (items[i].task.error == NULL));
        failed += items[i].task.status != AGDB_OK;
        agdb__result_free(items[i].task.result);
        agdb__error_free(items[i].task.error);
    }
    agdb__error_free(error);
    return st == AGDB_OK ? failed : 30;
}

static void each_request_has_its_end_when_memory_ends(void **state)
{
    unsigned failed = 0;
    long n;

    (void)state;
    assert_int_equal(run_with_scarce_memory(-1, false), 0);
    for (n = 0; n < 45; n++) {
        failed += run_with_scarce_memory(n, false);
        if (n % 4 == 0) /* each of these lasts until its deadline */
            failed += run_with_scarce_memory(n, true);
        tend();
        assert_int_equal(agdb__pool_counts(g_nodes[0].pool).waiting, 0);
    }
    assert_true(failed > 0);
    assert_int_equal(run_with_scarce_memory(-1, false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_lost_read_goes_on_to_another_node),
        CASE(a_conflict_is_tried_again_without_sleeping),
        CASE(a_parked_request_goes_to_the_new_primary),
        CASE(a_parked_request_ends_at_its_time_or_when_the_client_closes),
        ONE(a_write_that_waited_goes_to_who_is_the_primary_then),
        ONE(who_finds_all_connections_taken_waits_for_one),
        ONE(who_waits_too_long_for_others_connections_is_told),
        ONE(an_unreachable_node_gives_its_reason),
        ONE(a_shut_pool_ends_what_waits),
        ONE(a_caller_that_waits_gets_the_connection_between_two_statements),
        ONE(what_is_idle_goes_back),
        CASE(the_end_closes_what_is_under_way),
        CASE(many_are_run_to_their_ends),
        CASE(each_request_has_its_end_when_memory_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
