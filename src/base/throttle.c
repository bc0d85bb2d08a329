#include "base/throttle.h"

bool agdb__throttle_pass(agdb__throttle_t *t, uint64_t now_us, uint32_t *ret_held)
{
    const unsigned long long second = now_us / 1000000;
    unsigned long long before = atomic_load_explicit(&t->second, memory_order_relaxed);

    if (before != second &&
        atomic_compare_exchange_strong_explicit(&t->second, &before, second, memory_order_relaxed,
                                                memory_order_relaxed))
        atomic_store_explicit(&t->passed, 0, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&t->passed, 1, memory_order_relaxed) >=
        AGDB__THROTTLE_PER_SECOND) {
        atomic_fetch_add_explicit(&t->held, 1, memory_order_relaxed);
        return false;
    }
    *ret_held = atomic_exchange_explicit(&t->held, 0, memory_order_relaxed);
    return true;
}
