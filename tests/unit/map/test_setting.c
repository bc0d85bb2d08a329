#include "map_test.h"

#include "map/setting.h"

static void setting_gives_text_of_every_type(void **state)
{
    static const char *const k_rows[][2] = {{"host", "localhost"},
                                            {"port", "7"},
                                            {"name", "n"},
                                            {"zone", ""},
                                            {"state", "out"},
                                            {"reads", "never"},
                                            {"connection.user", "u"},
                                            {"connection.insecure", "true"},
                                            {"connection.sslmode", "prefer"},
                                            {"pool.max", "8"},
                                            {"timeouts.call", "5000"}};
    agdb_map_t *map =
        map_with_node("{ host: localhost, port: 7, name: \"n\", state: out, reads: never, "
                      "connection: { user: u, insecure: true } }");
    char buf[AGDB__SETTING_NUMBER];
    const char *text = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        assert_true(
            agdb__node_setting(map->keyspaces[0].shards[0].nodes, k_rows[i][0], &text, buf));
        assert_string_equal(text, k_rows[i][1]);
    }
    assert_true(
        agdb__node_setting(map->keyspaces[0].shards[0].nodes, "connection.sslcert", &text, buf));
    assert_null(text);
    assert_false(agdb__node_setting(map->keyspaces[0].shards[0].nodes, "pool", &text, buf));
    agdb__map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_gives_text_of_every_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
