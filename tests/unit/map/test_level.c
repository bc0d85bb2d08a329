#include "map_test.h"

#include "map/level.h"

static const char k_levels[] =
    "agencydb: 1\n"
    "defaults: { connection: { user: d, dbname: d, passfile: /d }, pool: { min: 2, max: 20 } }\n"
    "keyspaces:\n  core:\n    connection: { dbname: k, password_env: K }\n    pool: { max: 30 }\n"
    "    shards:\n      s:\n        timeouts: { call: 7s }\n        connection: { dbname: s }\n"
    "        nodes:\n          - localhost\n"
    "          - { host: localhost, port: 1, connection: { dbname: n, password_file: /n }, pool: { "
    "max: 40 } }\n";

static void levels_merge_key_by_key_and_the_innermost_wins(void **state)
{
    agdb_map_t *map = good_map(k_levels);
    const agdb__settings_t *a = &map->keyspaces[0].shards[0].nodes[0].settings;
    const agdb__settings_t *b = &map->keyspaces[0].shards[0].nodes[1].settings;

    (void)state;
    assert_string_equal(a->text[AGDB_S_USER], "d");
    assert_string_equal(a->text[AGDB_S_DBNAME], "s");
    assert_string_equal(b->text[AGDB_S_DBNAME], "n");
    assert_int_equal(a->number[AGDB_S_POOL_MIN], 2);
    assert_int_equal(a->number[AGDB_S_POOL_MAX], 30);
    assert_int_equal(b->number[AGDB_S_POOL_MAX], 40);
    assert_int_equal(b->number[AGDB_S_TIMEOUT_CALL], 7000);
    agdb__map_unref(map);
}

static void level_password_source_replaces_one_around_it(void **state)
{
    agdb_map_t *map = good_map(k_levels);
    const agdb__settings_t *a = &map->keyspaces[0].shards[0].nodes[0].settings;
    const agdb__settings_t *b = &map->keyspaces[0].shards[0].nodes[1].settings;

    (void)state;
    assert_null(a->text[AGDB_S_PASSFILE]);
    assert_string_equal(a->text[AGDB_S_PASSWORD_ENV], "K");
    assert_null(b->text[AGDB_S_PASSWORD_ENV]);
    assert_string_equal(b->text[AGDB_S_PASSWORD_FILE], "/n");
    agdb__map_unref(map);
}

static void level_sslmode_drops_insecure_said_around_it(void **state)
{
    agdb_map_t *map = good_map(
        "agencydb: 1\ndefaults: { connection: { insecure: true } }\nkeyspaces: { c: { shards: { s: "
        "{ "
        "nodes: [ db.x, { host: localhost, connection: { sslmode: disable } } ] } } } }\n");
    const agdb__map_node_t *nodes = map->keyspaces[0].shards[0].nodes;

    (void)state;
    assert_int_equal(nodes[0].settings.number[AGDB_S_INSECURE], 1);
    assert_int_equal(nodes[1].settings.number[AGDB_S_INSECURE], 0);
    agdb__map_unref(map);
}

static void level_init_every_default_is_within_its_own_limits(void **state)
{
    agdb__level_t level;
    size_t i;

    (void)state;
    agdb__level_init(&level);
    for (i = 0; i < AGDB_S__COUNT; i++) {
        const agdb__setting_row_t *row = &agdb__setting_rows[i];
        assert_non_null(row->key);
        if (row->type == AGDB__T_UINT || row->type == AGDB__T_MSEC)
            assert_in_range(level.value.number[i], row->min, row->max);
        else if (level.value.text[i] != NULL && row->type != AGDB__T_ENUM)
            assert_in_range(strlen(level.value.text[i]), row->min, row->max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_merge_key_by_key_and_the_innermost_wins),
        cmocka_unit_test(level_password_source_replaces_one_around_it),
        cmocka_unit_test(level_sslmode_drops_insecure_said_around_it),
        cmocka_unit_test(level_init_every_default_is_within_its_own_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
