#include "monitor/ear_plan.h"

#include "base/clock.h"
#include "unit.h"

enum { NOW = 1000, LATER = 2000, BEFORE = 500 };

typedef struct row {
    const char *what;
    agdb__ear_facts_t facts;
    agdb__ear_deed_t deed;
} row_t;

#define FACTS(s, w, m, r, open, ask, ping)                                                         \
    {                                                                                              \
        AGDB__EAR_##s, w, m, r, open, ask, ping                                                    \
    }

static const row_t k_rows[] = {
    {"nobody wants it", FACTS(NONE, false, true, false, 0, 0, 0), AGDB__EAR_WAIT},
    {"no primary", FACTS(NONE, true, false, false, 0, 0, 0), AGDB__EAR_WAIT},
    {"it failed just now", FACTS(NONE, true, true, false, LATER, 0, 0), AGDB__EAR_WAIT},
    {"the wait is over", FACTS(NONE, true, true, false, NOW, 0, 0), AGDB__EAR_OPEN},
    {"being made", FACTS(MAKING, true, true, false, 0, 0, 0), AGDB__EAR_WAIT},
    {"in vain", FACTS(MAKING, false, true, false, 0, 0, 0), AGDB__EAR_CLOSE},
    {"no primary any more", FACTS(MAKING, true, false, false, 0, 0, 0), AGDB__EAR_CLOSE},
    {"all is said", FACTS(QUIET, true, true, false, 0, LATER, LATER), AGDB__EAR_WAIT},
    {"a channel came", FACTS(QUIET, true, true, false, 0, BEFORE, LATER), AGDB__EAR_ASK},
    {"a channel and the time", FACTS(QUIET, true, true, false, 0, NOW, NOW), AGDB__EAR_ASK},
    {"quiet for long", FACTS(QUIET, true, true, false, 0, LATER, NOW), AGDB__EAR_PING},
    {"it stays without a place", FACTS(QUIET, true, false, false, 0, LATER, LATER), AGDB__EAR_WAIT},
    {"and is asked all the same", FACTS(QUIET, true, false, false, 0, LATER, NOW), AGDB__EAR_PING},
    {"a replica", FACTS(QUIET, true, true, true, 0, 0, LATER), AGDB__EAR_GIVE_UP},
    {"the last one left", FACTS(QUIET, false, true, false, 0, 0, LATER), AGDB__EAR_CLOSE},
    {"an answer is due", FACTS(ASKING, true, true, false, 0, 0, 0), AGDB__EAR_WAIT},
    {"for nobody", FACTS(ASKING, false, true, false, 0, 0, 0), AGDB__EAR_CLOSE},
};

static void a_connection_does_what_its_row_says(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++)
        if (agdb__ear_decide(&k_rows[i].facts, NOW) != k_rows[i].deed)
            fail_msg("%s: %d", k_rows[i].what, (int)agdb__ear_decide(&k_rows[i].facts, NOW));
}

/* Whatever waits for a time is looked at then: at the time that is said, it does not wait. */
static void who_waits_for_a_time_wakes_at_it(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        const uint64_t wake_us = agdb__ear_wake_us(&k_rows[i].facts);

        if (k_rows[i].deed == AGDB__EAR_WAIT && wake_us != AGDB__NEVER)
            assert_int_not_equal(agdb__ear_decide(&k_rows[i].facts, wake_us), AGDB__EAR_WAIT);
    }
    assert_int_equal(agdb__ear_wake_us(&k_rows[2].facts), LATER);
    assert_int_equal(agdb__ear_wake_us(&k_rows[7].facts), LATER);
    assert_int_equal(agdb__ear_wake_us(&k_rows[0].facts), AGDB__NEVER);
}

static void the_wait_grows_with_failures_and_with_their_kind(void **state)
{
    agdb__rng_t rng = {1};
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++) {
        assert_in_range(agdb__ear_backoff_ms(&rng, 1, AGDB_E_LOST, ""), 37, 63);
        assert_in_range(agdb__ear_backoff_ms(&rng, 2, AGDB_E_CONNECT, ""), 75, 125);
        assert_in_range(agdb__ear_backoff_ms(&rng, 5 + i, AGDB_E_CONNECT, ""), 375, 625);
        assert_in_range(agdb__ear_backoff_ms(&rng, 1, AGDB_E_CONNECT, "53300"), 750, 1250);
        assert_in_range(agdb__ear_backoff_ms(&rng, 1, AGDB_E_AUTH, "28P01"), 37, 63);
        assert_in_range(agdb__ear_backoff_ms(&rng, 5, AGDB_E_AUTH, "28P01"), 2250, 3750);
    }
}

typedef struct step {
    agdb__hearing_t from;
    agdb__heard_t heard;
    agdb__hearing_t to;
    agdb__tidings_t tell;
} step_t;

#define STEP(from, heard, to, tell)                                                                \
    {                                                                                              \
        AGDB__HEARING_##from, AGDB__HEARD_##heard, AGDB__HEARING_##to, AGDB__TELL_##tell           \
    }

static const step_t k_steps[] = {
    STEP(NOT_YET, CONFIRMED, STANDS, SUBSCRIBED),
    STEP(NOT_YET, NOTIFIED, STANDS, SUBSCRIBED),
    STEP(NOT_YET, REFUSED, REFUSED, LOST),
    STEP(NOT_YET, CUT, NOT_YET, NOTHING),
    STEP(REFUSED, CONFIRMED, STANDS, SUBSCRIBED),
    STEP(REFUSED, NOTIFIED, STANDS, SUBSCRIBED),
    STEP(REFUSED, REFUSED, REFUSED, NOTHING),
    STEP(REFUSED, CUT, REFUSED, NOTHING),
    STEP(STANDS, CONFIRMED, STANDS, NOTHING),
    STEP(STANDS, NOTIFIED, STANDS, NOTHING),
    STEP(STANDS, REFUSED, AWAY, LOST),
    STEP(STANDS, CUT, AWAY, LOST),
    STEP(AWAY, CONFIRMED, STANDS, MISSED),
    STEP(AWAY, NOTIFIED, STANDS, MISSED),
    STEP(AWAY, REFUSED, AWAY, NOTHING),
    STEP(AWAY, CUT, AWAY, NOTHING),
};

static void a_subscription_is_told_what_its_row_says(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_steps); i++) {
        agdb__hearing_t now = k_steps[i].from;

        assert_int_equal(agdb__hearing_step(&now, k_steps[i].heard), k_steps[i].tell);
        assert_int_equal(now, k_steps[i].to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_does_what_its_row_says),
        cmocka_unit_test(who_waits_for_a_time_wakes_at_it),
        cmocka_unit_test(the_wait_grows_with_failures_and_with_their_kind),
        cmocka_unit_test(a_subscription_is_told_what_its_row_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
