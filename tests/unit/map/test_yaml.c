#include "map_test.h"
#include "mutate.h"

#include "base/buf.h"
#include "map/tree.h"

#include <stdlib.h>
#include <time.h>

enum { MIB = 1 << 20, MUTATIONS = 3000, TEXT_MAX = 8192 };

/* CPU time, so that other work on the machine does not count. */
static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double load_ms(const char *text, size_t len)
{
    agdb_map_t *map = NULL;
    agdb_diagnostics_t *diag = NULL;
    double start = cpu_ms();

    (void)agdb__map_load_text(text, len, "hostile", &map, &diag, NULL);
    start = cpu_ms() - start;
    agdb__map_unref(map);
    agdb__diag_free(diag);
    return start;
}

/* A MiB of one piece of text. */
static void load_a_mib_of_anything_ends_soon(void **state)
{
    static const char *const k_pieces[] = {
        "[",    "{",           "- ",       "? ",   "a: ",    ":",      "a,",
        "\"",   "'",           "&a ",      "*a\n", "!t ",    "a: 1\n", "#\n",
        "${A}", "$$",          "--- a\n",  "\t",   "a: &b ", "|\n ",   "[a: 1,",
        "{a: ", "%YAML 1.1\n", "\xC3\xA9", " \n",  "[]: ",   "a:\n  "};
    /* sanitizers and a busy machine make it slower; quadratic work would take minutes */
    const double limit_ms = 2000;
    char *text = malloc(MIB);
    size_t i;

    (void)state;
    assert_non_null(text);
    for (i = 0; i < AGDB_COUNT(k_pieces); i++) {
        size_t len = strlen(k_pieces[i]);
        size_t at;
        double ms;
        for (at = 0; at + len <= MIB; at += len)
            memcpy(text + at, k_pieces[i], len);
        ms = load_ms(text, at);
        if (ms > limit_ms)
            fail_msg("a MiB of '%s' took %.0f ms", k_pieces[i], ms);
    }
    free(text);
}

static void load_distinct_keys_are_compared_in_linear_time(void **state)
{
    char *text = malloc(MIB);
    size_t at = 0;
    unsigned i;
    double ms;

    (void)state;
    assert_non_null(text);
    for (i = 0; at + 16 < MIB; i++)
        at += (size_t)snprintf(text + at, MIB - at, "k%u: 1\n", i);
    ms = load_ms(text, at);
    if (ms > 2000)
        fail_msg("%u keys took %.0f ms", i, ms);
    free(text);
}

static void load_more_values_than_allowed_is_refused(void **state)
{
    agdb_map_t *map = NULL;
    agdb_error_t *error = NULL;
    char *text = malloc(300000);
    size_t i;

    (void)state;
    assert_non_null(text);
    text[0] = '[';
    for (i = 0; i < 120000; i++)
        memcpy(text + 1 + i * 2, "a,", 2);
    assert_int_equal(agdb__map_load_text(text, 240001, "t", &map, NULL, &error),
                     AGDB_E_MAP_INVALID);
    assert_string_equal(error->message,
                        "t:1:200000: more than 100000 keys and values: not a shard map");
    agdb__error_free(error);
    free(text);
}

static void load_more_than_a_mib_is_refused(void **state)
{
    agdb_map_t *map = NULL;
    agdb_error_t *error = NULL;
    char *text = calloc(1, MIB + 1);

    (void)state;
    assert_non_null(text);
    assert_int_equal(agdb__map_load_text(text, MIB + 1, "t", &map, NULL, &error),
                     AGDB_E_MAP_INVALID);
    assert_string_equal(error->message, "t:1:1: larger than 1048576 bytes: not a shard map");
    agdb__error_free(error);
    free(text);
}

/* --- mutations of a good map
 * ----------------------------------------------------------------------- */

static size_t read_file(const char *path, char *text)
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(text, 1, TEXT_MAX / 2, file);
    fclose(file);
    return len;
}

static void load_mutated_map_is_a_map_or_an_error(void **state)
{
    static char good[TEXT_MAX];
    static char text[TEXT_MAX];
    size_t good_len = read_file(AGDB_SOURCE_DIR "/tests/maps/valid/everything.yaml", good);
    const char *seed = getenv("AGDB_TEST_SEED");
    agdb__rng_t rng = {.state = seed != NULL ? strtoull(seed, NULL, 10) : 20261123};
    size_t i;

    (void)state;
    for (i = 0; i < MUTATIONS; i++) {
        agdb_map_t *map = NULL;
        agdb_diagnostics_t *diag = NULL;
        agdb_error_t *error = NULL;
        agdb_status_t st;
        size_t len;
        memcpy(text, good, good_len);
        len = mutate(&rng, text, good_len, TEXT_MAX);
        st = agdb__map_load_text(text, len, "fuzz", &map, &diag, &error);
        assert_true(st == AGDB_OK || st == AGDB_E_MAP_INVALID);
        assert_int_equal(st == AGDB_OK, map != NULL);
        if (st != AGDB_OK)
            assert_true(diag != NULL && diag->nerrors > 0 && error->nchild > 0);
        agdb__map_unref(map);
        agdb__diag_free(diag);
        agdb__error_free(error);
    }
}

/* --- places in the text
 * ----------------------------------------------------------------------- */

/* Each node with what stands where it says that it stands. */
static void show_places(const agdb__tree_t *node, const char *text, agdb__buf_t *out)
{
    const agdb__tree_t *child;

    agdb__buf_printf(out, "<%.*s>", (int)(node->end - node->begin), text + node->begin);
    for (child = node->first; child != NULL; child = child->next) {
        show_places(child, text, out);
        if (child->of != NULL)
            show_places(child->of, text, out);
    }
}

static void parse_remembers_where_each_node_stands(void **state)
{
    static const struct {
        const char *text;
        const char *places;
    } k_rows[] = {
        {"a: b # c\n", "<a: b><a><b>"},
        {"\xC3\xA9\xC3\xA9: '\xE2\x82\xAC' # \xC3\xA9\r\nb: 1\r\n",
         "<\xC3\xA9\xC3\xA9: '\xE2\x82\xAC' # \xC3\xA9\r\nb: "
         "1><\xC3\xA9\xC3\xA9><'\xE2\x82\xAC'><b><1>"},
        {"a:\n- x # c\n- \"y\"\n\n# end\nb: 2\n",
         "<a:\n- x # c\n- \"y\"\n\n# end\nb: 2><a><- x # c\n- \"y\"><x><\"y\"><b><2>"},
        {"a: { b: [ c, d ], e: {} } # f\n",
         "<a: { b: [ c, d ], e: {} }><a><{ b: [ c, d ], e: {} }><b><[ c, d ]><c><d><e><{}>"},
        {"a: [ b: c ]\n", "<a: [ b: c ]><a><[ b: c ]><b: c><b><c>"},
        {"a:\nb: |\n  text\n\n\nc: d\n", "<a:\nb: |\n  text\n\n\nc: d><a><><b><|\n  text><c><d>"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb__arena_t *arena = agdb__arena_new();
        agdb_diagnostics_t *diag = agdb__diag_new("t");
        const agdb__tree_t *root =
            agdb__yaml_parse(arena, diag, k_rows[i].text, strlen(k_rows[i].text));
        agdb__buf_t out;
        assert_non_null(root);
        agdb__buf_init(&out, 4096);
        show_places(root, k_rows[i].text, &out);
        assert_string_equal(out.data, k_rows[i].places);
        agdb__buf_fini(&out);
        agdb__diag_free(diag);
        agdb__arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_a_mib_of_anything_ends_soon),
        cmocka_unit_test(load_distinct_keys_are_compared_in_linear_time),
        cmocka_unit_test(load_more_values_than_allowed_is_refused),
        cmocka_unit_test(load_more_than_a_mib_is_refused),
        cmocka_unit_test(load_mutated_map_is_a_map_or_an_error),
        cmocka_unit_test(parse_remembers_where_each_node_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
