#include "monitor/probe.h"

#include "base/clock.h"
#include "base/error.h"
#include "fake_conn.h"
#include "unit.h"

static const agdb__login_t k_login = {.node = "db-1:5432", .connect_ms = 3000};
static agdb__probe_t g_probe;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    agdb__probe_init(&g_probe, &k_login, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    agdb__probe_fini(&g_probe);
    return g_fake.opened == g_fake.closed ? 0 : -1;
}

static void step_makes_a_connection_and_observes(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_int_equal(g_probe.health, AGDB__HEALTH_UP);
    assert_int_equal(g_probe.hello.timeline, 1);
    assert_false(agdb__probe_step(&g_probe, 2000)); /* not time yet */
    assert_int_equal(g_fake.opened, 1);
}

static void step_asks_again_and_reports_a_new_role(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_false(agdb__probe_step(&g_probe, 3000000)); /* asked, nothing new */
    g_fake.hello.in_recovery = true;
    assert_true(agdb__probe_step(&g_probe, 6000000));
    assert_true(g_probe.hello.in_recovery);
    assert_int_equal(g_fake.opened, 1);
}

static void hurry_asks_at_once(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    g_fake.hello.timeline = 2;
    assert_false(agdb__probe_step(&g_probe, 2000));
    agdb__probe_hurry(&g_probe);
    assert_true(agdb__probe_step(&g_probe, 3000));
    assert_int_equal(g_probe.hello.timeline, 2);
}

static void watch_asks_ten_times_a_second(void **state)
{
    (void)state;
    g_fake.hello.in_recovery = true;
    assert_true(agdb__probe_step(&g_probe, 1000));
    g_fake.hello.timeline = 2;
    agdb__probe_watch(&g_probe);
    assert_false(agdb__probe_step(&g_probe, 100000));
    assert_true(agdb__probe_step(&g_probe, 101000));
    g_fake.hello.timeline = 3;
    assert_false(agdb__probe_step(&g_probe, 300000)); /* for one question */
}

static void watch_of_one_that_is_down_changes_nothing(void **state)
{
    uint64_t due_us;

    (void)state;
    g_fake.refuse = AGDB_E_AUTH;
    assert_true(agdb__probe_step(&g_probe, 1000));
    due_us = g_probe.next_us;
    agdb__probe_watch(&g_probe);
    assert_int_equal(g_probe.next_us, due_us);
}

/* Of the same cluster and role: what is known of it is not of the old one's connections. */
static void another_server_behind_the_name_has_moved(void **state)
{
    (void)state;
    g_fake.hello.started_us = 5;
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_false(agdb__probe_take_move(&g_probe));
    assert_false(agdb__probe_step(&g_probe, 3000000));
    assert_false(agdb__probe_take_move(&g_probe)); /* the same again */
    g_fake.hello.started_us = 6;
    assert_false(agdb__probe_step(&g_probe, 6000000));
    assert_true(agdb__probe_take_move(&g_probe));
    assert_false(agdb__probe_take_move(&g_probe));
}

static void watch_of_a_primary_changes_nothing(void **state)
{
    uint64_t due_us;

    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    due_us = g_probe.next_us;
    agdb__probe_watch(&g_probe);
    assert_int_equal(g_probe.next_us, due_us);
}

static void hurry_while_an_answer_is_under_way_asks_once_more(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    g_fake.stall = true;
    assert_false(agdb__probe_step(&g_probe, 3000000)); /* asked */
    agdb__probe_hurry(&g_probe);
    g_fake.stall = false;
    assert_false(agdb__probe_step(&g_probe, 3001000)); /* an answer of before */
    g_fake.hello.in_recovery = true;
    assert_true(agdb__probe_step(&g_probe, 3002000));
    assert_true(g_probe.hello.in_recovery);
}

static void a_lost_connection_alone_is_not_a_dead_server(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    g_fake.dead_when_probed = true;
    assert_false(agdb__probe_step(&g_probe, 3000000)); /* lost: asks again at once */
    g_fake.dead_when_probed = false;
    assert_false(agdb__probe_step(&g_probe, 3001000));
    assert_int_equal(g_probe.health, AGDB__HEALTH_UP);
    assert_int_equal(g_fake.opened, 2);
}

static void a_refused_connection_is_down_and_comes_back(void **state)
{
    (void)state;
    g_fake.refuse = AGDB_E_CONNECT;
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_int_equal(g_probe.health, AGDB__HEALTH_DOWN);
    assert_non_null(g_probe.error);
    assert_false(agdb__probe_step(&g_probe, 2000)); /* backs off */
    assert_int_equal(g_fake.opened, 1);
    g_fake.refuse = AGDB_OK;
    assert_true(agdb__probe_step(&g_probe, 1000000));
    assert_int_equal(g_probe.health, AGDB__HEALTH_UP);
    assert_null(g_probe.error);
}

static void another_reason_of_the_same_trouble_is_told(void **state)
{
    (void)state;
    g_fake.refuse = AGDB_E_CONNECT;
    g_fake.refuse_message = "is shutting down";
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_false(agdb__probe_step(&g_probe, 1000000));
    g_fake.refuse_message = "refuses connections";
    assert_true(agdb__probe_step(&g_probe, 2000000));
    assert_string_equal(g_probe.error->message, "refuses connections");
    assert_false(agdb__probe_step(&g_probe, 3000000));
}

static void a_hung_server_is_down_after_the_answer_is_overdue(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    g_fake.stall = true;
    assert_false(agdb__probe_step(&g_probe, 3000000)); /* asked */
    assert_false(agdb__probe_step(&g_probe, 4000000));
    assert_true(agdb__probe_step(&g_probe, 4600000));
    assert_int_equal(g_probe.health, AGDB__HEALTH_DOWN);
}

static void a_refused_login_is_tried_seldom(void **state)
{
    uint64_t now = 0;
    int i;

    (void)state;
    g_fake.refuse = AGDB_E_AUTH;
    for (i = 0; i < 60000; i++)
        (void)agdb__probe_step(&g_probe, now += 1000); /* a minute */
    assert_in_range(g_fake.opened, 15, 35);
}

/* Asks for so long, every 100 ms. True: something changed. */
static bool step_until(uint64_t from_us, uint64_t to_us)
{
    bool changed = false;
    uint64_t now;

    for (now = from_us; now <= to_us; now += 100000)
        changed = agdb__probe_step(&g_probe, now) || changed;
    return changed;
}

static void a_standing_connection_is_renewed_about_once_a_minute(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_false(step_until(100000, 44000000));
    assert_int_equal(g_fake.opened, 1);
    assert_false(step_until(44100000, 76000000)); /* and nothing is forgotten meanwhile */
    assert_int_equal(g_fake.opened, 2);
    assert_int_equal(g_fake.closed, 1);
    assert_false(agdb__probe_take_move(&g_probe)); /* the same server */
    assert_false(step_until(76100000, 600000000));
    assert_in_range(g_fake.opened, 8, 14);
}

static void a_renewed_connection_that_meets_another_server_has_moved(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_false(step_until(100000, 40000000));
    g_probe.next_us = 80000000; /* not asked on the old one meanwhile */
    g_fake.hello.timeline = 2;
    assert_true(step_until(40100000, 76000000));
    assert_int_equal(g_probe.hello.timeline, 2);
    assert_true(agdb__probe_take_move(&g_probe));
    assert_false(agdb__probe_take_move(&g_probe));
}

static void a_doubt_is_asked_on_a_new_connection_too(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    agdb__probe_doubt(&g_probe, 2000);
    assert_false(agdb__probe_step(&g_probe, 3000));
    assert_int_equal(g_fake.opened, 2);
    assert_int_equal(g_fake.closed, 1);
    assert_false(agdb__probe_take_move(&g_probe)); /* the same server */
    agdb__probe_doubt(&g_probe, 5000000);
    g_probe.next_us = 9000000; /* not asked on the old one meanwhile */
    g_fake.hello.in_recovery = true;
    assert_true(agdb__probe_step(&g_probe, 5000000));
    assert_true(agdb__probe_take_move(&g_probe));
}

static void doubts_in_a_row_are_asked_each_but_renew_once_a_second(void **state)
{
    uint64_t now;

    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    for (now = 100000; now < 3100000; now += 20000) {
        const uint64_t answers = g_probe.answers;

        agdb__probe_doubt(&g_probe, now);
        (void)agdb__probe_step(&g_probe, now);
        assert_true(g_probe.answers > answers);
    }
    assert_in_range(g_fake.opened, 3, 5);
}

static void it_stands_when_it_has_answered_what_was_asked_since(void **state)
{
    (void)state;
    assert_int_equal(agdb__probe_presence(&g_probe, 1000), AGDB__PRESENCE_NO); /* never seen */
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_int_equal(agdb__probe_presence(&g_probe, 1000), AGDB__PRESENCE_YES);
    assert_int_equal(agdb__probe_presence(&g_probe, 2000), AGDB__PRESENCE_OPEN);
    g_fake.stall = true;
    agdb__probe_hurry(&g_probe);
    assert_false(agdb__probe_step(&g_probe, 3000));
    assert_int_equal(agdb__probe_presence(&g_probe, 2000), AGDB__PRESENCE_OPEN); /* asked only */
    g_fake.stall = false;
    assert_false(agdb__probe_step(&g_probe, 4000));
    assert_int_equal(agdb__probe_presence(&g_probe, 2000), AGDB__PRESENCE_YES);
    g_fake.refuse = AGDB_E_CONNECT;
    agdb__probe_hurry(&g_probe);
    (void)agdb__probe_step(&g_probe, 5000);
    (void)agdb__probe_step(&g_probe, 6000);
    assert_int_equal(agdb__probe_presence(&g_probe, 2000), AGDB__PRESENCE_NO);
}

static void a_renewal_that_fails_takes_nothing_away(void **state)
{
    agdb__conn_t *standing;

    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    standing = g_probe.conn;
    assert_false(step_until(100000, 40000000));
    g_probe.next_us = 100000000; /* only the renewal meets the refusal */
    g_fake.refuse = AGDB_E_AUTH;
    assert_false(step_until(40100000, 99000000));
    assert_in_range(g_fake.opened, 3, 9); /* tried again meanwhile, but not at once */
    assert_ptr_equal(g_probe.conn, standing);
    assert_int_equal(g_probe.health, AGDB__HEALTH_UP);
}

static void a_server_of_another_cluster_is_left_soon(void **state)
{
    unsigned opened;

    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    agdb__probe_set_astray(&g_probe, true, 1000);
    assert_false(step_until(100000, 2000000));
    agdb__probe_set_astray(&g_probe, true, 2000000); /* said again: no reason to wait for longer */
    assert_false(step_until(2100000, 4000000));
    assert_int_equal(g_fake.opened, 2);
    assert_false(step_until(4100000, 34000000));
    assert_in_range(g_fake.opened, 8, 15);
    agdb__probe_set_astray(&g_probe, false, 34000000);
    opened = g_fake.opened;
    assert_false(step_until(34100000, 78000000));
    assert_int_equal(g_fake.opened, opened);
}

static void hurry_while_a_renewal_is_under_way_asks_once_more(void **state)
{
    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_false(step_until(100000, 40000000));
    g_probe.next_us = 100000000;
    g_probe.renew_us = 41000000;
    g_fake.stall = true;
    assert_false(agdb__probe_step(&g_probe, 41000000));
    assert_non_null(g_probe.fresh);
    agdb__probe_hurry(&g_probe);
    g_fake.stall = false;
    (void)agdb__probe_step(&g_probe, 41001000); /* perhaps an answer of before */
    g_fake.hello.in_recovery = true;
    assert_true(agdb__probe_step(&g_probe, 41002000));
    assert_true(g_probe.hello.in_recovery);
}

static void a_request_to_cancel_is_no_observation(void **state)
{
    const int pids[] = {17, 4};
    uint64_t answers;

    (void)state;
    assert_false(agdb__probe_can_cancel(&g_probe, 500));
    assert_true(agdb__probe_step(&g_probe, 1000));
    assert_true(agdb__probe_can_cancel(&g_probe, 1500));
    assert_false(agdb__probe_can_cancel(&g_probe, 9000000)); /* its own question is due */
    answers = g_probe.answers;
    g_fake.never_answers = true;
    agdb__probe_cancel(&g_probe, pids, 2, 2000);
    assert_false(agdb__probe_can_cancel(&g_probe, 2500));
    assert_false(agdb__probe_step(&g_probe, 3000));
    assert_int_equal(agdb__probe_take_cancelling(&g_probe), AGDB__CANCELLING_UNDER_WAY);
    fake_answer_held();
    assert_false(agdb__probe_step(&g_probe, 4000));
    assert_int_equal(agdb__probe_take_cancelling(&g_probe), AGDB__CANCELLING_SENT);
    assert_int_equal(agdb__probe_take_cancelling(&g_probe), AGDB__CANCELLING_NOTHING);
    assert_int_equal(g_probe.answers, answers);
    g_fake.never_answers = false;
    assert_false(agdb__probe_can_cancel(&g_probe, 4500)); /* the question is to be seen first */
    (void)agdb__probe_step(&g_probe, 4500);
    assert_int_equal(g_probe.answers, answers + 1);
    assert_true(agdb__probe_can_cancel(&g_probe, 5000));
}

static void a_request_to_cancel_that_is_refused_or_dropped_is_lost(void **state)
{
    const int pid = 17;

    (void)state;
    assert_true(agdb__probe_step(&g_probe, 1000));
    g_fake.refuse_send = AGDB_E_NOMEM;
    agdb__probe_cancel(&g_probe, &pid, 1, 2000);
    assert_int_equal(agdb__probe_take_cancelling(&g_probe), AGDB__CANCELLING_LOST);
    g_fake.refuse_send = AGDB_OK;
    g_fake.never_answers = true;
    agdb__probe_cancel(&g_probe, &pid, 1, 3000);
    agdb__conn_abort(g_probe.conn, "the server has gone");
    (void)agdb__probe_step(&g_probe, 4000);
    assert_int_equal(agdb__probe_take_cancelling(&g_probe), AGDB__CANCELLING_LOST);
}

static void what_a_person_must_mend_is_refused(void **state)
{
    (void)state;
    assert_int_equal(agdb__probe_judge(AGDB_E_AUTH), AGDB__HEALTH_REFUSED);
    assert_int_equal(agdb__probe_judge(AGDB_E_TLS), AGDB__HEALTH_REFUSED);
    assert_int_equal(agdb__probe_judge(AGDB_E_WRONG_SHARD), AGDB__HEALTH_REFUSED);
    assert_int_equal(agdb__probe_judge(AGDB_E_CONNECT), AGDB__HEALTH_DOWN);
    assert_int_equal(agdb__probe_judge(AGDB_E_TIMEOUT), AGDB__HEALTH_DOWN);
    assert_int_equal(agdb__probe_judge(AGDB_OK), AGDB__HEALTH_UP);
}

static void the_interval_is_jittered_and_grows_with_failures(void **state)
{
    agdb__rng_t rng = {1};
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++) {
        assert_in_range(agdb__probe_interval_ms(&rng, 0), 750, 1250);
        assert_in_range(agdb__probe_interval_ms(&rng, 1), 37, 63);
        assert_in_range(agdb__probe_interval_ms(&rng, 50 + i), 375, 625);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(step_makes_a_connection_and_observes, setup, teardown),
        cmocka_unit_test_setup_teardown(step_asks_again_and_reports_a_new_role, setup, teardown),
        cmocka_unit_test_setup_teardown(hurry_asks_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(watch_asks_ten_times_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(watch_of_one_that_is_down_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(another_server_behind_the_name_has_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(watch_of_a_primary_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(hurry_while_an_answer_is_under_way_asks_once_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lost_connection_alone_is_not_a_dead_server, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refused_connection_is_down_and_comes_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_reason_of_the_same_trouble_is_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_hung_server_is_down_after_the_answer_is_overdue, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refused_login_is_tried_seldom, setup, teardown),
        cmocka_unit_test_setup_teardown(a_standing_connection_is_renewed_about_once_a_minute, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_renewed_connection_that_meets_another_server_has_moved,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_of_another_cluster_is_left_soon, setup, teardown),
        cmocka_unit_test_setup_teardown(a_doubt_is_asked_on_a_new_connection_too, setup, teardown),
        cmocka_unit_test_setup_teardown(doubts_in_a_row_are_asked_each_but_renew_once_a_second,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(it_stands_when_it_has_answered_what_was_asked_since, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_renewal_that_fails_takes_nothing_away, setup, teardown),
        cmocka_unit_test_setup_teardown(hurry_while_a_renewal_is_under_way_asks_once_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_request_to_cancel_is_no_observation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_to_cancel_that_is_refused_or_dropped_is_lost,
                                        setup, teardown),
        cmocka_unit_test(what_a_person_must_mend_is_refused),
        cmocka_unit_test(the_interval_is_jittered_and_grows_with_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
