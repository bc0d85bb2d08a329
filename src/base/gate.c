#include "base/gate.h"

#include "base/sync.h"

void agdb__gate_init(agdb__gate_t *g)
{
    size_t i;

    for (i = 0; i < AGDB__GATE_STRIPES; i++)
        atomic_init(&g->stripe[i].inside, 0);
    atomic_init(&g->closed, false);
}

static atomic_long *my_stripe(agdb__gate_t *g)
{
    return &g->stripe[agdb__thread_number() % AGDB__GATE_STRIPES].inside;
}

/* Enter counts first and looks second, close marks first and counts second; both in one total
 * order, so a closer that counts 0 after it has seen the mark knows that later ones see it, too. */
bool agdb__gate_enter(agdb__gate_t *g)
{
    atomic_long *mine = my_stripe(g);

    atomic_fetch_add_explicit(mine, 1, memory_order_seq_cst);
    if (!atomic_load_explicit(&g->closed, memory_order_seq_cst))
        return true;
    atomic_fetch_sub_explicit(mine, 1, memory_order_release);
    return false;
}

void agdb__gate_leave(agdb__gate_t *g)
{
    atomic_fetch_sub_explicit(my_stripe(g), 1, memory_order_release);
}

void agdb__gate_close(agdb__gate_t *g)
{
    atomic_store_explicit(&g->closed, true, memory_order_seq_cst);
}

void agdb__gate_open(agdb__gate_t *g)
{
    atomic_store_explicit(&g->closed, false, memory_order_seq_cst);
}

bool agdb__gate_is_closed(agdb__gate_t *g)
{
    return atomic_load_explicit(&g->closed, memory_order_seq_cst);
}

long agdb__gate_inside(agdb__gate_t *g)
{
    long sum = 0;
    size_t i;

    for (i = 0; i < AGDB__GATE_STRIPES; i++)
        sum += atomic_load_explicit(&g->stripe[i].inside, memory_order_seq_cst);
    return sum;
}
