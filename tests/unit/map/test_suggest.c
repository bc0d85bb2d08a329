#include "unit.h"

#include "map/suggest.h"

#include <string.h>

static void word_find_gives_the_position(void **state)
{
    (void)state;
    assert_int_equal(agdb__word_find("a|bc|d", "a", 1), 0);
    assert_int_equal(agdb__word_find("a|bc|d", "bc", 2), 1);
    assert_int_equal(agdb__word_find("a|bc|d", "d", 1), 2);
    assert_int_equal(agdb__word_find("a|bc|d", "b", 1), -1);
    assert_int_equal(agdb__word_find("a|bc|d", "a|bc", 4), -1);
    assert_int_equal(agdb__word_find("a|bc|d", "", 0), -1);
}

static void word_list_puts_commas_between(void **state)
{
    char buf[AGDB__LIST_SIZE];

    (void)state;
    assert_string_equal(agdb__word_list("a|bc|d", buf), "a, bc, d");
    assert_string_equal(agdb__word_list("a", buf), "a");
}

static void nearest_is_what_was_meant(void **state)
{
    static const struct {
        const char *text;
        const char *name;
    } k_rows[] = {{"nodse", "nodes"}, {"node", "nodes"},  {"regoin", "region"},
                  {"slot", "slots"},  {"whatever", NULL}, {"x", NULL},
                  {"", NULL}};
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(k_rows); i++) {
        agdb__nearest_t nearest = {.text = k_rows[i].text, .len = strlen(k_rows[i].text)};
        agdb__nearest_offer_words(&nearest, "region|slots|nodes|generation");
        assert_int_equal(nearest.name != NULL, k_rows[i].name != NULL);
        if (nearest.name != NULL)
            assert_memory_equal(nearest.name, k_rows[i].name, nearest.name_len);
    }
}

static void nearest_long_texts_are_left_alone(void **state)
{
    char text[200];
    agdb__nearest_t nearest = {.text = text, .len = sizeof text};

    (void)state;
    memset(text, 'x', sizeof text);
    agdb__nearest_offer(&nearest, text, sizeof text);
    assert_null(nearest.name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(word_find_gives_the_position),
        cmocka_unit_test(word_list_puts_commas_between),
        cmocka_unit_test(nearest_is_what_was_meant),
        cmocka_unit_test(nearest_long_texts_are_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
