#include "map_test.h"

#include "base/alloc.h"
#include "map/setting.h"
#include "map/write.h"

#include <stdlib.h>

static const char k_map[] =
    "agencydb: 1\nhash: { slots: 64 }\ndefault_keyspace: core\n"
    "defaults: { connection: { password_file: /run/p, search_path: \"a, b\" } }\n"
    "keyspaces:\n  core:\n    shards:\n"
    "      a: { slots: [0-31], nodes: [ 127.0.0.1, { host: 127.0.0.2, port: 6000, name: spare } ] "
    "}\n"
    "      b: { slots: [32-63], nodes: [ { host: 127.0.0.3, pool: { max: 4 } } ] }\n"
    "  log: { shards: { l: { nodes: [ \"[::1]:7000\" ] } } }\n";

/* What a test's callback was asked, and what it answers to one of the questions. */
typedef struct script {
    const char *name; /* of the setting that is answered; NULL: none */
    const char *answer;
    char scratch[64]; /* used again by each call, as a caller may */
    unsigned next_port;
    char asked[4096];
} script_t;

static void note(script_t *script, const agdb_map_setting_t *setting)
{
    size_t at = strlen(script->asked);

    snprintf(script->asked + at, sizeof script->asked - at, "%zu.%zu.%zu %s=%s\n",
             setting->keyspace, setting->shard, setting->node, setting->name,
             setting->value != NULL ? setting->value : "-");
}

static const char *answer(const agdb_map_setting_t *setting, void *user)
{
    script_t *script = user;

    note(script, setting);
    if (strcmp(setting->name, "port") == 0 && script->next_port != 0) {
        snprintf(script->scratch, sizeof script->scratch, "%u", script->next_port++);
        return script->scratch;
    }
    if (script->name == NULL || strcmp(setting->name, script->name) != 0)
        return setting->value;
    if (script->answer == NULL)
        return NULL;
    snprintf(script->scratch, sizeof script->scratch, "%s", script->answer);
    return script->scratch;
}

static agdb_map_t *rewritten(const char *text, script_t *script)
{
    agdb_map_t *map = good_map(text);
    agdb_map_t *again;
    agdb__buf_t out;

    agdb__buf_init(&out, AGDB__WRITE_CEILING);
    assert_int_equal(agdb__map_write(map, AGDB_MAP_YAML, answer, script, &out, NULL), AGDB_OK);
    again = good_map(out.data);
    agdb__buf_fini(&out);
    agdb__map_unref(map);
    return again;
}

static agdb_status_t refused(const char *name, const char *text, char *ret_message, size_t size)
{
    script_t script = {.name = name, .answer = text};
    agdb_map_t *map = good_map(k_map);
    agdb_error_t *error = NULL;
    agdb__buf_t out;
    agdb_status_t st;

    agdb__buf_init(&out, AGDB__WRITE_CEILING);
    st = agdb__map_write(map, AGDB_MAP_JSON, answer, &script, &out, &error);
    assert_int_equal(out.len, 0);
    snprintf(ret_message, size, "%s", error != NULL ? error->message : "");
    agdb__error_free(error);
    agdb__buf_fini(&out);
    agdb__map_unref(map);
    return st;
}

static void check_setting(const agdb_map_t *map, size_t keyspace, size_t shard, size_t node,
                          const char *name, const char *expected)
{
    const agdb__map_node_t *at = &map->keyspaces[keyspace].shards[shard].nodes[node];
    char number[AGDB__SETTING_NUMBER];
    const char *text = NULL;

    assert_true(agdb__node_setting(at, name, &text, number));
    if (expected == NULL)
        assert_null(text);
    else
        assert_string_equal(text, expected);
}

static void rewrite_ports_gives_a_map_with_them_and_made_names_that_follow(void **state)
{
    script_t script = {.next_port = 20001};
    agdb_map_t *map = rewritten(k_map, &script);

    (void)state;
    check_setting(map, 0, 0, 0, "port", "20001");
    check_setting(map, 0, 0, 0, "name", "127.0.0.1:20001");
    check_setting(map, 0, 0, 1, "port", "20002");
    check_setting(map, 0, 0, 1, "name", "spare");
    check_setting(map, 0, 1, 0, "port", "20003");
    check_setting(map, 0, 1, 0, "pool.max", "4");
    check_setting(map, 1, 0, 0, "port", "20004");
    check_setting(map, 1, 0, 0, "name", "[::1]:20004");
    assert_int_equal(map->keyspaces[0].owner[31], 0);
    assert_int_equal(map->keyspaces[0].owner[32], 1);
    agdb__map_unref(map);
}

static void rewrite_asks_for_each_text_setting_once_in_order(void **state)
{
    static const char k_first[] = "0.0.0 host=127.0.0.1\n0.0.0 port=5432\n0.0.0 name=-\n"
                                  "0.0.0 connection.user=agency_app\n";
    script_t script = {0};
    agdb_map_t *map = rewritten(k_map, &script);
    size_t lines = 0;
    const char *at;

    (void)state;
    assert_memory_equal(script.asked, k_first, sizeof k_first - 1);
    assert_non_null(strstr(script.asked, "\n0.0.1 name=spare\n"));
    assert_non_null(strstr(script.asked, "\n0.1.0 connection.password_file=/run/p\n"));
    assert_non_null(strstr(script.asked, "\n1.0.0 connection.passfile=-\n"));
    assert_null(strstr(script.asked, "pool."));
    for (at = script.asked; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 4 * (3 + 13));
    agdb__map_unref(map);
}

static void rewrite_text_with_dollars_and_quotes_arrives_as_it_is(void **state)
{
    script_t script = {.name = "connection.password_file", .answer = "/tmp/a $HOME \"b\""};
    agdb_map_t *map = rewritten(k_map, &script);

    (void)state;
    check_setting(map, 0, 1, 0, "connection.password_file", "/tmp/a $HOME \"b\"");
    check_setting(map, 1, 0, 0, "connection.password_file", "/tmp/a $HOME \"b\"");
    agdb__map_unref(map);
}

static void rewrite_left_out_setting_has_its_default(void **state)
{
    script_t search_path = {.name = "connection.search_path"};
    script_t password_file = {.name = "connection.password_file"};
    script_t name = {.name = "name"};
    agdb_map_t *map = rewritten(k_map, &search_path);

    (void)state;
    check_setting(map, 0, 0, 0, "connection.search_path", "\"$user\", public");
    agdb__map_unref(map);
    map = rewritten(k_map, &password_file);
    check_setting(map, 0, 0, 0, "connection.password_file", NULL);
    agdb__map_unref(map);
    map = rewritten(k_map, &name);
    check_setting(map, 0, 0, 1, "name", "127.0.0.2:6000");
    agdb__map_unref(map);
}

static void rewrite_without_host_or_with_a_bad_port_is_refused(void **state)
{
    static const char *const k_ports[] = {NULL, "", "0", "65536", "54a", "-1"};
    char message[256];
    size_t i;

    (void)state;
    assert_int_equal(refused("host", NULL, message, sizeof message), AGDB_E_INVAL);
    assert_string_equal(message, "shard 'a', node '127.0.0.1:5432': it is left without a host");
    for (i = 0; i < AGDB_COUNT(k_ports); i++) {
        assert_int_equal(refused("port", k_ports[i], message, sizeof message), AGDB_E_INVAL);
        assert_string_equal(
            message, "shard 'a', node '127.0.0.1:5432': its port is not a number from 1 to 65535");
    }
}

/* --- memory ----------------------------------------------------------------------------------- */
typedef struct failing {
    size_t count;
    size_t fail_at;
    long live;
} failing_t;

static void *test_alloc(size_t size, void *user)
{
    failing_t *f = user;

    if (++f->count == f->fail_at)
        return NULL;
    f->live++;
    return malloc(size);
}

static void *test_resize(void *block, size_t size, void *user)
{
    failing_t *f = user;

    return ++f->count == f->fail_at ? NULL : realloc(block, size);
}

static void test_release(void *block, void *user)
{
    ((failing_t *)user)->live--;
    free(block);
}

static agdb_status_t write_failing(const agdb_map_t *map, failing_t *f)
{
    const agdb_allocator_t allocator = {test_alloc, test_resize, test_release, f};
    const agdb_allocator_t *before = agdb__alloc_enter(&allocator);
    script_t script = {.next_port = 20001};
    agdb_error_t *error = NULL;
    agdb__buf_t out;
    agdb_status_t st;

    agdb__buf_init(&out, AGDB__WRITE_CEILING);
    st = agdb__map_write(map, AGDB_MAP_YAML, answer, &script, &out, &error);
    assert_int_equal(st != AGDB_OK, error != NULL);
    agdb__error_free(error);
    agdb__buf_fini(&out);
    agdb__alloc_enter(before);
    assert_int_equal(f->live, 0);
    return st;
}

static void rewrite_one_allocation_fails_reports_no_memory(void **state)
{
    agdb_map_t *map = good_map(k_map);
    failing_t all = {0};
    size_t i;

    (void)state;
    assert_int_equal(write_failing(map, &all), AGDB_OK);
    assert_true(all.count > 3);
    for (i = 1; i <= all.count; i++) {
        failing_t f = {.fail_at = i};
        assert_int_equal(write_failing(map, &f), AGDB_E_NOMEM);
    }
    agdb__map_unref(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewrite_ports_gives_a_map_with_them_and_made_names_that_follow),
        cmocka_unit_test(rewrite_asks_for_each_text_setting_once_in_order),
        cmocka_unit_test(rewrite_text_with_dollars_and_quotes_arrives_as_it_is),
        cmocka_unit_test(rewrite_left_out_setting_has_its_default),
        cmocka_unit_test(rewrite_without_host_or_with_a_bad_port_is_refused),
        cmocka_unit_test(rewrite_one_allocation_fails_reports_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
