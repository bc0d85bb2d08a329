#include "exec/handles.h"

#include "unit.h"

enum { OBJECTS = 500 };

static void numbers_find_their_objects_until_they_are_removed(void **state)
{
    static int object[OBJECTS];
    static uint64_t id[OBJECTS];
    agdb__handles_t all = {0};
    size_t round;
    size_t i;

    (void)state;
    for (round = 0; round < 3; round++) {
        for (i = 0; i < OBJECTS; i++) {
            uint64_t before = id[i];

            id[i] = agdb__handles_add(&all, &object[i]);
            assert_int_not_equal(id[i], 0);
            assert_null(agdb__handles_find(&all, before)); /* never again the same */
        }
        for (i = 0; i < OBJECTS; i++)
            assert_ptr_equal(agdb__handles_find(&all, id[i]), &object[i]);
        for (i = 0; i < OBJECTS; i++) {
            agdb__handles_remove(&all, id[i]);
            agdb__handles_remove(&all, id[i]);
            assert_null(agdb__handles_find(&all, id[i]));
        }
        assert_int_equal(all.count, OBJECTS); /* places are used again */
    }
    agdb__handles_fini(&all);
}

static void made_up_numbers_find_nothing(void **state)
{
    agdb__handles_t all = {0};
    int object;
    uint64_t id;

    (void)state;
    assert_null(agdb__handles_find(&all, 0));
    assert_null(agdb__handles_find(&all, 1));
    id = agdb__handles_add(&all, &object);
    assert_null(agdb__handles_find(&all, 0));
    assert_null(agdb__handles_find(&all, id + 1));
    assert_null(agdb__handles_find(&all, id + ((uint64_t)1 << 32)));
    agdb__handles_remove(&all, id + 1);
    assert_ptr_equal(agdb__handles_find(&all, id), &object);
    agdb__handles_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_find_their_objects_until_they_are_removed),
        cmocka_unit_test(made_up_numbers_find_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
