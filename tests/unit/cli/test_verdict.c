/* Facts of a shard, and what is said of them. */
#include "cli/verdict.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { DAY_MS = 86400000 };

static const cli_session_t k_slow = {.pid = 7,
                                     .service = "report-job",
                                     .user = "app",
                                     .state = "active",
                                     .state_ms = 61000,
                                     .statement = "SELECT count(*) FROM air_reading"};
static const cli_session_t k_idle = {.pid = 8,
                                     .service = "report-job",
                                     .user = "app",
                                     .state = "idle in transaction",
                                     .state_ms = 150000,
                                     .statement = "UPDATE site"};

/* A shard of which nothing bad is known. */
static cli_case_t healthy(void)
{
    return (cli_case_t){.key = "epa",
                        .shard = "east",
                        .condition = CLI_SHARD_READY,
                        .fullest = {"east-1", "max_connections less reserved", 10, 97},
                        .late_ms = -1,
                        .keys_rows = 100,
                        .keys_dead = 10,
                        .keys_oldest_ms = DAY_MS,
                        .keep_ms = DAY_MS,
                        .slot_bytes = -1,
                        .far_node = "east-1",
                        .far_us = 300};
}

static void expect(const cli_case_t *it, const char *name, const char *text, const char *remedy)
{
    cli_verdicts_t verdicts = cli_judge(it);

    assert_string_equal(verdicts.items[0].name, name);
    if (strstr(verdicts.items[0].text, text) == NULL)
        fail_msg("'%s' is not in: %s", text, verdicts.items[0].text);
    if (strstr(verdicts.items[0].remedy, remedy) == NULL)
        fail_msg("'%s' is not in: %s", remedy, verdicts.items[0].remedy);
}

static void judge_healthy_shard_looks_at_the_caller(void **state)
{
    cli_case_t it = healthy();

    (void)state;
    expect(&it, "healthy", "nothing", "the caller");
    assert_int_equal(cli_judge(&it).count, 1);
}

/* From the last rule to the first: each is worse than all before it, and becomes the verdict. */
static void judge_says_the_worst_first_and_all_others_behind(void **state)
{
    cli_case_t it = healthy();
    size_t count = 0;

    (void)state;
    it.slot = "agencydb_02";
    it.slot_bytes = INT64_C(3) << 30;
    expect(&it, "slot", "'agencydb_02' is not in use and holds 3072 MB",
           "pg_drop_replication_slot");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.keys_oldest_ms = 3 * DAY_MS;
    expect(&it, "old keys", "up to 3 d old", "agencydb purge");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.fullest.used = 80;
    expect(&it, "nearly full", "80 of 97 in use", "agencydb check --live");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.far_us = 80000;
    expect(&it, "latency", "east-1 takes 80 ms", "network");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.late_node = "east-2";
    it.late_ms = 45000;
    it.late_bytes = 1000;
    expect(&it, "lag", "east-2 is 45.0 s behind (1000 bytes)", "long reads");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.idlest = &k_idle;
    expect(&it, "idle transaction", "report-job, pid 8, idle in transaction for 2 min", "commit");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.slowest = &k_slow;
    it.slowest_node = "east-1";
    expect(&it, "slow statement", "runs for 61.0 s on east-1: SELECT count(*)",
           "pg_cancel_backend(7)");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.bad_node = "east-2";
    it.bad_reason = "connection refused";
    expect(&it, "node", "east-2 may not be used: connection refused", "state: out");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.block = (cli_block_t){8, &k_idle, 2, 3100};
    expect(&it, "blocked",
           "2 sessions wait up to 3.1 s for locks of report-job, pid 8, idle in transaction",
           "pg_terminate_backend(8)");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.sync_names = "east-2";
    it.sync_waiting = 1;
    expect(&it, "standby", "1 commit waits for a synchronous standby (east-2)",
           "synchronous_standby_names");
    assert_int_equal(cli_judge(&it).count, ++count);
    it.fullest.used = 97;
    expect(&it, "full", "east-1 has no connection left: 97 of 97", "pool.max");
    assert_int_equal(cli_judge(&it).count, count); /* and is not nearly full any more */
    it.frozen = true;
    expect(&it, "frozen", "the map refuses writes of 'epa'", "raise the epoch");
    assert_int_equal(cli_judge(&it).count, ++count);
}

static void judge_shard_that_cannot_write_says_how_to_mend_it(void **state)
{
    cli_case_t it = healthy();

    (void)state;
    it.condition = CLI_SHARD_SPLIT;
    expect(&it, "split", "two nodes are the primary", "stop all but the one");
    it.condition = CLI_SHARD_WITHOUT_PRIMARY;
    expect(&it, "no primary", "shard 'east' has no primary", "there is no replica to promote");
    it.bad_node = "east-1";
    it.bad_reason = "connection refused";
    it.advanced = "east-2";
    it.hint = "with Patroni: patronictl";
    it.frozen = true; /* less than that */
    expect(&it, "no primary", "east-1: connection refused",
           "promote east-2, the most advanced replica; with Patroni: patronictl");
    it.condition = CLI_SHARD_SILENT;
    expect(&it, "unreachable", "east-1: connection refused", "start a server");
    it.bad_reason = "FATAL:  sorry, too many clients already";
    expect(&it, "full", "east-1 takes no connection", "pool.max");
    it.condition = CLI_SHARD_WITHOUT_PRIMARY;
    expect(&it, "full", "east-1 takes no connection", "pool.max");
}

static void judge_blocker_that_is_no_client_is_named_as_what_it_is(void **state)
{
    cli_case_t it = healthy();

    (void)state;
    it.block = (cli_block_t){4711, NULL, 1, -1};
    expect(&it, "blocked", "1 session waits for locks of pid 4711", "pg_terminate_backend(4711)");
    it.block.pid = 0;
    expect(&it, "blocked", "a prepared transaction", "ROLLBACK PREPARED");
}

static void judge_dead_keys_ask_for_a_vacuum(void **state)
{
    cli_case_t it = healthy();

    (void)state;
    it.keys_dead = 150000;
    expect(&it, "dead keys", "150000 dead rows beside 100", "VACUUM");
    it.keys_rows = 200000;
    expect(&it, "healthy", "nothing", "caller");
}

static void judge_what_is_not_known_is_no_fault(void **state)
{
    cli_case_t it = {.key = "epa",
                     .shard = "east",
                     .late_ms = -1,
                     .keys_rows = -1,
                     .keys_dead = -1,
                     .keys_oldest_ms = -1,
                     .keep_ms = DAY_MS,
                     .slot_bytes = -1};

    (void)state;
    expect(&it, "healthy", "nothing", "caller");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judge_healthy_shard_looks_at_the_caller),
        cmocka_unit_test(judge_says_the_worst_first_and_all_others_behind),
        cmocka_unit_test(judge_shard_that_cannot_write_says_how_to_mend_it),
        cmocka_unit_test(judge_blocker_that_is_no_client_is_named_as_what_it_is),
        cmocka_unit_test(judge_dead_keys_ask_for_a_vacuum),
        cmocka_unit_test(judge_what_is_not_known_is_no_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
