/* How long a shard has had no primary, from one look. */
#include "cli/status_report.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NODES = 2 };

static int64_t at_most(cli_shard_condition_t condition, size_t most_advanced)
{
    const cli_sight_t sights[NODES] = {{.reason = "down", .replayed_ago_ms = 7},
                                       {.in_recovery = true, .replayed_ago_ms = 42000}};
    const cli_shard_standing_t shard = {
        .condition = condition, .primary = CLI_NO_NODE, .most_advanced = most_advanced};

    return cli_status_without_at_most(&shard, sights);
}

static void last_commit_of_the_most_advanced_replica_bounds_it(void **state)
{
    (void)state;
    assert_int_equal(at_most(CLI_SHARD_WITHOUT_PRIMARY, 1), 42000);
}

static void without_a_replica_nothing_is_known(void **state)
{
    (void)state;
    assert_int_equal(at_most(CLI_SHARD_WITHOUT_PRIMARY, CLI_NO_NODE), -1);
    assert_int_equal(at_most(CLI_SHARD_SILENT, CLI_NO_NODE), -1);
}

static void shard_with_primaries_has_no_such_time(void **state)
{
    (void)state;
    assert_int_equal(at_most(CLI_SHARD_READY, CLI_NO_NODE), -1);
    assert_int_equal(at_most(CLI_SHARD_SPLIT, CLI_NO_NODE), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_commit_of_the_most_advanced_replica_bounds_it),
        cmocka_unit_test(without_a_replica_nothing_is_known),
        cmocka_unit_test(shard_with_primaries_has_no_such_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
