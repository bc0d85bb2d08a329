#include "map_test.h"

#include "map/diff.h"
#include "map/write.h"

static void check_round_trip(const char *path, agdb_map_format_t format)
{
    agdb_map_t *map = good_file(path);
    agdb_map_t *again;
    agdb__buf_t text;
    agdb__buf_t difference;

    agdb__buf_init(&text, AGDB__WRITE_CEILING);
    agdb__buf_init(&difference, AGDB__WRITE_CEILING);
    assert_int_equal(agdb__map_write(map, format, NULL, NULL, &text, NULL), AGDB_OK);
    assert_false(text.failed);
    again = good_map(text.data);
    agdb__map_diff(map, again, false, &difference);
    if (difference.len != 0)
        fail_msg("%s: %s", path, difference.data);
    assert_int_equal(again->moved_since, map->moved_since);
    agdb__buf_fini(&text);
    agdb__buf_fini(&difference);
    agdb__map_unref(map);
    agdb__map_unref(again);
}

static void write_then_load_gives_the_same_map(void **state)
{
    static const char *const k_files[] = {
        "/tests/maps/valid/design.yaml", "/tests/maps/valid/everything.yaml",
        "/tests/maps/valid/smallest.yaml", "/shardmap/dev.yaml", "/shardmap/regional.yaml"};
    char path[1024];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_files); i++) {
        snprintf(path, sizeof path, "%s%s", AGDB_SOURCE_DIR, k_files[i]);
        check_round_trip(path, AGDB_MAP_YAML);
        check_round_trip(path, AGDB_MAP_JSON);
    }
}

static void write_smallest_map_shows_every_default(void **state)
{
    agdb_map_t *map = good_file(AGDB_SOURCE_DIR "/tests/maps/valid/smallest.yaml");
    agdb__buf_t text;

    (void)state;
    agdb__buf_init(&text, AGDB__WRITE_CEILING);
    assert_int_equal(agdb__map_write(map, AGDB_MAP_YAML, NULL, NULL, &text, NULL), AGDB_OK);
    assert_string_equal(
        text.data,
        "agencydb: 1\nepoch: 1\nhash:\n  algorithm: \"xxh3_64\"\n  slots: 4096\n"
        "default_keyspace: \"core\"\ndefaults:\n  connection:\n    user: \"agency_app\"\n"
        "    dbname: \"agency\"\n    sslmode: \"prefer\"\n"
        "    ssl_min_protocol_version: \"TLSv1.2\"\n    channel_binding: \"prefer\"\n"
        "    insecure: false\n    search_path: \"\\\"$$user\\\", public\"\n"
        "    keepalives_idle: 30s\n    tcp_user_timeout: 15s\n"
        "  pool:\n    min: 1\n    max: 8\n    idle: 5m\n    lifetime: 1h\n    queue: 1000\n"
        "  timeouts:\n    call: 5s\n    connect: 3s\n    queue: 1s\n    park: 30s\n"
        "    server: 30s\n  replicas:\n    max_lag: 30s\n    hedge: 0ms\n  log:\n    slow: 0ms\n   "
        " comments: false\n  idempotency:\n    keep: "
        "1d\nkeyspaces:\n  \"core\":\n    grouping: on\n    shards:\n"
        "      \"main\":\n        slots: [\"0-4095\"]\n        generation: 0\n        nodes:\n"
        "          - host: \"127.0.0.1\"\n            port: 5432\n"
        "            name: \"127.0.0.1:5432\"\n            state: \"active\"\n");
    agdb__buf_fini(&text);
    agdb__map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_then_load_gives_the_same_map),
        cmocka_unit_test(write_smallest_map_shows_every_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
