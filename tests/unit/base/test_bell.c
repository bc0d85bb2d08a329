#include "base/bell.h"

#include "base/sync.h"
#include "unit.h"

#include <poll.h>

static bool is_readable(const agdb__bell_t *bell, int ms)
{
    struct pollfd p = {.fd = bell->fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static void a_rung_bell_is_readable_until_it_is_hushed(void **state)
{
    agdb__bell_t bell;

    (void)state;
    assert_true(agdb__bell_init(&bell));
    assert_false(agdb__bell_hush(&bell, false));
    assert_false(is_readable(&bell, 0));
    agdb__bell_ring(&bell);
    agdb__bell_ring(&bell);
    assert_true(is_readable(&bell, 0));
    assert_true(agdb__bell_hush(&bell, false));
    assert_false(agdb__bell_hush(&bell, false));
    assert_false(is_readable(&bell, 0));
    agdb__bell_fini(&bell);
    agdb__bell_fini(&bell);
}

static void a_late_write_does_not_stay_readable(void **state)
{
    agdb__bell_t bell;

    (void)state;
    assert_true(agdb__bell_init(&bell));
    agdb__bell_ring(&bell);
    atomic_store(&bell.rung, false); /* heard between the mark and the write */
    assert_true(is_readable(&bell, 0));
    assert_false(agdb__bell_hush(&bell, true));
    assert_false(is_readable(&bell, 0));
    agdb__bell_fini(&bell);
}

static void *ring(void *arg)
{
    agdb__bell_ring(arg);
    return NULL;
}

static void another_thread_wakes_the_poller(void **state)
{
    agdb__bell_t bell;
    pthread_t thread;

    (void)state;
    assert_true(agdb__bell_init(&bell));
    assert_true(agdb__thread_start(&thread, false, ring, &bell));
    assert_true(is_readable(&bell, 10000));
    pthread_join(thread, NULL);
    assert_true(agdb__bell_hush(&bell, false));
    agdb__bell_fini(&bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rung_bell_is_readable_until_it_is_hushed),
        cmocka_unit_test(a_late_write_does_not_stay_readable),
        cmocka_unit_test(another_thread_wakes_the_poller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
