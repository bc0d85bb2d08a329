/* Rows out of COPY streams, in one piece, byte by byte, and cut at random. */
#include "exec/bulk_rows.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/rng.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { CUTS = 200, FUZZES = 3000 };

typedef struct rows_case {
    const char *name;
    agdb__bulk_shape_t shape;
    const char *input;
    size_t len; /* 0: strlen */
    /* "key|length key|length ... end": what comes of it; a key of bytes that are no text is shown
     * as hex, "H" is a header, "!" and a text what is wrong. */
    const char *want;
} rows_case_t;

#define TEXT(field)                                                                                \
    {                                                                                              \
        .format = AGDB_COPY_TEXT, .delimiter = '\t', .null_text = "\\N", .key_field = (field)      \
    }
#define CSV(field)                                                                                 \
    {                                                                                              \
        .format = AGDB_COPY_CSV, .delimiter = ',', .quote = '"', .escape = '"', .null_text = "",   \
        .key_field = (field)                                                                       \
    }
#define BINARY(field)                                                                              \
    {                                                                                              \
        .format = AGDB_COPY_BINARY, .key_field = (field)                                           \
    }
#define HEAD        "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define BYTES(text) (text), sizeof(text) - 1

static const rows_case_t k_cases[] = {
    {"nothing", TEXT(0), "", 0, ""},
    {"one row", TEXT(0), "epa\t1\n", 0, "epa|6"},
    {"no line end", TEXT(0), "epa\t1\ncdc\t2", 0, "epa|6 cdc|6"},
    {"CR LF", TEXT(0), "epa\t1\r\ncdc\t2\r\n", 0, "epa|7 cdc|7"},
    {"CR LF, cut", TEXT(1), "epa\t1\r\ncdc\t2", 0, "1|7 2|7"},
    {"CR", TEXT(1), "epa\t1\rcdc\t2\r", 0, "1|6 2|6"},
    {"one CR", TEXT(1), "epa\t1\r", 0, "1|6"},
    {"LF then CR LF", TEXT(0), "epa\t1\ncdc\t2\r\n", 0, "epa|6 !CR LF"},
    {"CR LF then LF", TEXT(0), "epa\t1\r\ncdc\t2\n", 0, "epa|7 !in LF"},
    {"second field", TEXT(1), "1\tepa\tx\n", 0, "epa|8"},
    {"last field", TEXT(2), "1\t2\tepa\n", 0, "epa|8"},
    {"missing field", TEXT(3), "1\t2\tepa\n", 0, "!too few fields"},
    {"escaped delimiter", TEXT(1), "a\\\tb\tepa\n", 0, "epa|9"},
    {"escaped backslash and delimiter", TEXT(1), "a\\\\\tepa\n", 0, "epa|8"},
    {"escaped line end", TEXT(1), "a\\\nb\tepa\nc\td\n", 0, "epa|9 d|4"},
    {"two backslashes at the end", TEXT(0), "a\tb\\\\\nc\td\n", 0, "a|6 c|4"},
    {"three backslashes at the end", TEXT(0), "a\tb\\\\\\\nc\td\n", 0, "a|11"},
    {"escapes", TEXT(0), "a\\tb\\x41\\101\\\\\\q\t1\n", 0, "a:09bAA\\q|19"},
    {"octal and hex", TEXT(0), "\\7\\60\\0611\\x3\\x3g\\x\t1\n", 0,
     ":0701"
     "1:03:03gx|22"},
    {"null", TEXT(0), "\\N\t1\n", 0, "!NULL"},
    {"not null", TEXT(0), "\\\\N\t1\n", 0, "\\N|6"},
    {"empty key", TEXT(0), "\t1\n", 0, "!empty"},
    {"end marker", TEXT(0), "a\t1\n\\.\n", 0, "a|4"},
    {"end marker without line end", TEXT(0), "a\t1\n\\.", 0, "a|4"},
    {"end marker and line ends", TEXT(0), "a\t1\n\\.\n\n\r\n", 0, "a|4"},
    {"data behind it", TEXT(0), "a\t1\n\\.\nb\t2\n", 0, "a|4 !behind the mark"},
    {"marker behind a value", TEXT(0), "a\t1\\.\nb\t2\n", 0, "!end of the data"},
    {"no marker", TEXT(0), "a\t1\\\\.\nb\t2\n", 0, "a|7 b|4"},
    {"backslash at the very end", TEXT(0), "a\t1\nb\\", 0, "a|4 !backslash"},
    {"no key wanted", TEXT(-1), "a\n\nb\n", 0, "|2 |1 |2"},
    {"csv", CSV(1), "1,epa\n2,cdc\n", 0, "epa|6 cdc|6"},
    {"csv quotes", CSV(0), "\"us,ca\",1\n\"a\"\"b\",2\n", 0, "us,ca|10 a\"b|9"},
    {"csv line end in quotes", CSV(1), "\"a\nb\",epa\n\"c\n\n\",cdc\n", 0, "epa|10 cdc|10"},
    {"csv CR LF in quotes", CSV(1), "\"a\r\nb\",epa\r\nx,y\r\n", 0, "epa|12 y|5"},
    {"csv LF in quotes, CR LF outside", CSV(1), "\"a\nb\",epa\r\nx,y\r\n", 0, "epa|11 y|5"},
    {"csv quote in the middle", CSV(0), "a\"b,c\"d,1\n", 0, "ab,cd|10"},
    {"csv null", CSV(0), "epa,1\n,2\n", 0, "epa|6 !NULL"},
    {"csv empty, not null", CSV(0), "epa,1\n\"\",2\n", 0, "epa|6 !empty"},
    {"csv marker", CSV(0), "epa,1\n\\.\n", 0, "epa|6"},
    {"csv no marker", CSV(0), "epa,x\\.\nb,1\n", 0, "epa|8 b|4"},
    {"csv marker in quotes", CSV(0), "epa,\"\n\\.\n\"\nb,1\n", 0, "epa|11 b|4"},
    {"csv open quote", CSV(0), "epa,1\n\"cdc,2\n", 0, "epa|6 !within quotes"},
    {"csv missing", CSV(2), "epa,1\n", 0, "!too few fields"},
    {"csv two rows in one", CSV(0), "a,\"\"\"\n\"\"\",1\nb,2\n", 0, "a|12 b|4"},
    {"binary nothing", BINARY(0), BYTES(HEAD "\377\377"), ""},
    {"binary", BINARY(1),
     BYTES(HEAD "\0\2\0\0\0\1x\0\0\0\3epa\0\2\377\377\377\377\0\0\0\1y\377\377"), "epa|14 y|11"},
    {"binary null", BINARY(0), BYTES(HEAD "\0\1\377\377\377\377\377\377"), "!NULL"},
    {"binary missing", BINARY(4), BYTES(HEAD "\0\1\0\0\0\1x\377\377"), "!too few fields"},
    {"binary cut", BINARY(0), BYTES(HEAD "\0\1\0\0\0\1x\0\1\0\0"), "x|7 !within a row"},
    {"binary no trailer", BINARY(0), BYTES(HEAD "\0\1\0\0\0\1x"), "x|7 !trailer"},
    {"binary behind", BINARY(0), BYTES(HEAD "\377\377\0"), "!behind the mark"},
    {"binary no header", BINARY(0), BYTES("PGCOPX\n\377\r\n\0\0\0\0\0\0\0\0\0\377\377"),
     "!does not begin"},
    {"binary flag", BINARY(0), BYTES("PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0\377\377"), "!a flag"},
    {"binary extension", BINARY(0),
     BYTES("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\3abc\0\1\0\0\0\1x\377\377"), "x|7"},
    {"binary length", BINARY(0), BYTES(HEAD "\0\1\200\0\0\0"), "!length"},
    {"binary count", BINARY(0), BYTES(HEAD "\200\0"), "!number of fields"},
};

/* --- collecting ---------------------------------------------------------------------------------
 */

static void show_key(agdb__buf_t *out, agdb_bytes_t key)
{
    const unsigned char *p = key.data;
    size_t i;

    for (i = 0; i < key.len; i++)
        agdb__buf_printf(out, p[i] >= 0x20 && p[i] < 0x7f ? "%c" : ":%02x", p[i]);
}

static bool collect(agdb__bulk_rows_t *rows, agdb__buf_t *out)
{
    agdb__bulk_row_t row;
    agdb_error_t *error = NULL;

    for (;;) {
        const agdb__bulk_got_t got = agdb__bulk_rows_next(rows, &row);

        if (got == AGDB__BULK_MORE)
            return true;
        if (out->len > 0)
            agdb__buf_text(out, " ");
        if (got == AGDB__BULK_BAD) {
            assert_int_equal(agdb__bulk_rows_fail(rows, &error), AGDB_E_INVAL);
            agdb__buf_printf(out, "!%s", error->message);
            agdb__error_free(error);
            return false;
        }
        if (got == AGDB__BULK_HEADER) {
            agdb__buf_text(out, "H");
        } else {
            show_key(out, row.key);
            agdb__buf_printf(out, "|%zu", row.len);
        }
    }
}

/* `cut` says how long the next piece is. */
static char *run(const rows_case_t *c, size_t (*cut)(void *), void *user)
{
    const size_t len = c->len != 0 ? c->len : strlen(c->input);
    agdb__bulk_rows_t rows;
    agdb__buf_t out;
    bool good = true;
    size_t at = 0;

    agdb__bulk_rows_init(&rows, &c->shape);
    agdb__buf_init(&out, 1 << 20);
    while (good && at < len) {
        size_t n = cut(user);
        unsigned char *piece;

        n = n < len - at ? n : len - at;
        piece = malloc(n != 0 ? n : 1); /* so that a look behind it is seen */
        assert_non_null(piece);
        memcpy(piece, c->input + at, n);
        agdb__bulk_rows_feed(&rows, piece, n);
        good = collect(&rows, &out);
        free(piece);
        at += n;
    }
    if (good) {
        agdb__bulk_rows_finish(&rows);
        (void)collect(&rows, &out);
    }
    agdb__bulk_rows_fini(&rows);
    return agdb__buf_take(&out);
}

/* Up to a "!", whose text has to be in the message. */
static bool is_wanted(const char *got, const char *want)
{
    const char *bad = strchr(want, '!');
    const size_t n = bad != NULL ? (size_t)(bad - want) + 1 : strlen(want) + 1;

    return strncmp(got, want, n) == 0 && (bad == NULL || strstr(got + n, bad + 1) != NULL);
}

static size_t cut_all(void *user)
{
    (void)user;
    return SIZE_MAX;
}

static size_t cut_one(void *user)
{
    (void)user;
    return 1;
}

static size_t cut_some(void *user)
{
    return agdb__rng_next(user) % 8;
}

static void rows_are_found_however_they_are_cut(void **state)
{
    agdb__rng_t rng = {.state = 1};
    size_t i;
    int round;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_cases); i++) {
        char *whole = run(&k_cases[i], cut_all, NULL);
        char *bytes = run(&k_cases[i], cut_one, NULL);

        if (!is_wanted(whole, k_cases[i].want))
            fail_msg("%s: '%s' instead of '%s'", k_cases[i].name, whole, k_cases[i].want);
        assert_string_equal(bytes, whole);
        for (round = 0; round < CUTS; round++) {
            char *cut = run(&k_cases[i], cut_some, &rng);

            assert_string_equal(cut, whole);
            agdb__free(cut);
        }
        agdb__free(whole);
        agdb__free(bytes);
    }
}

/* --- made up ------------------------------------------------------------------------------------
 */

/* Of letters that mean something, in any order: whatever comes of it, it is the same however it is
 * cut. */
static void any_stream_has_the_same_rows_however_it_is_cut(void **state)
{
    static const char letters[] = "\\\\\\..ab\t,\"\"'\n\n\r\n\rN1x";
    static const agdb__bulk_shape_t shapes[] = {
        TEXT(1),
        CSV(1),
        CSV(-1),
        {.format = AGDB_COPY_CSV,
         .delimiter = ',',
         .quote = '"',
         .escape = '\\',
         .null_text = "N",
         .key_field = 0},
        {.format = AGDB_COPY_TEXT,
         .delimiter = ',',
         .null_text = "",
         .header = true,
         .key_field = 0},
    };
    agdb__rng_t rng = {.state = 7};
    char input[64];
    int round;

    (void)state;
    for (round = 0; round < FUZZES; round++) {
        const size_t len = 1 + agdb__rng_next(&rng) % sizeof input;
        rows_case_t c = {
            .input = input, .len = len, .shape = shapes[agdb__rng_next(&rng) % AGDB_COUNT(shapes)]};
        char *whole;
        int i;

        for (i = 0; i < (int)len; i++)
            input[i] = letters[agdb__rng_next(&rng) % (sizeof letters - 1)];
        whole = run(&c, cut_all, NULL);
        for (i = 0; i < 8; i++) {
            char *cut = run(&c, i == 0 ? cut_one : cut_some, &rng);

            assert_string_equal(cut, whole);
            agdb__free(cut);
        }
        agdb__free(whole);
    }
}

static void a_header_is_no_row(void **state)
{
    const rows_case_t c = {.shape = {.format = AGDB_COPY_CSV,
                                     .delimiter = ';',
                                     .quote = '\'',
                                     .escape = '\'',
                                     .null_text = "",
                                     .header = true,
                                     .key_field = 0},
                           .input = "'a\nb';c\nepa;1\ncdc;2\n"};
    char *got = run(&c, cut_one, NULL);

    (void)state;
    assert_string_equal(got, "H epa|6 cdc|6");
    agdb__free(got);
}

static void rows_know_their_place(void **state)
{
    const agdb__bulk_shape_t shape = CSV(0);
    static const char input[] = "a,1\n\"b\nc\",2\nd,3";
    static const uint64_t end[] = {4, 12, 15};
    agdb__bulk_rows_t rows;
    agdb__bulk_row_t row;
    size_t i;

    (void)state;
    agdb__bulk_rows_init(&rows, &shape);
    agdb__bulk_rows_feed(&rows, input, sizeof input - 1);
    for (i = 0; i < AGDB_COUNT(end); i++) {
        if (i == 2) {
            assert_int_equal(agdb__bulk_rows_next(&rows, &row), AGDB__BULK_MORE);
            agdb__bulk_rows_finish(&rows);
        }
        assert_int_equal(agdb__bulk_rows_next(&rows, &row), AGDB__BULK_ROW);
        assert_int_equal(row.number, i + 1);
        assert_int_equal(row.end, end[i]);
    }
    assert_memory_equal(row.data, "d,3\n", 4); /* has got a line end */
    assert_int_equal(agdb__bulk_rows_next(&rows, &row), AGDB__BULK_MORE);
    agdb__bulk_rows_fini(&rows);
}

static void a_wrong_row_is_named(void **state)
{
    const rows_case_t c = {.shape = TEXT(0), .input = "a\t1\nb\t2\n\\N\t3\n"};
    char *got = run(&c, cut_all, NULL);

    (void)state;
    assert_string_equal(got, "a|4 b|4 !row 3 of the input, from byte 8 on: the key is NULL");
    agdb__free(got);
}

static void keys_have_255_bytes_at_most(void **state)
{
    char input[600];
    const rows_case_t text = {.shape = TEXT(0), .input = input};
    const rows_case_t csv = {.shape = CSV(0), .input = input};
    int len;

    (void)state;
    for (len = 255; len <= 256; len++) {
        char *a, *b;

        memset(input, 'k', (size_t)len);
        memcpy(input + len, "\n", 2);
        a = run(&text, cut_all, NULL);
        b = run(&csv, cut_all, NULL);
        assert_true((strstr(a, "over 255") != NULL) == (len == 256));
        assert_true((strstr(b, "over 255") != NULL) == (len == 256));
        agdb__free(a);
        agdb__free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_however_they_are_cut),
        cmocka_unit_test(any_stream_has_the_same_rows_however_it_is_cut),
        cmocka_unit_test(a_header_is_no_row),
        cmocka_unit_test(rows_know_their_place),
        cmocka_unit_test(a_wrong_row_is_named),
        cmocka_unit_test(keys_have_255_bytes_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
