/* What follows from when the keeper has had an answer of the server. Time is the test's. */
#include "base/clock.h"
#include "fake_conn.h"
#include "pool/pool_impl.h"
#include "unit.h"

enum { END = 1000000, QUEUE_MS = 1000, SETTLED = 200000 };

static agdb__pool_t *g_pool;

static void wake(void *user)
{
    (void)user;
}

/* With a connection. */
static int setup(void **state)
{
    static const agdb__login_t login = {.node = "db-1:5432", .connect_ms = 3000};
    const agdb__pool_limits_t limits = {.min = 1,
                                        .max = 2,
                                        .handshakes = 4,
                                        .queue = 2,
                                        .queue_ms = QUEUE_MS,
                                        .lifetime_ms = 600000};

    (void)state;
    fake_reset();
    g_pool = agdb__pool_new(&login, &limits, NULL, wake, NULL);
    if (g_pool == NULL)
        return -1;
    (void)agdb__pool_tend(g_pool, 1000);
    (void)agdb__pool_tend(g_pool, 1000);
    return agdb__pool_counts(g_pool).open == 1 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    agdb__pool_free(g_pool);
    return 0;
}

static void what_the_server_has_passed_over_is_older_than_an_answered_question(void **state)
{
    (void)state;
    agdb__pool_heard(g_pool, 1000, 2000);
    assert_false(agdb__pool_has_passed_over(g_pool, 0)); /* just now: all may be on their way */
    agdb__pool_heard(g_pool, 300000, 301000);
    assert_false(agdb__pool_has_passed_over(g_pool, 0));
    agdb__pool_heard(g_pool, 601000, 602000);
    assert_true(agdb__pool_has_passed_over(g_pool, 999));
    assert_false(agdb__pool_has_passed_over(g_pool, 1000));
    agdb__pool_heard(g_pool, 1201000, 1202000);
    assert_true(agdb__pool_has_passed_over(g_pool, 600999));
    assert_false(agdb__pool_has_passed_over(g_pool, 601000));
}

static void the_queue_ends_in_time_when_the_server_has_answered_lately(void **state)
{
    (void)state;
    assert_int_equal(agdb__pool_queue_until_us(g_pool, END, END - 5), END);
    assert_int_equal(agdb__pool_queue_until_us(g_pool, END, END + 5), END); /* nobody asks it */
    agdb__pool_heard(g_pool, END - 300000, END - 299000);
    assert_int_equal(agdb__pool_queue_until_us(g_pool, END, END), END);
    assert_false(agdb__pool_take_suspicion(g_pool));
}

static void the_queue_goes_on_while_the_server_stands_still(void **state)
{
    (void)state;
    agdb__pool_heard(g_pool, END - 300001, END - 300000);
    assert_in_range(agdb__pool_queue_until_us(g_pool, END, END + 5), END + 6, END + SETTLED);
    assert_true(agdb__pool_take_suspicion(g_pool)); /* it is asked */
    (void)agdb__pool_queue_until_us(g_pool, END, END + 50000);
    assert_false(agdb__pool_take_suspicion(g_pool)); /* but not by each who waits */
    (void)agdb__pool_queue_until_us(g_pool, END, END + 100005);
    assert_true(agdb__pool_take_suspicion(g_pool));
    agdb__pool_heard(g_pool, END + 5, END + 500000); /* it may move now */
    assert_int_equal(agdb__pool_queue_until_us(g_pool, END, END + 500001), END + 500000 + SETTLED);
}

static void the_queue_has_no_end_while_there_is_no_connection(void **state)
{
    (void)state;
    atomic_store(&g_pool->open, 0);
    assert_true(agdb__pool_queue_until_us(g_pool, END, END + 5) == AGDB__NEVER);
    atomic_store(&g_pool->open, 1);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_the_server_has_passed_over_is_older_than_an_answered_question),
        CASE(the_queue_ends_in_time_when_the_server_has_answered_lately),
        CASE(the_queue_goes_on_while_the_server_stands_still),
        CASE(the_queue_has_no_end_while_there_is_no_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
