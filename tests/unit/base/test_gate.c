/* Who is inside, and closing. */
#include "base/gate.h"

#include "base/sync.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 20000 };

static void enter_and_leave_count_who_is_inside(void **state)
{
    static agdb__gate_t g;

    (void)state;
    agdb__gate_init(&g);
    assert_int_equal(agdb__gate_inside(&g), 0);
    assert_true(agdb__gate_enter(&g));
    assert_true(agdb__gate_enter(&g));
    assert_int_equal(agdb__gate_inside(&g), 2);
    agdb__gate_leave(&g);
    agdb__gate_leave(&g);
    assert_int_equal(agdb__gate_inside(&g), 0);
}

static void enter_closed_gate_is_refused(void **state)
{
    static agdb__gate_t g;

    (void)state;
    agdb__gate_init(&g);
    assert_true(agdb__gate_enter(&g));
    assert_false(agdb__gate_is_closed(&g));
    agdb__gate_close(&g);
    assert_true(agdb__gate_is_closed(&g));
    assert_false(agdb__gate_enter(&g));
    assert_int_equal(agdb__gate_inside(&g), 1);
    agdb__gate_leave(&g);
    assert_int_equal(agdb__gate_inside(&g), 0);
}

typedef struct crowd {
    agdb__gate_t gate;
    atomic_bool drained; /* the closer saw nobody inside */
    atomic_int entered;
    atomic_int late; /* inside after that: must not happen */
} crowd_t;

static void *go_in_and_out(void *arg)
{
    crowd_t *crowd = arg;

    while (agdb__gate_enter(&crowd->gate)) {
        atomic_fetch_add(&crowd->entered, 1);
        if (atomic_load(&crowd->drained))
            atomic_fetch_add(&crowd->late, 1);
        agdb__gate_leave(&crowd->gate);
    }
    return NULL;
}

static void close_and_drain_leaves_nobody_inside(void **state)
{
    static crowd_t crowd;
    pthread_t thread[THREADS];
    int i;

    (void)state;
    agdb__gate_init(&crowd.gate);
    for (i = 0; i < THREADS; i++)
        assert_true(agdb__thread_start(&thread[i], false, go_in_and_out, &crowd));
    while (atomic_load(&crowd.entered) < ROUNDS)
        continue;
    agdb__gate_close(&crowd.gate);
    while (agdb__gate_inside(&crowd.gate) != 0)
        continue;
    atomic_store(&crowd.drained, true);
    for (i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(atomic_load(&crowd.late), 0);
    assert_int_equal(agdb__gate_inside(&crowd.gate), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enter_and_leave_count_who_is_inside),
        cmocka_unit_test(enter_closed_gate_is_refused),
        cmocka_unit_test(close_and_drain_leaves_nobody_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
