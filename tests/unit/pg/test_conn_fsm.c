#include "pg/conn_fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

/* [from][to], in the order of the states. */
static const char *const k_may[AGDB__CONN_STATES] = {
    /*                RCIRFD */
    /* resolving   */ ".x...x",
    /* connecting  */ ".xx..x",
    /* introducing */ "...x.x",
    /* ready       */ "....xx",
    /* in flight   */ "...x.x",
    /* dead        */ "......",
};

static void may_go_every_pair_as_the_matrix_says(void **state)
{
    int from;
    int to;

    (void)state;
    for (from = 0; from < AGDB__CONN_STATES; from++)
        for (to = 0; to < AGDB__CONN_STATES; to++)
            if (agdb__conn_may_go((agdb__conn_state_t)from, (agdb__conn_state_t)to) !=
                (k_may[from][to] == 'x'))
                fail_msg("%s -> %s", agdb__conn_state_name((agdb__conn_state_t)from),
                         agdb__conn_state_name((agdb__conn_state_t)to));
}

static void may_go_outside_of_the_table_is_refused(void **state)
{
    (void)state;
    assert_false(agdb__conn_may_go(AGDB__CONN_STATES, AGDB__CONN_DEAD));
    assert_false(agdb__conn_may_go(AGDB__CONN_READY, AGDB__CONN_STATES));
    assert_string_equal(agdb__conn_state_name(AGDB__CONN_STATES), "");
}

static void go_allowed_change_is_written(void **state)
{
    agdb__conn_state_t s = AGDB__CONN_RESOLVING;

    (void)state;
    agdb__conn_go(&s, AGDB__CONN_CONNECTING);
    agdb__conn_go(&s, AGDB__CONN_INTRODUCING);
    agdb__conn_go(&s, AGDB__CONN_READY);
    agdb__conn_go(&s, AGDB__CONN_IN_FLIGHT);
    agdb__conn_go(&s, AGDB__CONN_DEAD);
    assert_int_equal(s, AGDB__CONN_DEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(may_go_every_pair_as_the_matrix_says),
        cmocka_unit_test(may_go_outside_of_the_table_is_refused),
        cmocka_unit_test(go_allowed_change_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
