/* The line of a slow call. */
#include "exec/slow.h"

#include "unit.h"

static agdb_log_record_t record(void)
{
    return (agdb_log_record_t){.struct_size = sizeof(agdb_log_record_t),
                               .shard = "east-1",
                               .node = "db-e2",
                               .tag = "readings.list",
                               .agency = agdb_bytes("epa", 3),
                               .total_us = 812900,
                               .exec_us = 809100,
                               .queue_us = 3700,
                               .connect_us = 100,
                               .attempts = 1,
                               .group = 1};
}

static void expect(const agdb_log_record_t *r, const char *want)
{
    char line[256];

    agdb__slow_line(r, line, sizeof line);
    assert_string_equal(line, want);
}

static void most_calls_have_a_short_line(void **state)
{
    agdb_log_record_t r = record();

    (void)state;
    expect(&r, "slow 812 ms epa readings.list east-1/db-e2 queue 3 connect 0 exec 809 group 1");
    r.park_us = r.earlier_us = 999; /* of no weight */
    expect(&r, "slow 812 ms epa readings.list east-1/db-e2 queue 3 connect 0 exec 809 group 1");
}

static void what_is_seldom_there_is_told_when_it_is(void **state)
{
    agdb_log_record_t r = record();

    (void)state;
    r.park_us = 20000;
    expect(&r,
           "slow 812 ms epa readings.list east-1/db-e2 park 20 queue 3 connect 0 exec 809 group 1");
    r.park_us = 0;
    r.earlier_us = 50000;
    expect(
        &r,
        "slow 812 ms epa readings.list east-1/db-e2 queue 3 connect 0 exec 809 group 1 earlier 50");
    r.earlier_us = 0;
    r.attempts = 2;
    expect(&r, "slow 812 ms epa readings.list east-1/db-e2 queue 3 connect 0 exec 809 group 1"
               " attempts 2 earlier 0");
    r.status = AGDB_E_TIMEOUT;
    r.unsaid = 12;
    expect(&r, "slow 812 ms epa readings.list east-1/db-e2 queue 3 connect 0 exec 809 group 1"
               " attempts 2 earlier 0 TIMEOUT (12 more were slow, untold)");
}

static void what_is_missing_has_its_place(void **state)
{
    const agdb_log_record_t r = {.shard = "east-1",
                                 .node = "",
                                 .tag = "",
                                 .status = AGDB_E_NO_PRIMARY,
                                 .total_us = 60000,
                                 .park_us = 60000};

    (void)state;
    expect(&r, "slow 60 ms - - east-1/- park 60 queue 0 connect 0 exec 0 group 0 NO_PRIMARY");
}

static void a_long_line_is_cut(void **state)
{
    agdb_log_record_t r = record();
    char line[24];
    size_t size;

    (void)state;
    r.unsaid = 1;
    for (size = 1; size <= sizeof line; size++) {
        memset(line, 'x', sizeof line);
        agdb__slow_line(&r, line, size);
        assert_int_equal(strlen(line), size - 1);
        assert_memory_equal(line, "slow 812 ms epa readings.list", size - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_calls_have_a_short_line),
        cmocka_unit_test(what_is_seldom_there_is_told_when_it_is),
        cmocka_unit_test(what_is_missing_has_its_place),
        cmocka_unit_test(a_long_line_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
