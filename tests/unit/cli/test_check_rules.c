/* What `check --live` says of a node: a row for each thing that may be wrong with it. */
#include "cli/check_rules.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

enum { ROWS = 16 };

/* A node, all that is known of it, and what it is judged by. */
typedef struct bed {
    cli_node_t node;
    cli_sight_t sight;
    cli_standing_t standing;
    cli_check_row_t rows[ROWS];
    cli_check_facts_t facts;
    cli_check_facts_t primary;
    cli_server_loads_t loads;
    cli_checked_t checked;
} bed_t;

static const cli_check_row_t k_rows[] = {
    {"guc", "max_connections", "", "100"},
    {"guc", "superuser_reserved_connections", "", "3"},
    {"guc", "wal_level", "", "replica"},
    {"guc", "hot_standby", "", "on"},
    {"guc", "synchronous_standby_names", "", ""},
    {"guc", "max_prepared_transactions", "", "0"},
    {"guc", "tcp_keepalives_idle", "", "60"},
    {"guc", "idle_session_timeout", "", "0"},
    {"guc", "track_activities", "", "on"},
    {"role", "app", "", "-1"},
    {"database", "agency", "", "-1"},
    {"prepared", "", "", "0"},
    {"right", "app", "", "t"},
};

/* A primary with which nothing is wrong. */
static void make_bed(bed_t *bed)
{
    const cli_nodes_t nodes = {&bed->node, 1};

    *bed = (bed_t){.node = {.keyspace = "core",
                            .shard = "east",
                            .name = "east-1",
                            .host = "db.example.gov",
                            .where = "db.example.gov:5432",
                            .state = "active",
                            .user = "app",
                            .dbname = "agency",
                            .pool_max = 8},
                   .sight = {.version = "15.8",
                             .version_number = 150008,
                             .system = "7",
                             .timeline = 3,
                             .sees_all = true,
                             .login = "app",
                             .is_receiving = true,
                             .has_keys = true,
                             .stamp = {true, NULL, "east", "xxh3_64", "4096"}},
                   .standing = {CLI_NODE_PRIMARY, "", -1, -1, false}};
    memcpy(bed->rows, k_rows, sizeof k_rows);
    bed->facts = (cli_check_facts_t){NULL, bed->rows, COUNT(k_rows)};
    bed->primary = bed->facts;
    bed->loads = cli_loads_of(&nodes);
    bed->checked = (cli_checked_t){.node = &bed->node,
                                   .sight = &bed->sight,
                                   .facts = &bed->facts,
                                   .standing = &bed->standing,
                                   .primary = &bed->primary,
                                   .load = &bed->loads.items[0],
                                   .is_first_of_server = true,
                                   .nodes_of_shard = 2,
                                   .expected = {4096, true},
                                   .instances = 4,
                                   .map_path = "map.yaml"};
}

static void set(bed_t *bed, const char *kind, const char *name, const char *value)
{
    size_t i;

    for (i = 0; i < bed->facts.count; i++)
        if (strcmp(bed->rows[i].kind, kind) == 0 && strcmp(bed->rows[i].a, name) == 0)
            break;
    assert_true(i < ROWS);
    bed->rows[i] = (cli_check_row_t){kind, name, "", value};
    if (i == bed->facts.count)
        bed->facts.count++;
}

static const cli_finding_t *find(const cli_findings_t *findings, const char *text)
{
    size_t i;

    for (i = 0; i < findings->count; i++)
        if (strstr(findings->items[i].text, text) != NULL)
            return &findings->items[i];
    for (i = 0; i < findings->count; i++)
        print_message("found: %s\n", findings->items[i].text);
    fail_msg("nothing says: %s", text);
    return NULL;
}

/* Exactly one thing is wrong, at this level, with this text and remedy. */
static void expect(const bed_t *bed, cli_level_t level, const char *text, const char *remedy)
{
    cli_findings_t findings = {0};
    const cli_finding_t *found;

    cli_check_node(&findings, &bed->checked);
    found = find(&findings, text);
    assert_int_equal(found->level, level);
    assert_int_equal(findings.levels[CLI_LEVEL_WARNING] + findings.levels[CLI_LEVEL_ERROR],
                     level == CLI_LEVEL_OK ? 0 : 1);
    if (remedy == NULL)
        assert_null(found->remedy);
    else if (found->remedy == NULL || strstr(found->remedy, remedy) == NULL)
        fail_msg("'%s' is not in: %s", remedy, found->remedy != NULL ? found->remedy : "nothing");
}

static void check_sound_primary_finds_nothing_wrong(void **state)
{
    static const char *const texts[] = {
        "answers in",
        "PostgreSQL 15.8",
        "keyspace 'core', shard 'east', xxh3_64, 4096 slots",
        "primary, timeline 3",
        "wait for no standby",
        "40 may be made, 97 are allowed (max_connections 100, 3 reserved); 4 processes x 10 "
        "(agency "
        "8 + LISTEN 1, keeper 1)",
        "agencydb needs none",
    };
    bed_t bed;
    size_t i;

    (void)state;
    make_bed(&bed);
    for (i = 0; i < COUNT(texts); i++)
        expect(&bed, CLI_LEVEL_OK, texts[i], NULL);
}

static void check_settings_names_each_that_matters(void **state)
{
    static const struct {
        const char *kind, *name, *value;
        cli_level_t level;
        const char *text, *remedy;
    } rows[] = {
        {"guc", "wal_level", "minimal", CLI_LEVEL_ERROR, "minimal: no replica",
         "wal_level = replica"},
        {"guc", "hot_standby", "off", CLI_LEVEL_ERROR, "off: as a replica", "hot_standby = on"},
        {"guc", "tcp_keepalives_idle", "7200", CLI_LEVEL_WARNING, "for 7200 s",
         "tcp_keepalives_idle = 60"},
        {"guc", "idle_session_timeout", "60000", CLI_LEVEL_WARNING, "60000 ms", "set it to 0"},
        {"guc", "track_activities", "off", CLI_LEVEL_WARNING, "see nothing",
         "track_activities = on"},
        {"guc", "max_prepared_transactions", "20", CLI_LEVEL_OK, "is 20; agencydb needs none",
         NULL},
        {"prepared", "", "2", CLI_LEVEL_WARNING, "2 prepared transactions are open",
         "pg_prepared_xacts"},
        {"guc", "max_connections", "43", CLI_LEVEL_OK, "40 may be made, 40 are allowed", NULL},
        {"guc", "max_connections", "42", CLI_LEVEL_ERROR, "40 may be made, 39 are allowed",
         "max_connections = 43"},
        {"guc", "reserved_connections", "60", CLI_LEVEL_ERROR, "(max_connections 100, 63 reserved)",
         "max_connections = 103"},
        {"role", "app", "39", CLI_LEVEL_ERROR, "role 'app' may have 39, 40 may be made",
         "ALTER ROLE \"app\" CONNECTION LIMIT 40"},
        {"role", "app", "40", CLI_LEVEL_OK, "40 may be made, 97", NULL},
        {"role", "stranger", "1", CLI_LEVEL_OK, "40 may be made, 97", NULL},
        {"database", "agency", "5", CLI_LEVEL_ERROR, "database 'agency' may have 5",
         "ALTER DATABASE \"agency\" CONNECTION LIMIT 40"},
        {"right", "app", "f", CLI_LEVEL_ERROR, "role 'app' may not use", "agencydb init map.yaml"},
        {"set", "app", "statement_timeout=30s", CLI_LEVEL_WARNING,
         "ROLE \"app\" has statement_timeout=30s: agencydb's connections set their own",
         "ALTER ROLE \"app\" RESET statement_timeout"},
        {"set", "app", "statement_timeout=0", CLI_LEVEL_OK, "40 may be made, 97", NULL},
        {"set", "app", "work_mem=1GB", CLI_LEVEL_OK, "40 may be made, 97", NULL},
        {"set", "", "default_transaction_read_only=on", CLI_LEVEL_ERROR, "ROLE ALL has", "RESET"},
        {"set", "app", "default_transaction_read_only=off", CLI_LEVEL_OK, "40 may be made, 97",
         NULL},
        {"set", "app", "idle_session_timeout=5min", CLI_LEVEL_WARNING,
         "connections that pools keep", "RESET idle_session_timeout"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(rows); i++) {
        bed_t bed;

        make_bed(&bed);
        set(&bed, rows[i].kind, rows[i].name, rows[i].value);
        print_message("%s %s %s\n", rows[i].kind, rows[i].name, rows[i].value);
        expect(&bed, rows[i].level, rows[i].text, rows[i].remedy);
    }
}

static void check_keepalive_is_nothing_to_a_host_that_is_here(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "localhost", "/run/postgresql"};
    bed_t bed;
    size_t i;

    (void)state;
    make_bed(&bed);
    set(&bed, "guc", "tcp_keepalives_idle", "7200");
    for (i = 0; i < COUNT(hosts); i++) {
        bed.node.host = hosts[i];
        expect(&bed, CLI_LEVEL_OK, "40 may be made, 97", NULL);
    }
}

static void check_slot_that_nobody_uses_is_told_when_it_holds_much(void **state)
{
    bed_t bed;

    (void)state;
    make_bed(&bed);
    bed.rows[bed.facts.count++] =
        (cli_check_row_t){"slot", "agencydb_02", "inactive", "3221225472"};
    expect(&bed, CLI_LEVEL_WARNING, "'agencydb_02' is not in use and holds 3072 MB", "drop");
    bed.rows[bed.facts.count - 1].b = "active";
    expect(&bed, CLI_LEVEL_OK, "40 may be made, 97", NULL);
    bed.rows[bed.facts.count - 1] = (cli_check_row_t){"slot", "agencydb_02", "inactive", "1000"};
    expect(&bed, CLI_LEVEL_OK, "40 may be made, 97", NULL);
}

static void check_synchronous_standby_is_there_or_commits_hang(void **state)
{
    bed_t bed;

    (void)state;
    make_bed(&bed);
    set(&bed, "guc", "synchronous_standby_names", "east-2");
    expect(&bed, CLI_LEVEL_ERROR, "wait for 'east-2', and no such standby streams", "every write");
    bed.sight.sees_all = false;
    expect(&bed, CLI_LEVEL_OK, "role 'app' may not see whether it is there", NULL);
    bed.sight.sees_all = true;
    bed.rows[bed.facts.count++] = (cli_check_row_t){"standby", "east-2", "streaming", "sync"};
    expect(&bed, CLI_LEVEL_OK, "wait for 'east-2', which is 'east-2' now", NULL);
    bed.standing.place = CLI_NODE_REPLICA; /* its own names mean nothing now */
    bed.sight.in_recovery = true;
    bed.rows[bed.facts.count - 1].c = "async";
    expect(&bed, CLI_LEVEL_OK, "40 may be made, 97", NULL);
}

static void check_identity_tells_what_to_do(void **state)
{
    bed_t bed;

    (void)state;
    make_bed(&bed);
    bed.sight.stamp = (cli_stamp_t){0};
    expect(&bed, CLI_LEVEL_ERROR, "is not stamped for keyspace 'core'", "agencydb init map.yaml");
    bed.checked.expected.required = false;
    expect(&bed, CLI_LEVEL_WARNING, "is not stamped", "agencydb init map.yaml");
    bed.sight.stamp = (cli_stamp_t){true, NULL, "west", "xxh3_64", "4096"};
    expect(&bed, CLI_LEVEL_ERROR, "says it is shard 'west'", "correct the host");
    bed.sight.stamp.shard = "east";
    bed.sight.has_keys = false;
    expect(&bed, CLI_LEVEL_WARNING, "no table agencydb.idempotency", "agencydb init");
}

static void check_roles_tell_who_must_act(void **state)
{
    bed_t bed;

    (void)state;
    make_bed(&bed);
    bed.sight.in_recovery = true;
    bed.sight.sender = "10.0.0.1:5432";
    bed.standing = (cli_standing_t){CLI_NODE_REPLICA, "", 100, 3, false};
    expect(&bed, CLI_LEVEL_OK, "replica, timeline 3, streams from 10.0.0.1:5432, 100 bytes behind",
           NULL);
    bed.standing.is_astray = true;
    bed.standing.reason = "is on timeline 3, the primary on 4: it may follow an old one";
    expect(&bed, CLI_LEVEL_WARNING, "replica that is on timeline 3, the primary on 4",
           "primary_conninfo leads to the primary");
    bed.standing = (cli_standing_t){CLI_NODE_REPLICA, "", 100, 3, false};
    bed.sight.is_receiving = false;
    expect(&bed, CLI_LEVEL_ERROR, "replica that does not stream, 100 bytes behind",
           "primary_conninfo");
    bed.sight.is_paused = true;
    expect(&bed, CLI_LEVEL_WARNING, "replay is paused", "pg_wal_replay_resume()");
    bed.standing =
        (cli_standing_t){CLI_NODE_STALE, "was the primary until timeline 1", -1, -1, false};
    expect(&bed, CLI_LEVEL_ERROR, "was the primary until", "pg_rewind");
    bed.standing = (cli_standing_t){CLI_NODE_RIVAL, "one of several", -1, -1, false};
    expect(&bed, CLI_LEVEL_ERROR, "one of several", "stop all but the one");
    bed.standing = (cli_standing_t){CLI_NODE_REFUSED, "belongs to another cluster", -1, -1, false};
    expect(&bed, CLI_LEVEL_ERROR, "belongs to another cluster", "build it anew");
    bed.standing =
        (cli_standing_t){CLI_NODE_OUTSIDE, "replica; state: out in the map", -1, -1, false};
    expect(&bed, CLI_LEVEL_OK, "state: out in the map", NULL);
}

static void check_replica_with_a_lower_limit_would_stop(void **state)
{
    cli_check_row_t more[] = {{"guc", "max_connections", "", "200"}};
    bed_t bed;

    (void)state;
    make_bed(&bed);
    bed.sight.in_recovery = true;
    bed.standing = (cli_standing_t){CLI_NODE_REPLICA, "", 0, 0, false};
    bed.primary = (cli_check_facts_t){NULL, more, 1};
    expect(&bed, CLI_LEVEL_ERROR, "max_connections = 100, the primary has 200: replay stops",
           "max_connections = 200");
}

static void check_silent_node_is_told_by_its_reason(void **state)
{
    bed_t bed;

    (void)state;
    make_bed(&bed);
    bed.sight.reason = "connection refused";
    bed.standing = (cli_standing_t){CLI_NODE_SILENT, "connection refused", -1, -1, false};
    expect(&bed, CLI_LEVEL_ERROR, "connection refused", "see that the server runs");
    bed.sight.reason = "FATAL:  sorry, too many clients already";
    expect(&bed, CLI_LEVEL_ERROR, "too many clients", "raise max_connections");
    bed.sight.reason = "ERROR 42501: permission denied for table identity";
    expect(&bed, CLI_LEVEL_ERROR, "permission denied", "SELECT on agencydb.identity");
    bed.node.state = "out";
    bed.standing =
        (cli_standing_t){CLI_NODE_OUTSIDE, "state: out in the map; refused", -1, -1, false};
    expect(&bed, CLI_LEVEL_OK, "state: out in the map; refused", NULL);
}

static void check_behind_a_pgbouncer_counts_for_that(void **state)
{
    bed_t bed;

    (void)state;
    make_bed(&bed);
    bed.node.via_pgbouncer = true;
    bed.loads = cli_loads_of(&(cli_nodes_t){&bed.node, 1});
    bed.checked.load = &bed.loads.items[0];
    set(&bed, "guc", "max_connections", "10");
    expect(&bed, CLI_LEVEL_OK, "36 to its PgBouncer", NULL);
    set(&bed, "set", "app", "statement_timeout=30s");
    expect(&bed, CLI_LEVEL_WARNING, "it also ends writes", "RESET statement_timeout");
}

static void check_old_server_and_lost_facts_are_errors(void **state)
{
    bed_t bed;

    (void)state;
    make_bed(&bed);
    bed.sight.version_number = 130012;
    expect(&bed, CLI_LEVEL_ERROR, "PostgreSQL 15.8", "14 or newer");
    bed.sight.version_number = 140000;
    bed.facts.fault = "deadline exceeded";
    expect(&bed, CLI_LEVEL_ERROR, "deadline exceeded", "again");
}

static void check_shard_has_exactly_one_primary(void **state)
{
    static const cli_node_t nodes[] = {{.name = "a"}, {.name = "b"}};
    static const cli_sight_t sights[] = {{.timeline = 1}, {.timeline = 2, .lsn = 255}};
    static const struct {
        cli_shard_standing_t shard;
        cli_level_t level;
        const char *text, *remedy;
    } rows[] = {
        {{CLI_SHARD_READY, 1, CLI_NO_NODE, NULL}, CLI_LEVEL_OK, "exactly one: b", NULL},
        {{CLI_SHARD_SPLIT, CLI_NO_NODE, CLI_NO_NODE, NULL}, CLI_LEVEL_ERROR, "several", "stop all"},
        {{CLI_SHARD_SILENT, CLI_NO_NODE, CLI_NO_NODE, NULL}, CLI_LEVEL_ERROR, "no node", "nodes"},
        {{CLI_SHARD_WITHOUT_PRIMARY, CLI_NO_NODE, CLI_NO_NODE, NULL},
         CLI_LEVEL_ERROR,
         "none",
         "nodes"},
        {{CLI_SHARD_WITHOUT_PRIMARY, CLI_NO_NODE, 1, NULL},
         CLI_LEVEL_ERROR,
         "b is the most advanced replica (timeline 2, 0/FF)",
         "--candidate b"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(rows); i++) {
        cli_findings_t findings = {0};

        cli_check_shard(&findings, nodes, sights, &rows[i].shard);
        assert_int_equal(findings.count, 1);
        assert_int_equal(findings.items[0].level, rows[i].level);
        assert_non_null(strstr(findings.items[0].text, rows[i].text));
        if (rows[i].remedy != NULL)
            assert_non_null(strstr(findings.items[0].remedy, rows[i].remedy));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_sound_primary_finds_nothing_wrong),
        cmocka_unit_test(check_settings_names_each_that_matters),
        cmocka_unit_test(check_keepalive_is_nothing_to_a_host_that_is_here),
        cmocka_unit_test(check_slot_that_nobody_uses_is_told_when_it_holds_much),
        cmocka_unit_test(check_synchronous_standby_is_there_or_commits_hang),
        cmocka_unit_test(check_identity_tells_what_to_do),
        cmocka_unit_test(check_roles_tell_who_must_act),
        cmocka_unit_test(check_replica_with_a_lower_limit_would_stop),
        cmocka_unit_test(check_silent_node_is_told_by_its_reason),
        cmocka_unit_test(check_behind_a_pgbouncer_counts_for_that),
        cmocka_unit_test(check_old_server_and_lost_facts_are_errors),
        cmocka_unit_test(check_shard_has_exactly_one_primary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
