/* From agencies, instances and cores to shards, servers and connections: a row for each rule. */
#include "unit.h"

#include "cli/sizing.h"

typedef struct row {
    const char *rule;
    cli_demand_t demand; /* agencies, services, cores, reads, writes, statement_us */
    cli_tier_t tier;
    uint64_t shards;
    uint64_t replicas;
    uint64_t servers;
    uint64_t slots;
    uint64_t halvings;
    uint64_t room;
    uint64_t pool_max;
    uint64_t direct;
    uint64_t max_connections;
    uint64_t bouncer_clients;
    uint64_t descriptors;
} row_t;

/* clang-format off */
static const row_t k_rows[] = {
    {"the smallest", {1, 1, 1, 0, 0, 1000}, CLI_TIER_SMALL, 1, 0, 1, 4096, 12, 4, 4, 25, 100, 0, 6},
    {"five are small", {5, 2, 4, 0, 0, 1000}, CLI_TIER_SMALL, 1, 0, 1, 4096, 12, 0, 8, 43, 100, 0, 10},
    {"six have replicas", {6, 6, 8, 0, 0, 1000}, CLI_TIER_MEDIUM, 1, 2, 3, 4096, 12, 14, 6, 77, 100, 0, 24},
    {"twenty have, too", {20, 12, 8, 0, 0, 1000}, CLI_TIER_MEDIUM, 1, 2, 3, 4096, 12, 0, 3, 88, 100, 0, 15},
    {"21 are sharded", {21, 12, 8, 0, 0, 1000}, CLI_TIER_LARGE, 2, 1, 6, 4096, 11, 19, 3, 88, 100, 0, 30},
    {"shards are a power of two", {41, 12, 8, 0, 0, 1000}, CLI_TIER_LARGE, 4, 1, 10, 4096, 10, 39, 3, 88, 100, 0, 50},
    {"64 slots a shard at least", {1300, 12, 8, 0, 0, 1000}, CLI_TIER_LARGE, 128, 1, 258, 8192, 6, 1260, 3, 88, 100, 0, 1290},
    {"the largest", {20480, 12, 8, 0, 0, 1000}, CLI_TIER_LARGE, 1024, 1, 2050, 65536, 6, 0, 3, 88, 100, 0, 10250},
    {"a load that one server carries", {2, 4, 4, 1000, 200, 1000}, CLI_TIER_SMALL, 1, 0, 1, 4096, 12, 3, 4, 43, 100, 0, 6},
    {"to the last thousandth", {2, 4, 4, 2400, 0, 1000}, CLI_TIER_SMALL, 1, 0, 1, 4096, 12, 3, 4, 43, 100, 0, 6},
    {"and one more", {2, 4, 4, 2401, 0, 1000}, CLI_TIER_MEDIUM, 1, 2, 3, 4096, 12, 18, 4, 43, 100, 0, 18},
    {"reads ask for replicas", {3, 6, 8, 10000, 0, 1000}, CLI_TIER_MEDIUM, 1, 3, 4, 4096, 12, 17, 6, 77, 100, 0, 32},
    {"seven replicas and no more", {3, 6, 8, 33601, 0, 1000}, CLI_TIER_LARGE, 2, 4, 12, 4096, 11, 37, 6, 77, 100, 0, 96},
    {"writes ask for shards", {3, 6, 8, 0, 6000, 1000}, CLI_TIER_LARGE, 2, 1, 6, 4096, 11, 37, 6, 77, 100, 0, 48},
    {"many instances need more connections", {12, 40, 16, 0, 0, 1000}, CLI_TIER_MEDIUM, 1, 2, 3, 4096, 12, 8, 2, 213, 220, 0, 12},
    {"very many need PgBouncer", {12, 1000, 4, 0, 0, 1000}, CLI_TIER_MEDIUM, 1, 2, 3, 4096, 12, 8, 2, 5013, 100, 3760, 9},
    {"its pool keeps all cores busy", {12, 1000, 64, 0, 0, 1000}, CLI_TIER_MEDIUM, 1, 2, 3, 4096, 12, 8, 2, 5013, 270, 3760, 9},
    {"a pool has its limit", {1, 1, 1024, 0, 0, 1000}, CLI_TIER_SMALL, 1, 0, 1, 4096, 12, 4, 1000, 2017, 4110, 2012, 1001},
};
/* clang-format on */

static void same(const char *rule, const char *what, uint64_t got, uint64_t expected)
{
    if (got != expected)
        fail_msg("%s: %s is %llu, not %llu", rule, what, (unsigned long long)got,
                 (unsigned long long)expected);
}

static void size_follows_each_rule(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        const row_t *row = &k_rows[i];
        cli_sizing_t got;
        assert_null(cli_size(&row->demand, &got));
        same(row->rule, "tier", got.tier, row->tier);
        same(row->rule, "shards", got.shards, row->shards);
        same(row->rule, "replicas", got.replicas, row->replicas);
        same(row->rule, "servers", got.servers, row->servers);
        same(row->rule, "slots", got.slots, row->slots);
        same(row->rule, "halvings", got.halvings, row->halvings);
        same(row->rule, "room", got.room, row->room);
        same(row->rule, "pool.max", got.pool_max, row->pool_max);
        same(row->rule, "connections", got.direct, row->direct);
        same(row->rule, "max_connections", got.max_connections, row->max_connections);
        same(row->rule, "PgBouncer", got.bouncer, row->bouncer_clients > 0);
        same(row->rule, "max_client_conn", got.bouncer_clients, row->bouncer_clients);
        same(row->rule, "descriptors", got.descriptors, row->descriptors);
    }
}

static void size_too_much_load_says_how_many_shards(void **state)
{
    const cli_demand_t demand = {3, 6, 1, 0, CLI_RATE_MAX, 1000};
    cli_sizing_t got = {.shards = 77};
    const char *why = cli_size(&demand, &got);

    (void)state;
    assert_non_null(why);
    assert_non_null(strstr(why, "16667 shards"));
    assert_int_equal(got.shards, 77);
}

/* What must hold for everything that can be asked for. */
static void check_promises(const cli_demand_t *d, const cli_sizing_t *s)
{
    assert_true((s->shards & (s->shards - 1)) == 0 && s->shards <= CLI_SHARDS_MAX);
    assert_true(s->shards * CLI_MEDIUM_MOST >= d->agencies);
    assert_true(s->shards == 1 || s->tier == CLI_TIER_LARGE);
    assert_int_equal(s->shards * s->shard_slots, s->slots);
    assert_int_equal((uint64_t)1 << s->halvings, s->shard_slots);
    assert_true(s->slots >= 64 && s->slots <= 65536);
    assert_true(s->replicas <= CLI_REPLICAS_MOST);
    assert_true(s->pool_max >= CLI_POOL_LEAST && s->pool_max <= CLI_POOL_MOST);
    assert_int_equal(s->servers, s->shards * (1 + s->replicas) + s->notification_servers);
    /* with any one server of a shard down the others carry its load, and the primary all writes */
    assert_true(s->tier == CLI_TIER_SMALL ||
                s->replicas * s->usable_mcores * s->shards >= s->load_mcores);
    assert_true(s->shards * s->usable_mcores >= s->write_mcores);
    assert_true(s->bouncer || s->max_connections >= s->direct);
    assert_true(s->max_connections >= CLI_CONNECTIONS_DEFAULT);
}

static void size_keeps_its_promises_for_all_demands(void **state)
{
    static const uint64_t agencies[] = {1, 5, 6, 20, 21, 40, 41, 1000, CLI_AGENCIES_MAX};
    static const uint64_t services[] = {1, 3, 64, CLI_SERVICES_MAX};
    static const uint64_t cores[] = {1, 8, CLI_CORES_MAX};
    static const uint64_t rates[] = {0, 1, 999, 50000, CLI_RATE_MAX};
    static const uint64_t times[] = {1, 1000, CLI_STATEMENT_US_MAX};
    size_t sized = 0;
    size_t i;

    (void)state;
    for (i = 0; i < 9 * 4 * 3 * 5 * 5 * 3; i++) {
        cli_demand_t d = {agencies[i % 9],    services[i / 9 % 4], cores[i / 36 % 3],
                          rates[i / 108 % 5], rates[i / 540 % 5],  times[i / 2700 % 3]};
        cli_sizing_t s;
        if (cli_size(&d, &s) == NULL) {
            check_promises(&d, &s);
            sized++;
        }
    }
    assert_true(sized > 4000);
}

static bool has_line(const cli_sizing_lines_t *lines, const char *name, const char *value,
                     const char *how)
{
    size_t i;

    for (i = 0; i < lines->count; i++) {
        if (strcmp(lines->items[i].name, name) == 0)
            return strcmp(lines->items[i].value, value) == 0 &&
                   strstr(lines->items[i].how, how) != NULL;
    }
    return false;
}

static void lines_show_where_numbers_come_from(void **state)
{
    const cli_demand_t demand = {60, 40, 16, 20000, 3000, 400};
    cli_sizing_lines_t lines;
    cli_sizing_t sizing;

    (void)state;
    assert_null(cli_size(&demand, &sizing));
    lines = cli_sizing_lines(&demand, &sizing);
    assert_true(has_line(&lines, "tier by agencies", "large", "60 agencies; 21 and more"));
    assert_true(has_line(&lines, "shards by agencies", "3", "ceil(60 agencies / 20)"));
    assert_true(has_line(&lines, "cores for the load", "9.2", "(20000 reads + 3000 writes)"));
    assert_true(has_line(&lines, "cores of a server", "9.6", "16 x 60 %"));
    assert_true(has_line(&lines, "shards", "4", "power of two"));
    assert_true(has_line(&lines, "cores for a shard", "2.3", "9.2 / 4"));
    assert_true(has_line(&lines, "servers", "10", "4 shards x (1 primary + 1) + 2"));
    assert_true(has_line(&lines, "slots of a shard", "1024", "halved 10 times"));
    assert_true(has_line(&lines, "pool.max", "2", "ceil(64 / 40 instances)"));
    assert_true(has_line(&lines, "connections", "213", "50 x (2 pool + 1 keeper + 1 listener)"));
    assert_false(has_line(&lines, "PgBouncer", "yes", ""));
}

static void notes_name_what_is_not_known(void **state)
{
    const cli_demand_t unknown = {3, 1, 1, 0, 0, 1000};
    const cli_demand_t known = {3, 1, 1, 1, 0, 1000};
    cli_sizing_t sizing;

    (void)state;
    assert_null(cli_size(&unknown, &sizing));
    assert_int_equal(cli_sizing_notes(&unknown, &sizing).count, 3);
    assert_null(cli_size(&known, &sizing));
    assert_int_equal(cli_sizing_notes(&known, &sizing).count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_follows_each_rule),
        cmocka_unit_test(size_too_much_load_says_how_many_shards),
        cmocka_unit_test(size_keeps_its_promises_for_all_demands),
        cmocka_unit_test(lines_show_where_numbers_come_from),
        cmocka_unit_test(notes_name_what_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
