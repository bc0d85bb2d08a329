#include "exec/poller.h"

#include "base/clock.h"
#include "unit.h"

#include <stdint.h>
#include <unistd.h>

typedef struct source {
    agdb__interest_t interest;
    int pipe[2];
    unsigned ready;
} source_t;

static agdb__bell_t g_bell;
static agdb__poll_poller_t g_poller;
static source_t g_source[3];

static int setup(void **state)
{
    size_t i;

    (void)state;
    if (!agdb__bell_init(&g_bell) || !agdb__poll_poller_init(&g_poller, &g_bell))
        return -1;
    for (i = 0; i < 3; i++) {
        g_source[i] = (source_t){.interest = {.fd = -1}};
        if (pipe(g_source[i].pipe) != 0)
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        close(g_source[i].pipe[0]);
        close(g_source[i].pipe[1]);
    }
    agdb__poll_poller_fini(&g_poller);
    agdb__bell_fini(&g_bell);
    return 0;
}

static void count(agdb__interest_t *interest, void *user)
{
    assert_ptr_equal(user, &g_poller);
    ((source_t *)(void *)interest)->ready++;
}

static bool arm(size_t i)
{
    return g_poller.base.arm(&g_poller.base, &g_source[i].interest, g_source[i].pipe[0], POLLIN);
}

static void disarm(size_t i)
{
    g_poller.base.disarm(&g_poller.base, &g_source[i].interest, true);
}

static bool wait_until(uint64_t until_us)
{
    return g_poller.base.wait(&g_poller.base, agdb__now_us(), until_us, count, &g_poller);
}

static void write_to(size_t i)
{
    assert_int_equal(write(g_source[i].pipe[1], "x", 1), 1);
}

static void armed_sockets_are_told_when_they_are_ready(void **state)
{
    (void)state;
    assert_true(arm(0) && arm(1) && arm(2));
    write_to(1);
    assert_false(wait_until(AGDB__NEVER));
    assert_int_equal(g_source[0].ready, 0);
    assert_int_equal(g_source[1].ready, 1);
    disarm(0); /* the last takes its place */
    write_to(0);
    write_to(2);
    assert_true(arm(1));
    (void)wait_until(AGDB__NEVER);
    assert_int_equal(g_source[0].ready, 0);
    assert_int_equal(g_source[1].ready, 2);
    assert_int_equal(g_source[2].ready, 1);
    disarm(0); /* again */
    disarm(1);
    disarm(2);
    (void)wait_until(agdb__now_us() + 2000);
    assert_int_equal(g_source[2].ready, 1);
}

static void the_bell_and_the_time_end_the_wait(void **state)
{
    uint64_t start = agdb__now_us();

    (void)state;
    assert_false(wait_until(start + 20000));
    assert_in_range(agdb__now_us() - start, 19000, 500000);
    agdb__bell_ring(&g_bell);
    assert_true(wait_until(AGDB__NEVER));
    assert_true(agdb__bell_hush(&g_bell, true));
    assert_false(wait_until(0));
}

static void ready_for_writing_is_told_as_well(void **state)
{
    (void)state;
    assert_true(
        g_poller.base.arm(&g_poller.base, &g_source[0].interest, g_source[0].pipe[1], POLLOUT));
    (void)wait_until(AGDB__NEVER);
    assert_int_equal(g_source[0].ready, 1);
    disarm(0);
}

static void more_sockets_than_there_was_room_for(void **state)
{
    static source_t source[100];
    size_t i;

    (void)state;
    for (i = 0; i < 100; i++) {
        source[i].interest.fd = -1;
        assert_true(
            g_poller.base.arm(&g_poller.base, &source[i].interest, g_source[0].pipe[0], POLLIN));
    }
    write_to(0);
    (void)wait_until(AGDB__NEVER);
    for (i = 0; i < 100; i++)
        assert_int_equal(source[i].ready, 1);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(armed_sockets_are_told_when_they_are_ready),
        CASE(the_bell_and_the_time_end_the_wait),
        CASE(ready_for_writing_is_told_as_well),
        CASE(more_sockets_than_there_was_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
