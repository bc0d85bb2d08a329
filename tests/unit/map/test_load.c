#include "failing.h"
#include "map_test.h"

#include "map/route.h"

#include <stdlib.h>
#include <unistd.h>

/* --- without memory
 * ------------------------------------------------------------------------------ */

static const char k_good[] =
    "agencydb: 1\nhash: { slots: 64 }\n"
    "defaults: { connection: { user: \"${AGDB_TEST_UNSET:-u}\", sslrootcert: ca.crt } }\n"
    "keyspaces:\n  core:\n    shards:\n"
    "      a: { slots: [0-31], nodes: [ 127.0.0.1 ] }\n"
    "      b: { slots: [32-63], nodes: [ { host: localhost, pool: { max: 4 } } ] }\n"
    "agencies: { epa: { shard: b }, hex:00: { writes: refuse }, no: { shard: a } }\n";

static const char k_bad[] = "agencydb: 2\nkeyspaces: { core: { shards: { a: { nodes: [ 1.2.3 ] } "
                            "} } }\nagencies: { epa: { shard: x } }\n";

static agdb_status_t run_once(failing_t *f, const char *text)
{
    const agdb_allocator_t allocator = failing_allocator(f);
    const agdb_allocator_t *before = agdb__alloc_enter(&allocator);
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    agdb_error_t *error = NULL;
    agdb_status_t st = agdb__map_load_text(text, strlen(text), "sweep", &map, &diag, &error);

    assert_int_equal(st == AGDB_OK, map != NULL);
    assert_int_equal(st != AGDB_OK, error != NULL);
    if (error != NULL)
        assert_int_equal(error->status, st);
    agdb__map_unref(map);
    agdb__diag_free(diag);
    agdb__error_free(error);
    agdb__alloc_enter(before);
    assert_int_equal(f->live, 0);
    return st;
}

static void sweep(const char *text, agdb_status_t expected, bool from_there_on)
{
    failing_t all = {0};
    size_t i;

    assert_int_equal(run_once(&all, text), expected);
    assert_true(all.count > 5);
    for (i = 1; i <= all.count; i++) {
        failing_t f = {.fail_at = i, .from_there_on = from_there_on};
        agdb_status_t st = run_once(&f, text);
        if (st != expected)
            assert_int_equal(st, AGDB_E_NOMEM);
    }
}

static void load_one_allocation_fails_reports_no_memory(void **state)
{
    (void)state;
    sweep(k_good, AGDB_OK, false);
    sweep(k_bad, AGDB_E_MAP_INVALID, false);
}

static void load_all_further_allocations_fail_reports_no_memory(void **state)
{
    (void)state;
    sweep(k_good, AGDB_OK, true);
    sweep(k_bad, AGDB_E_MAP_INVALID, true);
}

/* --- what a loaded map says
 * ----------------------------------------------------------------------- */

static void load_smallest_map_fills_in_every_default(void **state)
{
    agdb_map_t *map = good_file(AGDB_SOURCE_DIR "/tests/maps/valid/smallest.yaml");
    const agdb__map_node_t *node = &map->keyspaces[0].shards[0].nodes[0];

    (void)state;
    assert_int_equal(map->epoch, 1);
    assert_int_equal(map->slots, 4096);
    assert_int_equal(map->default_keyspace, 0);
    assert_true(map->keyspaces[0].grouping);
    assert_int_equal(map->keyspaces[0].owner[4095], 0);
    assert_string_equal(node->name, "127.0.0.1:5432");
    assert_string_equal(node->settings.text[AGDB_S_USER], "agency_app");
    assert_int_equal(node->settings.number[AGDB_S_POOL_MAX], 8);
    assert_int_equal(node->settings.number[AGDB_S_POOL_IDLE], 300000);
    assert_int_equal(node->settings.number[AGDB_S_TIMEOUT_CALL], 5000);
    assert_null(node->settings.text[AGDB_S_PASSWORD_FILE]);
    agdb__map_unref(map);
}

static void load_maps_of_the_design_succeeds(void **state)
{
    static const char *const k_files[] = {
        "/tests/maps/valid/design.yaml", "/shardmap/dev.yaml",   "/shardmap/small.yaml",
        "/shardmap/medium.yaml",         "/shardmap/large.yaml", "/shardmap/regional.yaml"};
    char path[1024];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_files); i++) {
        snprintf(path, sizeof path, "%s%s", AGDB_SOURCE_DIR, k_files[i]);
        agdb__map_unref(good_file(path));
    }
}

static void load_relative_path_counts_from_the_map_file(void **state)
{
    agdb_map_t *map = good_file(AGDB_SOURCE_DIR "/tests/maps/valid/everything.yaml");
    char cwd[1024];
    char expected[1100];

    (void)state;
    assert_string_equal(map->keyspaces[0].shards[1].nodes[0].settings.text[AGDB_S_PASSFILE],
                        AGDB_SOURCE_DIR "/tests/maps/valid/secrets/passfile");
    agdb__map_unref(map);
    map = map_with_node("{ host: localhost, connection: { passfile: p } }");
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(expected, sizeof expected, "%s/p", cwd);
    assert_string_equal(map->keyspaces[0].shards[0].nodes[0].settings.text[AGDB_S_PASSFILE],
                        expected);
    agdb__map_unref(map);
}

static void load_same_text_gives_same_digest_whatever_the_environment(void **state)
{
    static const char k_text[] = "agencydb: 1\nkeyspaces: { c: { shards: { s: { nodes: [ "
                                 "\"${AGDB_TEST_X:-localhost}\" ] } } } }\n";
    agdb_map_t *a;
    agdb_map_t *b;

    (void)state;
    unsetenv("AGDB_TEST_X");
    a = good_map(k_text);
    setenv("AGDB_TEST_X", "127.0.0.9", 1);
    b = good_map(k_text);
    unsetenv("AGDB_TEST_X");
    assert_memory_equal(&a->digest, &b->digest, sizeof a->digest);
    assert_string_equal(b->keyspaces[0].shards[0].nodes[0].host, "127.0.0.9");
    agdb__map_unref(a);
    agdb__map_unref(b);
}

static void load_warnings_only_gives_map_and_remarks(void **state)
{
    static const char k_text[] = "agencydb: 1\nkeyspaces: { c: { shards: { s: { nodes: [ localhost "
                                 "] } } } }\nagencies: { no: { writes: refuse } }\n";
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;

    (void)state;
    assert_int_equal(agdb__map_load_text(k_text, strlen(k_text), "t", &map, &diag, NULL), AGDB_OK);
    assert_non_null(map);
    assert_int_equal(diag->nitems, 1);
    assert_false(diag->item[0].is_error);
    agdb__diag_free(diag);
    agdb__map_unref(map);
}

static void load_missing_file_says_why(void **state)
{
    agdb_map_t *map = NULL;
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb__map_load_file("/nonexistent/map.yaml", &map, NULL, &error),
                     AGDB_E_MAP_INVALID);
    assert_string_equal(error->message,
                        "/nonexistent/map.yaml:1:1: cannot be opened: No such file or directory");
    agdb__error_free(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_one_allocation_fails_reports_no_memory),
        cmocka_unit_test(load_all_further_allocations_fail_reports_no_memory),
        cmocka_unit_test(load_smallest_map_fills_in_every_default),
        cmocka_unit_test(load_maps_of_the_design_succeeds),
        cmocka_unit_test(load_relative_path_counts_from_the_map_file),
        cmocka_unit_test(load_same_text_gives_same_digest_whatever_the_environment),
        cmocka_unit_test(load_warnings_only_gives_map_and_remarks),
        cmocka_unit_test(load_missing_file_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
