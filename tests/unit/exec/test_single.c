/* One request from view to answer, on scripted connections: single.c and parked.c. */
#include "exec/single.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "parts.h"
#include "unit.h"

#include <stdio.h>

enum { NODES = 3 };

static agdb__login_t g_login[NODES];
static agdb__node_t g_nodes[NODES];
static agdb__shard_t g_shard;
static const char *const k_names[NODES] = {"db-1", "db-2", "db-3"};

static void wake(void *user)
{
    (void)user;
}

static int setup(void **state)
{
    agdb__pool_limits_t limits = {.min = 1,
                                  .max = 2,
                                  .handshakes = 4,
                                  .queue = 9,
                                  .queue_ms = 1000,
                                  .idle_ms = 60000,
                                  .lifetime_ms = 600000};
    uint32_t i;

    (void)state;
    fake_reset();
    for (i = 0; i < NODES; i++) {
        g_login[i] = (agdb__login_t){.node = k_names[i], .connect_ms = 1000};
        g_nodes[i] = (agdb__node_t){.name = k_names[i],
                                    .pool = agdb__pool_new(&g_login[i], &limits, NULL, wake, NULL)};
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
        (void)agdb__pool_tend(g_nodes[i].pool, agdb__now_us());
    }
    g_shard = (agdb__shard_t){
        .name = "east-1", .nodes = g_nodes, .nnodes = NODES, .call_ms = 200, .park_ms = 100};
    return agdb__board_init(&g_shard.board, NODES) ? 0 : -1;
}

static int teardown(void **state)
{
    uint32_t i;

    (void)state;
    for (i = 0; i < NODES; i++)
        agdb__pool_free(g_nodes[i].pool);
    agdb__board_fini(&g_shard.board);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

static void publish(agdb__shard_state_t shard_state, uint8_t primary, uint32_t replicas)
{
    agdb__board_publish(&g_shard.board, (agdb__view_t){shard_state, primary, replicas}, 0);
}

static agdb_status_t run(agdb_access_t access, bool idempotent, agdb_result_t **ret,
                         agdb_error_t **reterr)
{
    agdb_request_t r = AGDB_REQUEST_INIT;

    r.sql = "SELECT 1";
    r.access = access;
    r.idempotent = idempotent;
    return agdb__single_run(&g_shard, &r, agdb__now_us(), ret, reterr);
}

static void a_write_is_answered_by_the_primary(void **state)
{
    agdb_result_t *res = NULL;

    (void)state;
    publish(AGDB__SHARD_READY, 1, 5);
    assert_int_equal(run(AGDB_WRITE, false, &res, NULL), AGDB_OK);
    assert_string_equal(res->shard, "east-1");
    assert_string_equal(res->node, "db-2");
    assert_int_equal(res->role, AGDB_ROLE_PRIMARY);
    assert_int_equal(res->timing.attempts, 1);
    agdb__result_free(res);
}

static void a_call_without_a_primary_says_what_each_node_is(void **state)
{
    agdb_error_t *error = NULL;
    agdb_error_t *down = NULL;
    uint64_t start = agdb__now_us();

    (void)state;
    assert_int_equal(agdb__fail(&down, AGDB_E_CONNECT, "connection refused"), AGDB_E_CONNECT);
    agdb__board_note(&g_shard.board, 0, AGDB__HEALTH_DOWN, down);
    agdb__board_note(&g_shard.board, 1, AGDB__HEALTH_UP, NULL);
    agdb__error_free(down);
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 2);
    assert_int_equal(run(AGDB_WRITE, false, NULL, &error), AGDB_E_NO_PRIMARY);
    assert_in_range(agdb__now_us() - start, 95000, 195000); /* park_ms, not the whole call */
    assert_int_equal(error->stage, AGDB_STAGE_PARK);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_true(error->retriable);
    assert_int_equal(error->nchild, 3);
    assert_non_null(strstr(error->message, "shard 'east-1': no primary in"));
    assert_non_null(strstr(error->message, "node 'db-1': connection refused"));
    assert_non_null(strstr(error->message, "node 'db-2': is a replica"));
    assert_non_null(strstr(error->message, "node 'db-3': has not answered yet"));
    agdb__error_free(error);
}

static void split_and_refused_shards_fail_at_once(void **state)
{
    agdb_error_t *error = NULL;
    agdb_error_t *auth = NULL;

    (void)state;
    publish(AGDB__SHARD_SPLIT, AGDB__NO_NODE, 0);
    assert_int_equal(run(AGDB_WRITE, false, NULL, &error), AGDB_E_SPLIT_BRAIN);
    assert_int_equal(agdb__fail(&auth, AGDB_E_AUTH, "password is wrong"), AGDB_E_AUTH);
    agdb__board_note(&g_shard.board, 0, AGDB__HEALTH_REFUSED, auth);
    agdb__error_free(auth);
    publish(AGDB__SHARD_REFUSED, AGDB__NO_NODE, 0);
    assert_int_equal(run(AGDB_WRITE, false, NULL, &error), AGDB_E_AUTH);
    assert_non_null(strstr(error->message, "password is wrong"));
    agdb__error_free(error);
}

static void *promote(void *arg)
{
    (void)arg;
    publish(AGDB__SHARD_READY, 2, 0);
    return NULL;
}

static void a_parked_call_goes_to_the_new_primary(void **state)
{
    agdb_result_t *res = NULL;
    pthread_t thread;

    (void)state;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 0);
    assert_true(agdb__thread_start(&thread, false, promote, NULL));
    assert_int_equal(run(AGDB_WRITE, false, &res, NULL), AGDB_OK);
    pthread_join(thread, NULL);
    assert_string_equal(res->node, "db-3");
    agdb__result_free(res);
}

static agdb_status_t lose(agdb__conn_t *conn, const agdb__statement_t *statement,
                          agdb_error_t **reterr)
{
    (void)statement;
    fake_set_clean(conn, false);
    (void)agdb__fail(reterr, AGDB_E_LOST, "connection lost");
    agdb__error_outcome(reterr, AGDB_OUTCOME_UNKNOWN);
    agdb__error_stage(reterr, AGDB_STAGE_EXECUTE);
    return AGDB_E_LOST;
}

static agdb_status_t lose_on_replicas(agdb__conn_t *conn, const agdb__statement_t *statement,
                                      agdb_error_t **reterr)
{
    return strcmp(fake_node(conn), "db-1") == 0 ? AGDB_OK : lose(conn, statement, reterr);
}

static void a_lost_write_is_unknown_and_not_repeated(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    g_fake.run = lose;
    publish(AGDB__SHARD_READY, 0, 0);
    assert_int_equal(run(AGDB_WRITE, false, NULL, &error), AGDB_E_LOST);
    assert_int_equal(error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_string_equal(error->shard, "east-1");
    assert_string_equal(error->node, "db-1");
    assert_int_equal(g_fake.runs, 1);
    assert_true(agdb__pool_take_suspicion(g_nodes[0].pool));
    agdb__error_free(error);
}

static void a_lost_read_goes_on_to_the_next_node(void **state)
{
    agdb_result_t *res = NULL;

    (void)state;
    g_fake.run = lose_on_replicas;
    publish(AGDB__SHARD_READY, 0, 6);
    assert_int_equal(run(AGDB_READ_REPLICA_OK, false, &res, NULL), AGDB_OK);
    assert_string_equal(res->node, "db-1");
    assert_int_equal(res->timing.attempts, 3);
    assert_int_equal(g_fake.runs, 3);
    agdb__result_free(res);
}

static void what_may_have_happened_stays_unknown(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    g_fake.run = lose;
    publish(AGDB__SHARD_READY, 0, 0);
    /* Idempotent: repeated until the deadline; then the node has no connection any more, so the
     * last attempt was not sent, but the first may have happened. */
    assert_int_not_equal(run(AGDB_WRITE, true, NULL, &error), AGDB_OK);
    assert_int_equal(error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_non_null(strstr(error->message, "attempts"));
    agdb__error_free(error);
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

static void a_serialization_failure_is_tried_again(void **state)
{
    agdb_result_t *res = NULL;

    (void)state;
    g_conflicts = 0;
    g_fake.run = conflict_twice;
    publish(AGDB__SHARD_READY, 0, 0);
    assert_int_equal(run(AGDB_WRITE, false, &res, NULL), AGDB_OK);
    assert_int_equal(res->timing.attempts, 3);
    agdb__result_free(res);
}

static agdb__lease_t hold(uint32_t i)
{
    uint64_t now = agdb__now_us();
    agdb__lease_t lease = {0};

    assert_int_equal(agdb__pool_claim(g_nodes[i].pool, false, now, now + 1000000, &lease, NULL),
                     AGDB_OK);
    return lease;
}

static void *fail_over_then_give_back(void *arg)
{
    agdb__lease_t *lease = arg;

    while (agdb__pool_counts(g_nodes[0].pool).waiting == 0)
        continue;
    publish(AGDB__SHARD_READY, 2, 0);
    agdb__pool_release(g_nodes[0].pool, lease, agdb__now_us());
    return NULL;
}

static void a_write_that_waited_goes_to_who_is_the_primary_then(void **state)
{
    agdb_result_t *res = NULL;
    agdb__lease_t lease = hold(0);
    pthread_t thread;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    assert_true(agdb__thread_start(&thread, false, fail_over_then_give_back, &lease));
    assert_int_equal(run(AGDB_WRITE, false, &res, NULL), AGDB_OK);
    pthread_join(thread, NULL);
    assert_string_equal(res->node, "db-3");
    assert_int_equal(g_fake.runs, 1);
    agdb__result_free(res);
}

static void *wait_then_give_back(void *arg)
{
    agdb__lease_t *lease = arg;
    uint64_t until = agdb__now_us() + 60000;

    while (agdb__now_us() < until)
        continue;
    agdb__pool_release(g_nodes[0].pool, lease, agdb__now_us());
    return NULL;
}

static void waiting_for_a_connection_does_not_count_as_executing(void **state)
{
    agdb_result_t *res = NULL;
    agdb__lease_t lease = hold(0);
    pthread_t thread;

    (void)state;
    publish(AGDB__SHARD_READY, 0, 0);
    assert_true(agdb__thread_start(&thread, false, wait_then_give_back, &lease));
    assert_int_equal(run(AGDB_WRITE, false, &res, NULL), AGDB_OK);
    pthread_join(thread, NULL);
    assert_true(res->timing.wait_us >= 40000);
    assert_true(res->timing.exec_us < 40000);
    assert_true(res->timing.queue_us >= 40000);
    assert_int_equal(res->timing.connect_us, 0);
    assert_int_equal(res->timing.group, 1);
    parts_are_whole(&res->timing);
    agdb__result_free(res);
}

static agdb_status_t confirm_after_failover(agdb__conn_t *conn, const agdb__statement_t *statement,
                                            agdb_error_t **reterr)
{
    (void)statement;
    (void)reterr;
    if (strcmp(fake_node(conn), "db-1") == 0)
        publish(AGDB__SHARD_READY, 2, 0);
    return AGDB_OK;
}

static void a_write_confirmed_by_a_replaced_primary_is_unknown(void **state)
{
    agdb_error_t *error = NULL;
    agdb_result_t *res = NULL;

    (void)state;
    g_fake.run = confirm_after_failover;
    publish(AGDB__SHARD_READY, 0, 0);
    assert_int_equal(run(AGDB_WRITE, false, &res, &error), AGDB_E_LOST);
    assert_null(res);
    assert_int_equal(error->outcome, AGDB_OUTCOME_UNKNOWN);
    assert_string_equal(error->node, "db-1");
    assert_int_equal(g_fake.runs, 1);
    agdb__error_free(error);
}

static agdb_status_t promote_when_lost(agdb__conn_t *conn, const agdb__statement_t *statement,
                                       agdb_error_t **reterr)
{
    if (g_fake.runs > 1)
        return AGDB_OK;
    publish(AGDB__SHARD_READY, 2, 0);
    return lose(conn, statement, reterr);
}

static void *keep(void *arg)
{
    atomic_bool *stop = arg;

    while (!atomic_load(stop))
        (void)agdb__pool_tend(g_nodes[2].pool, agdb__now_us());
    return NULL;
}

static void a_replica_that_failed_and_was_promoted_is_tried_again(void **state)
{
    agdb_result_t *res = NULL;
    atomic_bool stop = false;
    pthread_t keeper;

    (void)state;
    assert_true(agdb__thread_start(&keeper, false, keep, &stop));
    g_fake.run = promote_when_lost;
    publish(AGDB__SHARD_NO_PRIMARY, AGDB__NO_NODE, 4);
    assert_int_equal(run(AGDB_READ_REPLICA_OK, false, &res, NULL), AGDB_OK);
    atomic_store(&stop, true);
    pthread_join(keeper, NULL);
    assert_string_equal(res->node, "db-3");
    agdb__result_free(res);
}

static void the_refusal_is_told_although_another_node_is_out(void **state)
{
    agdb_error_t *error = NULL;
    agdb_error_t *auth = NULL;

    (void)state;
    assert_int_equal(agdb__fail(&auth, AGDB_E_AUTH, "password is wrong"), AGDB_E_AUTH);
    agdb__board_note(&g_shard.board, 0, AGDB__HEALTH_UP, NULL);
    agdb__board_note(&g_shard.board, 1, AGDB__HEALTH_REFUSED, auth);
    agdb__error_free(auth);
    publish(AGDB__SHARD_REFUSED, AGDB__NO_NODE, 0);
    assert_int_equal(run(AGDB_WRITE, false, NULL, &error), AGDB_E_AUTH);
    agdb__error_free(error);
}

static void a_closing_client_wakes_parked_calls(void **state)
{
    agdb_error_t *error = NULL;

    (void)state;
    agdb__board_close(&g_shard.board);
    assert_int_equal(run(AGDB_WRITE, false, NULL, &error), AGDB_E_CLOSING);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);
}

int main(void)
{
#define LIVE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(a_write_is_answered_by_the_primary),
        LIVE(a_call_without_a_primary_says_what_each_node_is),
        LIVE(split_and_refused_shards_fail_at_once),
        LIVE(a_parked_call_goes_to_the_new_primary),
        LIVE(a_lost_write_is_unknown_and_not_repeated),
        LIVE(a_lost_read_goes_on_to_the_next_node),
        LIVE(what_may_have_happened_stays_unknown),
        LIVE(a_serialization_failure_is_tried_again),
        LIVE(a_write_that_waited_goes_to_who_is_the_primary_then),
        LIVE(waiting_for_a_connection_does_not_count_as_executing),
        LIVE(a_write_confirmed_by_a_replaced_primary_is_unknown),
        LIVE(a_replica_that_failed_and_was_promoted_is_tried_again),
        LIVE(the_refusal_is_told_although_another_node_is_out),
        LIVE(a_closing_client_wakes_parked_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
