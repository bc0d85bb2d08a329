/* Sockets and the earliest wake-up. */
#include "base/pollset.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 100, LONG_US = 60000000 };

static void clear_set_waits_for_ever(void **state)
{
    agdb__pollset_t set = {0};

    (void)state;
    agdb__pollset_clear(&set);
    assert_int_equal(set.count, 0);
    assert_true(set.wake_us == AGDB__NEVER);
    agdb__pollset_fini(&set);
}

static void add_grows_and_leaves_out_what_is_no_socket(void **state)
{
    agdb__pollset_t set = {0};
    int i;

    (void)state;
    agdb__pollset_clear(&set);
    agdb__pollset_add(&set, -1, POLLIN);
    for (i = 0; i < MANY; i++)
        agdb__pollset_add(&set, i, POLLOUT);
    assert_int_equal(set.count, MANY);
    for (i = 0; i < MANY; i++) {
        assert_int_equal(set.fd[i].fd, i);
        assert_int_equal(set.fd[i].events, POLLOUT);
    }
    agdb__pollset_clear(&set);
    assert_int_equal(set.count, 0);
    agdb__pollset_fini(&set);
}

static void wake_keeps_the_earliest(void **state)
{
    agdb__pollset_t set = {0};

    (void)state;
    agdb__pollset_clear(&set);
    agdb__pollset_wake(&set, 500);
    agdb__pollset_wake(&set, 900);
    agdb__pollset_wake(&set, 300);
    assert_int_equal(set.wake_us, 300);
    agdb__pollset_fini(&set);
}

static void wait_ends_when_a_socket_is_ready(void **state)
{
    agdb__pollset_t set = {0};
    uint64_t start = agdb__now_us();
    int end[2];

    (void)state;
    assert_int_equal(pipe(end), 0);
    assert_int_equal(write(end[1], "x", 1), 1);
    agdb__pollset_clear(&set);
    agdb__pollset_add(&set, end[0], POLLIN);
    agdb__pollset_wake(&set, start + LONG_US);
    agdb__pollset_wait(&set);
    assert_true(agdb__now_us() < start + LONG_US);
    assert_true((set.fd[0].revents & POLLIN) != 0);
    close(end[0]);
    close(end[1]);
    agdb__pollset_fini(&set);
}

static void wait_ends_at_the_wake_up_and_not_before(void **state)
{
    agdb__pollset_t set = {0};
    uint64_t until = agdb__now_us() + 2000;

    (void)state;
    agdb__pollset_clear(&set);
    agdb__pollset_wake(&set, until);
    agdb__pollset_wait(&set);
    assert_true(agdb__now_us() >= until);
    agdb__pollset_clear(&set);
    agdb__pollset_wake(&set, 0);
    agdb__pollset_wait(&set);
    agdb__pollset_fini(&set);
}

static void *no_alloc(size_t size, void *user)
{
    (void)size;
    (void)user;
    return NULL;
}

static void add_without_memory_keeps_the_wait_short(void **state)
{
    const agdb_allocator_t none = {no_alloc, NULL, NULL, NULL};
    agdb__pollset_t set = {0};

    (void)state;
    agdb__pollset_clear(&set);
    agdb__alloc_enter(&none);
    agdb__pollset_add(&set, 0, POLLIN);
    agdb__alloc_enter(NULL);
    assert_int_equal(set.count, 0);
    assert_true(set.wake_us <= agdb__now_us() + 10000);
    agdb__pollset_fini(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clear_set_waits_for_ever),
        cmocka_unit_test(add_grows_and_leaves_out_what_is_no_socket),
        cmocka_unit_test(wake_keeps_the_earliest),
        cmocka_unit_test(wait_ends_when_a_socket_is_ready),
        cmocka_unit_test(wait_ends_at_the_wake_up_and_not_before),
        cmocka_unit_test(add_without_memory_keeps_the_wait_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
