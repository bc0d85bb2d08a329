/* Both ways of waiting for sockets. */
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
static agdb__poll_poller_t g_poll;
static agdb__epoll_poller_t g_epoll;
static agdb__poller_t *g_poller; /* one of them */
static source_t g_source[3];

static int open_sources(void)
{
    size_t i;

    for (i = 0; i < 3; i++) {
        g_source[i] = (source_t){.interest = {.fd = -1}};
        if (pipe(g_source[i].pipe) != 0)
            return -1;
    }
    return 0;
}

static int setup_poll(void **state)
{
    (void)state;
    g_poller = &g_poll.base;
    if (!agdb__bell_init(&g_bell) || !agdb__poll_poller_init(&g_poll, &g_bell))
        return -1;
    return open_sources();
}

static int setup_epoll(void **state)
{
    (void)state;
    g_poller = &g_epoll.base;
    if (!agdb__bell_init(&g_bell) || !agdb__epoll_poller_init(&g_epoll, &g_bell))
        return -1;
    return open_sources();
}

static int teardown(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        close(g_source[i].pipe[0]);
        close(g_source[i].pipe[1]);
    }
    if (g_poller == &g_poll.base)
        agdb__poll_poller_fini(&g_poll);
    else
        agdb__epoll_poller_fini(&g_epoll);
    agdb__bell_fini(&g_bell);
    return 0;
}

static void count(agdb__interest_t *interest, void *user)
{
    assert_ptr_equal(user, g_poller);
    ((source_t *)(void *)interest)->ready++;
}

static bool arm(size_t i)
{
    return g_poller->arm(g_poller, &g_source[i].interest, g_source[i].pipe[0], POLLIN);
}

static void disarm(size_t i)
{
    g_poller->disarm(g_poller, &g_source[i].interest, true);
}

static bool wait_until(uint64_t until_us)
{
    return g_poller->wait(g_poller, agdb__now_us(), until_us, count, g_poller);
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
    assert_true(g_poller->arm(g_poller, &g_source[0].interest, g_source[0].pipe[1], POLLOUT));
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
        assert_true(g_poller->arm(g_poller, &source[i].interest, g_source[0].pipe[0], POLLIN));
    }
    write_to(0);
    (void)wait_until(AGDB__NEVER);
    for (i = 0; i < 100; i++)
        assert_int_equal(source[i].ready, 1);
}

static bool is_readable(int ms)
{
    struct pollfd p = {.fd = g_epoll.fd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static void its_descriptor_is_readable_when_something_is_to_be_done(void **state)
{
    (void)state;
    assert_true(arm(0));
    assert_false(is_readable(0));
    write_to(0);
    assert_true(is_readable(0));
    (void)wait_until(0);
    assert_false(is_readable(0)); /* until it is armed again */
    (void)wait_until(0);
    assert_int_equal(g_source[0].ready, 1);
    assert_true(arm(0));
    assert_true(is_readable(0));
    disarm(0);
    assert_false(is_readable(0));
    agdb__bell_ring(&g_bell);
    assert_true(is_readable(0));
}

static void the_alarm_makes_it_readable_at_the_earliest_time(void **state)
{
    uint64_t now = agdb__now_us();

    (void)state;
    agdb__epoll_poller_alarm(&g_epoll, AGDB__NEVER);
    agdb__epoll_poller_alarm(&g_epoll, now + 20000);
    agdb__epoll_poller_alarm(&g_epoll, now + 500000); /* the earlier one stays */
    assert_true(is_readable(10000));
    assert_in_range(agdb__now_us() - now, 20000, 400000);
    assert_false(wait_until(0));
    assert_false(is_readable(0));
    agdb__epoll_poller_alarm(&g_epoll, 0); /* now */
    assert_true(is_readable(10000));
}

static void a_socket_that_is_closed_is_forgotten(void **state)
{
    int copy;

    (void)state;
    assert_true(arm(0));
    copy = dup(g_source[0].pipe[0]); /* as a forked child holds it */
    close(g_source[0].pipe[0]);
    g_poller->disarm(g_poller, &g_source[0].interest, false);
    write_to(0);
    (void)wait_until(agdb__now_us() + 1000);
    assert_in_range(g_source[0].ready, 0, 1); /* once at most */
    assert_false(is_readable(0));
    g_source[0].pipe[0] = copy;
}

int main(void)
{
#define BY_POLL(test)  cmocka_unit_test_setup_teardown(test, setup_poll, teardown)
#define BY_EPOLL(test) cmocka_unit_test_setup_teardown(test, setup_epoll, teardown)
    const struct CMUnitTest tests[] = {
        BY_POLL(armed_sockets_are_told_when_they_are_ready),
        BY_EPOLL(armed_sockets_are_told_when_they_are_ready),
        BY_POLL(the_bell_and_the_time_end_the_wait),
        BY_EPOLL(the_bell_and_the_time_end_the_wait),
        BY_POLL(ready_for_writing_is_told_as_well),
        BY_EPOLL(ready_for_writing_is_told_as_well),
        BY_POLL(more_sockets_than_there_was_room_for),
        BY_EPOLL(its_descriptor_is_readable_when_something_is_to_be_done),
        BY_EPOLL(the_alarm_makes_it_readable_at_the_earliest_time),
        BY_EPOLL(a_socket_that_is_closed_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
