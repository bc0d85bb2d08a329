#include "monitor/channels.h"

#include "base/clock.h"
#include "unit.h"

#include <stdio.h>

static agdb__channels_t g_all;

static int setup(void **state)
{
    (void)state;
    agdb__channels_init(&g_all);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__channels_fini(&g_all);
    return 0;
}

/* The only thing to ask for. */
static agdb__channel_t *asked(agdb__channel_state_t state)
{
    agdb__channel_t *channel[2] = {NULL, NULL};

    assert_int_equal(agdb__channels_ask(&g_all, 1000, channel, 2), 1);
    assert_int_equal(channel[0]->state, state);
    return channel[0];
}

static void nothing_to_ask(void)
{
    agdb__channel_t *channel[2];

    assert_int_equal(agdb__channels_ask(&g_all, 1000, channel, 2), 0);
    assert_int_equal(g_all.look_us, AGDB__NEVER);
}

static void one_listen_serves_all_who_hear(void **state)
{
    agdb__hearer_t one;
    agdb__hearer_t two;

    (void)state;
    assert_true(agdb__channels_join(&g_all, "a", &one));
    assert_true(agdb__channels_join(&g_all, "a", &two));
    assert_true(agdb__channels_done(&g_all, asked(AGDB__CHANNEL_ASKED)));
    nothing_to_ask();
    agdb__channels_leave(&g_all, &one);
    nothing_to_ask();
    assert_int_equal(g_all.heard, 1);
    agdb__channels_leave(&g_all, &two);
    assert_int_equal(g_all.heard, 0);
    assert_false(agdb__channels_done(&g_all, asked(AGDB__CHANNEL_LEAVING)));
    assert_int_equal(g_all.count, 0);
    agdb__channels_leave(&g_all, &two); /* it hears none */
}

static void one_who_comes_while_it_is_left_makes_it_asked_for_again(void **state)
{
    agdb__hearer_t one;
    agdb__hearer_t two;
    agdb__channel_t *channel;

    (void)state;
    assert_true(agdb__channels_join(&g_all, "a", &one));
    assert_true(agdb__channels_done(&g_all, asked(AGDB__CHANNEL_ASKED)));
    agdb__channels_leave(&g_all, &one);
    channel = asked(AGDB__CHANNEL_LEAVING);
    assert_true(agdb__channels_join(&g_all, "a", &two));
    nothing_to_ask();
    assert_false(agdb__channels_done(&g_all, channel));
    assert_true(agdb__channels_done(&g_all, asked(AGDB__CHANNEL_ASKED)));
}

static void one_that_is_left_while_it_is_asked_for_is_left_at_once(void **state)
{
    agdb__hearer_t one;
    agdb__channel_t *channel;

    (void)state;
    assert_true(agdb__channels_join(&g_all, "a", &one));
    channel = asked(AGDB__CHANNEL_ASKED);
    agdb__channels_leave(&g_all, &one);
    assert_true(agdb__channels_done(&g_all, channel));
    assert_false(agdb__channels_done(&g_all, asked(AGDB__CHANNEL_LEAVING)));
    assert_int_equal(g_all.count, 0);
}

static void one_that_was_never_asked_for_is_forgotten(void **state)
{
    agdb__hearer_t one;

    (void)state;
    assert_true(agdb__channels_join(&g_all, "a", &one));
    agdb__channels_leave(&g_all, &one);
    assert_int_equal(g_all.count, 0);
    nothing_to_ask();
}

static void one_that_is_refused_is_asked_for_later(void **state)
{
    agdb__hearer_t one;
    agdb__channel_t *channel[1];

    (void)state;
    assert_true(agdb__channels_join(&g_all, "a", &one));
    agdb__channels_refused(&g_all, asked(AGDB__CHANNEL_ASKED), 5000);
    assert_int_equal(g_all.look_us, 5000);
    assert_int_equal(agdb__channels_ask(&g_all, 4999, channel, 1), 0);
    assert_int_equal(agdb__channels_ask(&g_all, 5000, channel, 1), 1);
}

static void a_lost_connection_forgets_what_stood_and_who_is_gone(void **state)
{
    agdb__hearer_t hearer[3];
    agdb__channel_t *channel[4];
    size_t i;

    (void)state;
    for (i = 0; i < 3; i++) {
        const char name[2] = {(char)('a' + i), '\0'};

        assert_true(agdb__channels_join(&g_all, name, &hearer[i]));
    }
    assert_int_equal(agdb__channels_ask(&g_all, 0, channel, 4), 3);
    for (i = 0; i < 3; i++)
        assert_true(agdb__channels_done(&g_all, channel[i]));
    agdb__channels_leave(&g_all, &hearer[1]);
    agdb__channels_reset(&g_all);
    assert_int_equal(g_all.count, 2);
    assert_int_equal(agdb__channels_ask(&g_all, 0, channel, 4), 2);
    assert_string_equal(channel[0]->name, "a");
    assert_string_equal(channel[1]->name, "c");
}

static void many_are_found_and_asked_for_in_parts(void **state)
{
    enum { MANY = 300, PART = 64 };
    static agdb__hearer_t hearer[MANY];
    agdb__channel_t *channel[PART];
    size_t total = 0;
    size_t count;
    unsigned i;
    char name[16];

    (void)state;
    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "c%u", i * 7919 % MANY);
        assert_true(agdb__channels_join(&g_all, name, &hearer[i]));
    }
    while ((count = agdb__channels_ask(&g_all, 0, channel, PART)) > 0)
        total += count;
    assert_int_equal(total, MANY);
    for (i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "c%u", i);
        assert_string_equal(agdb__channels_find(&g_all, name)->name, name);
    }
    assert_null(agdb__channels_find(&g_all, "c300"));
    assert_null(agdb__channels_find(&g_all, "c"));
}

#define CHANNEL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHANNEL_TEST(one_listen_serves_all_who_hear),
        CHANNEL_TEST(one_who_comes_while_it_is_left_makes_it_asked_for_again),
        CHANNEL_TEST(one_that_is_left_while_it_is_asked_for_is_left_at_once),
        CHANNEL_TEST(one_that_was_never_asked_for_is_forgotten),
        CHANNEL_TEST(one_that_is_refused_is_asked_for_later),
        CHANNEL_TEST(a_lost_connection_forgets_what_stood_and_who_is_gone),
        CHANNEL_TEST(many_are_found_and_asked_for_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
