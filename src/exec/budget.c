#include "exec/budget.h"

enum { FULL = AGDB__BUDGET_COST * AGDB__BUDGET_RESERVE };

void agdb__budget_earn(agdb__budget_t *budget)
{
    int taken = atomic_load_explicit(&budget->taken, memory_order_relaxed);

    while (taken > 0)
        if (atomic_compare_exchange_weak_explicit(&budget->taken, &taken, taken - 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return;
}

bool agdb__budget_spend(agdb__budget_t *budget)
{
    int taken = atomic_load_explicit(&budget->taken, memory_order_relaxed);

    while (taken + AGDB__BUDGET_COST <= FULL)
        if (atomic_compare_exchange_weak_explicit(&budget->taken, &taken, taken + AGDB__BUDGET_COST,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}
