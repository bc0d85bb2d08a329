/* JSON that is written. */
#include "api/json.h"

#include "unit.h"

#include <locale.h>

static void write_values_of_each_kind(void **state)
{
    agdb__buf_t out;
    agdb__json_t json = {.out = &out};

    (void)state;
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is there: a comma is its point */
    agdb__buf_init(&out, 4096);
    agdb__json_open(&json, NULL, '{');
    agdb__json_text(&json, "text", "a\"\\\n\x01\xff\xc3\xa4");
    agdb__json_text(&json, "none", NULL);
    agdb__json_count(&json, "count", UINT64_MAX);
    agdb__json_bool(&json, "truth", true);
    agdb__json_ms(&json, "ms", 1234567);
    agdb__json_s(&json, "s", 1034567);
    agdb__json_age(&json, "age", 1034567);
    agdb__json_open(&json, "empty", '[');
    agdb__json_close(&json);
    agdb__json_open(&json, "list", '[');
    agdb__json_null(&json, NULL);
    agdb__json_bool(&json, NULL, false);
    agdb__json_close(&json);
    agdb__json_close(&json);
    assert_string_equal(out.data, "{\n"
                                  "  \"text\": \"a\\\"\\\\\\n\\u0001\\ufffd\xc3\xa4\",\n"
                                  "  \"none\": null,\n"
                                  "  \"count\": 18446744073709551615,\n"
                                  "  \"truth\": true,\n"
                                  "  \"ms\": 1234.567,\n"
                                  "  \"s\": 1.034567,\n"
                                  "  \"age\": 1.034,\n"
                                  "  \"empty\": [],\n"
                                  "  \"list\": [\n"
                                  "    null,\n"
                                  "    false\n"
                                  "  ]\n"
                                  "}");
    agdb__buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_values_of_each_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
