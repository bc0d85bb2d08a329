#include "pool/slots.h"

#include "fake_conn.h"
#include "unit.h"

static void put(agdb__slots_t *slots, bool read_only)
{
    agdb__statement_t statement = {.sql = "SELECT 1", .read_only = read_only};
    struct pg_result *rows;
    uint32_t i = agdb__slots_begin(slots);

    assert_int_not_equal(i, AGDB__NO_SLOT);
    slots->slot[i].conn = agdb__conn_open(NULL, NULL, 0, 0);
    assert_int_equal(agdb__conn_run(slots->slot[i].conn, &statement, 0, &rows, NULL), AGDB_OK);
    agdb__slots_give(slots, i);
}

static void close_all(agdb__slots_t *slots)
{
    uint32_t i;

    for (i = 0; i < slots->count; i++)
        agdb__conn_close(slots->slot[i].conn);
    agdb__slots_fini(slots);
}

static void take_prefers_the_wanted_mode(void **state)
{
    agdb__slots_t slots;

    (void)state;
    fake_reset();
    assert_true(agdb__slots_init(&slots, 3));
    put(&slots, false);
    put(&slots, true);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 0, AGDB__SLOT_BUSY, true), 1);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 0, AGDB__SLOT_BUSY, true),
                     0); /* the other mode is better than none */
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 0, AGDB__SLOT_BUSY, true),
                     AGDB__NO_SLOT);
    close_all(&slots);
}

static void take_starts_at_the_preferred_slot(void **state)
{
    agdb__slots_t slots;

    (void)state;
    fake_reset();
    assert_true(agdb__slots_init(&slots, 3));
    put(&slots, false);
    put(&slots, false);
    put(&slots, false);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 2, AGDB__SLOT_BUSY, false), 2);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 2, AGDB__SLOT_BUSY, false),
                     0); /* and goes round */
    agdb__slots_give(&slots, 2);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 2, AGDB__SLOT_BUSY, false), 2);
    close_all(&slots);
}

static void count_tells_lanes_and_riders_of_a_kind(void **state)
{
    agdb__slots_t slots;
    unsigned riders = 7;

    (void)state;
    fake_reset();
    assert_true(agdb__slots_init(&slots, 4));
    put(&slots, true);
    put(&slots, true);
    put(&slots, true);
    assert_int_equal(agdb__slots_count(&slots, 4, AGDB__SLOT_READS, &riders), 0);
    assert_int_equal(riders, 0);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 0, AGDB__SLOT_READS, true), 0);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 0, AGDB__SLOT_READS, true), 1);
    assert_int_equal(agdb__slots_take(&slots, 0, slots.count, 0, AGDB__SLOT_WRITES, false), 2);
    atomic_store(&slots.slot[0].riders, 20);
    atomic_store(&slots.slot[1].riders, 3);
    atomic_store(&slots.slot[2].riders, 100);
    assert_int_equal(agdb__slots_count(&slots, 4, AGDB__SLOT_READS, &riders), 2);
    assert_int_equal(riders, 23);
    assert_int_equal(agdb__slots_count(&slots, 1, AGDB__SLOT_READS, &riders), 1);
    assert_int_equal(riders, 20);
    assert_int_equal(agdb__slots_count(&slots, 9, AGDB__SLOT_WRITES, &riders), 1);
    agdb__slots_give(&slots, 0);
    assert_int_equal(agdb__slots_count(&slots, 4, AGDB__SLOT_READS, &riders), 1);
    assert_int_equal(riders, 3);
    close_all(&slots);
}

static void states_have_one_owner(void **state)
{
    agdb__slots_t slots;

    (void)state;
    fake_reset();
    assert_true(agdb__slots_init(&slots, 1));
    assert_int_equal(agdb__slots_begin(&slots), 0);
    assert_int_equal(agdb__slots_begin(&slots), AGDB__NO_SLOT); /* MAKING is nobody else's */
    assert_false(agdb__slots_take_this(&slots, 0));
    slots.slot[0].conn = agdb__conn_open(NULL, NULL, 0, 0);
    agdb__slots_give(&slots, 0);
    assert_true(agdb__slots_take_this(&slots, 0));
    assert_false(agdb__slots_take_this(&slots, 0));
    agdb__conn_close(slots.slot[0].conn);
    agdb__slots_empty(&slots, 0);
    assert_int_equal(agdb__slots_begin(&slots), 0);
    close_all(&slots);
}

static void slots_stand_on_cache_lines_of_their_own(void **state)
{
    agdb__slots_t slots;

    (void)state;
    assert_true(agdb__slots_init(&slots, 5));
    assert_int_equal((uintptr_t)&slots.slot[0] % AGDB__CACHE_LINE, 0);
    assert_int_equal(sizeof(agdb__slot_t) % AGDB__CACHE_LINE, 0);
    agdb__slots_fini(&slots);
}

/* Between 700 and 1000 it was being made; who has waited since then, or later, has waited less of
 * that. */
static void the_making_of_a_connection_counts_as_far_as_it_was_waited_for(void **state)
{
    agdb__slot_t slot = {.used_us = 1000, .making_us = 300};

    (void)state;
    assert_int_equal(agdb__slot_connect_us(&slot, 500), 300);
    assert_int_equal(agdb__slot_connect_us(&slot, 700), 300);
    assert_int_equal(agdb__slot_connect_us(&slot, 900), 100);
    assert_int_equal(agdb__slot_connect_us(&slot, 1000), 0);
    assert_int_equal(agdb__slot_connect_us(&slot, 1500), 0);
    slot.making_us = 0; /* used before */
    assert_int_equal(agdb__slot_connect_us(&slot, 500), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(take_prefers_the_wanted_mode),
        cmocka_unit_test(take_starts_at_the_preferred_slot),
        cmocka_unit_test(count_tells_lanes_and_riders_of_a_kind),
        cmocka_unit_test(states_have_one_owner),
        cmocka_unit_test(slots_stand_on_cache_lines_of_their_own),
        cmocka_unit_test(the_making_of_a_connection_counts_as_far_as_it_was_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
