/* Which lines became others. */
#include "cli/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void show(const cli_hunk_t *hunk, void *user)
{
    char *out = user;
    size_t at = strlen(out);

    snprintf(out + at, 4096 - at, "%zu,%zu-%zu,%zu<%.*s|%.*s>", hunk->old_line, hunk->old_count,
             hunk->now_line, hunk->now_count, (int)hunk->old_len, hunk->old, (int)hunk->now_len,
             hunk->now);
}

static void compare_lists_what_differs(void **state)
{
    static const char *const k_rows[][3] = {
        {"", "", ""},
        {"a\nb\n", "a\nb\n", ""},
        {"a\nb\nc\n", "a\nx\nc\n", "2,1-2,1<b\n|x\n>"},
        {"a\nb\n", "a\nx\ny\nb\n", "2,0-2,2<|x\ny\n>"},
        {"a\nx\ny\nb\n", "a\nb\n", "2,2-2,0<x\ny\n|>"},
        {"a\n", "a\nb\n", "2,0-2,1<|b\n>"},
        {"a", "a\nb", "1,1-1,2<a|a\nb>"},
        {"", "a\n", "1,0-1,1<|a\n>"},
        {"a\n", "", "1,1-1,0<a\n|>"},
        {"1\na\n2\n3\nb\n4\n", "1\nx\n2\n3\ny\n4\n", "2,1-2,1<a\n|x\n>5,1-5,1<b\n|y\n>"},
        /* one line that is the same, such as a blank one, is no meeting point */
        {"a\n\nb\nc\n", "x\n\ny\nb\nc\n", "1,2-1,3<a\n\n|x\n\ny\n>"},
        {"a\r\nb\r\n", "a\r\nc\r\n", "2,1-2,1<b\r\n|c\r\n>"},
    };
    size_t i;

    (void)state;
    for (i = 0; i < COUNT(k_rows); i++) {
        char out[4096] = "";
        cli_lines_compare((cli_span_t){k_rows[i][0], strlen(k_rows[i][0])},
                          (cli_span_t){k_rows[i][1], strlen(k_rows[i][1])}, show, out);
        assert_string_equal(out, k_rows[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_lists_what_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
