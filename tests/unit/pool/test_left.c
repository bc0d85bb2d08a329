/* Connections whose callers left while the server was at work: used again only when that is proven
 * to be safe. */
#include "base/error.h"
#include "fake_conn.h"
#include "pool/async.h"
#include "pool/pool_impl.h"
#include "unit.h"

enum {
    BEGIN_US = 1000000,
    CALL_US = BEGIN_US + 1000,
    LEFT_US = 500000,
    NEEDED_US = 50000,
    AGAIN_US = 50000
};

static const agdb__login_t k_login = {.node = "db-1:5432", .connect_ms = 3000};
static const agdb__pool_limits_t k_limits = {.min = 1,
                                             .max = 1,
                                             .handshakes = 4,
                                             .queue = 2,
                                             .queue_ms = 50,
                                             .idle_ms = 60000,
                                             .lifetime_ms = 600000};
static agdb__pool_t *g_pool;
static agdb__lease_t g_lease;

static void wake(void *user)
{
    (void)user;
}

/* The pool's only connection is claimed. */
static int setup(void **state)
{
    (void)state;
    fake_reset();
    g_fake.can_be_left = true;
    g_fake.never_answers = true;
    g_pool = agdb__pool_new(&k_login, &k_limits, NULL, wake, NULL);
    (void)agdb__pool_tend(g_pool, BEGIN_US);
    (void)agdb__pool_tend(g_pool, BEGIN_US);
    return agdb__pool_claim(g_pool, false, BEGIN_US, UINT64_MAX, &g_lease, NULL) == AGDB_OK ? 0
                                                                                            : -1;
}

static int teardown(void **state)
{
    (void)state;
    agdb__pool_free(g_pool);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

static void leave(void)
{
    agdb__pool_release(g_pool, &g_lease, CALL_US);
    assert_int_equal(atomic_load(&g_pool->left), 1);
}

static void leave_a_statement(void)
{
    assert_int_equal(agdb__conn_send(g_lease.conn, &(agdb__statement_t){.sql = "R"}, NULL),
                     AGDB_OK);
    leave();
}

static void expect_cancels_at(uint64_t now_us, size_t n)
{
    int pids[4] = {0};

    assert_int_equal(agdb__pool_take_cancels(g_pool, &g_fake.hello, pids, 4, now_us), n);
    if (n > 0)
        assert_int_equal(pids[0], agdb__conn_backend_pid(NULL));
}

static void expect_cancels(size_t n)
{
    expect_cancels_at(CALL_US, n);
}

static void tend_at(uint64_t now_us)
{
    (void)agdb__pool_tend(g_pool, now_us);
}

static void expect_left(bool left)
{
    assert_int_equal(atomic_load(&g_pool->left), left);
}

/* Whether the connection is there for others, or is no more. */
static void expect_reused(bool reused)
{
    expect_left(false);
    assert_int_equal(agdb__pool_counts(g_pool).closed, !reused);
    assert_int_equal(agdb__slot_is(&g_pool->slots.slot[0], AGDB__SLOT_FREE_RW), reused);
}

static void cancelled_and_returned_it_is_used_again(void **state)
{
    (void)state;
    leave_a_statement();
    expect_cancels(1);
    expect_cancels(0);
    agdb__pool_cancelled(g_pool, true, CALL_US);
    tend_at(CALL_US + 1);
    expect_left(true);
    g_fake.was_cancelled = true;
    fake_answer_held();
    tend_at(CALL_US + 2);
    expect_reused(true);
}

static void a_cancelled_statement_waits_for_its_request_to_return(void **state)
{
    (void)state;
    g_fake.was_cancelled = true;
    leave_a_statement();
    expect_cancels(1);
    fake_answer_held();
    tend_at(CALL_US + 1);
    expect_left(true);
    agdb__pool_cancelled(g_pool, true, CALL_US);
    tend_at(CALL_US + 2);
    expect_reused(true);
}

/* The first one came before the server had begun with the statement. */
static void a_request_that_had_no_effect_is_made_again(void **state)
{
    (void)state;
    g_fake.was_cancelled = true;
    leave_a_statement();
    expect_cancels(1);
    agdb__pool_cancelled(g_pool, true, CALL_US);
    expect_cancels_at(CALL_US + AGAIN_US - 1, 0);
    expect_cancels_at(CALL_US + AGAIN_US, 1);
    fake_answer_held();
    tend_at(CALL_US + AGAIN_US + 1);
    expect_left(true); /* until the second one has returned, too */
    agdb__pool_cancelled(g_pool, true, CALL_US + AGAIN_US + 2);
    tend_at(CALL_US + AGAIN_US + 3);
    expect_reused(true);
}

/* The request may be on its way to the next statement. */
static void an_answer_in_spite_of_a_request_is_not_trusted(void **state)
{
    (void)state;
    leave_a_statement();
    expect_cancels(1);
    fake_answer_held();
    agdb__pool_cancelled(g_pool, true, CALL_US);
    tend_at(CALL_US + 1);
    expect_reused(false);
}

static void an_answer_before_a_request_saves_it(void **state)
{
    (void)state;
    leave_a_statement();
    fake_answer_held();
    tend_at(CALL_US + 1);
    expect_reused(true);
    expect_cancels(0);
}

static void a_request_that_got_lost_closes_it(void **state)
{
    (void)state;
    g_fake.was_cancelled = true;
    leave_a_statement();
    expect_cancels(1);
    agdb__pool_cancelled(g_pool, false, CALL_US);
    fake_answer_held();
    tend_at(CALL_US + 1);
    expect_reused(false);
}

/* The number of its process means somebody else there. */
static void another_server_is_not_asked(void **state)
{
    (void)state;
    leave_a_statement();
    g_fake.hello.started_us++;
    expect_cancels(0);
    tend_at(CALL_US + 1);
    expect_reused(false);
}

static void a_group_is_waited_for_and_not_cancelled(void **state)
{
    (void)state;
    agdb__conn_group_begin(g_lease.conn, AGDB__GROUP_READS);
    assert_int_equal(agdb__conn_group_add(g_lease.conn, &(agdb__statement_t){.sql = "r"}, NULL),
                     AGDB_OK);
    assert_int_equal(agdb__conn_group_end(g_lease.conn), 1);
    leave();
    expect_cancels(0);
    fake_answer_held();
    tend_at(CALL_US + 1);
    expect_reused(true);
}

static void what_does_not_end_is_closed(void **state)
{
    (void)state;
    leave_a_statement();
    expect_cancels(1);
    agdb__pool_cancelled(g_pool, true, CALL_US);
    tend_at(CALL_US + LEFT_US - 1);
    expect_left(true);
    tend_at(CALL_US + LEFT_US);
    expect_reused(false);
}

/* The pool has no other. */
static void what_does_not_end_is_closed_soon_when_somebody_waits(void **state)
{
    agdb__lease_t lease;
    agdb__want_t want;

    (void)state;
    leave_a_statement();
    assert_int_equal(agdb__pool_want(g_pool, &want, wake, NULL, CALL_US, &lease, NULL),
                     AGDB__WANTED_WAITING);
    tend_at(CALL_US + NEEDED_US - 1);
    expect_left(true);
    tend_at(CALL_US + NEEDED_US);
    expect_left(false);
    assert_int_equal(agdb__pool_counts(g_pool).closed, 1);
    agdb__pool_unwant(g_pool, &want, CALL_US + NEEDED_US);
}

static void a_suspected_node_closes_it_at_once(void **state)
{
    (void)state;
    leave_a_statement();
    atomic_fetch_add(&g_pool->generation, 1);
    tend_at(CALL_US + 1);
    expect_reused(false);
}

static void what_cannot_be_left_is_closed_by_its_caller(void **state)
{
    (void)state;
    g_fake.can_be_left = false;
    assert_int_equal(agdb__conn_send(g_lease.conn, &(agdb__statement_t){.sql = "R"}, NULL),
                     AGDB_OK);
    agdb__pool_release(g_pool, &g_lease, CALL_US);
    expect_reused(false);
}

static void the_keeper_waits_for_its_answer(void **state)
{
    agdb__pollset_t set = {0};
    size_t before;

    (void)state;
    agdb__pool_poll(g_pool, CALL_US, &set);
    before = set.count;
    leave_a_statement();
    agdb__pollset_clear(&set);
    agdb__pool_poll(g_pool, CALL_US, &set);
    assert_int_equal(set.count, before + 1);
    agdb__pollset_fini(&set);
    fake_answer_held();
}

/* Its time to be asked again is over, but somebody else has the probe. */
static void the_keeper_does_not_spin(void **state)
{
    agdb__pollset_t set = {0};

    (void)state;
    leave_a_statement();
    expect_cancels(1);
    agdb__pool_cancelled(g_pool, true, CALL_US);
    agdb__pollset_clear(&set);
    agdb__pool_poll_left(g_pool, CALL_US, &set);
    assert_int_equal(set.wake_us, CALL_US + AGAIN_US);
    agdb__pollset_clear(&set);
    agdb__pool_poll_left(g_pool, CALL_US + AGAIN_US, &set);
    assert_int_equal(set.wake_us, CALL_US + LEFT_US);
    agdb__pollset_fini(&set);
}

static uint64_t wakes_at(uint64_t now_us)
{
    agdb__pollset_t set = {0};
    uint64_t wake_us;

    agdb__pollset_clear(&set);
    agdb__pool_poll_left(g_pool, now_us, &set);
    wake_us = set.wake_us;
    agdb__pollset_fini(&set);
    return wake_us;
}

/* Told behind the round's look at the pool: nothing else would wake the keeper. */
static void the_keeper_looks_at_once_at_what_is_settled(void **state)
{
    (void)state;
    g_fake.was_cancelled = true;
    leave_a_statement();
    expect_cancels(1);
    fake_answer_held();
    tend_at(CALL_US + 1);
    assert_int_equal(wakes_at(CALL_US + 1), CALL_US + LEFT_US);
    agdb__pool_cancelled(g_pool, true, CALL_US + 1);
    assert_int_equal(wakes_at(CALL_US + 1), CALL_US + 1);
    tend_at(CALL_US + 2);
    expect_reused(true);
}

static void the_keeper_looks_at_once_at_what_is_lost(void **state)
{
    (void)state;
    leave_a_statement();
    expect_cancels(1);
    agdb__pool_cancelled(g_pool, false, CALL_US + 1);
    assert_int_equal(wakes_at(CALL_US + 1), CALL_US + 1);
}

#define LEFT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEFT_TEST(cancelled_and_returned_it_is_used_again),
        LEFT_TEST(a_cancelled_statement_waits_for_its_request_to_return),
        LEFT_TEST(a_request_that_had_no_effect_is_made_again),
        LEFT_TEST(an_answer_in_spite_of_a_request_is_not_trusted),
        LEFT_TEST(an_answer_before_a_request_saves_it),
        LEFT_TEST(a_request_that_got_lost_closes_it),
        LEFT_TEST(another_server_is_not_asked),
        LEFT_TEST(a_group_is_waited_for_and_not_cancelled),
        LEFT_TEST(what_does_not_end_is_closed),
        LEFT_TEST(what_does_not_end_is_closed_soon_when_somebody_waits),
        LEFT_TEST(a_suspected_node_closes_it_at_once),
        LEFT_TEST(what_cannot_be_left_is_closed_by_its_caller),
        LEFT_TEST(the_keeper_waits_for_its_answer),
        LEFT_TEST(the_keeper_does_not_spin),
        LEFT_TEST(the_keeper_looks_at_once_at_what_is_settled),
        LEFT_TEST(the_keeper_looks_at_once_at_what_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
