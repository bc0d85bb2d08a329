#include "unit.h"

#include "map/splice.h"

static void check(agdb__splices_t *s, const char *text, const char *expected)
{
    agdb__buf_t out;

    agdb__buf_init(&out, 4096);
    agdb__splice_apply(s, text, strlen(text), &out);
    assert_false(out.failed);
    assert_string_equal(out.data, expected);
    agdb__buf_fini(&out);
}

static void splice_in_any_order_gives_the_same_text(void **state)
{
    agdb__splices_t s = {.arena = agdb__arena_new()};

    (void)state;
    agdb__splice(&s, 4, 5, "E");
    agdb__splice(&s, 0, 1, "");
    agdb__splice(&s, 6, 6, "!");
    check(&s, "abcdef", "bcdEf!");
    agdb__arena_free(s.arena);
}

static void splice_at_one_place_keeps_the_order_of_calls(void **state)
{
    agdb__splices_t s = {.arena = agdb__arena_new()};

    (void)state;
    agdb__splice(&s, 3, 3, "1");
    agdb__splice(&s, 3, 3, "2");
    agdb__splice(&s, 1, 3, "");
    check(&s, "abcd", "a12d");
    agdb__arena_free(s.arena);
}

static void splice_overlapping_cuts_take_out_what_any_does(void **state)
{
    agdb__splices_t s = {.arena = agdb__arena_new()};

    (void)state;
    agdb__splice(&s, 1, 4, "");
    agdb__splice(&s, 3, 5, "");
    agdb__splice(&s, 1, 2, "");
    check(&s, "abcdef", "af");
    agdb__arena_free(s.arena);
}

static void splice_nothing_and_many_work(void **state)
{
    agdb__splices_t s = {.arena = agdb__arena_new()};
    char text[101] = "";
    char expected[201] = "";
    size_t i;

    (void)state;
    check(&s, "abc", "abc");
    for (i = 0; i < 100; i++) {
        text[i] = '.';
        expected[2 * i] = '+';
        expected[2 * i + 1] = '.';
        agdb__splice(&s, 99 - i, 99 - i, "+");
    }
    check(&s, text, expected);
    agdb__arena_free(s.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splice_in_any_order_gives_the_same_text),
        cmocka_unit_test(splice_at_one_place_keeps_the_order_of_calls),
        cmocka_unit_test(splice_overlapping_cuts_take_out_what_any_does),
        cmocka_unit_test(splice_nothing_and_many_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
