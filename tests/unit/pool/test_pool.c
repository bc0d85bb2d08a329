/* Callers' and keeper's side together, on scripted connections: pool.c and tend.c. */
#include "pool/pool.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/sync.h"
#include "fake_conn.h"
#include "pool/pool_impl.h"
#include "unit.h"

#include <stdatomic.h>

static const agdb__login_t k_login = {.node = "db-1:5432", .connect_ms = 3000};
static const agdb__pool_limits_t k_limits = {.min = 1,
                                             .max = 2,
                                             .handshakes = 4,
                                             .queue = 2,
                                             .queue_ms = 50,
                                             .idle_ms = 60000,
                                             .lifetime_ms = 600000};
static atomic_uint g_wakes;

static void wake(void *user)
{
    (void)user;
    atomic_fetch_add(&g_wakes, 1);
}

static agdb__pool_t *new_pool(agdb__pool_limits_t limits)
{
    agdb__pool_t *pool;

    pool = agdb__pool_new(&k_login, &limits, NULL, wake, NULL);
    assert_non_null(pool);
    return pool;
}

static agdb__lease_t claim(agdb__pool_t *pool)
{
    agdb__lease_t lease = {0};
    uint64_t now = agdb__now_us();

    assert_int_equal(agdb__pool_claim(pool, false, now, agdb__after_ms(now, 5000), &lease, NULL),
                     AGDB_OK);
    return lease;
}

static agdb_status_t claim_fails(agdb__pool_t *pool, uint64_t timeout_ms, agdb_error_t **reterr)
{
    agdb__lease_t lease = {0};
    uint64_t now = agdb__now_us();

    return agdb__pool_claim(pool, false, now, agdb__after_ms(now, timeout_ms), &lease, reterr);
}

static int reset(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static void tend_warms_up_to_min(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    agdb__pool_t *pool;

    (void)state;
    limits.max = 8;
    limits.min = 3;
    pool = new_pool(limits);
    (void)agdb__pool_tend(pool, 1000);
    assert_int_equal(agdb__pool_counts(pool).connecting, 3);
    assert_true(agdb__pool_tend(pool, 2000)); /* health changed: verified */
    assert_int_equal(agdb__pool_counts(pool).open, 3);
    assert_true(agdb__pool_health(pool).verified);
    assert_false(agdb__pool_tend(pool, 3000));
    assert_int_equal(g_fake.opened, 3);
    agdb__pool_free(pool);
    assert_int_equal(g_fake.closed, 3);
}

static void claim_and_release_reuse_the_connection(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    agdb__conn_t *first;
    int i;

    (void)state;
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    first = NULL;
    for (i = 0; i < 100; i++) {
        agdb__lease_t lease = claim(pool);

        assert_true(first == NULL || first == lease.conn);
        first = lease.conn;
        agdb__pool_release(pool, &lease, agdb__now_us());
    }
    assert_int_equal(g_fake.opened, 1);
    agdb__pool_free(pool);
}

static void release_of_an_unclean_connection_closes_it(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    agdb__lease_t lease;

    (void)state;
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    lease = claim(pool);
    fake_set_clean(lease.conn, false);
    agdb__pool_release(pool, &lease, agdb__now_us());
    assert_int_equal(agdb__pool_counts(pool).open, 0);
    assert_int_equal(g_fake.closed, 1);
    agdb__pool_free(pool);
}

static void claim_when_all_are_busy_times_out_in_the_queue(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    agdb__pool_t *pool;
    agdb_error_t *error = NULL;
    agdb__lease_t lease;

    (void)state;
    limits.max = 1;
    pool = new_pool(limits);
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    lease = claim(pool);
    atomic_store(&g_wakes, 0);
    assert_int_equal(claim_fails(pool, 5000, &error), AGDB_E_TIMEOUT); /* after queue_ms */
    assert_int_equal(atomic_load(&g_wakes), 0); /* the keeper could not help */
    assert_int_equal(error->stage, AGDB_STAGE_QUEUE);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    assert_non_null(strstr(error->message, "1 of 1 busy"));
    assert_int_equal(agdb__pool_counts(pool).waiting, 0);
    agdb__error_free(error);
    agdb__pool_release(pool, &lease, agdb__now_us());
    agdb__pool_free(pool);
}

static void claim_without_any_connection_names_the_stage(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    agdb_error_t *error = NULL;

    (void)state;
    g_fake.stall = true;
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    assert_int_equal(claim_fails(pool, 20, &error), AGDB_E_TIMEOUT);
    assert_int_equal(error->stage, AGDB_STAGE_CONNECT);
    agdb__error_free(error);
    agdb__pool_free(pool);
}

static void claim_past_the_queue_limit_is_busy(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    agdb__pool_t *pool;
    agdb_error_t *error = NULL;

    (void)state;
    limits.queue = 0;
    pool = new_pool(limits);
    assert_int_equal(claim_fails(pool, 20, &error), AGDB_E_BUSY);
    assert_true(error->retriable);
    assert_true(error->retry_after_ms > 0);
    agdb__error_free(error);
    agdb__pool_free(pool);
}

static void claim_after_a_failed_connect_gets_its_reason_at_once(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    agdb_error_t *error = NULL;
    uint64_t now = agdb__now_us();

    (void)state;
    g_fake.refuse = AGDB_E_AUTH;
    (void)agdb__pool_tend(pool, now);
    assert_true(agdb__pool_tend(pool, now));
    assert_int_equal(agdb__pool_health(pool).error->status, AGDB_E_AUTH);
    assert_int_equal(claim_fails(pool, 5000, &error), AGDB_E_AUTH);
    assert_int_equal(error->outcome, AGDB_OUTCOME_NOT_SENT);
    agdb__error_free(error);

    g_fake.refuse = AGDB_OK; /* and recovers by itself after the backoff */
    now = agdb__after_ms(now, 2000);
    (void)agdb__pool_tend(pool, now);
    assert_true(agdb__pool_tend(pool, now));
    assert_null(agdb__pool_health(pool).error);
    agdb__pool_free(pool);
}

static void suspicion_drops_idle_and_claimed_connections(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    agdb__pool_t *pool;
    agdb__lease_t lease;

    (void)state;
    limits.min = 2;
    pool = new_pool(limits);
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    assert_int_equal(agdb__pool_counts(pool).open, 2);
    lease = claim(pool);
    g_fake.stall = true;
    agdb__pool_suspect(pool);
    assert_true(agdb__pool_take_suspicion(pool));
    assert_false(agdb__pool_take_suspicion(pool));
    (void)agdb__pool_tend(pool, agdb__now_us());
    assert_int_equal(agdb__pool_counts(pool).open, 1); /* the claimed one */
    agdb__pool_release(pool, &lease, agdb__now_us());
    assert_int_equal(agdb__pool_counts(pool).open, 0);
    agdb__pool_free(pool);
}

static void callers_who_agree_drop_the_connections_once(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    int i;

    (void)state;
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    for (i = 0; i < 50; i++) {
        agdb__pool_suspect(pool);
        assert_true(agdb__pool_take_suspicion(pool)); /* each of them has the server asked */
        (void)agdb__pool_tend(pool, agdb__now_us());
        (void)agdb__pool_tend(pool, agdb__now_us());
    }
    assert_int_equal(g_fake.opened, 2);
    agdb__pool_free(pool);
}

/* Within the second in which callers who agree change nothing. */
static void another_server_behind_the_name_drops_what_was_made_just_now(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    int i;

    (void)state;
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    agdb__pool_suspect(pool);
    for (i = 0; i < 2; i++) {
        (void)agdb__pool_tend(pool, agdb__now_us());
        (void)agdb__pool_tend(pool, agdb__now_us());
        agdb__pool_drop(pool);
        assert_true(agdb__pool_take_suspicion(pool));
    }
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    assert_int_equal(g_fake.opened, 4);
    assert_int_equal(agdb__pool_counts(pool).open, 1);
    agdb__pool_free(pool);
}

/* --- lost ones --- */

static unsigned g_looks;

static void count_look(void)
{
    g_looks++;
}

static agdb__pool_t *pool_of_two(void)
{
    agdb__pool_limits_t limits = k_limits;
    agdb__pool_t *pool;

    limits.min = 2;
    pool = new_pool(limits);
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    assert_int_equal(agdb__pool_counts(pool).open, 2);
    return pool;
}

static void a_lost_connection_takes_no_other_along(void **state)
{
    agdb__pool_t *pool = pool_of_two();
    agdb__lease_t lease = claim(pool);
    int i;

    (void)state;
    for (i = 0; i < 50; i++) {
        agdb__pool_lose(pool);
        assert_true(agdb__pool_take_suspicion(pool)); /* each of them has the server asked */
        assert_true(agdb__pool_take_loss(pool));
        assert_false(agdb__pool_take_loss(pool));
        (void)agdb__pool_tend(pool, agdb__now_us());
    }
    agdb__pool_release(pool, &lease, agdb__now_us());
    assert_int_equal(agdb__pool_counts(pool).open, 2);
    assert_int_equal(g_fake.opened, 2);
    agdb__pool_free(pool);
}

/* Used a moment ago, they would not be otherwise. */
static void after_a_loss_the_others_are_looked_at_once_before_they_are_used(void **state)
{
    agdb__pool_t *pool = pool_of_two();
    agdb__lease_t both[2] = {claim(pool), claim(pool)};
    const agdb__conn_t *dead = both[0].conn;
    agdb__lease_t lease;
    int i;

    (void)state;
    fake_set_alive(both[0].conn, false);
    agdb__pool_release(pool, &both[0], agdb__now_us());
    agdb__pool_release(pool, &both[1], agdb__now_us());
    agdb__pool_lose(pool);
    g_looks = 0;
    g_fake.when_looked_at = count_look;
    for (i = 0; i < 3; i++) {
        lease = claim(pool);
        assert_ptr_not_equal(lease.conn, dead);
        agdb__pool_release(pool, &lease, agdb__now_us() + 1);
    }
    assert_in_range(g_looks, 1, 3); /* the dead one may not have been met, and is a loss, too */
    agdb__pool_free(pool);
}

static void after_a_loss_the_keeper_closes_those_that_are_dead_at_once(void **state)
{
    agdb__pool_t *pool = pool_of_two();
    agdb__lease_t both[2] = {claim(pool), claim(pool)};
    const uint64_t now = agdb__now_us();

    (void)state;
    g_fake.stall = true;
    fake_set_alive(both[0].conn, false);
    agdb__pool_release(pool, &both[0], now);
    agdb__pool_release(pool, &both[1], now);
    (void)agdb__pool_tend(pool, now);
    assert_int_equal(agdb__pool_counts(pool).open, 2); /* it has looked a moment ago */
    agdb__pool_lose(pool);
    (void)agdb__pool_tend(pool, now);
    assert_int_equal(agdb__pool_counts(pool).open, 1);
    agdb__pool_free(pool);
}

static void a_failed_login_beside_an_open_connection_does_not_cut_the_pool(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    uint64_t now = agdb__now_us();
    agdb__lease_t lease;

    (void)state;
    (void)agdb__pool_tend(pool, now);
    (void)agdb__pool_tend(pool, now);
    lease = claim(pool);
    g_fake.refuse = AGDB_E_AUTH;
    assert_int_equal(claim_fails(pool, 1, NULL), AGDB_E_TIMEOUT);
    assert_false(agdb__pool_health(pool).cut);
    fake_set_clean(lease.conn, false);
    agdb__pool_release(pool, &lease, now); /* the last one: now nobody gets in */
    (void)agdb__pool_tend(pool, now);
    assert_true(agdb__pool_tend(pool, now));
    assert_true(agdb__pool_health(pool).cut);
    g_fake.refuse = AGDB_OK;
    now = agdb__after_ms(now, 2000);
    (void)agdb__pool_tend(pool, now);
    assert_true(agdb__pool_tend(pool, now));
    assert_false(agdb__pool_health(pool).cut);
    agdb__pool_free(pool);
}

static void dead_idle_connections_are_not_handed_out(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    agdb_error_t *error = NULL;
    agdb__lease_t lease;

    (void)state;
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    lease = claim(pool);
    fake_set_alive(lease.conn, false);
    agdb__pool_release(pool, &lease, agdb__now_us() - 1000000); /* idle for a second */
    assert_int_equal(claim_fails(pool, 10, &error), AGDB_E_TIMEOUT);
    assert_int_equal(agdb__pool_counts(pool).open, 0);
    assert_true(agdb__pool_take_suspicion(pool));
    assert_true(agdb__pool_take_loss(pool));
    agdb__error_free(error);
    agdb__pool_free(pool);
}

static void old_connections_are_replaced(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    agdb__pool_t *pool;
    uint64_t now = agdb__now_us();

    (void)state;
    limits.lifetime_ms = 1000;
    pool = new_pool(limits);
    (void)agdb__pool_tend(pool, now);
    (void)agdb__pool_tend(pool, now);
    now = agdb__after_ms(now, 2000);
    (void)agdb__pool_tend(pool, now);
    (void)agdb__pool_tend(pool, now);
    assert_int_equal(agdb__pool_counts(pool).open, 1);
    assert_int_equal(g_fake.opened, 2);
    assert_int_equal(g_fake.closed, 1);
    agdb__pool_free(pool);
}

typedef struct contender {
    agdb__pool_t *pool;
    atomic_uint *inside;
    atomic_uint *worst;
    unsigned served;
} contender_t;

static void *contend(void *arg)
{
    contender_t *c = arg;
    int i;

    for (i = 0; i < 2000; i++) {
        agdb__lease_t lease = {0};
        uint64_t now = agdb__now_us();
        unsigned inside;

        if (agdb__pool_claim(c->pool, (i & 1) != 0, now, agdb__after_ms(now, 20000), &lease,
                             NULL) != AGDB_OK)
            return NULL;
        inside = atomic_fetch_add(c->inside, 1) + 1;
        if (inside > atomic_load(c->worst))
            atomic_store(c->worst, inside);
        atomic_fetch_sub(c->inside, 1);
        agdb__pool_release(c->pool, &lease, agdb__now_us());
        c->served++;
    }
    return NULL;
}

static void many_threads_share_two_connections(void **state)
{
    enum { THREADS = 8 };
    agdb__pool_limits_t limits = k_limits;
    agdb__pool_t *pool;
    contender_t c[THREADS];
    pthread_t thread[THREADS];
    atomic_uint inside = 0;
    atomic_uint worst = 0;
    size_t i;

    (void)state;
    limits.queue = 100;
    limits.queue_ms = 20000;
    limits.min = 2;
    pool = new_pool(limits);
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    for (i = 0; i < THREADS; i++) {
        c[i] = (contender_t){pool, &inside, &worst, 0};
        assert_true(agdb__thread_start(&thread[i], false, contend, &c[i]));
    }
    for (i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(c[i].served, 2000);
    }
    assert_true(atomic_load(&worst) <= 2);
    assert_int_equal(g_fake.opened, 2);
    agdb__pool_free(pool);
}

static void *wait_for_connection(void *arg)
{
    static agdb_status_t st;

    st = claim_fails(arg, 20000, NULL);
    return &st;
}

static void shut_sends_waiters_away(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    pthread_t thread;
    void *st;

    (void)state;
    assert_true(agdb__thread_start(&thread, false, wait_for_connection, pool));
    while (agdb__pool_counts(pool).waiting == 0)
        continue;
    agdb__pool_shut(pool);
    pthread_join(thread, &st);
    assert_int_equal(*(agdb_status_t *)st, AGDB_E_CLOSING);
    assert_int_equal(claim_fails(pool, 1000, NULL), AGDB_E_CLOSING);
    agdb__pool_free(pool);
}

static void dismiss_sends_waiters_away_and_serves_who_comes_later(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    agdb_error_t *error = NULL;
    agdb__lease_t lease;
    pthread_t thread;
    void *st;

    (void)state;
    assert_true(agdb__thread_start(&thread, false, wait_for_connection, pool));
    while (agdb__pool_counts(pool).waiting == 0)
        continue;
    (void)agdb__fail(&error, AGDB_E_CONNECT, "is down");
    agdb__pool_dismiss(pool, error);
    agdb__error_free(error);
    pthread_join(thread, &st);
    assert_int_equal(*(agdb_status_t *)st, AGDB_E_CONNECT);
    (void)agdb__pool_tend(pool, agdb__now_us());
    (void)agdb__pool_tend(pool, agdb__now_us());
    lease = claim(pool);
    agdb__pool_release(pool, &lease, agdb__now_us());
    agdb__pool_free(pool);
}

/* A caller who comes while the keeper looks at the only connection. */
enum { CALLER_MS = 100 }; /* long enough for a wrong answer */
static struct {
    agdb__pool_t *pool;
    agdb__mutex_t lock;
    agdb__cond_t ended;
    pthread_t thread;
    agdb_status_t status;
    bool has_ended;
} g_caller;

static void *call_once(void *arg)
{
    uint64_t now = agdb__now_us();
    agdb__lease_t lease = {0};
    agdb_status_t st =
        agdb__pool_claim(g_caller.pool, false, now, agdb__after_ms(now, 20000), &lease, NULL);

    (void)arg;
    if (st == AGDB_OK)
        agdb__pool_release(g_caller.pool, &lease, now);
    agdb__lock(&g_caller.lock);
    g_caller.status = st;
    g_caller.has_ended = true;
    agdb__cond_signal(&g_caller.ended);
    agdb__unlock(&g_caller.lock);
    return NULL;
}

static void call_while_looked_at(void)
{
    uint64_t until_us = agdb__after_ms(agdb__now_us(), CALLER_MS);

    g_fake.when_looked_at = NULL;
    assert_true(agdb__thread_start(&g_caller.thread, false, call_once, NULL));
    agdb__lock(&g_caller.lock);
    while (!g_caller.has_ended)
        if (!agdb__cond_wait(&g_caller.ended, &g_caller.lock, until_us))
            break;
    agdb__unlock(&g_caller.lock);
}

static void claim_without_a_queue_while_the_keeper_looks_is_served(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    uint64_t now = agdb__now_us();

    (void)state;
    limits.max = 1;
    limits.queue = 0;
    g_caller.pool = new_pool(limits);
    assert_true(agdb__mutex_init(&g_caller.lock) && agdb__cond_init(&g_caller.ended));
    (void)agdb__pool_tend(g_caller.pool, now);
    (void)agdb__pool_tend(g_caller.pool, now);
    g_fake.when_looked_at = call_while_looked_at;
    (void)agdb__pool_tend(g_caller.pool, now + 1000000);
    assert_null(g_fake.when_looked_at);
    pthread_join(g_caller.thread, NULL);
    assert_int_equal(g_caller.status, AGDB_OK);
    agdb__pool_free(g_caller.pool);
}

static void connections_are_made_anew_when_commits_begin_to_wait(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    uint64_t now = 1000;

    (void)state;
    agdb__pool_see_commits(pool, false);
    (void)agdb__pool_tend(pool, now);
    (void)agdb__pool_tend(pool, now);
    assert_int_equal(g_fake.opened, 1);
    assert_true(atomic_load(&pool->cheap_commits));
    agdb__pool_see_commits(pool, false);
    (void)agdb__pool_tend(pool, now += 1000000);
    assert_int_equal(g_fake.closed, 0);
    g_fake.hello.commits_wait = true;
    agdb__pool_see_commits(pool, true);
    (void)agdb__pool_tend(pool, now += 1000000);
    (void)agdb__pool_tend(pool, now);
    assert_int_equal(g_fake.closed, 1);
    assert_int_equal(g_fake.opened, 2);
    assert_false(atomic_load(&pool->cheap_commits));
    agdb__pool_free(pool);
}

static void one_connection_is_kept_while_short_statements_use_the_pool(void **state)
{
    agdb__pool_limits_t limits = k_limits;
    uint64_t now = agdb__now_us();
    agdb__lease_t lease[2];
    agdb__pool_t *pool;
    uint32_t lane;

    (void)state;
    limits.min = 2;
    limits.grouping = true;
    pool = new_pool(limits);
    (void)agdb__pool_tend(pool, now);
    (void)agdb__pool_tend(pool, now);
    lease[0] = claim(pool);
    lease[1] = claim(pool); /* nobody needs it for anything else */
    agdb__pool_release(pool, &lease[0], now);
    agdb__pool_release(pool, &lease[1], now);
    lane = agdb__pool_take_lane(pool, &pool->traffic[AGDB__TRAFFIC_READS], UINT32_MAX, 0, now);
    agdb__pool_give_back(pool, lane, now);
    lease[0] = claim(pool);
    assert_int_equal(claim_fails(pool, 20, NULL), AGDB_E_TIMEOUT);
    (void)agdb__pool_tend(pool, now + 1000000);
    assert_int_equal(claim_fails(pool, 20, NULL), AGDB_E_TIMEOUT);
    (void)agdb__pool_tend(pool, now + 12000000); /* none for long */
    lease[1] = claim(pool);
    agdb__pool_release(pool, &lease[0], now);
    agdb__pool_release(pool, &lease[1], now);
    agdb__pool_free(pool);
}

static void a_thread_keeps_to_its_connection_when_it_is_taken_once(void **state)
{
    agdb__pool_t pool = {.number = 61}; /* a number that no other pool here has */

    (void)state;
    agdb__pool_prefer(&pool, true, 3); /* the first one */
    assert_int_equal(agdb__pool_preferred(&pool, true), 3);
    agdb__pool_prefer(&pool, true, 5); /* taken: another one had to do */
    assert_int_equal(agdb__pool_preferred(&pool, true), 3);
    agdb__pool_prefer(&pool, true, 3); /* free again */
    agdb__pool_prefer(&pool, true, 5);
    assert_int_equal(agdb__pool_preferred(&pool, true), 3);
    agdb__pool_prefer(&pool, true, 5); /* taken twice: it is another's */
    assert_int_equal(agdb__pool_preferred(&pool, true), 5);
}

/* Time is the test's: it begins to be made at 1000 and is ready at 5000. */
static void a_connection_remembers_its_making_until_it_is_used(void **state)
{
    agdb__pool_t *pool = new_pool(k_limits);
    agdb__lease_t lease = {0};

    (void)state;
    (void)agdb__pool_tend(pool, 1000);
    (void)agdb__pool_tend(pool, 5000);
    assert_int_equal(agdb__pool_claim(pool, false, 6000, 9000, &lease, NULL), AGDB_OK);
    assert_int_equal(agdb__pool_connect_us(pool, &lease, 2000), 3000);
    assert_int_equal(agdb__pool_connect_us(pool, &lease, 6000), 0);
    agdb__pool_release(pool, &lease, 7000);
    assert_int_equal(agdb__pool_claim(pool, false, 8000, 9000, &lease, NULL), AGDB_OK);
    assert_int_equal(agdb__pool_connect_us(pool, &lease, 2000), 0);
    agdb__pool_release(pool, &lease, 8000);
    agdb__pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tend_warms_up_to_min, reset),
        cmocka_unit_test_setup(claim_and_release_reuse_the_connection, reset),
        cmocka_unit_test_setup(release_of_an_unclean_connection_closes_it, reset),
        cmocka_unit_test_setup(claim_when_all_are_busy_times_out_in_the_queue, reset),
        cmocka_unit_test_setup(claim_without_any_connection_names_the_stage, reset),
        cmocka_unit_test_setup(claim_past_the_queue_limit_is_busy, reset),
        cmocka_unit_test_setup(claim_after_a_failed_connect_gets_its_reason_at_once, reset),
        cmocka_unit_test_setup(suspicion_drops_idle_and_claimed_connections, reset),
        cmocka_unit_test_setup(callers_who_agree_drop_the_connections_once, reset),
        cmocka_unit_test_setup(another_server_behind_the_name_drops_what_was_made_just_now, reset),
        cmocka_unit_test_setup(a_lost_connection_takes_no_other_along, reset),
        cmocka_unit_test_setup(after_a_loss_the_others_are_looked_at_once_before_they_are_used,
                               reset),
        cmocka_unit_test_setup(after_a_loss_the_keeper_closes_those_that_are_dead_at_once, reset),
        cmocka_unit_test_setup(a_failed_login_beside_an_open_connection_does_not_cut_the_pool,
                               reset),
        cmocka_unit_test_setup(dead_idle_connections_are_not_handed_out, reset),
        cmocka_unit_test_setup(old_connections_are_replaced, reset),
        cmocka_unit_test_setup(many_threads_share_two_connections, reset),
        cmocka_unit_test_setup(shut_sends_waiters_away, reset),
        cmocka_unit_test_setup(claim_without_a_queue_while_the_keeper_looks_is_served, reset),
        cmocka_unit_test_setup(one_connection_is_kept_while_short_statements_use_the_pool, reset),
        cmocka_unit_test_setup(connections_are_made_anew_when_commits_begin_to_wait, reset),
        cmocka_unit_test(a_thread_keeps_to_its_connection_when_it_is_taken_once),
        cmocka_unit_test_setup(dismiss_sends_waiters_away_and_serves_who_comes_later, reset),
        cmocka_unit_test_setup(a_connection_remembers_its_making_until_it_is_used, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
