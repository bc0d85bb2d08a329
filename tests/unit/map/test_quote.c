#include "map_test.h"

#include "map/quote.h"

static void quote_escapes_what_json_needs(void **state)
{
    agdb__buf_t out;

    (void)state;
    agdb__buf_init(&out, 1000);
    agdb__quote_json(&out, "a\"\\\n\t\x01$\xC3\xA9\xFF", 10);
    assert_string_equal(out.data, "\"a\\\"\\\\\\n\\t\\u0001$\xC3\xA9\\ufffd\"");
    agdb__buf_fini(&out);
}

static void quote_value_doubles_dollars(void **state)
{
    agdb__buf_t out;

    (void)state;
    agdb__buf_init(&out, 1000);
    agdb__quote_value(&out, "${A}$");
    assert_string_equal(out.data, "\"$${A}$$\"");
    agdb__buf_fini(&out);
}

static void key_text_is_hex_when_it_has_to_be(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } k_rows[] = {{"epa", 3, "epa"},
                  {"\x00\xFF", 2, "hex:00ff"},
                  {"hex:", 4, "hex:6865783a"},
                  {"caf\xC3\xA9", 5, "caf\xC3\xA9"},
                  {"a\nb", 3, "hex:610a62"}};
    char buf[AGDB__KEY_TEXT];
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        const agdb__map_agency_t agency = {.key = (const unsigned char *)k_rows[i].bytes,
                                           .key_len = k_rows[i].len};
        assert_string_equal(agdb__key_text(&agency, buf), k_rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quote_escapes_what_json_needs),
        cmocka_unit_test(quote_value_doubles_dollars),
        cmocka_unit_test(key_text_is_hex_when_it_has_to_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
