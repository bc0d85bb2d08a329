#include "monitor/samples.h"

#include "unit.h"

enum { SECOND = 1000000, START = 100 * SECOND };

static agdb__samples_t g_samples;

static int reset(void **state)
{
    (void)state;
    g_samples = (agdb__samples_t){0};
    return 0;
}

/* A primary that writes 100 bytes a second. */
static void write_for(unsigned seconds)
{
    unsigned i;

    for (i = 0; i <= seconds; i++)
        agdb__samples_add(&g_samples, 1, 1000 + 100 * i, START + (uint64_t)i * SECOND);
}

static void bound_is_the_oldest_sample_that_is_young_enough(void **state)
{
    uint64_t lsn = 0;

    (void)state;
    assert_false(agdb__samples_bound(&g_samples, START, 5 * SECOND, &lsn));
    write_for(10);
    assert_true(agdb__samples_bound(&g_samples, START + 10 * SECOND, 3 * SECOND, &lsn));
    assert_int_equal(lsn, 1700);
    assert_true(agdb__samples_bound(&g_samples, START + 10 * SECOND, 100 * SECOND, &lsn));
    assert_int_equal(lsn, 1000); /* as far back as is known: stricter than asked */
    assert_true(agdb__samples_bound(&g_samples, START + 10 * SECOND, 0, &lsn));
    assert_int_equal(lsn, 2000);
    assert_false(agdb__samples_bound(&g_samples, START + 13 * SECOND, 2 * SECOND, &lsn));
}

static void lag_is_the_age_of_what_is_shown(void **state)
{
    uint64_t now_us = START + 10 * SECOND;

    (void)state;
    assert_int_equal(agdb__samples_lag_us(&g_samples, 0, 5, now_us), AGDB__LAG_UNKNOWN);
    write_for(10);
    assert_int_equal(agdb__samples_lag_us(&g_samples, 1, 2000, now_us), 0);
    assert_int_equal(agdb__samples_lag_us(&g_samples, 1, 1999, now_us), SECOND);
    assert_int_equal(agdb__samples_lag_us(&g_samples, 1, 1500, now_us), 5 * SECOND);
    assert_int_equal(agdb__samples_lag_us(&g_samples, 1, 999, now_us), AGDB__LAG_UNKNOWN);
    assert_int_equal(agdb__samples_lag_us(&g_samples, 2, 2000, now_us), AGDB__LAG_UNKNOWN);
}

static void an_idle_primary_makes_no_lag_and_a_dead_one_does(void **state)
{
    unsigned i;

    (void)state;
    for (i = 0; i <= 60; i++)
        agdb__samples_add(&g_samples, 1, 1000, START + (uint64_t)i * SECOND);
    assert_int_equal(agdb__samples_lag_us(&g_samples, 1, 1000, START + 60 * SECOND), 0);
    /* no answer of the primary any more: what it may have written since, nobody knows */
    assert_int_equal(agdb__samples_lag_us(&g_samples, 1, 1000, START + 90 * SECOND), 30 * SECOND);
}

static void the_ring_forgets_the_oldest_and_other_timelines(void **state)
{
    uint64_t lsn = 0;

    (void)state;
    write_for(AGDB__SAMPLES + 10);
    assert_true(agdb__samples_bound(&g_samples, START + (AGDB__SAMPLES + 10) * (uint64_t)SECOND,
                                    1000 * (uint64_t)SECOND, &lsn));
    assert_int_equal(lsn, 1000 + 100 * 11);
    agdb__samples_add(&g_samples, 2, 500, START + 500 * (uint64_t)SECOND);
    assert_true(agdb__samples_bound(&g_samples, START + 500 * (uint64_t)SECOND,
                                    1000 * (uint64_t)SECOND, &lsn));
    assert_int_equal(lsn, 500);
}

static void who_comes_back_has_to_catch_up_first(void **state)
{
    static const struct {
        agdb__join_t before;
        uint64_t lsn;
        unsigned after_s;
        agdb__join_t now;
    } rows[] = {
        {AGDB__JOIN_AWAY, 1700, 10, AGDB__JOIN_DONE},
        {AGDB__JOIN_AWAY, 1699, 10, AGDB__JOIN_AWAY},
        {AGDB__JOIN_TRUSTED, 1700, 10, AGDB__JOIN_DONE},
        {AGDB__JOIN_TRUSTED, 1699, 10, AGDB__JOIN_AWAY},  /* it was trusted too early */
        {AGDB__JOIN_TRUSTED, 900, 2, AGDB__JOIN_TRUSTED}, /* too early to know */
        {AGDB__JOIN_TRUSTED, 900, 3, AGDB__JOIN_AWAY},
        {AGDB__JOIN_AWAY, 900, 2, AGDB__JOIN_AWAY},
        {AGDB__JOIN_DONE, 5, 10, AGDB__JOIN_DONE},    /* once is enough */
        {AGDB__JOIN_AWAY, 1900, 99, AGDB__JOIN_DONE}, /* a silent primary's last word but one */
        {AGDB__JOIN_AWAY, 1899, 99, AGDB__JOIN_AWAY},
    };
    size_t i;

    (void)state;
    assert_int_equal(agdb__samples_join(&g_samples, AGDB__JOIN_AWAY, 5, START, 3 * SECOND),
                     AGDB__JOIN_TRUSTED);
    write_for(10);
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__join_t now =
            agdb__samples_join(&g_samples, rows[i].before, rows[i].lsn,
                               START + rows[i].after_s * (uint64_t)SECOND, 3 * SECOND);
        if (now != rows[i].now)
            fail_msg("row %zu: %d", i, (int)now);
    }
}

static void a_replica_is_late_until_it_is_known_to_be_back_at_half(void **state)
{
    static const struct {
        uint64_t lag_us;
        unsigned after_s; /* since the one before */
        bool late;
        unsigned lag_s;
    } rows[] = {
        {AGDB__LAG_UNKNOWN, 0, false, 0}, /* nothing to compare with yet */
        {AGDB__LAG_UNKNOWN, 29, false, 29},
        {0, 1, false, 0},
        {30 * SECOND, 1, false, 30},
        {31 * SECOND, 1, true, 31},
        {16 * SECOND, 1, true, 16},
        {15 * SECOND, 1, false, 15},
        {AGDB__LAG_UNKNOWN, 15, false, 30}, /* it grows while nobody knows */
        {AGDB__LAG_UNKNOWN, 1, true, 31},
        {AGDB__LAG_UNKNOWN, 100, true, 131},
        {0, 1, false, 0},
        {40 * SECOND, 1, true, 40},
        {AGDB__LAG_UNKNOWN, 1, true, 41}, /* out of the ring is not back */
    };
    agdb__lateness_t lateness = {0};
    uint64_t now_us = START;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        uint64_t lag_us;

        now_us += rows[i].after_s * (uint64_t)SECOND;
        lag_us = agdb__lateness_see(&lateness, rows[i].lag_us, 30 * SECOND, now_us);
        if (lateness.late != rows[i].late || lag_us != rows[i].lag_s * (uint64_t)SECOND)
            fail_msg("row %zu: %d, %llu us", i, lateness.late, (unsigned long long)lag_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bound_is_the_oldest_sample_that_is_young_enough, reset),
        cmocka_unit_test_setup(lag_is_the_age_of_what_is_shown, reset),
        cmocka_unit_test_setup(an_idle_primary_makes_no_lag_and_a_dead_one_does, reset),
        cmocka_unit_test_setup(who_comes_back_has_to_catch_up_first, reset),
        cmocka_unit_test(a_replica_is_late_until_it_is_known_to_be_back_at_half),
        cmocka_unit_test_setup(the_ring_forgets_the_oldest_and_other_timelines, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
