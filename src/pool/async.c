#include "pool/async.h"

#include "base/error.h"
#include "pool/pool_impl.h"

static uint32_t take_free(agdb__pool_t *pool)
{
    /* From behind those that short reads of waiting callers keep to. */
    uint32_t start = 2 % pool->slots.count;

    if (agdb__waiters_count(&pool->waiters) > 0)
        return AGDB__NO_SLOT;
    return agdb__slots_take(&pool->slots, agdb__pool_reserved(pool), pool->slots.count, start,
                            AGDB__SLOT_BUSY, false);
}

static bool is_shut(agdb__pool_t *pool)
{
    return atomic_load_explicit(&pool->shut, memory_order_relaxed);
}

/* New calls are kept out of a closing client by its gate; here is what was inside before. */
static agdb__wanted_t fail_closing(agdb_error_t **reterr)
{
    (void)agdb__pool_fail_closing(reterr);
    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return AGDB__WANTED_FAILED;
}

agdb__wanted_t agdb__pool_want(agdb__pool_t *pool, agdb__want_t *want, void (*tell)(void *user),
                               void *user, uint64_t now_us, agdb__lease_t *ret,
                               agdb_error_t **reterr)
{
    while (!is_shut(pool)) {
        uint32_t i = take_free(pool);

        if (i == AGDB__NO_SLOT) {
            agdb_status_t st;

            agdb__waiter_init_told(&want->waiter, tell, user);
            agdb__lock(&pool->lock);
            st = agdb__pool_queue_locked(pool, &want->waiter, now_us, reterr);
            i = want->waiter.slot;
            agdb__unlock(&pool->lock);
            if (st != AGDB_OK) {
                agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
                return AGDB__WANTED_FAILED;
            }
            if (i == AGDB__NO_SLOT)
                return AGDB__WANTED_WAITING;
        }
        if (agdb__pool_is_usable(pool, i, now_us)) {
            *ret = (agdb__lease_t){pool->slots.slot[i].conn, i, now_us};
            return AGDB__WANTED_SERVED;
        }
        agdb__pool_discard(pool, i);
    }
    return fail_closing(reterr);
}

agdb__wanted_t agdb__pool_wanted(agdb__pool_t *pool, agdb__want_t *want, uint64_t now_us,
                                 agdb__lease_t *ret, agdb_error_t **reterr)
{
    agdb__waiter_t *w = &want->waiter;
    bool queued;

    agdb__lock(&pool->lock);
    queued = w->queued;
    agdb__unlock(&pool->lock);
    if (queued)
        return AGDB__WANTED_WAITING;
    if (w->slot == AGDB__NO_SLOT) {
        (void)agdb__pool_take_dismissal(w, reterr);
        agdb__waiter_fini(w);
        agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
        return AGDB__WANTED_FAILED;
    }
    if (agdb__pool_is_usable(pool, w->slot, now_us)) {
        *ret = (agdb__lease_t){pool->slots.slot[w->slot].conn, w->slot, now_us};
        return AGDB__WANTED_SERVED;
    }
    agdb__pool_discard(pool, w->slot);
    return agdb__pool_want(pool, want, w->tell, w->user, now_us, ret, reterr);
}

void agdb__pool_unwant(agdb__pool_t *pool, agdb__want_t *want, uint64_t now_us)
{
    agdb__waiter_t *w = &want->waiter;

    agdb__lock(&pool->lock);
    agdb__waiters_remove(&pool->waiters, w);
    agdb__unlock(&pool->lock);
    if (w->slot != AGDB__NO_SLOT)
        agdb__pool_give_back(pool, w->slot, now_us);
    agdb__waiter_fini(w);
}

bool agdb__pool_wants_back(agdb__pool_t *pool, const agdb__lease_t *lease, unsigned own,
                           uint64_t now_us)
{
    const agdb__slot_t *slot = &pool->slots.slot[lease->slot];

    return slot->generation != atomic_load_explicit(&pool->generation, memory_order_relaxed) ||
           now_us >= slot->expires_us || atomic_load_explicit(&pool->shut, memory_order_relaxed) ||
           agdb__waiters_count(&pool->waiters) > own ||
           agdb__traffic_is_stranded(&pool->traffic[AGDB__TRAFFIC_READS], &pool->slots) ||
           agdb__traffic_is_stranded(&pool->traffic[AGDB__TRAFFIC_WRITES], &pool->slots);
}

/* What is kept for the short statements of waiting callers is not among them. */
unsigned agdb__pool_room(agdb__pool_t *pool)
{
    return pool->limits.max > 1 ? pool->limits.max - agdb__pool_reserved(pool) : 1;
}

uint64_t agdb__pool_queue_ms(const agdb__pool_t *pool)
{
    return pool->limits.queue_ms;
}

agdb_status_t agdb__pool_fail_waited(agdb__pool_t *pool, uint64_t waited_us, agdb_error_t **reterr)
{
    agdb_status_t st = agdb__pool_fail_timeout(pool, waited_us, reterr);

    agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
    return st;
}
