/* Connections whose callers have left, because their time was over, while the server was at work:
 *
 *   alone    its statement is cancelled, through another connection of the keeper's. The request
 *            names a process, not a statement: late, it would hit the next one. So the connection
 *            is used again only when the server has said that this statement was cancelled and the
 *            request has returned; or when the answer has come before there was a request. A busy
 *            server may get the request ahead of the statement, and drop it: then it is asked
 * again. a group  is over soon: its answers are waited for and dropped.
 *
 * What does not end in LEFT_MS is closed, and in NEEDED_MS when callers wait for a connection:
 * perhaps nothing comes through any more. The server notices that for itself, a little later. */
#include "pool/pool_impl.h"

#include "base/clock.h"

enum { LEFT_MS = 500, NEEDED_MS = 50, AGAIN_MS = 50 };

void agdb__pool_leave(agdb__pool_t *pool, uint32_t i, uint64_t now_us)
{
    agdb__slot_t *slot = &pool->slots.slot[i];

    slot->left_us = now_us;
    slot->cancel = agdb__conn_is_alone(slot->conn) ? AGDB__CANCEL_WANTED : AGDB__CANCEL_NONE;
    atomic_fetch_add_explicit(&pool->left, 1, memory_order_relaxed);
    agdb__slots_leave(&pool->slots, i); /* the keeper's from here on */
    pool->wake(pool->wake_user);
}

static bool any(const agdb__pool_t *pool)
{
    return atomic_load_explicit(&pool->left, memory_order_relaxed) > 0;
}

/* What leave() has written is seen with it. */
static agdb__slot_t *left(agdb__pool_t *pool, uint32_t i)
{
    agdb__slot_t *slot = &pool->slots.slot[i];

    return atomic_load_explicit(&slot->state, memory_order_acquire) == AGDB__SLOT_LEFT ? slot
                                                                                       : NULL;
}

/* With READY: whether no request can hit what runs on it next. */
static bool is_proven(agdb__cancel_t cancel, bool was_cancelled)
{
    switch (cancel) {
    case AGDB__CANCEL_NONE:
    case AGDB__CANCEL_WANTED:
        return true;
    case AGDB__CANCEL_RETURNED:
        return was_cancelled;
    case AGDB__CANCEL_ASKED:
    case AGDB__CANCEL_LOST:
        break;
    }
    return false;
}

/* Those in a line wait for the next group, not for a connection, unless nobody drives one. */
static bool is_needed(agdb__pool_t *pool)
{
    return agdb__waiters_count(&pool->waiters) > 0 ||
           agdb__traffic_is_stranded(&pool->traffic[AGDB__TRAFFIC_READS], &pool->slots) ||
           agdb__traffic_is_stranded(&pool->traffic[AGDB__TRAFFIC_WRITES], &pool->slots);
}

/* When its time is over. */
static uint64_t end_us(agdb__pool_t *pool, const agdb__slot_t *slot)
{
    const uint64_t ms = is_needed(pool) ? NEEDED_MS : LEFT_MS;

    return agdb__after_ms(slot->left_us, ms);
}

static bool is_over(agdb__pool_t *pool, const agdb__slot_t *slot, uint64_t now_us)
{
    return now_us >= end_us(pool, slot) || slot->cancel == AGDB__CANCEL_LOST ||
           slot->generation != atomic_load_explicit(&pool->generation, memory_order_relaxed) ||
           atomic_load_explicit(&pool->shut, memory_order_relaxed);
}

static void step_left(agdb__pool_t *pool, uint32_t i, uint64_t now_us)
{
    agdb__slot_t *slot = &pool->slots.slot[i];
    const agdb__conn_state_t state = agdb__conn_step(slot->conn, now_us);
    const bool ready = state == AGDB__CONN_READY;

    if (!is_over(pool, slot, now_us) &&
        (state == AGDB__CONN_IN_FLIGHT || (ready && slot->cancel == AGDB__CANCEL_ASKED)))
        return;
    atomic_fetch_sub_explicit(&pool->left, 1, memory_order_relaxed);
    if (ready && is_proven(slot->cancel, agdb__conn_forget(slot->conn)))
        agdb__pool_give_back(pool, i, now_us);
    else
        agdb__pool_discard(pool, i);
}

void agdb__pool_tend_left(agdb__pool_t *pool, uint64_t now_us)
{
    uint32_t i;

    for (i = 0; any(pool) && i < pool->slots.count; i++)
        if (left(pool, i) != NULL)
            step_left(pool, i, now_us);
}

/* Settled by what has come since it was tended. */
static bool is_settled(const agdb__slot_t *slot)
{
    return slot->cancel == AGDB__CANCEL_LOST ||
           (slot->cancel != AGDB__CANCEL_ASKED && agdb__conn_state(slot->conn) == AGDB__CONN_READY);
}

void agdb__pool_poll_left(agdb__pool_t *pool, uint64_t now_us, agdb__pollset_t *set)
{
    uint32_t i;

    for (i = 0; any(pool) && i < pool->slots.count; i++) {
        const agdb__slot_t *slot = left(pool, i);

        if (slot == NULL)
            continue;
        agdb__pollset_wake(set, is_settled(slot) ? now_us : end_us(pool, slot));
        if (slot->cancel == AGDB__CANCEL_RETURNED && now_us < slot->again_us)
            agdb__pollset_wake(set, slot->again_us); /* later the probe is waited for */
        if (agdb__conn_state(slot->conn) == AGDB__CONN_IN_FLIGHT)
            agdb__pollset_add(set, agdb__conn_fd(slot->conn), agdb__conn_events(slot->conn));
    }
}

static bool wants_cancel(const agdb__slot_t *slot, uint64_t now_us)
{
    return agdb__conn_state(slot->conn) == AGDB__CONN_IN_FLIGHT &&
           (slot->cancel == AGDB__CANCEL_WANTED ||
            (slot->cancel == AGDB__CANCEL_RETURNED && now_us >= slot->again_us));
}

static bool is_of(const agdb__slot_t *slot, const agdb__hello_t *by)
{
    const agdb__hello_t *own = agdb__conn_hello(slot->conn);

    return own->started_us == by->started_us && own->system_identifier == by->system_identifier;
}

size_t agdb__pool_take_cancels(agdb__pool_t *pool, const agdb__hello_t *by, int *ret_pids,
                               size_t max, uint64_t now_us)
{
    size_t n = 0;
    uint32_t i;

    for (i = 0; any(pool) && i < pool->slots.count; i++) {
        agdb__slot_t *slot = left(pool, i);

        if (slot == NULL || n == max || !wants_cancel(slot, now_us))
            continue;
        if (!is_of(slot, by)) {
            slot->cancel = AGDB__CANCEL_LOST;
            continue;
        }
        slot->cancel = AGDB__CANCEL_ASKED;
        ret_pids[n++] = agdb__conn_backend_pid(slot->conn);
    }
    return n;
}

void agdb__pool_cancelled(agdb__pool_t *pool, bool sent, uint64_t now_us)
{
    uint32_t i;

    for (i = 0; any(pool) && i < pool->slots.count; i++) {
        agdb__slot_t *slot = left(pool, i);

        if (slot == NULL || slot->cancel != AGDB__CANCEL_ASKED)
            continue;
        slot->cancel = sent ? AGDB__CANCEL_RETURNED : AGDB__CANCEL_LOST;
        slot->again_us = agdb__after_ms(now_us, AGAIN_MS);
    }
}
