#include "base/wait.h"

#include "base/clock.h"
#include "base/sync.h"
#include "unit.h"

static void wait_ends_at_its_time(void **state)
{
    atomic_uint word = 7;
    uint64_t until = agdb__now_us() + 3000;

    (void)state;
    while (agdb__now_us() < until)
        agdb__wait_word(&word, 7, 1, until);
    assert_true(agdb__now_us() >= until);
    assert_true(agdb__now_us() < until + 1000000);
}

static void wait_for_another_value_returns_at_once(void **state)
{
    atomic_uint word = 8;

    (void)state;
    agdb__wait_word(&word, 7, 1, AGDB__NEVER);
    assert_int_equal(atomic_load(&word), 8);
}

static void *change(void *arg)
{
    atomic_uint *word = arg;

    atomic_store(word, 1);
    agdb__wake_word(word, 1);
    return NULL;
}

static void wake_reaches_the_one_who_waits(void **state)
{
    atomic_uint word = 0;
    pthread_t thread;

    (void)state;
    assert_true(agdb__thread_start(&thread, false, change, &word));
    while (atomic_load(&word) == 0)
        agdb__wait_word(&word, 0, 1, AGDB__NEVER);
    pthread_join(thread, NULL);
}

typedef struct sleeper {
    atomic_uint *word;
    unsigned mark;
    pthread_t thread;
    atomic_bool woken;
} sleeper_t;

static void *sleep_once(void *arg)
{
    sleeper_t *s = arg;

    agdb__wait_word(s->word, 0, s->mark, agdb__now_us() + 300000);
    atomic_store(&s->woken, true);
    return NULL;
}

/* Woken until it has heard: it may not have been asleep yet. */
static void wake_reaches_the_marked_ones_only(void **state)
{
    atomic_uint word = 0;
    sleeper_t s[2] = {{&word, 1, 0, false}, {&word, 2, 0, false}};
    uint64_t begin = agdb__now_us();

    (void)state;
    assert_true(agdb__thread_start(&s[0].thread, false, sleep_once, &s[0]));
    assert_true(agdb__thread_start(&s[1].thread, false, sleep_once, &s[1]));
    while (!atomic_load(&s[1].woken) && agdb__now_us() < begin + 100000)
        agdb__wake_word(&word, 2 | 4);
    assert_true(atomic_load(&s[1].woken));
    assert_false(atomic_load(&s[0].woken));
    pthread_join(s[0].thread, NULL);
    pthread_join(s[1].thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_ends_at_its_time),
        cmocka_unit_test(wait_for_another_value_returns_at_once),
        cmocka_unit_test(wake_reaches_the_one_who_waits),
        cmocka_unit_test(wake_reaches_the_marked_ones_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
