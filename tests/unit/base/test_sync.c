/* Mutex, condition on the monotonic clock, thread numbers, threads without signals. */
#include "base/sync.h"

#include "base/clock.h"

#include <signal.h>
#include <stdatomic.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct shared {
    agdb__mutex_t mutex;
    agdb__cond_t cond;
    int counter;
    bool go;
} shared_t;

static void init(shared_t *s)
{
    s->counter = 0;
    s->go = false;
    assert_true(agdb__mutex_init(&s->mutex));
    assert_true(agdb__cond_init(&s->cond));
}

static void fini(shared_t *s)
{
    agdb__cond_fini(&s->cond);
    agdb__mutex_fini(&s->mutex);
}

static void *count_up(void *arg)
{
    shared_t *s = arg;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        agdb__lock(&s->mutex);
        s->counter++;
        agdb__unlock(&s->mutex);
    }
    return NULL;
}

static void lock_keeps_others_out(void **state)
{
    pthread_t thread[THREADS];
    shared_t s;
    int i;

    (void)state;
    init(&s);
    for (i = 0; i < THREADS; i++)
        assert_true(agdb__thread_start(&thread[i], false, count_up, &s));
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(s.counter, THREADS * ROUNDS);
    fini(&s);
}

static void wait_past_its_time_returns_false(void **state)
{
    uint64_t until;
    shared_t s;

    (void)state;
    init(&s);
    agdb__lock(&s.mutex);
    assert_false(agdb__cond_wait(&s.cond, &s.mutex, 0));
    until = agdb__now_us() + 3000;
    while (agdb__cond_wait(&s.cond, &s.mutex, until))
        continue;
    assert_true(agdb__now_us() >= until);
    agdb__unlock(&s.mutex);
    fini(&s);
}

static void *wait_for_go(void *arg)
{
    shared_t *s = arg;
    bool in_time = true;

    agdb__lock(&s->mutex);
    while (!s->go && in_time)
        in_time = agdb__cond_wait(&s->cond, &s->mutex, agdb__now_us() + 60000000);
    s->counter += in_time ? 1 : 0;
    agdb__unlock(&s->mutex);
    return NULL;
}

static void broadcast_wakes_all_who_wait(void **state)
{
    pthread_t thread[THREADS];
    shared_t s;
    int i;

    (void)state;
    init(&s);
    for (i = 0; i < THREADS; i++)
        assert_true(agdb__thread_start(&thread[i], false, wait_for_go, &s));
    agdb__lock(&s.mutex);
    s.go = true;
    agdb__cond_broadcast(&s.cond);
    agdb__unlock(&s.mutex);
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(s.counter, THREADS);
    fini(&s);
}

static void signal_wakes_one_who_waits_for_ever(void **state)
{
    pthread_t thread;
    shared_t s;

    (void)state;
    init(&s);
    assert_true(agdb__thread_start(&thread, false, wait_for_go, &s));
    agdb__lock(&s.mutex);
    s.go = true;
    agdb__cond_signal(&s.cond);
    agdb__unlock(&s.mutex);
    pthread_join(thread, NULL);
    assert_int_equal(s.counter, 1);
    fini(&s);
}

static void *my_number(void *arg)
{
    unsigned *number = arg;

    *number = agdb__thread_number();
    assert_int_equal(agdb__thread_number(), *number);
    return NULL;
}

static void thread_number_is_kept_and_differs(void **state)
{
    unsigned mine = agdb__thread_number();
    unsigned others = 0;
    pthread_t thread;

    (void)state;
    assert_true(mine > 0);
    assert_true(agdb__thread_start(&thread, false, my_number, &others));
    pthread_join(thread, NULL);
    assert_true(others > 0);
    assert_int_not_equal(others, mine);
    assert_int_equal(agdb__thread_number(), mine);
}

static void *my_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
    return NULL;
}

static void thread_start_blocks_signals_there_and_not_here(void **state)
{
    sigset_t before;
    sigset_t inside;
    sigset_t after;
    pthread_t thread;

    (void)state;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_true(agdb__thread_start(&thread, false, my_mask, &inside));
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&inside, SIGTERM), 1);
    assert_int_equal(sigismember(&inside, SIGPIPE), 1);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    assert_int_equal(sigismember(&after, SIGTERM), 0);
}

static void *announce(void *arg)
{
    shared_t *s = arg;

    agdb__lock(&s->mutex);
    s->go = true;
    agdb__cond_signal(&s->cond);
    agdb__unlock(&s->mutex);
    return NULL;
}

static void thread_start_detached_runs_by_itself(void **state)
{
    static shared_t s; /* outlives the thread, which nobody joins */
    pthread_t thread;

    (void)state;
    init(&s);
    assert_true(agdb__thread_start(&thread, true, announce, &s));
    agdb__lock(&s.mutex);
    while (!s.go)
        assert_true(agdb__cond_wait(&s.cond, &s.mutex, agdb__now_us() + 60000000));
    agdb__unlock(&s.mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_keeps_others_out),
        cmocka_unit_test(wait_past_its_time_returns_false),
        cmocka_unit_test(broadcast_wakes_all_who_wait),
        cmocka_unit_test(signal_wakes_one_who_waits_for_ever),
        cmocka_unit_test(thread_number_is_kept_and_differs),
        cmocka_unit_test(thread_start_blocks_signals_there_and_not_here),
        cmocka_unit_test(thread_start_detached_runs_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
