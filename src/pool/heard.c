/* What the pool knows from its keeper of a server that may only stand still: whether it answers
 * others meanwhile. */
#include "pool/pool_impl.h"

#include "base/clock.h"

/* PASSED_OVER: after a standstill all answers come at once, in any order.
 * LATELY: an answer of so short a time before shows that the server does not stand still.
 * SETTLED: the keeper's answer is one of many then, and the queue has to move before it can be said
 * that it does not; a fifth of its limit at most.
 * ASK: however many calls come to the end of their time, the server is asked this often at most. */
enum {
    PASSED_OVER_US = 500000,
    QUEUE_LATELY_US = 300000,
    QUEUE_SETTLED_US = 200000,
    QUEUE_ASK_US = 100000,
    QUEUE_LOOKS = 4 /* in the time to settle */
};

void agdb__pool_heard(agdb__pool_t *pool, uint64_t asked_us, uint64_t now_us)
{
    atomic_store_explicit(&pool->answered_us, now_us, memory_order_relaxed);
    atomic_store_explicit(&pool->asked_us, asked_us, memory_order_release);
    if (pool->heard_us != 0 && now_us < pool->heard_us + PASSED_OVER_US)
        return;
    atomic_store_explicit(&pool->passed_us, pool->heard_asked_us, memory_order_relaxed);
    pool->heard_asked_us = asked_us;
    pool->heard_us = now_us;
}

bool agdb__pool_has_passed_over(const agdb__pool_t *pool, uint64_t sent_us)
{
    return sent_us < atomic_load_explicit(&pool->passed_us, memory_order_relaxed);
}

/* One of those who wait, for all of them. */
static void have_it_asked(agdb__pool_t *pool, uint64_t now_us)
{
    unsigned long long before = atomic_load_explicit(&pool->wanted_us, memory_order_relaxed);

    if (now_us >= before + QUEUE_ASK_US &&
        atomic_compare_exchange_strong_explicit(&pool->wanted_us, &before, now_us,
                                                memory_order_relaxed, memory_order_relaxed))
        agdb__pool_doubt(pool);
}

static uint64_t later_us(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t agdb__pool_queue_until_us(agdb__pool_t *pool, uint64_t end_us, uint64_t now_us)
{
    const uint64_t asked_us = atomic_load_explicit(&pool->asked_us, memory_order_acquire);
    const uint64_t settled_us =
        agdb__min_us(QUEUE_SETTLED_US, (uint64_t)pool->limits.queue_ms * 1000 / 5);

    if (atomic_load_explicit(&pool->open, memory_order_relaxed) == 0)
        return AGDB__NEVER;               /* the attempt to make one has a limit of its own */
    if (now_us < end_us || asked_us == 0) /* it is not over, or nobody asks the server */
        return end_us;
    if (asked_us + QUEUE_LATELY_US >= end_us)
        return later_us(end_us, settled_us +
                                    atomic_load_explicit(&pool->answered_us, memory_order_relaxed));
    have_it_asked(pool, now_us);
    return now_us + 1 + settled_us / QUEUE_LOOKS;
}
