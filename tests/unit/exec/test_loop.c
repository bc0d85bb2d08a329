/* Submitted requests and their callbacks, on scripted connections. */
#include "exec/loop.h"

#include "base/alloc.h"
#include "base/error.h"
#include "fake_conn.h"
#include "unit.h"

#include <stdlib.h>

static agdb__login_t g_login = {.node = "db-1", .connect_ms = 1000};
static agdb__node_t g_node;
static agdb__shard_t g_shard;
static agdb__loop_t g_loop;
static agdb__gate_t g_pin; /* of what is submitted */
static unsigned g_calls;
static agdb_status_t g_status;
static agdb_outcome_t g_outcome;

static void wake(void *user)
{
    (void)user;
}

static int setup(void **state)
{
    agdb__pool_limits_t limits = {.min = 1,
                                  .max = 1,
                                  .handshakes = 9,
                                  .queue = 9,
                                  .queue_ms = 5000,
                                  .idle_ms = 60000,
                                  .lifetime_ms = 600000};

    (void)state;
    fake_reset();
    g_calls = 0;
    agdb__gate_init(&g_pin);
    g_node =
        (agdb__node_t){.name = "db-1", .pool = agdb__pool_new(&g_login, &limits, NULL, wake, NULL)};
    (void)agdb__pool_tend(g_node.pool, agdb__now_us());
    (void)agdb__pool_tend(g_node.pool, agdb__now_us());
    g_shard = (agdb__shard_t){
        .name = "east-1", .nodes = &g_node, .nnodes = 1, .call_ms = 5000, .park_ms = 5000};
    if (!agdb__board_init(&g_shard.board, 1))
        return -1;
    agdb__board_publish(&g_shard.board, (agdb__view_t){AGDB__SHARD_READY, 0, 0}, 0);
    return agdb__loop_init(&g_loop, 3, NULL) == AGDB_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    agdb__loop_fini(&g_loop);
    agdb__pool_free(g_node.pool);
    agdb__board_fini(&g_shard.board);
    assert_int_equal(agdb__gate_inside(&g_pin), 0); /* left once for each end */
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

static void done(void *user, agdb_status_t status, agdb_result_t *result, agdb_error_t *error)
{
    assert_ptr_equal(user, &g_calls);
    assert_true((status == AGDB_OK) == (result != NULL));
    assert_true((status == AGDB_OK) == (error == NULL));
    g_calls++;
    g_status = status;
    g_outcome = error != NULL ? error->outcome : AGDB_OUTCOME_NONE;
    agdb__result_free(result);
    agdb__error_free(error);
}

static agdb_status_t submit_with(const agdb_value_t *params, size_t nparams, uint64_t *ret_id,
                                 agdb_error_t **reterr)
{
    const agdb__loop_ask_t ask = {.done = done, .user = &g_calls, .pin = &g_pin};
    agdb_request_t r = AGDB_REQUEST_INIT;
    agdb_status_t st;

    r.sql = "W";
    r.params = params;
    r.nparams = nparams;
    assert_true(agdb__gate_enter(&g_pin));
    st = agdb__loop_submit(&g_loop, &g_shard, &r, &ask, ret_id, reterr);
    if (st != AGDB_OK)
        agdb__gate_leave(&g_pin);
    return st;
}

static uint64_t submit(void)
{
    uint64_t id = 0;

    assert_int_equal(submit_with(NULL, 0, &id, NULL), AGDB_OK);
    return id;
}

static bool is_readable(void)
{
    struct pollfd p = {.fd = g_loop.poller.fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void dispatch(void)
{
    agdb__loop_end_t end;

    agdb__loop_step(&g_loop, 0);
    agdb__loop_collect(&g_loop);
    while (agdb__loop_next_due(&g_loop, &end))
        end.done(end.user, end.status, end.result, end.error);
    agdb__loop_settle(&g_loop);
}

static void a_submitted_request_is_called_back_once(void **state)
{
    (void)state;
    (void)submit();
    assert_int_equal(g_loop.outstanding, 1);
    assert_int_equal(g_calls, 0);
    while (g_calls == 0) {
        assert_true(is_readable()); /* there is something to do, or its answer is there */
        dispatch();
    }
    assert_int_equal(g_status, AGDB_OK);
    assert_int_equal(g_loop.outstanding, 0);
    dispatch();
    dispatch();
    assert_int_equal(g_calls, 1);
    assert_false(is_readable());
}

static void more_than_the_limit_is_busy(void **state)
{
    agdb_error_t *error = NULL;
    int i;

    (void)state;
    for (i = 0; i < 3; i++)
        (void)submit();
    assert_int_equal(submit_with(NULL, 0, NULL, &error), AGDB_E_BUSY);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);
    while (g_calls < 3)
        dispatch();
    (void)submit();
    while (g_calls < 4)
        dispatch();
}

static void parameters_that_cannot_be_sent_are_told_at_once(void **state)
{
    agdb_value_t bad = {.kind = 99};
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(submit_with(&bad, 1, NULL, &error), AGDB_E_INVAL);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);
    assert_int_equal(g_loop.outstanding, 0);
}

static void a_cancelled_one_in_the_queue_was_not_sent(void **state)
{
    uint64_t first;
    uint64_t second;

    (void)state;
    g_fake.never_answers = true;
    first = submit();
    second = submit();
    dispatch(); /* one connection: the second waits */
    assert_true(agdb__loop_cancel(&g_loop, second));
    assert_int_equal(g_calls, 0); /* not from inside */
    assert_true(is_readable());
    dispatch();
    assert_int_equal(g_calls, 1);
    assert_int_equal(g_status, AGDB_E_CANCELLED);
    assert_int_equal(g_outcome, AGDB_OUTCOME_NOT_SENT);
    assert_false(agdb__loop_cancel(&g_loop, second));
    assert_true(agdb__loop_cancel(&g_loop, first)); /* in flight */
    assert_true(agdb__loop_cancel(&g_loop, first)); /* still outstanding */
    dispatch();
    assert_int_equal(g_calls, 2);
    assert_int_equal(g_outcome, AGDB_OUTCOME_UNKNOWN);
    fake_answer_held(); /* is dropped, and the connection lives */
    dispatch();
    assert_int_equal(g_fake.closed, 0);
    assert_false(agdb__loop_cancel(&g_loop, 12345));
}

static void one_that_is_answered_can_be_cancelled_until_it_is_called_back(void **state)
{
    uint64_t id = submit();

    (void)state;
    while (g_loop.driver.done.count == 0)
        agdb__loop_step(&g_loop, 0);
    assert_true(agdb__loop_cancel(&g_loop, id));
    dispatch();
    assert_int_equal(g_calls, 1);
    assert_int_equal(g_status, AGDB_E_CANCELLED);
    assert_int_equal(g_outcome, AGDB_OUTCOME_UNKNOWN); /* it happened, and nobody looks */
}

static void the_end_takes_what_is_answered_and_ends_the_rest(void **state)
{
    agdb__loop_end_t end;

    (void)state;
    g_fake.never_answers = true;
    (void)submit();
    dispatch();
    (void)submit();
    fake_answer_held();
    agdb__loop_end_all(&g_loop, "the loop was closed");
    agdb__loop_collect(&g_loop);
    assert_int_equal(g_loop.due.count, 2);
    while (agdb__loop_next_due(&g_loop, &end))
        end.done(end.user, end.status, end.result, end.error);
    assert_int_equal(g_calls, 2);
    assert_int_equal(g_status, AGDB_OK);
    assert_int_equal(g_fake.runs, 1); /* the second was not sent */
    assert_int_equal(g_loop.outstanding, 0);
}

static void blocks_are_used_again(void **state)
{
    unsigned i;

    (void)state;
    for (i = 1; i <= 50; i++) {
        (void)submit();
        while (g_calls < i)
            dispatch();
    }
    assert_int_equal(g_loop.nspare, 1);
    assert_int_equal(g_loop.ids.count, 1);
    assert_int_equal(g_loop.driver.timers.count, 0);
}

static long g_until; /* allocations until one fails */

static void *scarce_alloc(size_t size, void *user)
{
    (void)user;
    return g_until-- == 0 ? NULL : malloc(size);
}

static void *scarce_resize(void *block, size_t size, void *user)
{
    (void)user;
    return g_until-- == 0 ? NULL : realloc(block, size);
}

static void scarce_release(void *block, void *user)
{
    (void)user;
    free(block);
}

static void a_submission_without_memory_leaves_nothing_behind(void **state)
{
    static const agdb_allocator_t scarce = {scarce_alloc, scarce_resize, scarce_release, NULL};
    const agdb_allocator_t *outer = agdb__alloc_enter(&scarce);
    unsigned refused = 0;
    unsigned expected = 0;
    long n;

    (void)state;
    for (n = 0; n < 12; n++) {
        agdb_error_t *error = NULL;
        agdb_status_t st;

        g_until = n;
        st = submit_with(NULL, 0, NULL, &error);
        if (st == AGDB_E_NOMEM) {
            refused++;
            assert_int_equal(agdb__loop_cancel(&g_loop, 1), false);
        } else {
            assert_int_equal(st, AGDB_OK);
            expected++;
        }
        assert_int_equal(g_loop.outstanding, expected - g_calls);
        while (g_loop.outstanding > 0) /* with memory or without, it has its end */
            dispatch();
        g_until = -1;
        assert_int_equal(g_calls, expected);
        agdb__error_free(error);
    }
    (void)agdb__alloc_enter(outer);
    assert_true(refused > 0 && expected > 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_submitted_request_is_called_back_once),
        CASE(more_than_the_limit_is_busy),
        CASE(parameters_that_cannot_be_sent_are_told_at_once),
        CASE(a_cancelled_one_in_the_queue_was_not_sent),
        CASE(one_that_is_answered_can_be_cancelled_until_it_is_called_back),
        CASE(the_end_takes_what_is_answered_and_ends_the_rest),
        CASE(blocks_are_used_again),
        CASE(a_submission_without_memory_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
