#include "pool/waiters.h"

#include "base/error.h"
#include "fake_conn.h"
#include "unit.h"

static void serve_is_first_come_first_served(void **state)
{
    agdb__waiters_t all = {0};
    agdb__waiter_t w[3];
    agdb__slots_t slots;
    size_t i;

    (void)state;
    fake_reset();
    assert_true(agdb__slots_init(&slots, 1));
    slots.slot[agdb__slots_begin(&slots)].conn = agdb__conn_open(NULL, NULL, 0, 0);
    for (i = 0; i < 3; i++) {
        assert_true(agdb__waiter_init(&w[i]));
        agdb__waiters_append(&all, &w[i]);
    }
    agdb__waiters_serve(&all, &slots, 0); /* nothing is free */
    assert_int_equal(agdb__waiters_count(&all), 3);
    for (i = 0; i < 3; i++) {
        agdb__slots_give(&slots, 0);
        agdb__waiters_serve(&all, &slots, 0);
        assert_int_equal(w[i].slot, 0);
        assert_int_equal(agdb__waiters_count(&all), 2 - i);
    }
    for (i = 0; i < 3; i++)
        agdb__waiter_fini(&w[i]);
    agdb__conn_close(slots.slot[0].conn);
    agdb__slots_fini(&slots);
}

static void remove_works_at_every_place_and_twice(void **state)
{
    size_t victim;

    (void)state;
    for (victim = 0; victim < 3; victim++) {
        agdb__waiters_t all = {0};
        agdb__waiter_t w[3];
        size_t i;

        for (i = 0; i < 3; i++) {
            assert_true(agdb__waiter_init(&w[i]));
            agdb__waiters_append(&all, &w[i]);
        }
        agdb__waiters_remove(&all, &w[victim]);
        agdb__waiters_remove(&all, &w[victim]);
        assert_int_equal(agdb__waiters_count(&all), 2);
        agdb__waiters_dismiss(&all, AGDB_E_CLOSING, NULL);
        for (i = 0; i < 3; i++) {
            assert_int_equal(w[i].status, i == victim ? AGDB_OK : AGDB_E_CLOSING);
            agdb__waiter_fini(&w[i]);
        }
        assert_null(all.head);
        assert_null(all.tail);
    }
}

static void dismiss_gives_everybody_an_error_of_his_own(void **state)
{
    agdb__waiters_t all = {0};
    agdb__waiter_t w[2];
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__fail(&error, AGDB_E_CONNECT, "refused"), AGDB_E_CONNECT);
    assert_true(agdb__waiter_init(&w[0]) && agdb__waiter_init(&w[1]));
    agdb__waiters_append(&all, &w[0]);
    agdb__waiters_append(&all, &w[1]);
    agdb__waiters_dismiss(&all, AGDB_E_CONNECT, error);
    agdb__error_free(error);
    assert_string_equal(w[0].error->message, "refused");
    assert_ptr_not_equal(w[0].error, w[1].error);
    agdb__waiter_fini(&w[0]);
    agdb__waiter_fini(&w[1]);
}

static void count(void *user)
{
    ++*(unsigned *)user;
}

static void those_who_do_not_wait_are_told_in_their_turn(void **state)
{
    agdb__waiters_t all = {0};
    agdb__waiter_t blocking;
    agdb__waiter_t told;
    agdb__slots_t slots;
    unsigned times = 0;

    (void)state;
    fake_reset();
    assert_true(agdb__slots_init(&slots, 1));
    slots.slot[agdb__slots_begin(&slots)].conn = agdb__conn_open(NULL, NULL, 0, 0);
    assert_true(agdb__waiter_init(&blocking));
    agdb__waiter_init_told(&told, count, &times);
    agdb__waiters_append(&all, &blocking);
    agdb__waiters_append(&all, &told);
    agdb__slots_give(&slots, 0);
    agdb__waiters_serve(&all, &slots, 0);
    assert_int_equal(blocking.slot, 0);
    assert_int_equal(times, 0);
    agdb__slots_give(&slots, 0);
    agdb__waiters_serve(&all, &slots, 0);
    assert_int_equal(told.slot, 0);
    assert_int_equal(times, 1);
    agdb__waiter_fini(&told);
    agdb__waiter_init_told(&told, count, &times);
    agdb__waiters_append(&all, &told);
    agdb__waiters_dismiss(&all, AGDB_E_CLOSING, NULL);
    assert_int_equal(told.status, AGDB_E_CLOSING);
    assert_int_equal(times, 2);
    agdb__waiter_fini(&told);
    agdb__waiter_fini(&blocking);
    agdb__conn_close(slots.slot[0].conn);
    agdb__slots_fini(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serve_is_first_come_first_served),
        cmocka_unit_test(remove_works_at_every_place_and_twice),
        cmocka_unit_test(dismiss_gives_everybody_an_error_of_his_own),
        cmocka_unit_test(those_who_do_not_wait_are_told_in_their_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
