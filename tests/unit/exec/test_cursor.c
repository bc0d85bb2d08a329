/* The text of a cursor: there and back, and whatever else is sent as one. */
#include "exec/cursor.h"

#include "agencydb/stream.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "unit.h"

static agdb__cell_t cell(const char *text)
{
    return (agdb__cell_t){text, text != NULL ? strlen(text) : 0};
}

static void a_cursor_comes_back_as_it_was(void **state)
{
    const agdb__cell_t values[] = {cell("2026-11-26 08:00:00+00"), cell(NULL), cell(""),
                                   cell("o'hare \"x\", \xc3\xa9\x01\xff")};
    char text[AGDB_CURSOR_TEXT_MAX];
    agdb_cursor_t *cursor = NULL;
    agdb_cursor_t *copy;
    size_t i;

    (void)state;
    assert_int_equal(
        agdb__cursor_write(0x0123456789abcdef, values, AGDB_COUNT(values), text, sizeof text, NULL),
        AGDB_OK);
    for (i = 0; text[i] != '\0'; i++)
        assert_non_null(strchr("0123456789abcdefcvn.", text[i]));
    assert_int_equal(agdb__cursor_read(text, strlen(text), &cursor, NULL), AGDB_OK);
    copy = agdb__cursor_dup(cursor);
    agdb__free(cursor);
    assert_true(copy->fingerprint == 0x0123456789abcdef);
    assert_int_equal(copy->count, AGDB_COUNT(values));
    for (i = 0; i < AGDB_COUNT(values); i++) {
        assert_int_equal(copy->value[i].len, values[i].len);
        if (values[i].text == NULL)
            assert_null(copy->value[i].text);
        else
            assert_string_equal(copy->value[i].text, values[i].text);
    }
    agdb__free(copy);
}

#define HEAD "c1.0123456789abcdef"

static void what_is_no_cursor_is_refused(void **state)
{
    static const char *const bad[] = {"c",
                                      "c1.",
                                      "x1.0123456789abcdef.n",
                                      "c2.0123456789abcdef.n",
                                      "c1.0123456789ABCDEF.n",
                                      "c1.0123456789abcde.n",
                                      HEAD,
                                      HEAD ".",
                                      HEAD "n",
                                      HEAD ".n.",
                                      HEAD "..n",
                                      HEAD ".N",
                                      HEAD ".nn",
                                      HEAD ".v4",
                                      HEAD ".v4g",
                                      HEAD ".v4 ",
                                      HEAD ".v00",
                                      HEAD ".v41.x",
                                      HEAD ".41",
                                      HEAD ".v41 "};
    agdb_error_t *error = NULL;
    agdb_cursor_t *cursor = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(bad); i++) {
        if (agdb__cursor_read(bad[i], strlen(bad[i]), &cursor, &error) != AGDB_E_INVAL)
            fail_msg("%s", bad[i]);
        assert_null(cursor);
    }
    /* NUL bytes inside are bytes like others */
    assert_int_equal(agdb__cursor_read(HEAD ".n\0", strlen(HEAD) + 3, &cursor, &error),
                     AGDB_E_INVAL);
    assert_int_equal(agdb__cursor_read(HEAD ".v4\0", strlen(HEAD) + 4, &cursor, &error),
                     AGDB_E_INVAL);
    agdb__error_free(error);
}

static void length_is_bounded(void **state)
{
    static char text[AGDB_CURSOR_TEXT_MAX + 1];
    static char value[AGDB_CURSOR_TEXT_MAX];
    agdb_cursor_t *cursor = NULL;
    agdb__cell_t one = {value, (AGDB_CURSOR_TEXT_MAX - 20 - 2) / 2};

    (void)state;
    memset(value, 'x', sizeof value - 1);
    assert_int_equal(agdb__cursor_write(1, &one, 1, text, sizeof text, NULL), AGDB_OK);
    assert_true(strlen(text) < AGDB_CURSOR_TEXT_MAX);
    assert_int_equal(agdb__cursor_read(text, strlen(text), &cursor, NULL), AGDB_OK);
    assert_int_equal(cursor->value[0].len, one.len);
    agdb__free(cursor);
    one.len++;
    assert_int_equal(agdb__cursor_write(1, &one, 1, text, sizeof text, NULL), AGDB_E_TOO_BIG);
    one.len = 1;
    assert_int_equal(agdb__cursor_write(1, &one, 1, text, 23, NULL), AGDB_E_TOO_BIG);
    assert_int_equal(agdb__cursor_write(1, &one, 1, text, 24, NULL), AGDB_OK);
    memset(text, 'n', sizeof text);
    assert_int_equal(agdb__cursor_read(text, sizeof text, &cursor, NULL), AGDB_E_INVAL);
}

/* Under the sanitizers: no text reads or writes where it must not. */
static void any_text_is_read_or_refused(void **state)
{
    static const char alphabet[] = "0123456789abcdefvn..vnc1X";
    agdb__rng_t rng = {.state = 7};
    int round;

    (void)state;
    for (round = 0; round < 20000; round++) {
        char text[64] = HEAD;
        size_t len = strlen(HEAD) + (size_t)agdb__rng_jitter(&rng, 40);
        char *exact;
        agdb_cursor_t *cursor = NULL;
        size_t i;

        for (i = round % 8 == 0 ? 0 : strlen(HEAD); i < len && i < sizeof text; i++)
            text[i] = alphabet[(size_t)agdb__rng_jitter(&rng, 1000) % (sizeof alphabet - 1)];
        len = i;
        exact = agdb__malloc(len);
        memcpy(exact, text, len);
        if (agdb__cursor_read(exact, len, &cursor, NULL) == AGDB_OK)
            for (i = 0; i < cursor->count; i++)
                if (cursor->value[i].text != NULL)
                    assert_int_equal(strlen(cursor->value[i].text), cursor->value[i].len);
        agdb__free(cursor);
        agdb__free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_comes_back_as_it_was),
        cmocka_unit_test(what_is_no_cursor_is_refused),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(any_text_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
