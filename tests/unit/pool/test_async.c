/* Claims of those who do not wait, beside those who do. */
#include "pool/async.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"
#include "fake_conn.h"
#include "unit.h"

#include <stdatomic.h>

static const agdb__login_t k_login = {.node = "db-1:5432", .connect_ms = 3000};
static agdb__pool_t *g_pool;
static atomic_uint g_told;
static atomic_uint g_woken;

static void wake(void *user)
{
    (void)user;
    atomic_fetch_add(&g_woken, 1);
}

static void tell(void *user)
{
    (void)user;
    atomic_fetch_add(&g_told, 1);
}

static int setup(void **state)
{
    agdb__pool_limits_t limits = {.min = 1,
                                  .max = 1,
                                  .handshakes = 4,
                                  .queue = 2,
                                  .queue_ms = 5000,
                                  .idle_ms = 60000,
                                  .lifetime_ms = 600000};

    (void)state;
    fake_reset();
    atomic_store(&g_told, 0);
    g_pool = agdb__pool_new(&k_login, &limits, NULL, wake, NULL);
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__pool_free(g_pool);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

static agdb__wanted_t want(agdb__want_t *w, agdb__lease_t *ret, agdb_error_t **reterr)
{
    return agdb__pool_want(g_pool, w, tell, NULL, agdb__now_us(), ret, reterr);
}

static agdb__wanted_t look(agdb__want_t *w, agdb__lease_t *ret, agdb_error_t **reterr)
{
    return agdb__pool_wanted(g_pool, w, agdb__now_us(), ret, reterr);
}

static void release(agdb__lease_t *lease)
{
    agdb__pool_release(g_pool, lease, agdb__now_us());
}

static void a_free_connection_is_taken_at_once(void **state)
{
    agdb__lease_t lease;
    agdb__want_t w;

    (void)state;
    assert_int_equal(want(&w, &lease, NULL), AGDB__WANTED_SERVED);
    assert_non_null(lease.conn);
    assert_int_equal(agdb__pool_counts(g_pool).waiting, 0);
    release(&lease);
    assert_int_equal(atomic_load(&g_told), 0);
}

static void who_waits_is_told_when_it_is_its_turn(void **state)
{
    agdb__lease_t held;
    agdb__lease_t lease;
    agdb__want_t w[3];

    (void)state;
    assert_int_equal(want(&w[0], &held, NULL), AGDB__WANTED_SERVED);
    assert_int_equal(want(&w[1], &lease, NULL), AGDB__WANTED_WAITING);
    assert_int_equal(want(&w[2], &lease, NULL), AGDB__WANTED_WAITING);
    assert_int_equal(look(&w[1], &lease, NULL), AGDB__WANTED_WAITING);
    release(&held);
    assert_int_equal(atomic_load(&g_told), 1);
    assert_int_equal(look(&w[2], &lease, NULL), AGDB__WANTED_WAITING);
    assert_int_equal(look(&w[1], &lease, NULL), AGDB__WANTED_SERVED);
    agdb__pool_unwant(g_pool, &w[2], agdb__now_us());
    assert_int_equal(agdb__pool_counts(g_pool).waiting, 0);
    release(&lease);
    assert_int_equal(atomic_load(&g_told), 1);
}

static void a_connection_that_was_given_to_one_who_leaves_goes_on(void **state)
{
    agdb__lease_t held;
    agdb__lease_t lease;
    agdb__want_t w[3];

    (void)state;
    (void)want(&w[0], &held, NULL);
    (void)want(&w[1], &lease, NULL);
    (void)want(&w[2], &lease, NULL);
    release(&held); /* to w[1], which does not want it any more */
    agdb__pool_unwant(g_pool, &w[1], agdb__now_us());
    assert_int_equal(atomic_load(&g_told), 2);
    assert_int_equal(look(&w[2], &lease, NULL), AGDB__WANTED_SERVED);
    release(&lease);
}

static void a_full_queue_is_busy(void **state)
{
    agdb__lease_t held;
    agdb__lease_t lease;
    agdb_error_t *error = NULL;
    agdb__want_t w[4];

    (void)state;
    (void)want(&w[0], &held, NULL);
    (void)want(&w[1], &lease, NULL);
    (void)want(&w[2], &lease, NULL);
    assert_int_equal(want(&w[3], &lease, &error), AGDB__WANTED_FAILED);
    assert_int_equal(error->status, AGDB_E_BUSY);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);
    agdb__pool_unwant(g_pool, &w[1], agdb__now_us());
    agdb__pool_unwant(g_pool, &w[2], agdb__now_us());
    release(&held);
}

static void a_shut_or_dismissing_pool_tells_those_who_wait(void **state)
{
    agdb__lease_t held;
    agdb__lease_t lease;
    agdb_error_t *why = NULL;
    agdb_error_t *error = NULL;
    agdb__want_t w[2];

    (void)state;
    (void)want(&w[0], &held, NULL);
    (void)want(&w[1], &lease, NULL);
    (void)agdb__fail(&why, AGDB_E_NO_PRIMARY, "is not the primary any more");
    agdb__pool_dismiss(g_pool, why);
    agdb__error_free(why);
    assert_int_equal(look(&w[1], &lease, &error), AGDB__WANTED_FAILED);
    assert_int_equal(error->status, AGDB_E_NO_PRIMARY);
    (void)want(&w[1], &lease, NULL);
    assert_false(agdb__pool_wants_back(g_pool, &held, 1, agdb__now_us()));
    agdb__pool_shut(g_pool);
    assert_int_equal(atomic_load(&g_told), 2);
    assert_int_equal(look(&w[1], &lease, &error), AGDB__WANTED_FAILED);
    assert_int_equal(error->status, AGDB_E_CLOSING);
    assert_int_equal(want(&w[1], &lease, &error), AGDB__WANTED_FAILED);
    assert_int_equal(error->status, AGDB_E_CLOSING);
    assert_true(agdb__pool_wants_back(g_pool, &held, 0, agdb__now_us()));
    release(&held);
    assert_int_equal(want(&w[1], &lease, &error), AGDB__WANTED_FAILED); /* although one is free */
    assert_int_equal(error->status, AGDB_E_CLOSING);
    agdb__error_free(error);
}

static void a_hopeless_pool_refuses_with_its_reason(void **state)
{
    agdb__lease_t lease;
    agdb_error_t *error = NULL;
    agdb__want_t w;

    (void)state;
    assert_int_equal(want(&w, &lease, NULL), AGDB__WANTED_SERVED);
    fake_set_clean(lease.conn, false);
    release(&lease);
    g_fake.refuse = AGDB_E_CONNECT;
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    assert_int_equal(want(&w, &lease, &error), AGDB__WANTED_FAILED);
    assert_int_equal(error->status, AGDB_E_CONNECT);
    agdb__error_free(error);
}

static void a_dead_connection_is_replaced_before_it_is_given(void **state)
{
    agdb__lease_t lease;
    agdb__lease_t held;
    agdb__want_t w;

    (void)state;
    assert_int_equal(want(&w, &held, NULL), AGDB__WANTED_SERVED);
    assert_int_equal(want(&w, &lease, NULL), AGDB__WANTED_WAITING);
    release(&held);
    agdb__pool_suspect(g_pool); /* what was given meanwhile is of an earlier generation */
    assert_int_equal(look(&w, &lease, NULL), AGDB__WANTED_WAITING);
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    (void)agdb__pool_tend(g_pool, agdb__now_us());
    assert_int_equal(look(&w, &lease, NULL), AGDB__WANTED_SERVED);
    assert_int_equal(g_fake.opened, 2);
    release(&lease);
}

static void *claim_blocking(void *arg)
{
    uint64_t now = agdb__now_us();
    agdb__lease_t lease;

    assert_int_equal(agdb__pool_claim(g_pool, false, now, now + 5000000, &lease, NULL), AGDB_OK);
    atomic_store((atomic_bool *)arg, true);
    agdb__pool_release(g_pool, &lease, agdb__now_us());
    return NULL;
}

static void callers_that_wait_are_noticed_and_served_in_turn(void **state)
{
    agdb__lease_t held;
    agdb__lease_t lease;
    atomic_bool claimed = false;
    pthread_t thread;
    agdb__want_t w;

    (void)state;
    (void)want(&w, &held, NULL);
    assert_false(agdb__pool_wants_back(g_pool, &held, 0, agdb__now_us()));
    assert_true(agdb__thread_start(&thread, false, claim_blocking, &claimed));
    while (agdb__pool_counts(g_pool).waiting == 0)
        continue;
    assert_true(agdb__pool_wants_back(g_pool, &held, 0, agdb__now_us()));
    assert_int_equal(want(&w, &lease, NULL), AGDB__WANTED_WAITING); /* behind the caller */
    release(&held);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&claimed));
    assert_int_equal(look(&w, &lease, NULL), AGDB__WANTED_SERVED);
    release(&lease);
}

static void what_is_too_old_goes_back(void **state)
{
    agdb__lease_t held;
    agdb__want_t w;

    (void)state;
    (void)want(&w, &held, NULL);
    assert_true(agdb__pool_wants_back(g_pool, &held, 0, agdb__now_us() + 800000000));
    agdb__pool_suspect(g_pool);
    assert_true(agdb__pool_wants_back(g_pool, &held, 0, agdb__now_us()));
    release(&held);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_free_connection_is_taken_at_once),
        CASE(who_waits_is_told_when_it_is_its_turn),
        CASE(a_connection_that_was_given_to_one_who_leaves_goes_on),
        CASE(a_full_queue_is_busy),
        CASE(a_shut_or_dismissing_pool_tells_those_who_wait),
        CASE(a_hopeless_pool_refuses_with_its_reason),
        CASE(a_dead_connection_is_replaced_before_it_is_given),
        CASE(callers_that_wait_are_noticed_and_served_in_turn),
        CASE(what_is_too_old_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
