#include "exec/spread.h"

#include "unit.h"

static void plan_gives_each_kind_its_connections(void **state)
{
    static const struct {
        agdb__spread_load_t load;
        agdb__spread_t want;
    } rows[] = {
        /* shorts alones riding groups loners room         groups loners share */
        {{0, 0, 0, 0, 0, 7, false}, {0, 0, 0}},      {{1, 0, 0, 0, 0, 7, false}, {1, 0, 1}},
        {{8, 0, 0, 0, 0, 7, false}, {1, 0, 8}},      {{9, 0, 0, 0, 0, 7, false}, {2, 0, 5}},
        {{16, 0, 0, 0, 0, 7, false}, {2, 0, 8}},     {{64, 0, 0, 0, 0, 7, false}, {4, 0, 16}},
        {{48, 0, 16, 1, 0, 7, false}, {4, 0, 16}}, /* the second group is as large as the first */
        {{0, 0, 16, 1, 0, 7, false}, {2, 0, 8}},     {{10000, 0, 0, 0, 0, 7, false}, {4, 0, 64}},
        {{64, 0, 0, 0, 0, 2, false}, {2, 0, 32}},    {{64, 0, 0, 0, 0, 1, false}, {1, 0, 64}},
        {{0, 3, 0, 0, 0, 7, false}, {0, 3, 0}},      {{0, 100, 0, 0, 4, 7, false}, {0, 7, 0}},
        {{0, 1, 0, 0, 2, 7, false}, {0, 3, 0}},      {{64, 2, 0, 0, 0, 7, false}, {4, 2, 16}},
        {{64, 5, 0, 0, 0, 7, false}, {2, 5, 32}},    /* each of the others has its own */
        {{64, 1000, 0, 0, 0, 7, false}, {1, 6, 64}}, /* but never all */
        {{1, 1000, 0, 0, 7, 7, false}, {1, 6, 1}},   {{5, 5, 0, 0, 0, 2, false}, {1, 1, 5}},
        {{5, 5, 0, 0, 0, 1, false}, {1, 1, 5}}, /* in turn */
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__spread_t plan = agdb__spread_plan(&rows[i].load);

        if (plan.groups != rows[i].want.groups || plan.loners != rows[i].want.loners ||
            plan.share != rows[i].want.share)
            fail_msg("row %zu: %u %u %zu", i, plan.groups, plan.loners, plan.share);
    }
}

static void turn_takes_what_has_too_few(void **state)
{
    static const struct {
        agdb__spread_load_t load;
        agdb__turn_t want;
    } rows[] = {
        {{0, 0, 0, 0, 0, 7, false}, AGDB__TURN_NONE},
        {{1, 0, 0, 0, 0, 7, false}, AGDB__TURN_SHORT},
        {{0, 1, 0, 0, 0, 7, false}, AGDB__TURN_ALONE},
        {{5, 0, 64, 4, 0, 7, false}, AGDB__TURN_NONE}, /* they wait for one of the four */
        {{5, 0, 48, 3, 0, 7, false}, AGDB__TURN_SHORT},
        {{1, 99, 0, 0, 6, 7, false}, AGDB__TURN_SHORT},
        {{1, 99, 8, 1, 5, 7, false}, AGDB__TURN_ALONE},
        {{1, 99, 8, 1, 6, 7, false}, AGDB__TURN_NONE},
        {{5, 5, 0, 0, 0, 1, false}, AGDB__TURN_SHORT},
        {{5, 5, 0, 0, 0, 1, true}, AGDB__TURN_ALONE},
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++)
        if (agdb__spread_turn(&rows[i].load) != rows[i].want)
            fail_msg("row %zu: %d", i, (int)agdb__spread_turn(&rows[i].load));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_gives_each_kind_its_connections),
        cmocka_unit_test(turn_takes_what_has_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
