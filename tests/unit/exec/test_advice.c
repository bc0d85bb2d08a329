/* Call sites that could say more. */
#include "exec/advice.h"

#include "unit.h"

#include <stdio.h>

static void note_tells_once_of_a_tag_that_only_selects(void **state)
{
    static agdb__advice_t advice;
    int told = 0;
    int i;

    (void)state;
    for (i = 0; i < AGDB__ADVICE_AFTER - 1; i++)
        assert_false(agdb__advice_note(&advice, "site.list", true));
    assert_true(agdb__advice_note(&advice, "site.list", true));
    for (i = 0; i < 3 * AGDB__ADVICE_AFTER; i++)
        told += agdb__advice_note(&advice, "site.list", true);
    assert_int_equal(told, 0);
}

static void note_never_tells_of_a_tag_that_also_does_something_else(void **state)
{
    static agdb__advice_t advice;
    int told = 0;
    int i;

    (void)state;
    for (i = 0; i < 3 * AGDB__ADVICE_AFTER; i++)
        told += agdb__advice_note(&advice, "site.close", i != 500);
    assert_int_equal(told, 0);
}

static void note_knows_so_many_tags_and_leaves_others_alone(void **state)
{
    static agdb__advice_t advice;
    char tag[16];
    int told = 0;
    int i;
    int n;

    (void)state;
    for (i = 0; i < 2 * AGDB__ADVICE_TAGS; i++) {
        snprintf(tag, sizeof tag, "tag-%d", i);
        for (n = 0; n < AGDB__ADVICE_AFTER; n++)
            told += agdb__advice_note(&advice, tag, true);
    }
    assert_int_equal(told, AGDB__ADVICE_TAGS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(note_tells_once_of_a_tag_that_only_selects),
        cmocka_unit_test(note_never_tells_of_a_tag_that_also_does_something_else),
        cmocka_unit_test(note_knows_so_many_tags_and_leaves_others_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
