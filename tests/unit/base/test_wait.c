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
        agdb__wait_word(&word, 7, until);
    assert_true(agdb__now_us() >= until);
    assert_true(agdb__now_us() < until + 1000000);
}

static void wait_for_another_value_returns_at_once(void **state)
{
    atomic_uint word = 8;

    (void)state;
    agdb__wait_word(&word, 7, AGDB__NEVER);
    assert_int_equal(atomic_load(&word), 8);
}

static void *change(void *arg)
{
    atomic_uint *word = arg;

    atomic_store(word, 1);
    agdb__wake_word(word);
    return NULL;
}

static void wake_reaches_the_one_who_waits(void **state)
{
    atomic_uint word = 0;
    pthread_t thread;

    (void)state;
    assert_true(agdb__thread_start(&thread, false, change, &word));
    while (atomic_load(&word) == 0)
        agdb__wait_word(&word, 0, AGDB__NEVER);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_ends_at_its_time),
        cmocka_unit_test(wait_for_another_value_returns_at_once),
        cmocka_unit_test(wake_reaches_the_one_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
