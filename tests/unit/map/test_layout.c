#include "unit.h"

#include "map/layout.h"

#include <stdio.h>

/* A text and what becomes of it: the root's key `c` holds the collection. */

typedef struct page {
    agdb__arena_t *arena;
    agdb_diagnostics_t *diag;
    agdb__tree_t *root;
    agdb__layout_t layout;
} page_t;

static void open_page(page_t *page, const char *text)
{
    page->arena = agdb__arena_new();
    page->diag = agdb__diag_new("t");
    page->root = agdb__yaml_parse(page->arena, page->diag, text, strlen(text));
    if (page->root == NULL)
        fail_msg("no YAML: %s", text);
    page->layout = (agdb__layout_t){text, strlen(text), {.arena = page->arena}};
}

/* The new text is YAML still. */
static void check_page(page_t *page, const char *expected)
{
    agdb__arena_t *arena = agdb__arena_new();
    agdb__buf_t out;

    agdb__buf_init(&out, 65536);
    agdb__splice_apply(&page->layout.splices, page->layout.text, page->layout.len, &out);
    assert_string_equal(out.data, expected);
    assert_non_null(agdb__yaml_parse(arena, page->diag, out.data, out.len));
    agdb__buf_fini(&out);
    agdb__arena_free(arena);
    agdb__diag_free(page->diag);
    agdb__arena_free(page->arena);
}

static agdb__tree_t *child(const agdb__tree_t *coll, const char *text)
{
    agdb__tree_t *at = coll->first;

    while (strcmp(at->text, text) != 0)
        at = at->next;
    return at;
}

typedef struct row {
    const char *text;
    const char *where; /* the child; NULL: the end */
    const char *entry;
    const char *expected;
} row_t;

static void add_goes_behind_what_it_follows(void **state)
{
    static const row_t k_rows[] = {
        /* blocks: comments that go with the entry before, blank lines, ends of lines */
        {"c:\n  a: 1\n  b: 2\n", NULL, "x: 3", "c:\n  a: 1\n  b: 2\n  x: 3\n"},
        {"c:\n  a: 1\n  b: 2", NULL, "x: 3", "c:\n  a: 1\n  b: 2\n  x: 3"},
        {"c:\r\n  a: 1\r\n", NULL, "x:\n  y: 1", "c:\r\n  a: 1\r\n  x:\r\n    y: 1\r\n"},
        {"c:\r  a: 1\r", NULL, "x: 3", "c:\r  a: 1\r  x: 3\r"},
        {"c:\n  a: 1 # of a\n  # at the end\n# behind\nd: 1\n", NULL, "x: 3",
         "c:\n  a: 1 # of a\n  # at the end\n  x: 3\n# behind\nd: 1\n"},
        {"c:\n  a: 1\n\n  # apart\nd: 1\n", NULL, "x: 3",
         "c:\n  a: 1\n  x: 3\n\n  # apart\nd: 1\n"},
        {"c:\n  a: 1\n    # further right\n  # of b\n  b: 2\n", "a", "x: 3",
         "c:\n  a: 1\n    # further right\n  x: 3\n  # of b\n  b: 2\n"},
        {"c:\n  a:\n    d: 1\n    # of d\n  b: 2\n", "a", "x: 3",
         "c:\n  a:\n    d: 1\n    # of d\n  x: 3\n  b: 2\n"},
        {"c:\n  a: |\n    text\n\n\nd: 1\n", NULL, "x: 3",
         "c:\n  a: |\n    text\n  x: 3\n\n\nd: 1\n"},
        {"c:\n  a: \"\xC3\xA9\xC3\xA9\" # \xC3\xA9\nd: 1\n", NULL, "x: 3",
         "c:\n  a: \"\xC3\xA9\xC3\xA9\" # \xC3\xA9\n  x: 3\nd: 1\n"},
        {"c:\n  a:\nd: 1\n", NULL, "x: 3", "c:\n  a:\n  x: 3\nd: 1\n"},
        {"c:\n- a\n- b\n# of d\nd: 1\n", NULL, "- x", "c:\n- a\n- b\n- x\n# of d\nd: 1\n"},
        {"c:\n- a\n# of the list\n\nd: 1\n", NULL, "- x", "c:\n- a\n# of the list\n- x\n\nd: 1\n"},
        {"c:\n  - a\n  -  b: 1\n     d: 2\n", NULL, "- x\n- y",
         "c:\n  - a\n  -  b: 1\n     d: 2\n  - x\n  - y\n"},
        {"c:\n  # of a\n  -\n    # inside\n    a\n", NULL, "- x",
         "c:\n  # of a\n  -\n    # inside\n    a\n  - x\n"},
        {"c:\n  a: 1\n", NULL, "\nx: 3", "c:\n  a: 1\n\n  x: 3\n"},
        /* flows on one line */
        {"c: {}\n", NULL, "x: 3", "c: { x: 3 }\n"},
        {"c: []\n", NULL, "x", "c: [x]\n"},
        {"c: [ ]\n", NULL, "x", "c: [ x ]\n"},
        {"c: [ # none\n  ]\n", NULL, "x", "c: [ x # none\n  ]\n"},
        {"c: [#none\n]\n", NULL, "x", "c: [ x #none\n]\n"},
        {"c: [a, b]\n", NULL, "x", "c: [a, b, x]\n"},
        {"c: [ a, b, ] # c\n", NULL, "x", "c: [ a, b, x, ] # c\n"},
        {"c: { a: 1, b: [ { d: 2 } ] }\n", NULL, "x: 3", "c: { a: 1, b: [ { d: 2 } ], x: 3 }\n"},
        {"c: { a: 1, b: 2 }\n", "a", "x: 3", "c: { a: 1, x: 3, b: 2 }\n"},
        {"c: { a, b: 2 }\n", "a", "x: 3", "c: { a, x: 3, b: 2 }\n"},
        {"c: [ \"a, b\", 'c # d' ]\n", NULL, "x", "c: [ \"a, b\", 'c # d', x ]\n"},
        {"c: [ a # first\n  , b # second\n  ]\n", NULL, "x",
         "c: [ a # first\n  , b, x # second\n  ]\n"},
        /* flows with a line to an entry */
        {"c: [\n  a, # of a\n  b  # of b\n]\n", NULL, "x",
         "c: [\n  a, # of a\n  b,  # of b\n  x\n]\n"},
        {"c: [\n  a,\n  b, # of b\n]\n", NULL, "x", "c: [\n  a,\n  b, # of b\n  x,\n]\n"},
        {"c: [\n  a,\n  b ]\n", NULL, "x", "c: [\n  a,\n  b,\n  x ]\n"},
        {"c: {\n    a: 1,\n    b: 2\n}\n", "a", "x: 3",
         "c: {\n    a: 1,\n    x: 3,\n    b: 2\n}\n"},
        {"c: {\r\n  a: 1,\r\n  b: 2\r\n}", NULL, "x: 3",
         "c: {\r\n  a: 1,\r\n  b: 2,\r\n  x: 3\r\n}"},
        {"c: [ a,\n     b ]\n", NULL, "x", "c: [ a,\n     b,\n     x ]\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        const row_t *row = &k_rows[i];
        page_t page;
        const agdb__tree_t *coll;
        open_page(&page, row->text);
        coll = agdb__tree_key(page.root, "c")->of;
        agdb__layout_add(&page.layout, coll, row->where != NULL ? child(coll, row->where) : NULL,
                         row->entry);
        check_page(&page, row->expected);
    }
}

static void add_before_keeps_the_lines_around(void **state)
{
    static const row_t k_rows[] = {
        {"c:\n  a: 1\n", "a", "x: 3", "c:\n  x: 3\n  a: 1\n"},
        {"c: # of c\n  # of a\n  a: 1\n", "a", "x: 3", "c: # of c\n  x: 3\n  # of a\n  a: 1\n"},
        {"c:\n  a: 1 # of a\n  # of b\n  b: 2\n", "b", "x: 3",
         "c:\n  a: 1 # of a\n  x: 3\n  # of b\n  b: 2\n"},
        {"? c\n: a: 1\n  b: 2\n", "a", "x: 3", "? c\n: x: 3\n  a: 1\n  b: 2\n"},
        {"c: { a: 1 }\n", "a", "x: 3", "c: { x: 3, a: 1 }\n"},
        {"c: { b: 2, a: 1 }\n", "a", "x: 3", "c: { b: 2, x: 3, a: 1 }\n"},
        {"c: {\n  b: 2, # of b\n  a: 1\n}\n", "a", "x: 3",
         "c: {\n  b: 2, # of b\n  x: 3,\n  a: 1\n}\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        const row_t *row = &k_rows[i];
        const agdb__tree_t *key;
        page_t page;
        open_page(&page, row->text);
        key = agdb__tree_key(page.root, "c");
        agdb__layout_add_before(&page.layout, key, child(key->of, row->where), row->entry);
        check_page(&page, row->expected);
    }
}

/* `where` has the names of the children that go, a letter each. */
static void drop_takes_lines_and_commas_along(void **state)
{
    static const row_t k_rows[] = {
        {"c:\n  a: 1\n  b: 2 # of b\n  d: 3\n", "b", NULL, "c:\n  a: 1\n  d: 3\n"},
        {"c:\n  a: 1\n  # of b\n  b:\n    e: 1\n  # behind\n", "b", NULL,
         "c:\n  a: 1\n  # of b\n  # behind\n"},
        {"c:\n  a: 1\n  b: 2", "b", NULL, "c:\n  a: 1"},
        {"c:\r\n  a: 1\r\n  b: 2", "b", NULL, "c:\r\n  a: 1"},
        {"c:\n  a: 1\n  b: 2", "ab", NULL, "c: {}"},
        {"c: # of c\n  # of a\n  a: 1 # gone\ne: 1\n", "a", NULL, "c: {} # of c\n  # of a\ne: 1\n"},
        {"c:\n- a # gone\n- b\n", "a", NULL, "c:\n- b\n"},
        {"c:\n  - a\n  -\n    b\n  - d\n", "bd", NULL, "c:\n  - a\n"},
        {"c:\n  - a\n  - b\n", "ab", NULL, "c: []\n"},
        {"c: [a, b, d]\n", "a", NULL, "c: [b, d]\n"},
        {"c: [a, b, d]\n", "b", NULL, "c: [a, d]\n"},
        {"c: [a, b, d]\n", "d", NULL, "c: [a, b]\n"},
        {"c: [ a, b, d ]\n", "bd", NULL, "c: [ a ]\n"},
        {"c: [a, b, d]\n", "ab", NULL, "c: [d]\n"},
        {"c: [ a, b, ]\n", "b", NULL, "c: [ a, ]\n"},
        {"c: [a, b, d,]\n", "bd", NULL, "c: [a,]\n"},
        {"c: [\n  a,\n  b, ]\n", "b", NULL, "c: [\n  a, ]\n"},
        {"c: [ a, # of a\n  b, ]\n", "b", NULL, "c: [ a, # of a\n  ]\n"},
        {"c: [a]\n", "a", NULL, "c: []\n"},
        {"c: [ a, ] # none\n", "a", NULL, "c: [ ] # none\n"},
        {"c: { a: [ 1, 2 ], b: 2 }\n", "a", NULL, "c: { b: 2 }\n"},
        {"c: { a: 1, b: 2 }\n", "b", NULL, "c: { a: 1 }\n"},
        {"c: [\n  a, # of a\n  b, # of b\n  d  # of d\n]\n", "b", NULL,
         "c: [\n  a, # of a\n  d  # of d\n]\n"},
        {"c: [\n  a, # of a\n  b, # of b\n  d  # of d\n]\n", "d", NULL,
         "c: [\n  a, # of a\n  b # of b\n]\n"},
        {"c: [\n  a, # of a\n  b, # of b\n  d  # of d\n]\n", "bd", NULL, "c: [\n  a # of a\n]\n"},
        {"{\n  \"c\": {\n    \"a\": 1,\n    \"b\": 2\n  }\n}\n", "b", NULL,
         "{\n  \"c\": {\n    \"a\": 1\n  }\n}\n"},
        {"c: [ a, # of a\n  b ]\n", "b", NULL, "c: [ a # of a\n ]\n"},
        {"c: [ a, # of a\n  b ]\n", "a", NULL, "c: [ # of a\n  b ]\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        const row_t *row = &k_rows[i];
        const agdb__tree_t *key;
        const char *at;
        page_t page;
        open_page(&page, row->text);
        key = agdb__tree_key(page.root, "c");
        for (at = row->where; *at != '\0'; at++)
            child(key->of, (char[2]){*at, '\0'})->is_dropped = true;
        assert_true(agdb__layout_drop(&page.layout, key));
        check_page(&page, row->expected);
    }
}

/* The keys are the document's own. */
static void drop_of_a_section_takes_the_line_that_parts_it_along(void **state)
{
    static const char *const k_texts[][2] = {
        {"a: 1\n\nc:\n  d: 1 # of d\n", "a: 1\n"},
        {"a: 1\n  \nc: { d: 1 } # of c\n\nb: 2", "a: 1\n\nb: 2"},
        {"a: 1\r\n\r\nc:\r\n  d: 1", "a: 1"},
        {"a: 1\n\nc:\n  d: 1\nb: 2\n", "a: 1\n\nb: 2\n"},
        {"a: 1\nc:\n  d: 1\n\nb: 2\n", "a: 1\n\nb: 2\n"},
        {"a: 1\n\n# of c\nc:\n  d: 1\n", "a: 1\n\n# of c\n"},
        {"a: 1\n\nc:\n  d: 1\n# behind\n", "a: 1\n\n# behind\n"},
        {"c:\n  d: 1\nb: 2\n", "b: 2\n"},
        {"{ a: 1, c: { d: 1 } }\n", "{ a: 1 }\n"},
        {"{\n  a: 1, # of a\n  c: {\n    d: 1\n  }\n}\n", "{\n  a: 1 # of a\n}\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_texts); i++) {
        page_t page;
        open_page(&page, k_texts[i][0]);
        assert_true(
            agdb__layout_drop_section(&page.layout, page.root, agdb__tree_key(page.root, "c")));
        check_page(&page, k_texts[i][1]);
    }
}

static void has_remarks_sees_comments_of_no_entry(void **state)
{
    static const struct {
        const char *text;
        bool has;
    } k_rows[] = {
        {"# over\nc:\n  a: 1 # of a\n  b: 2 # of b\n# under\n", false},
        {"c: # of c\n  a: 1\n", true},
        {"c:\n  # of a\n  a: 1\n", true},
        {"c:\n  a: 1 # of a\n  # of b\n  b: 2\n", true},
        {"c: { a: 1, b: 2 } # of c\n", false},
        {"c: {\n  a: 1, # of a\n  b: 2\n  # the end\n}\n", true},
        {"c: {\n  a: 1, # of a\n  b: 2\n}\n", false},
        {"c: {} # none\n", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        page_t page;
        open_page(&page, k_rows[i].text);
        assert_int_equal(agdb__layout_has_remarks(&page.layout, agdb__tree_key(page.root, "c")),
                         k_rows[i].has);
        check_page(&page, k_rows[i].text);
    }
}

static void drop_from_an_unknown_form_is_refused(void **state)
{
    static const char *const k_texts[] = {
        "c:\n  ? a\n  : 1\n  ? b\n  : 2\n", /* keys that do not begin their line */
        "? c\n: a: 1\n",
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_texts); i++) {
        page_t page;
        const agdb__tree_t *key;
        open_page(&page, k_texts[i]);
        key = agdb__tree_key(page.root, "c");
        key->of->first->is_dropped = true;
        assert_false(agdb__layout_drop(&page.layout, key));
        assert_true(
            strchr(k_texts[i], '?') != k_texts[i] ||
            !agdb__layout_drop_section(&page.layout, page.root, agdb__tree_key(page.root, "c")));
        agdb__diag_free(page.diag);
        agdb__arena_free(page.arena);
    }
}

static void add_to_a_pair_without_braces_gives_it_some(void **state)
{
    page_t page;
    const agdb__tree_t *pair;

    (void)state;
    open_page(&page, "c: [ a: 1, b ]\n");
    pair = agdb__tree_key(page.root, "c")->of->first;
    agdb__layout_add(&page.layout, pair, NULL, "x: 3");
    check_page(&page, "c: [ { a: 1, x: 3 }, b ]\n");
}

static void add_two_entries_at_one_place_keeps_one_comma_each(void **state)
{
    static const char *const k_texts[][2] = {
        {"{\n  c: 1\n}\n", "{\n  c: 1,\n  x: 3,\n  y: 4\n}\n"},
        {"{\n  c: 1 # of c\n}\n", "{\n  c: 1, # of c\n  x: 3,\n  y: 4\n}\n"},
        {"{ c: 1 }\n", "{ c: 1, x: 3, y: 4 }\n"},
        {"c: 1\n", "c: 1\nx: 3\ny: 4\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_texts); i++) {
        page_t page;
        open_page(&page, k_texts[i][0]);
        agdb__layout_add(&page.layout, page.root, NULL, "x: 3");
        agdb__layout_add(&page.layout, page.root, NULL, "y: 4");
        check_page(&page, k_texts[i][1]);
    }
}

static void replace_stays_within_the_quotes(void **state)
{
    static const char *const k_texts[][2] = {
        {"c: a # c\n", "c: plain # c\n"},
        {"c: \"a\" # c\n", "c: \"quoted\" # c\n"},
        {"c: 'a'\n", "c: 'quoted'\n"},
        {"c: |\n  a\nd: 1\n", "c: plain\nd: 1\n"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_texts); i++) {
        page_t page;
        open_page(&page, k_texts[i][0]);
        agdb__layout_replace(&page.layout, agdb__tree_key(page.root, "c")->of, "quoted", "plain");
        check_page(&page, k_texts[i][1]);
    }
}

static void is_apart_looks_over_the_comments(void **state)
{
    static const struct {
        const char *text;
        bool apart;
    } k_rows[] = {
        {"a: 1\nc: 1\n", false},
        {"a: 1\n\nc: 1\n", true},
        {"a: 1\n\n# of c\n# too\nc: 1\n", true},
        {"a: 1\r\n  \r\n# of c\r\nc: 1\n", true},
        {"a: 1 # of a\n# of c\nc: 1\n", false},
        {"# of c\nc: 1\n", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        page_t page;
        open_page(&page, k_rows[i].text);
        assert_int_equal(agdb__layout_is_apart(&page.layout, agdb__tree_key(page.root, "c")),
                         k_rows[i].apart);
        check_page(&page, k_rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_goes_behind_what_it_follows),
        cmocka_unit_test(add_before_keeps_the_lines_around),
        cmocka_unit_test(drop_takes_lines_and_commas_along),
        cmocka_unit_test(drop_of_a_section_takes_the_line_that_parts_it_along),
        cmocka_unit_test(has_remarks_sees_comments_of_no_entry),
        cmocka_unit_test(drop_from_an_unknown_form_is_refused),
        cmocka_unit_test(add_to_a_pair_without_braces_gives_it_some),
        cmocka_unit_test(add_two_entries_at_one_place_keeps_one_comma_each),
        cmocka_unit_test(replace_stays_within_the_quotes),
        cmocka_unit_test(is_apart_looks_over_the_comments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
