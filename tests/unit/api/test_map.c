#include "unit.h"

#include "agencydb/map.h"
#include "base/buf.h"

#define EVERYTHING AGDB_SOURCE_DIR "/tests/maps/valid/everything.yaml"

static agdb_map_t *everything(void)
{
    agdb_map_t *map = NULL;

    assert_int_equal(agdb_map_load(EVERYTHING, &map, NULL, NULL), AGDB_OK);
    return map;
}

static void collect(const char *text, size_t len, void *user)
{
    agdb__buf_add(user, text, len);
}

static void map_accessors_show_what_was_loaded(void **state)
{
    agdb_map_t *map = everything();

    (void)state;
    assert_int_equal(agdb_map_epoch(map), 7);
    assert_int_equal(agdb_map_slots(map), 64);
    assert_int_equal(agdb_map_keyspace_count(map), 2);
    assert_string_equal(agdb_map_keyspace_name(map, 1), "events");
    assert_null(agdb_map_keyspace_name(map, 2));
    assert_int_equal(agdb_map_default_keyspace(map), 0);
    assert_int_equal(agdb_map_shard_count(map, 0), 3);
    assert_int_equal(agdb_map_shard_count(map, 9), 0);
    assert_string_equal(agdb_map_shard_name(map, 0, 1), "c");
    assert_null(agdb_map_shard_name(map, 0, 3));
    assert_int_equal(agdb_map_node_count(map, 0, 0), 5);
    assert_int_equal(agdb_map_node_count(map, 0, 3), 0);
    agdb_map_free(map);
}

static void map_node_setting_tells_what_the_nodes_are(void **state)
{
    static const char text[] =
        "agencydb: 1\n"
        "keyspaces:\n"
        "  a: { via: pgbouncer, shards: { a-1: { nodes: [ 127.0.0.1 ] } } }\n"
        "  b: { shards: { b-1: { nodes: [ 127.0.0.2 ] } } }\n"
        "default_keyspace: a\n"
        "defaults: { connection: { user: u, dbname: d } }\n";
    agdb_map_t *map = NULL;
    char buf[16];

    (void)state;
    assert_int_equal(agdb_map_parse(text, strlen(text), "inline", &map, NULL, NULL), AGDB_OK);
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 0, "via", buf, sizeof buf), 9);
    assert_string_equal(buf, "pgbouncer");
    assert_int_equal(agdb_map_node_setting(map, 1, 0, 0, "via", buf, sizeof buf), 0);
    agdb_map_free(map);
}

static void map_accessors_show_regions_slots_and_agencies(void **state)
{
    agdb_map_t *map = everything();
    agdb_bytes_t key = {NULL, 0};

    (void)state;
    assert_string_equal(agdb_map_shard_region(map, 0, 0), "east");
    assert_string_equal(agdb_map_shard_region(map, 0, 1), "");
    assert_null(agdb_map_shard_region(map, 0, 3));
    assert_null(agdb_map_shard_region(map, 2, 0));
    assert_int_equal(agdb_map_slot_owner(map, 0, 3), 0);
    assert_int_equal(agdb_map_slot_owner(map, 0, 4), 1);
    assert_int_equal(agdb_map_slot_owner(map, 0, 63), 0);
    assert_int_equal(agdb_map_slot_owner(map, 0, 64), -1);
    assert_int_equal(agdb_map_slot_owner(map, 1, 63), 0);
    assert_int_equal(agdb_map_slot_owner(map, 2, 0), -1);
    assert_int_equal(agdb_map_agency_count(map), 5);
    assert_true(agdb_map_agency_key(map, 0, &key));
    assert_int_equal(key.len, 2);
    assert_memory_equal(key.data, "\0\xff", 2);
    assert_true(agdb_map_agency_key(map, 4, &key));
    assert_int_equal(key.len, 9);
    assert_memory_equal(key.data, "us/ca/dph", 9);
    assert_false(agdb_map_agency_key(map, 5, &key));
    assert_false(agdb_map_agency_key(map, 0, NULL));
    assert_int_equal(agdb_map_agency_count(NULL), 0);
    agdb_map_free(map);
}

static void map_node_setting_is_cut_like_snprintf(void **state)
{
    agdb_map_t *map = everything();
    char buf[8];

    (void)state;
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 1, "name", buf, sizeof buf), 5);
    assert_string_equal(buf, "spare");
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 0, "name", buf, sizeof buf), 14);
    assert_string_equal(buf, "127.0.0");
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 0, "timeouts.call", buf, sizeof buf), 4);
    assert_string_equal(buf, "1500");
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 0, "connection.sslcrl", buf, sizeof buf), 0);
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 0, "via", buf, sizeof buf), 0);
    assert_int_equal(agdb_map_node_setting(map, 1, 0, 0, "via", buf, sizeof buf), 9);
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 9, "name", buf, sizeof buf), -1);
    assert_int_equal(agdb_map_node_setting(map, 0, 0, 0, "nothing", buf, sizeof buf), -1);
    agdb_map_free(map);
}

static void map_route_fills_the_callers_struct(void **state)
{
    agdb_map_t *map = everything();
    agdb_route_info_t info = {.struct_size = sizeof info};

    (void)state;
    assert_int_equal(agdb_map_route(map, NULL, agdb_key("us/ca/dph"), &info, NULL), AGDB_OK);
    assert_string_equal(info.keyspace, "core");
    assert_string_equal(info.shard, "new");
    assert_true(info.pinned);
    assert_false(info.frozen);
    assert_int_equal(info.slot, info.hash % 64);
    agdb_map_free(map);
}

static void map_route_bad_arguments_are_refused(void **state)
{
    agdb_map_t *map = everything();
    agdb_route_info_t info = {.struct_size = sizeof info};
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb_map_route(map, "nope", agdb_key("epa"), &info, &error), AGDB_E_INVAL);
    assert_string_equal(agdb_error_message(error), "the map has no keyspace 'nope'");
    assert_int_equal(agdb_map_route(map, NULL, agdb_key(""), &info, &error), AGDB_E_INVAL);
    assert_int_equal(agdb_map_route(map, NULL, agdb_key(NULL), &info, &error), AGDB_E_INVAL);
    assert_int_equal(agdb_map_route(map, NULL, agdb_bytes("x", 256), &info, &error), AGDB_E_INVAL);
    info.struct_size = 0;
    assert_int_equal(agdb_map_route(map, NULL, agdb_key("epa"), &info, &error), AGDB_E_INVAL);
    agdb_error_clear(&error);
    agdb_map_free(map);
}

static void map_parse_bad_text_gives_remarks_and_children(void **state)
{
    static const char k_text[] = "agencydb: 2\nepoch: 0\n";
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    agdb_error_t *error = NULL;

    (void)state;
    assert_int_equal(agdb_map_parse(k_text, strlen(k_text), NULL, &map, &diag, &error),
                     AGDB_E_MAP_INVALID);
    assert_int_equal(agdb_diagnostics_count(diag), 3);
    assert_int_equal(agdb_error_child_count(error), 3);
    assert_string_equal(agdb_diagnostics_at(diag, 1)->text, "agencydb: '2' is not 1");
    assert_string_equal(agdb_diagnostics_at(diag, 1)->file, "map");
    assert_null(agdb_diagnostics_at(diag, 3));
    agdb_diagnostics_free(diag);
    agdb_error_clear(&error);
}

static void map_write_diff_and_replace_take_the_same_map(void **state)
{
    agdb_map_t *map = everything();
    agdb_map_t *again = NULL;
    agdb__buf_t text;

    (void)state;
    agdb__buf_init(&text, 1 << 20);
    assert_int_equal(agdb_map_write(map, AGDB_MAP_JSON, NULL, collect, &text, NULL), AGDB_OK);
    assert_int_equal(agdb_map_parse(text.data, text.len, "again", &again, NULL, NULL), AGDB_OK);
    agdb__buf_fini(&text);
    assert_int_equal(agdb_map_diff(map, again, false, collect, &text, NULL), AGDB_OK);
    assert_int_equal(text.len, 0);
    assert_int_equal(agdb_map_may_replace(map, map, NULL), AGDB_OK);
    assert_int_equal(agdb_map_may_replace(map, again, NULL), AGDB_E_MAP_STALE);
    agdb__buf_fini(&text);
    agdb_map_free(map);
    agdb_map_free(again);
}

static void map_calls_without_arguments_are_refused(void **state)
{
    agdb_map_t *map = NULL;

    (void)state;
    assert_int_equal(agdb_map_load(NULL, &map, NULL, NULL), AGDB_E_INVAL);
    assert_int_equal(agdb_map_parse(NULL, 1, "t", &map, NULL, NULL), AGDB_E_INVAL);
    assert_int_equal(agdb_map_write(NULL, AGDB_MAP_YAML, NULL, collect, NULL, NULL), AGDB_E_INVAL);
    assert_int_equal(agdb_map_may_replace(NULL, NULL, NULL), AGDB_E_INVAL);
    assert_int_equal(agdb_map_diff(NULL, NULL, true, collect, NULL, NULL), AGDB_E_INVAL);
    assert_int_equal(agdb_map_epoch(NULL), 0);
    assert_int_equal(agdb_diagnostics_count(NULL), 0);
    agdb_diagnostics_free(NULL);
    agdb_map_free(NULL);
}

static void map_edit_checks_its_struct_and_writes_once(void **state)
{
    static const char k_text[] =
        "agencydb: 1\nkeyspaces: { core: { shards: { a: { nodes: [ localhost ] } } } }\n";
    agdb_map_edit_t ask = {.struct_size = sizeof ask, .kind = AGDB_EDIT_BUMP};
    agdb_map_edit_t old = ask;
    agdb_error_t *error = NULL;
    agdb__buf_t text;

    (void)state;
    agdb__buf_init(&text, 1 << 20);
    assert_int_equal(
        agdb_map_edit(k_text, strlen(k_text), NULL, &ask, collect, &text, NULL, &error), AGDB_OK);
    assert_string_equal(text.data, "agencydb: 1\nepoch: 2\nkeyspaces: { core: { shards: { a: { "
                                   "nodes: [ localhost ] } } } }\n");
    agdb__buf_fini(&text);
    old.struct_size = 8;
    assert_int_equal(agdb_map_edit(k_text, 9, NULL, &old, collect, &text, NULL, &error),
                     AGDB_E_INVAL);
    ask.nkeys = 1;
    assert_int_equal(agdb_map_edit(k_text, 9, NULL, &ask, collect, &text, NULL, &error),
                     AGDB_E_INVAL);
    assert_string_equal(agdb_error_message(error), "the keys of agdb_map_edit_t are NULL");
    ask.nkeys = 0;
    ask.nnodes = 1;
    assert_int_equal(agdb_map_edit(k_text, 9, NULL, &ask, collect, &text, NULL, &error),
                     AGDB_E_INVAL);
    assert_int_equal(agdb_map_edit(k_text, 9, NULL, NULL, collect, &text, NULL, &error),
                     AGDB_E_INVAL);
    assert_int_equal(agdb_map_edit(NULL, 9, NULL, &ask, collect, &text, NULL, &error),
                     AGDB_E_INVAL);
    assert_int_equal(text.len, 0);
    agdb_error_clear(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_accessors_show_what_was_loaded),
        cmocka_unit_test(map_node_setting_tells_what_the_nodes_are),
        cmocka_unit_test(map_accessors_show_regions_slots_and_agencies),
        cmocka_unit_test(map_node_setting_is_cut_like_snprintf),
        cmocka_unit_test(map_route_fills_the_callers_struct),
        cmocka_unit_test(map_route_bad_arguments_are_refused),
        cmocka_unit_test(map_parse_bad_text_gives_remarks_and_children),
        cmocka_unit_test(map_write_diff_and_replace_take_the_same_map),
        cmocka_unit_test(map_edit_checks_its_struct_and_writes_once),
        cmocka_unit_test(map_calls_without_arguments_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
