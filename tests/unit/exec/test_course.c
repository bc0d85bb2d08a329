/* What the parts of a call come to. */
#include "exec/course.h"

#include "unit.h"

enum { START = 1000000 };

static agdb_timing_t timing(const agdb__course_t *c, uint64_t start_us, uint64_t end_us)
{
    agdb_timing_t t;

    memset(&t, 0xee, sizeof t);
    agdb__course_timing(c, start_us, end_us, &t);
    return t;
}

static void expect(agdb_timing_t t, uint64_t park_us, uint64_t earlier_us, uint64_t queue_us,
                   uint64_t connect_us, uint64_t exec_us)
{
    assert_int_equal(t.park_us, park_us);
    assert_int_equal(t.earlier_us, earlier_us);
    assert_int_equal(t.queue_us, queue_us);
    assert_int_equal(t.connect_us, connect_us);
    assert_int_equal(t.exec_us, exec_us);
    assert_int_equal(t.wait_us, park_us + earlier_us + queue_us + connect_us);
    assert_int_equal(t.total_us, t.wait_us + exec_us);
}

static void an_answer_has_all_parts(void **state)
{
    agdb__course_t c = {0};
    agdb_timing_t t;

    (void)state;
    agdb__course_begin(&c, START + 10);
    c.trip = (agdb__trip_t){
        .sent_us = START + 60, .ended_us = START + 160, .connect_us = 20, .group = 7};
    t = timing(&c, START, START + 160);
    expect(t, 10, 0, 30, 20, 100);
    assert_int_equal(t.struct_size, sizeof t);
    assert_int_equal(t.attempts, 1);
    assert_int_equal(t.group, 7);
}

static void an_attempt_that_failed_is_earlier_and_the_pause_behind_it_is_parked(void **state)
{
    agdb__course_t c = {0};
    agdb_timing_t t;

    (void)state;
    agdb__course_begin(&c, START);
    c.trip =
        (agdb__trip_t){.sent_us = START + 5, .ended_us = START + 40, .connect_us = 3, .group = 2};
    agdb__course_begin(&c, START + 100);
    c.trip.sent_us = START + 101;
    c.trip.ended_us = START + 111;
    c.trip.group = 1;
    t = timing(&c, START, START + 111);
    expect(t, 60, 40, 1, 0, 10);
    assert_int_equal(t.attempts, 2);
    assert_int_equal(t.group, 1);
}

static void an_attempt_that_nobody_ended_ends_with_the_next(void **state)
{
    agdb__course_t c = {0};

    (void)state;
    agdb__course_begin(&c, START);
    agdb__course_begin(&c, START + 100);
    c.trip = (agdb__trip_t){.sent_us = START + 100, .ended_us = START + 101, .group = 1};
    expect(timing(&c, START, START + 101), 0, 100, 0, 0, 1);
}

static void what_was_not_sent_has_waited(void **state)
{
    agdb__course_t c = {0};

    (void)state;
    expect(timing(&c, START, START + 50), 50, 0, 0, 0, 0); /* no node at all */
    agdb__course_begin(&c, START + 50);
    c.trip.ended_us = START + 90;
    expect(timing(&c, START, START + 90), 50, 0, 40, 0, 0);
    expect(timing(&c, START, START + 100), 60, 0, 40, 0, 0); /* parked again */
    c.trip.connect_us = 40;
    expect(timing(&c, START, START + 90), 50, 0, 0, 40, 0);
}

static void groups_that_had_to_be_left_are_earlier(void **state)
{
    agdb__course_t c = {0};

    (void)state;
    agdb__course_begin(&c, START);
    c.trip = (agdb__trip_t){.sent_us = START + 10, .group = 9};
    agdb__trip_lose(&c.trip, START + 40);
    assert_int_equal(c.trip.group, 0);
    c.trip.sent_us = START + 45;
    c.trip.ended_us = START + 50;
    expect(timing(&c, START, START + 50), 0, 30, 15, 0, 5);
}

static void one_that_has_its_connection_does_not_wait(void **state)
{
    agdb__course_t c = {.attempts = 5, .earlier_us = 77};
    agdb_timing_t t;

    (void)state;
    agdb__course_hold(&c, START);
    c.trip = (agdb__trip_t){.sent_us = START, .ended_us = START + 9, .group = 3};
    t = timing(&c, START, START + 9);
    expect(t, 0, 0, 0, 0, 9);
    assert_int_equal(t.attempts, 1);
}

/* A clock that is asked at other moments than the parts were must not make more of them. */
static void parts_are_never_more_than_the_whole(void **state)
{
    agdb__course_t c = {0};

    (void)state;
    agdb__course_begin(&c, START);
    c.trip = (agdb__trip_t){
        .sent_us = START + 50, .ended_us = START + 100, .connect_us = 200, .group = 1};
    expect(timing(&c, START + 40, START + 100), 0, 0, 0, 10, 50);
    expect(timing(&c, START + 90, START + 100), 0, 0, 0, 0, 10);
    expect(timing(&c, START + 100, START + 90), 0, 0, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_all_parts),
        cmocka_unit_test(an_attempt_that_failed_is_earlier_and_the_pause_behind_it_is_parked),
        cmocka_unit_test(an_attempt_that_nobody_ended_ends_with_the_next),
        cmocka_unit_test(what_was_not_sent_has_waited),
        cmocka_unit_test(groups_that_had_to_be_left_are_earlier),
        cmocka_unit_test(one_that_has_its_connection_does_not_wait),
        cmocka_unit_test(parts_are_never_more_than_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
