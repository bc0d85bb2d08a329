#include "monitor/fresh.h"

#include "unit.h"

enum { SYSTEM = 77 };

static void replicas_are_sure_when_they_have_it_and_may_have_it_on_the_same_history(void **state)
{
    static const agdb__standing_t nodes[] = {
        {2, 1000, 0},    /* 0 */
        {2, 999, 0},     /* 1: a little behind */
        {1, 5000, 0},    /* 2: on the old history, however far */
        {0, 0, 0},       /* 3: does not answer */
        {2, 10, 1000},   /* 4: has just failed for as much */
        {2, 1001, 1001}, /* 5: that was before */
    };
    static const struct {
        agdb__position_t need;
        agdb__position_t history;
        uint32_t replicas;
        uint32_t sure;
        uint32_t maybe;
        bool ahead;
    } rows[] = {
        {{SYSTEM, 1000, 2}, {SYSTEM, 0, 2}, 0x3F, 0x21, 0x02, false},
        {{SYSTEM, 1000, 2}, {SYSTEM, 0, 2}, 0x02, 0x00, 0x02, false}, /* others may not answer reads
                                                                       */
        {{SYSTEM, 1002, 2}, {SYSTEM, 0, 2}, 0x3F, 0x00, 0x03, false},
        {{SYSTEM, 999, 2}, {SYSTEM, 0, 2}, 0x3F, 0x23, 0x10, false}, /* it may have that much */
        {{SYSTEM, 1000, 1}, {SYSTEM, 0, 2}, 0x3F, 0, 0, false},      /* before a failover */
        {{SYSTEM, 1000, 3}, {SYSTEM, 0, 2}, 0x3F, 0, 0, true}, /* ahead of what has been seen */
        {{SYSTEM + 1, 1000, 2}, {SYSTEM, 0, 2}, 0x3F, 0, 0, false}, /* of another cluster */
        {{SYSTEM, 0, 2}, {SYSTEM, 0, 2}, 0x3F, 0, 0, false},        /* not known */
    };
    size_t i;

    (void)state;
    for (i = 0; i < AGDB_COUNT(rows); i++) {
        agdb__fresh_t f = agdb__fresh(&rows[i].need, &rows[i].history, nodes, AGDB_COUNT(nodes),
                                      rows[i].replicas);

        if (f.sure != rows[i].sure || f.maybe != rows[i].maybe || f.ahead != rows[i].ahead)
            fail_msg("row %zu: sure %x maybe %x", i, (unsigned)f.sure, (unsigned)f.maybe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_are_sure_when_they_have_it_and_may_have_it_on_the_same_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
