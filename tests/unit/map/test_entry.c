#include "unit.h"

#include "map/entry.h"

static void check_text(agdb__buf_t *out, const char *expected)
{
    assert_false(out->failed);
    assert_string_equal(out->data, expected);
    agdb__buf_fini(out);
}

static void text_is_quoted_where_readers_would_not_take_it_for_text(void **state)
{
    static const struct {
        const char *text;
        const char *yaml;
        const char *json;
    } k_rows[] = {
        {"west-1", "west-1", "\"west-1\""},
        {"us/ca/dph", "us/ca/dph", "\"us/ca/dph\""},
        {"127.0.0.1", "127.0.0.1", "\"127.0.0.1\""},
        {"/run/pg", "/run/pg", "\"/run/pg\""},
        {"0123", "\"0123\"", "\"0123\""},
        {"no", "\"no\"", "\"no\""},
        {"db:5433", "\"db:5433\"", "\"db:5433\""},
        {"${DB:-x}", "\"${DB:-x}\"", "\"${DB:-x}\""},
        {"-a", "\"-a\"", "\"-a\""},
        {"a b", "\"a b\"", "\"a b\""},
        {"a\"b\\", "\"a\\\"b\\\\\"", "\"a\\\"b\\\\\""},
        {"caf\xC3\xA9", "\"caf\xC3\xA9\"", "\"caf\xC3\xA9\""},
        {"hex:00ff", "\"hex:00ff\"", "\"hex:00ff\""},
        {"", "\"\"", "\"\""},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb__buf_t out;
        agdb__buf_init(&out, 4096);
        agdb__entry_text(&out, k_rows[i].text, strlen(k_rows[i].text), false);
        check_text(&out, k_rows[i].yaml);
        agdb__entry_text(&out, k_rows[i].text, strlen(k_rows[i].text), true);
        check_text(&out, k_rows[i].json);
    }
}

static void word_is_plain_but_for_json(void **state)
{
    agdb__buf_t out;

    (void)state;
    agdb__buf_init(&out, 4096);
    agdb__entry_word(&out, "12", true);
    agdb__entry_word(&out, "0-5", false);
    agdb__entry_word(&out, "0-5", true);
    agdb__entry_word(&out, "out", true);
    check_text(&out, "120-5\"0-5\"\"out\"");
}

static void slots_are_a_list_of_runs(void **state)
{
    static const bool k_set[8] = {true, true, false, true, false, true, true, true};
    static const bool k_none[8] = {false};
    agdb__buf_t out;

    (void)state;
    agdb__buf_init(&out, 4096);
    agdb__entry_slots(&out, k_set, 8, false);
    check_text(&out, "[0-1, 3, 5-7]");
    agdb__entry_slots(&out, k_set, 8, true);
    check_text(&out, "[\"0-1\", 3, \"5-7\"]");
    agdb__entry_slots(&out, k_none, 8, false);
    check_text(&out, "[]");
}

static void node_read_splits_host_and_port(void **state)
{
    static const struct {
        const char *text;
        const char *as_long; /* NULL: refused */
        const char *as_short;
    } k_rows[] = {
        {"db-1", "{ host: db-1 }", "db-1"},
        {"db-1:5433", "{ host: db-1, port: 5433 }", "\"db-1:5433\""},
        {"[::1]:5433", "{ host: \"::1\", port: 5433 }", "\"[::1]:5433\""},
        {"[::1]", "{ host: \"::1\" }", "\"[::1]\""},
        {"/run/pg", "{ host: /run/pg }", "/run/pg"},
        {"${DB:-127.0.0.1}", "{ host: \"${DB:-127.0.0.1}\" }", "\"${DB:-127.0.0.1}\""},
        {"${DB:-127.0.0.1}:5450", "{ host: \"${DB:-127.0.0.1}\", port: 5450 }",
         "\"${DB:-127.0.0.1}:5450\""},
        {"db:${PORT}", "{ host: \"db:${PORT}\" }", "\"db:${PORT}\""},
        {"", NULL, NULL},
        {"::1", NULL, NULL},
        {"db:0", NULL, NULL},
        {"db:x", NULL, NULL},
        {"db:65536", NULL, NULL},
        {"a b", NULL, NULL},
        {"a,b", NULL, NULL},
        {":5432", NULL, NULL},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb__entry_node_t node = {0};
        agdb__buf_t out;
        const char *fault = agdb__entry_node_read(k_rows[i].text, strlen(k_rows[i].text), &node);
        if (k_rows[i].as_long == NULL) {
            assert_non_null(fault);
            continue;
        }
        assert_null(fault);
        agdb__buf_init(&out, 4096);
        agdb__entry_node_flow(&out, &node, false, false);
        check_text(&out, k_rows[i].as_long);
        agdb__entry_node_flow(&out, &node, true, false);
        check_text(&out, k_rows[i].as_short);
    }
}

static void node_with_labels_has_no_short_form(void **state)
{
    const agdb__entry_node_t node = {
        .name = "spare", .host = "db-1", .host_len = 4, .zone = "b", .state = "no-reads"};
    agdb__buf_t out;

    (void)state;
    agdb__buf_init(&out, 4096);
    agdb__entry_node_flow(&out, &node, true, false);
    check_text(&out, "{ name: spare, host: db-1, zone: b, state: no-reads }");
    agdb__entry_node_flow(&out, &node, true, true);
    check_text(
        &out,
        "{ \"name\": \"spare\", \"host\": \"db-1\", \"zone\": \"b\", \"state\": \"no-reads\" }");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_quoted_where_readers_would_not_take_it_for_text),
        cmocka_unit_test(word_is_plain_but_for_json),
        cmocka_unit_test(slots_are_a_list_of_runs),
        cmocka_unit_test(node_read_splits_host_and_port),
        cmocka_unit_test(node_with_labels_has_no_short_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
