#include "monitor/ear.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "fake_conn.h"
#include "unit.h"

#include <stdio.h>

static const agdb__login_t k_login = {.node = "db-1:5432", .connect_ms = 3000};
static agdb__ear_t g_ear;
static agdb__hearer_t g_hearer[2];
static char g_told[1024]; /* "0C" the first is confirmed, R refused, X cut, N(payload) notified */

static void tell(agdb__hearer_t *hearer, agdb__heard_t heard, const char *text, int process)
{
    const size_t len = strlen(g_told);
    const int number = hearer == &g_hearer[1] ? 1 : 0;

    if (heard == AGDB__HEARD_NOTIFIED)
        snprintf(g_told + len, sizeof g_told - len, "%dN(%s,%d) ", number, text, process);
    else
        snprintf(g_told + len, sizeof g_told - len, "%d%c ", number,
                 heard == AGDB__HEARD_CONFIRMED ? 'C' : (heard == AGDB__HEARD_REFUSED ? 'R' : 'X'));
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    g_told[0] = '\0';
    agdb__ear_init(&g_ear, &k_login, NULL, tell);
    g_ear.may_open = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__ear_fini(&g_ear);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

/* In steps of a millisecond. */
static void run(uint64_t from_ms, uint64_t to_ms)
{
    uint64_t ms;

    for (ms = from_ms; ms <= to_ms; ms++)
        agdb__ear_step(&g_ear, ms * 1000);
}

static void hear(const char *channel, const char *payload)
{
    g_fake.heard[g_fake.nheard][0] = channel;
    g_fake.heard[g_fake.nheard++][1] = payload;
}

static void nobody_who_hears_needs_no_connection(void **state)
{
    (void)state;
    run(1, 5000);
    assert_int_equal(g_fake.opened, 0);
}

static void one_who_hears_is_confirmed_and_notified(void **state)
{
    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 10);
    assert_string_equal(g_told, "0C ");
    hear("a", "x");
    hear("b", "y"); /* nobody wants it */
    hear("a", "");
    run(11, 11);
    assert_string_equal(g_told, "0C 0N(x,99) 0N(,99) ");
    assert_int_equal(g_fake.opened, 1);
}

static void a_second_one_hears_the_same_without_asking_again(void **state)
{
    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 10);
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[1]));
    assert_string_equal(g_told, "0C 1C ");
    hear("a", "x");
    run(11, 20);
    assert_string_equal(g_told, "0C 1C 1N(x,99) 0N(x,99) ");
    agdb__ear_leave(&g_ear, &g_hearer[0]);
    run(21, 30);
    assert_string_equal(g_fake.wishes, "+a ");
}

static void a_channel_is_left_and_the_connection_with_the_last(void **state)
{
    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    assert_true(agdb__ear_join(&g_ear, "b", &g_hearer[1]));
    run(1, 10);
    agdb__ear_leave(&g_ear, &g_hearer[0]);
    run(11, 20);
    assert_string_equal(g_fake.wishes, "+a +b -a ");
    assert_int_equal(g_fake.closed, 0);
    agdb__ear_leave(&g_ear, &g_hearer[1]);
    run(21, 30);
    assert_string_equal(g_fake.wishes, "+a +b -a ");
    assert_int_equal(g_fake.closed, 1);
}

/* It proves the LISTEN's commit, and is told behind it. */
static void a_notification_ahead_of_the_answer_confirms(void **state)
{
    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    agdb__ear_step(&g_ear, 1000);
    while (g_fake.wishes[0] == '\0')
        agdb__ear_step(&g_ear, 1000);
    g_told[0] = '\0';
    g_ear.channels.all[0]->state = AGDB__CHANNEL_ASKED;
    hear("a", "early");
    agdb__ear_step(&g_ear, 2000);
    assert_string_equal(g_told, "0C 0N(early,99) ");
}

static void a_lost_connection_is_made_again_and_confirmed_again(void **state)
{
    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 10);
    hear("a", "last");
    g_fake.dead_when_heard = true;
    run(11, 11);
    assert_string_equal(g_told, "0C 0N(last,99) 0X ");
    g_fake.dead_when_heard = false;
    run(12, 40);
    assert_int_equal(g_fake.opened, 1); /* not at once */
    run(41, 100);
    assert_string_equal(g_told, "0C 0N(last,99) 0X 0C ");
    assert_string_equal(g_fake.wishes, "+a +a ");
}

static void a_silent_server_is_noticed_within_four_seconds(void **state)
{
    uint64_t ms;

    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 10);
    run(11, 9000);
    assert_in_range(g_fake.pings, 3, 6);
    assert_string_equal(g_told, "0C ");
    g_fake.stall = true;
    for (ms = 9001; strcmp(g_told, "0C 0X ") != 0; ms++) {
        agdb__ear_step(&g_ear, ms * 1000);
        assert_true(ms < 9001 + 4001);
    }
}

/* It is alive, however late its answer is. */
static void a_server_that_talks_is_not_silent(void **state)
{
    uint64_t ms;

    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 10);
    g_fake.stall = true;
    for (ms = 1000; ms < 20000; ms += 1000) {
        hear("a", "x");
        agdb__ear_step(&g_ear, ms * 1000);
    }
    assert_null(strstr(g_told, "X"));
    assert_int_equal(g_fake.pings, 1);
}

static void a_server_without_its_place_is_not_connected_to(void **state)
{
    (void)state;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    g_ear.may_open = false;
    run(1, 3000);
    assert_int_equal(g_fake.opened, 0);
    g_ear.may_open = true;
    run(3001, 3010);
    g_ear.may_open = false; /* what stands stays */
    run(3011, 9000);
    assert_int_equal(g_fake.opened, 1);
    assert_int_equal(g_fake.closed, 0);
}

static void a_replica_is_not_listened_to(void **state)
{
    (void)state;
    g_fake.hello.in_recovery = true;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 2000);
    assert_string_equal(g_fake.wishes, "");
    assert_in_range(g_fake.opened, 3, 12);
}

static void a_refused_login_is_told_and_tried_seldom(void **state)
{
    (void)state;
    g_fake.refuse = AGDB_E_AUTH;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 1);
    assert_string_equal(g_told, "0R ");
    run(2, 60000);
    assert_in_range(g_fake.opened, 15, 35);
}

static void a_refused_channel_takes_no_other_along(void **state)
{
    (void)state;
    g_fake.refused = "bad";
    assert_true(agdb__ear_join(&g_ear, "bad", &g_hearer[0]));
    assert_true(agdb__ear_join(&g_ear, "good", &g_hearer[1]));
    run(1, 2000);
    assert_string_equal(g_told, "0R 1C ");
    g_fake.refused = NULL;
    run(2001, 4000);
    assert_string_equal(g_told, "0R 1C 0C ");
    assert_int_equal(g_fake.opened, 1);
}

static void another_server_behind_the_name_ends_what_stands(void **state)
{
    (void)state;
    g_fake.hello.started_us = 5;
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
    run(1, 10);
    agdb__ear_see_server(&g_ear, &g_fake.hello, 11000); /* the one that it is with */
    assert_string_equal(g_told, "0C ");
    g_fake.hello.started_us = 6;
    agdb__ear_see_server(&g_ear, &g_fake.hello, 12000);
    run(13, 100);
    assert_string_equal(g_told, "0C 0X 0C ");
    assert_int_equal(g_fake.opened, 2);
}

static void *no_memory(size_t size, void *user)
{
    (void)size;
    (void)user;
    return NULL;
}

static void *no_more_memory(void *block, size_t size, void *user)
{
    (void)block;
    (void)size;
    (void)user;
    return NULL;
}

static void no_release(void *block, void *user)
{
    (void)block;
    (void)user;
}

static void without_memory_nobody_joins(void **state)
{
    const agdb_allocator_t none = {no_memory, no_more_memory, no_release, NULL};
    const agdb_allocator_t *outer = agdb__alloc_enter(&none);
    const bool joined = agdb__ear_join(&g_ear, "a", &g_hearer[0]);

    (void)state;
    (void)agdb__alloc_enter(outer);
    assert_false(joined);
    assert_int_equal(g_ear.channels.heard, 0);
    assert_true(agdb__ear_join(&g_ear, "a", &g_hearer[0]));
}

#define EAR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EAR_TEST(nobody_who_hears_needs_no_connection),
        EAR_TEST(one_who_hears_is_confirmed_and_notified),
        EAR_TEST(a_second_one_hears_the_same_without_asking_again),
        EAR_TEST(a_channel_is_left_and_the_connection_with_the_last),
        EAR_TEST(a_notification_ahead_of_the_answer_confirms),
        EAR_TEST(a_lost_connection_is_made_again_and_confirmed_again),
        EAR_TEST(a_silent_server_is_noticed_within_four_seconds),
        EAR_TEST(a_server_that_talks_is_not_silent),
        EAR_TEST(a_server_without_its_place_is_not_connected_to),
        EAR_TEST(a_replica_is_not_listened_to),
        EAR_TEST(a_refused_login_is_told_and_tried_seldom),
        EAR_TEST(a_refused_channel_takes_no_other_along),
        EAR_TEST(another_server_behind_the_name_ends_what_stands),
        EAR_TEST(without_memory_nobody_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
