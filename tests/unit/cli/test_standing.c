/* What nodes are to each other, from what each said of itself. */
#include "cli/standing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { NODES = 3 };

static const cli_stamp_t k_stamp = {
    .has_table = true, .shard = "east", .hash = "xxh3_64", .slots = "4096"};

static cli_node_t k_nodes[NODES] = {
    {.keyspace = "core", .shard = "east", .name = "a", .state = "active"},
    {.keyspace = "core", .shard = "east", .name = "b", .state = "active"},
    {.keyspace = "core", .shard = "east", .name = "c", .state = "active"},
};

static cli_sight_t primary(int64_t timeline, uint64_t lsn)
{
    return (cli_sight_t){.system = "7", .timeline = timeline, .lsn = lsn, .stamp = k_stamp};
}

static cli_sight_t replica(int64_t timeline, uint64_t lsn, uint64_t received)
{
    return (cli_sight_t){.in_recovery = true,
                         .system = "7",
                         .timeline = timeline,
                         .lsn = lsn,
                         .received_lsn = received,
                         .replayed_ago_ms = 1500,
                         .is_receiving = true,
                         .stamp = k_stamp};
}

static cli_sight_t silent(void)
{
    return (cli_sight_t){.reason = "refused"};
}

static cli_shard_standing_t stand(cli_sight_t a, cli_sight_t b, cli_sight_t c)
{
    const cli_sight_t sights[NODES] = {a, b, c};

    return cli_stand(k_nodes, sights, NODES, (cli_expected_t){4096, true});
}

static void expect_places(const cli_shard_standing_t *shard, cli_place_of_t a, cli_place_of_t b,
                          cli_place_of_t c)
{
    assert_string_equal(cli_place_name(shard->nodes[0].place), cli_place_name(a));
    assert_string_equal(cli_place_name(shard->nodes[1].place), cli_place_name(b));
    assert_string_equal(cli_place_name(shard->nodes[2].place), cli_place_name(c));
}

static void stand_one_primary_replicas_lag_behind_it(void **state)
{
    cli_shard_standing_t shard = stand(replica(1, 900, 950), primary(1, 1000), replica(1, 1000, 0));

    (void)state;
    assert_int_equal(shard.condition, CLI_SHARD_READY);
    assert_int_equal(shard.primary, 1);
    expect_places(&shard, CLI_NODE_REPLICA, CLI_NODE_PRIMARY, CLI_NODE_REPLICA);
    assert_int_equal(shard.nodes[0].lag_bytes, 100);
    assert_int_equal(shard.nodes[0].lag_ms, 1500);
    assert_int_equal(shard.nodes[2].lag_bytes, 0);
    assert_int_equal(shard.nodes[2].lag_ms, 0); /* the last commit is old, and is there */
    assert_int_equal(shard.nodes[1].lag_bytes, -1);
}

static void stand_replica_that_was_asked_later_lags_nothing(void **state)
{
    cli_shard_standing_t shard = stand(replica(1, 1100, 1100), primary(1, 1000), silent());

    (void)state;
    assert_int_equal(shard.nodes[0].lag_bytes, 0);
    expect_places(&shard, CLI_NODE_REPLICA, CLI_NODE_PRIMARY, CLI_NODE_SILENT);
    assert_string_equal(shard.nodes[2].reason, "refused");
}

static void stand_older_primary_is_stale(void **state)
{
    cli_shard_standing_t shard = stand(primary(1, 5000), primary(2, 1000), replica(2, 1000, 0));

    (void)state;
    assert_int_equal(shard.condition, CLI_SHARD_READY);
    assert_int_equal(shard.primary, 1);
    expect_places(&shard, CLI_NODE_STALE, CLI_NODE_PRIMARY, CLI_NODE_REPLICA);
    assert_string_equal(shard.nodes[0].reason, "was the primary until timeline 1; another is on 2");
}

static void stand_replica_of_an_older_timeline_may_follow_an_old_primary(void **state)
{
    cli_shard_standing_t shard = stand(replica(1, 900, 900), primary(2, 1000), replica(1, 1000, 0));

    (void)state;
    assert_true(shard.nodes[0].is_astray);
    assert_string_equal(shard.nodes[0].reason,
                        "is on timeline 1, the primary on 2: it may follow an old one");
    assert_false(shard.nodes[2].is_astray); /* it has all, and will know where it is */
    assert_string_equal(shard.nodes[2].reason, "");
}

static void stand_two_primaries_of_one_timeline_are_rivals(void **state)
{
    cli_shard_standing_t shard = stand(primary(2, 5000), primary(2, 1000), primary(1, 9000));

    (void)state;
    assert_int_equal(shard.condition, CLI_SHARD_SPLIT);
    assert_true(shard.primary == CLI_NO_NODE);
    expect_places(&shard, CLI_NODE_RIVAL, CLI_NODE_RIVAL, CLI_NODE_STALE);
}

static void stand_without_primary_names_who_has_most(void **state)
{
    static const struct {
        uint64_t lsn_a, received_a, lsn_b, received_b;
        int64_t timeline_a, timeline_b;
        size_t best;
    } rows[] = {
        {100, 0, 200, 0, 1, 1, 1},
        {100, 300, 200, 0, 1, 1, 0},
        {900, 900, 200, 0, 1, 2, 1},
        {200, 0, 200, 0, 1, 1, 0},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cli_shard_standing_t shard =
            stand(replica(rows[i].timeline_a, rows[i].lsn_a, rows[i].received_a),
                  replica(rows[i].timeline_b, rows[i].lsn_b, rows[i].received_b), silent());

        assert_int_equal(shard.condition, CLI_SHARD_WITHOUT_PRIMARY);
        assert_int_equal(shard.most_advanced, rows[i].best);
        assert_int_equal(shard.nodes[0].lag_bytes, -1);
    }
}

static void stand_all_silent_says_so(void **state)
{
    cli_shard_standing_t shard = stand(silent(), silent(), silent());

    (void)state;
    assert_int_equal(shard.condition, CLI_SHARD_SILENT);
    assert_true(shard.most_advanced == CLI_NO_NODE);
}

static void stand_node_that_is_out_is_no_primary_and_no_trouble(void **state)
{
    cli_shard_standing_t shard;

    (void)state;
    k_nodes[0].state = "out";
    shard = stand(primary(9, 100), primary(1, 100), replica(1, 100, 0));
    expect_places(&shard, CLI_NODE_OUTSIDE, CLI_NODE_PRIMARY, CLI_NODE_REPLICA);
    shard = stand(silent(), primary(1, 100), replica(1, 100, 0));
    expect_places(&shard, CLI_NODE_OUTSIDE, CLI_NODE_PRIMARY, CLI_NODE_REPLICA);
    assert_string_equal(shard.nodes[0].reason, "state: out in the map; refused");
    shard = stand(replica(1, 60, 0), primary(1, 100), silent()); /* on its way back */
    assert_int_equal(shard.nodes[0].lag_bytes, 40);
    assert_string_equal(shard.nodes[0].reason, "replica; state: out in the map");
    k_nodes[0].state = "active";
}

static void stand_refused_login_is_no_silence(void **state)
{
    cli_sight_t refused = silent();
    cli_shard_standing_t shard;

    (void)state;
    refused.is_refused = true;
    shard = stand(primary(1, 100), refused, silent());
    expect_places(&shard, CLI_NODE_PRIMARY, CLI_NODE_REFUSED, CLI_NODE_SILENT);
}

static void stand_foreign_paused_and_unfed_replicas_have_reasons(void **state)
{
    cli_sight_t foreign = replica(1, 100, 0);
    cli_sight_t paused = replica(1, 100, 0);
    cli_sight_t unfed = replica(1, 100, 0);
    cli_shard_standing_t shard;

    (void)state;
    foreign.system = "8";
    paused.is_paused = true;
    unfed.is_receiving = false;
    shard = stand(primary(1, 100), foreign, paused);
    expect_places(&shard, CLI_NODE_PRIMARY, CLI_NODE_REFUSED, CLI_NODE_REPLICA);
    assert_non_null(strstr(shard.nodes[1].reason, "another cluster (system identifier 8"));
    assert_string_equal(shard.nodes[2].reason, "its replay is paused");
    shard = stand(primary(1, 100), unfed, silent());
    assert_non_null(strstr(shard.nodes[1].reason, "does not stream"));
}

static void stamp_fault_names_what_differs(void **state)
{
    static const struct {
        cli_stamp_t stamp;
        bool required;
        const char *fault;
    } rows[] = {
        {{true, NULL, "east", "xxh3_64", "4096"}, true, NULL},
        {{true, NULL, "west", "xxh3_64", "4096"},
         true,
         "says it is shard 'west', the map says 'east'"},
        {{true, NULL, "west", "xxh3_64", "4096"},
         false,
         "says it is shard 'west', the map says 'east'"},
        {{true, NULL, "east", "xxh3_64", "64"},
         true,
         "is stamped for hash xxh3_64 with 64 slots, the map says xxh3_64 with 4096"},
        {{true, NULL, NULL, NULL, NULL}, true, "is not stamped for keyspace 'core'"},
        {{false, NULL, NULL, NULL, NULL}, true, "is not stamped for keyspace 'core'"},
        {{false, NULL, NULL, NULL, NULL}, false, NULL},
        {{true, "denied", NULL, NULL, NULL}, false, "its stamp cannot be read: denied"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *fault =
            cli_stamp_fault(&k_nodes[0], &rows[i].stamp, (cli_expected_t){4096, rows[i].required});

        if (rows[i].fault == NULL)
            assert_null(fault);
        else
            assert_string_equal(fault, rows[i].fault);
    }
}

static void stand_wrong_stamp_is_refused_and_no_primary(void **state)
{
    cli_sight_t stranger = primary(5, 100);
    cli_shard_standing_t shard;

    (void)state;
    stranger.stamp.shard = "west";
    shard = stand(stranger, replica(1, 100, 0), silent());
    assert_int_equal(shard.condition, CLI_SHARD_WITHOUT_PRIMARY);
    expect_places(&shard, CLI_NODE_REFUSED, CLI_NODE_REPLICA, CLI_NODE_SILENT);
}

static void lsn_text_is_the_servers(void **state)
{
    (void)state;
    assert_string_equal(cli_lsn_text(UINT64_C(0x16B374D848)), "16/B374D848");
    assert_string_equal(cli_lsn_text(0), "0/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stand_one_primary_replicas_lag_behind_it),
        cmocka_unit_test(stand_replica_that_was_asked_later_lags_nothing),
        cmocka_unit_test(stand_older_primary_is_stale),
        cmocka_unit_test(stand_replica_of_an_older_timeline_may_follow_an_old_primary),
        cmocka_unit_test(stand_two_primaries_of_one_timeline_are_rivals),
        cmocka_unit_test(stand_without_primary_names_who_has_most),
        cmocka_unit_test(stand_all_silent_says_so),
        cmocka_unit_test(stand_node_that_is_out_is_no_primary_and_no_trouble),
        cmocka_unit_test(stand_refused_login_is_no_silence),
        cmocka_unit_test(stand_foreign_paused_and_unfed_replicas_have_reasons),
        cmocka_unit_test(stamp_fault_names_what_differs),
        cmocka_unit_test(stand_wrong_stamp_is_refused_and_no_primary),
        cmocka_unit_test(lsn_text_is_the_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
