/* What a process shows of itself, read; and what is no such thing. */
#include "cli/control.h"

#include "api/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char k_broke_off[] = "its answer broke off: is it ending?";

static void whole_dump_is_an_object(void **state)
{
    static const char text[] = "{\"process\": {\"pid\": 12}, \"pools\": []}\n";
    const char *why = NULL;
    const json_t *dump = cli_read_dump(text, sizeof text - 1, &why);

    (void)state;
    assert_non_null(dump);
    assert_null(why);
    assert_int_equal(cli_json_whole(json_object_get(dump, "process"), "pid"), 12);
}

/* Wherever: inside a word, an escape or a number, and at the end of a line. */
static void truncated_dump_has_broken_off(void **state)
{
    static const char text[] = "{\n\"process\": {\"pid\": 12, \"service\": \"a\\\"\\u00e4\"},\n"
                               "\"pools\": [1.5, true, null]\n}\n";
    size_t len;

    (void)state;
    for (len = 0; len < sizeof text - 2; len++) {
        const char *why = NULL;

        assert_null(cli_read_dump(text, len, &why));
        if (strcmp(why, k_broke_off) != 0)
            fail_msg("%.*s: %s", (int)len, text, why);
    }
}

static void malformed_dump_is_not_understood(void **state)
{
    static const char *const bad[] = {
        "{\"a\": 01}",
        "{\"a\" 1}",
        "{a: 1}",
        "{\"a\": nullx}",
        "{} {}",
        "{\"a\": 'b'}",
        "{\"a\": \"\n\"}",
        "{\"a\": \"\\x\"}",
        "[1]",
        "{\"a\": [1,]}",
        "{\"a\": \"\xff\"}",
        "{\"a\": \"\\u12g4\"}",
        "true",
        "{\"a\": .5}",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *line = cli_format("%s\n", bad[i]);
        const char *why = NULL;

        if (cli_read_dump(line, strlen(line), &why) != NULL)
            fail_msg("%s was read", bad[i]);
        if (strstr(why, "not understood") == NULL)
            fail_msg("%s: %s", bad[i], why);
    }
}

/* Any bytes may be in a server's message or an agency's key. */
static void whatever_the_library_writes_is_read(void **state)
{
    char text[4] = "";
    unsigned a;
    unsigned b;

    (void)state;
    for (a = 1; a < 256; a++)
        for (b = 0; b < 256; b++) {
            agdb__json_t json = {.depth = 0};
            const char *why = NULL;
            const json_t *dump;
            agdb__buf_t out;

            text[0] = (char)a;
            text[1] = (char)b;
            text[2] = b == 0 ? '\0' : (char)0x9f;
            agdb__buf_init(&out, 4096);
            json.out = &out;
            agdb__json_open(&json, NULL, '{');
            agdb__json_text(&json, "t", text);
            agdb__json_count(&json, "n", INT64_MAX);
            agdb__json_close(&json);
            dump = cli_read_dump(out.data, out.len, &why);
            if (dump == NULL)
                fail_msg("%02x %02x: %s", a, b, why);
            if (a < 0x80 && b == 0)
                assert_string_equal(cli_json_string(dump, "t"), text);
            agdb__buf_fini(&out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_dump_is_an_object),
        cmocka_unit_test(truncated_dump_has_broken_off),
        cmocka_unit_test(malformed_dump_is_not_understood),
        cmocka_unit_test(whatever_the_library_writes_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
