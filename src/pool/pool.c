/* Claim and release: the callers' side. The keeper's side is in tend.c. */
#include "pool/pool_impl.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "pool/lane.h"

/* A connection that was idle for this long, or since another one was lost, is looked at before it
 * is used: a server that went away meanwhile has closed the socket, and the request need not be
 * lost on it. */
enum { LOOK_AFTER_IDLE_US = 20000 };

/* Connections are dropped on suspicion this often at most. */
enum { DROP_EVERY_US = 1000000 };

agdb__pool_t *agdb__pool_new(const agdb__login_t *login, const agdb__pool_limits_t *limits,
                             agdb__resolver_t *resolver, void (*wake)(void *user), void *user)
{
    static atomic_uint last_number;
    agdb__pool_t *pool = agdb__calloc(1, sizeof *pool);
    agdb__traffic_kind_t kind = 0;

    if (pool == NULL)
        return NULL;
    pool->login = login;
    pool->limits = *limits;
    pool->resolver = resolver;
    pool->wake = wake;
    pool->wake_user = user;
    pool->rng.state = agdb__now_us() ^ (uint64_t)(uintptr_t)pool;
    pool->number = atomic_fetch_add_explicit(&last_number, 1, memory_order_relaxed);
    if (!agdb__slots_init(&pool->slots, limits->max)) {
        agdb__free(pool);
        return NULL;
    }
    pool->lane = agdb__calloc(limits->max, sizeof(agdb__lane_t *));
    if (pool->lane == NULL || !agdb__mutex_init(&pool->lock))
        goto nomem;
    for (; kind < AGDB__TRAFFICS; kind++)
        if (!agdb__traffic_init(&pool->traffic[kind], kind, limits->max))
            goto nolines;
    return pool;
nolines:
    while (kind-- > 0)
        agdb__traffic_fini(&pool->traffic[kind]);
    agdb__mutex_fini(&pool->lock);
nomem:
    agdb__free(pool->lane);
    agdb__slots_fini(&pool->slots);
    agdb__free(pool);
    return NULL;
}

void agdb__pool_count_in(agdb__pool_t *pool, agdb__pool_tally_t *tally)
{
    pool->tally = tally;
}

const agdb__pool_tally_t *agdb__pool_tally(const agdb__pool_t *pool)
{
    return pool->tally;
}

void agdb__pool_free(agdb__pool_t *pool)
{
    uint32_t i;

    if (pool == NULL)
        return;
    for (i = 0; i < pool->slots.count; i++) {
        agdb__conn_close(pool->slots.slot[i].conn);
        agdb__lane_free(pool, i);
    }
    for (i = 0; i < AGDB__TRAFFICS; i++)
        agdb__traffic_fini(&pool->traffic[i]);
    agdb__free(pool->lane);
    agdb__slots_fini(&pool->slots);
    agdb__mutex_fini(&pool->lock);
    agdb__error_free(pool->error);
    agdb__free(pool);
}

uint32_t agdb__pool_reserved(agdb__pool_t *pool)
{
    return atomic_load_explicit(&pool->shorts, memory_order_relaxed) &&
                   atomic_load_explicit(&pool->open, memory_order_relaxed) > 1
               ? 1
               : 0;
}

/* Written only when it changes: all callers read it. */
static void mark(atomic_bool *flag)
{
    if (!atomic_load_explicit(flag, memory_order_relaxed))
        atomic_store_explicit(flag, true, memory_order_relaxed);
}

static agdb__closed_t reason_of(const agdb__pool_t *pool, const agdb__slot_t *slot)
{
    const agdb__conn_state_t state = agdb__conn_state(slot->conn);

    /* One that the server has ended while nobody used it is not dead before it is used. */
    if (state == AGDB__CONN_DEAD || (state == AGDB__CONN_READY && !agdb__conn_is_alive(slot->conn)))
        return AGDB__CLOSED_LOST;
    if (agdb__pool_is_retired(pool) || atomic_load_explicit(&pool->shut, memory_order_relaxed))
        return AGDB__CLOSED_RETIRED;
    if (!agdb__conn_is_clean(slot->conn))
        return AGDB__CLOSED_UNCLEAN;
    if (slot->generation != atomic_load_explicit(&pool->generation, memory_order_relaxed))
        return AGDB__CLOSED_DROPPED;
    return agdb__now_us() >= slot->expires_us ? AGDB__CLOSED_LIFETIME : AGDB__CLOSED_IDLE;
}

void agdb__pool_discard(agdb__pool_t *pool, uint32_t i)
{
    if (pool->tally != NULL)
        agdb__count(&pool->tally->closed[reason_of(pool, &pool->slots.slot[i])]);
    agdb__conn_close(pool->slots.slot[i].conn);
    agdb__slots_empty(&pool->slots, i);
    /* Less open first, the waiters second, as in agdb__pool_give: the keeper reads them the other
     * way round. */
    atomic_fetch_sub_explicit(&pool->open, 1, memory_order_seq_cst);
    atomic_fetch_add_explicit(&pool->closed, 1, memory_order_relaxed);
    if (agdb__waiters_count(&pool->waiters) > 0)
        pool->wake(pool->wake_user);
}

unsigned agdb__pool_waiting(agdb__pool_t *pool)
{
    return agdb__waiters_count(&pool->waiters) +
           agdb__line_count(&pool->traffic[AGDB__TRAFFIC_READS].line) +
           agdb__line_count(&pool->traffic[AGDB__TRAFFIC_WRITES].line);
}

static void serve_waiters(agdb__pool_t *pool)
{
    if (agdb__waiters_count(&pool->waiters) == 0)
        return;
    agdb__lock(&pool->lock);
    agdb__waiters_serve(&pool->waiters, &pool->slots, agdb__pool_reserved(pool));
    agdb__unlock(&pool->lock);
}

static void serve_lines(agdb__pool_t *pool)
{
    unsigned kind;

    for (kind = 0; kind < AGDB__TRAFFICS; kind++)
        agdb__lane_serve(pool, &pool->traffic[kind]);
}

void agdb__pool_serve(agdb__pool_t *pool, bool lines_first)
{
    if (lines_first)
        serve_lines(pool);
    serve_waiters(pool);
    if (!lines_first)
        serve_lines(pool);
}

void agdb__pool_give(agdb__pool_t *pool, uint32_t i)
{
    /* In turn, so that neither those who want a connection for themselves nor those who share one
     * keep the others from the last connection. */
    bool lines_first = agdb__slot_is(&pool->slots.slot[i], AGDB__SLOT_BUSY);

    /* Stores "free" first and reads who waits second; who waits counts himself first and looks for
     * a free slot second. In one total order, one of the two sees the other. */
    agdb__slots_give(&pool->slots, i);
    if (agdb__pool_waiting(pool) > 0)
        agdb__pool_serve(pool, lines_first);
}

/* A thread comes back to the connection that it had last: its backend is then on the processor
 * where its answers are waited for, with its caches warm. For short statements it remembers
 * another one than for long ones, which would lead it away from the first few. A number only, and
 * only a hint: pools share the places of the table, and a connection may have become another. */
enum { HINTS = 64 };
typedef struct hint {
    uint16_t slot; /* and one; 0: none yet */
    bool missed;
} hint_t;

static _Thread_local hint_t t_hint[2][HINTS];

uint32_t agdb__pool_preferred(const agdb__pool_t *pool, bool is_short)
{
    uint16_t slot = t_hint[is_short][pool->number % HINTS].slot;

    return slot != 0 ? slot - 1u : agdb__thread_number();
}

/* Finding it taken once is chance, and no reason to push another thread from hers in turn. */
void agdb__pool_prefer(const agdb__pool_t *pool, bool is_short, uint32_t i)
{
    hint_t *hint = &t_hint[is_short][pool->number % HINTS];
    bool same = hint->slot == i + 1;

    if (same || hint->missed || hint->slot == 0)
        *hint = (hint_t){(uint16_t)(i + 1), false};
    else
        hint->missed = true;
}

bool agdb__pool_is_usable(agdb__pool_t *pool, uint32_t i, uint64_t now_us)
{
    agdb__slot_t *slot = &pool->slots.slot[i];

    if (slot->generation != atomic_load_explicit(&pool->generation, memory_order_relaxed))
        return false;
    if (now_us < slot->used_us + LOOK_AFTER_IDLE_US &&
        slot->used_us > atomic_load_explicit(&pool->lost_us, memory_order_relaxed))
        return true;
    if (agdb__conn_is_alive(slot->conn))
        return true;
    agdb__pool_lose(pool);
    return false;
}

/* Why nobody need wait: there is no connection, and the last attempt to make one has failed. */
static bool is_hopeless_locked(const agdb__pool_t *pool, uint64_t now_us)
{
    return pool->error != NULL && now_us < pool->retry_us &&
           atomic_load_explicit(&pool->open, memory_order_relaxed) == 0 &&
           atomic_load_explicit(&pool->connecting, memory_order_relaxed) == 0;
}

static agdb_status_t refuse_locked(agdb__pool_t *pool, uint64_t now_us, agdb_error_t **reterr)
{
    unsigned waiting = agdb__pool_waiting(pool);

    if (atomic_load_explicit(&pool->shut, memory_order_relaxed))
        return agdb__pool_fail_closing(reterr);
    if (is_hopeless_locked(pool, now_us)) {
        agdb__error_move(reterr, agdb__error_dup(pool->error));
        return pool->error->status;
    }
    if (waiting >= pool->limits.queue) {
        agdb__fail(reterr, AGDB_E_BUSY, "%u calls are waiting already (pool.queue)", waiting);
        agdb__error_stage(reterr, AGDB_STAGE_QUEUE);
        agdb__error_retriable(reterr, true, 100);
        return AGDB_E_BUSY;
    }
    return AGDB_OK;
}

agdb_status_t agdb__pool_refuse(agdb__pool_t *pool, uint64_t now_us, agdb_error_t **reterr)
{
    agdb_status_t st;

    if (!atomic_load_explicit(&pool->troubled, memory_order_acquire) &&
        !atomic_load_explicit(&pool->shut, memory_order_relaxed) &&
        agdb__pool_waiting(pool) < pool->limits.queue)
        return AGDB_OK; /* the lock is for what seldom happens */
    agdb__lock(&pool->lock);
    st = refuse_locked(pool, now_us, reterr);
    agdb__unlock(&pool->lock);
    return st;
}

/* Waits under the lock until served, sent away, or out of time. */
static void wait_locked(agdb__pool_t *pool, agdb__waiter_t *w, uint64_t since_us,
                        uint64_t deadline_us)
{
    uint64_t queue_end_us = agdb__after_ms(since_us, pool->limits.queue_ms);

    while (w->slot == AGDB__NO_SLOT && w->status == AGDB_OK) {
        const uint64_t now_us = agdb__now_us();
        const uint64_t until_us =
            agdb__min_us(deadline_us, agdb__pool_queue_until_us(pool, queue_end_us, now_us));

        if (now_us >= until_us)
            break;
        (void)agdb__cond_wait(&w->served, &pool->lock, until_us);
    }
    agdb__waiters_remove(&pool->waiters, w);
}

/* A full pool has none to give, unless it waits for some that were left: whoever closes one calls
 * the keeper then. */
void agdb__pool_call_keeper(agdb__pool_t *pool)
{
    if (atomic_load_explicit(&pool->open, memory_order_seq_cst) < pool->limits.max ||
        atomic_load_explicit(&pool->left, memory_order_relaxed) > 0)
        pool->wake(pool->wake_user);
}

agdb_status_t agdb__pool_queue_locked(agdb__pool_t *pool, agdb__waiter_t *w, uint64_t now_us,
                                      agdb_error_t **reterr)
{
    agdb_status_t st;

    /* Under the lock the keeper looks at no slot: what is free may have seemed busy before. */
    if (agdb__waiters_count(&pool->waiters) == 0)
        w->slot = agdb__slots_take(&pool->slots, agdb__pool_reserved(pool), pool->slots.count, 0,
                                   AGDB__SLOT_BUSY, false);
    if (w->slot != AGDB__NO_SLOT)
        return AGDB_OK;
    st = refuse_locked(pool, now_us, reterr);
    if (st != AGDB_OK)
        return st;
    agdb__waiters_append(&pool->waiters, w);
    agdb__waiters_serve(&pool->waiters, &pool->slots, agdb__pool_reserved(pool));
    if (w->slot == AGDB__NO_SLOT)
        agdb__pool_call_keeper(pool);
    return AGDB_OK;
}

agdb_status_t agdb__pool_take_dismissal(agdb__waiter_t *w, agdb_error_t **reterr)
{
    if (w->error == NULL)
        (void)agdb__pool_fail_closing(reterr);
    else
        agdb__error_move(reterr, w->error);
    w->error = NULL;
    return w->status;
}

/* Queues behind the others. On success *ret is BUSY and the caller's. */
static agdb_status_t claim_waiting(agdb__pool_t *pool, uint64_t now_us, uint64_t deadline_us,
                                   uint32_t *ret, agdb_error_t **reterr)
{
    agdb__waiter_t w;
    agdb_status_t st;

    if (!agdb__waiter_init(&w))
        return agdb__fail_nomem(reterr);
    agdb__lock(&pool->lock);
    st = agdb__pool_queue_locked(pool, &w, now_us, reterr);
    if (st == AGDB_OK) {
        if (w.slot == AGDB__NO_SLOT)
            wait_locked(pool, &w, now_us, deadline_us);
        *ret = w.slot;
        if (w.status != AGDB_OK)
            st = agdb__pool_take_dismissal(&w, reterr);
        else if (w.slot == AGDB__NO_SLOT)
            st = agdb__pool_fail_timeout(pool, agdb__now_us() - now_us, reterr);
    }
    agdb__unlock(&pool->lock);
    agdb__waiter_fini(&w);
    return st;
}

agdb_status_t agdb__pool_claim(agdb__pool_t *pool, bool read_only, uint64_t now_us,
                               uint64_t deadline_us, agdb__lease_t *ret, agdb_error_t **reterr)
{
    uint32_t start = agdb__pool_preferred(pool, false);
    agdb_status_t st;
    uint32_t i;

    for (;;) {
        i = AGDB__NO_SLOT;
        if (agdb__waiters_count(&pool->waiters) == 0)
            i = agdb__slots_take(&pool->slots, agdb__pool_reserved(pool), pool->slots.count, start,
                                 AGDB__SLOT_BUSY, read_only);
        if (i == AGDB__NO_SLOT) {
            st = claim_waiting(pool, now_us, deadline_us, &i, reterr);
            if (st != AGDB_OK) {
                agdb__error_outcome(reterr, AGDB_OUTCOME_NOT_SENT);
                return st;
            }
            now_us = agdb__now_us();
        }
        if (agdb__pool_is_usable(pool, i, now_us))
            break;
        agdb__pool_discard(pool, i);
    }
    agdb__pool_prefer(pool, false, i);
    *ret = (agdb__lease_t){pool->slots.slot[i].conn, i, now_us};
    return AGDB_OK;
}

uint32_t agdb__pool_take_lane(agdb__pool_t *pool, agdb__traffic_t *traffic, uint32_t end,
                              uint32_t start, uint64_t now_us)
{
    if (end > pool->slots.count)
        end = pool->slots.count;
    for (;;) {
        uint32_t i = agdb__slots_take(&pool->slots, 0, end, start, agdb__traffic_state(traffic),
                                      traffic->kind == AGDB__TRAFFIC_READS);

        if (i == AGDB__NO_SLOT)
            return i;
        if (agdb__pool_is_usable(pool, i, now_us)) {
            mark(&pool->shorts);
            mark(&pool->shorts_seen);
            agdb__traffic_reach(traffic, i);
            atomic_store_explicit(&pool->slots.slot[i].riders, 1, memory_order_relaxed);
            return i;
        }
        agdb__pool_discard(pool, i);
    }
}

uint32_t agdb__pool_connect_us(const agdb__pool_t *pool, const agdb__lease_t *lease,
                               uint64_t since_us)
{
    return agdb__slot_connect_us(&pool->slots.slot[lease->slot], since_us);
}

void agdb__pool_release(agdb__pool_t *pool, agdb__lease_t *lease, uint64_t now_us)
{
    lease->conn = NULL;
    agdb__pool_give_back(pool, lease->slot, now_us);
}

void agdb__pool_give_back(agdb__pool_t *pool, uint32_t i, uint64_t now_us)
{
    agdb__slot_t *slot = &pool->slots.slot[i];

    const bool stays =
        now_us < slot->expires_us &&
        slot->generation == atomic_load_explicit(&pool->generation, memory_order_relaxed);

    if (stays && agdb__conn_is_clean(slot->conn)) {
        slot->used_us = now_us;
        slot->making_us = 0;
        agdb__pool_give(pool, i);
        return;
    }
    if (stays && agdb__conn_can_be_left(slot->conn))
        agdb__pool_leave(pool, i, now_us);
    else
        agdb__pool_discard(pool, i);
    if (agdb__pool_waiting(pool) > 0) /* they may have relied on it */
        agdb__pool_serve(pool, true);
}

void agdb__pool_suspect(agdb__pool_t *pool)
{
    const unsigned long long now_us = agdb__now_us();
    unsigned long long last_us = atomic_load_explicit(&pool->dropped_us, memory_order_relaxed);

    if (now_us >= last_us + DROP_EVERY_US &&
        atomic_compare_exchange_strong_explicit(&pool->dropped_us, &last_us, now_us,
                                                memory_order_relaxed, memory_order_relaxed))
        atomic_fetch_add_explicit(&pool->generation, 1, memory_order_relaxed);
    agdb__pool_doubt(pool);
}

void agdb__pool_lose(agdb__pool_t *pool)
{
    atomic_store_explicit(&pool->lost_us, agdb__now_us(), memory_order_relaxed);
    atomic_store_explicit(&pool->lost, true, memory_order_release);
    agdb__pool_doubt(pool);
}

bool agdb__pool_take_loss(agdb__pool_t *pool)
{
    return atomic_exchange_explicit(&pool->lost, false, memory_order_acquire);
}

void agdb__pool_drop(agdb__pool_t *pool)
{
    atomic_store_explicit(&pool->dropped_us, agdb__now_us(), memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->generation, 1, memory_order_relaxed);
    agdb__pool_doubt(pool);
}

void agdb__pool_doubt(agdb__pool_t *pool)
{
    atomic_store_explicit(&pool->suspected, true, memory_order_release);
    pool->wake(pool->wake_user);
}

bool agdb__pool_take_suspicion(agdb__pool_t *pool)
{
    return atomic_exchange_explicit(&pool->suspected, false, memory_order_acquire);
}

void agdb__pool_dismiss(agdb__pool_t *pool, const agdb_error_t *error)
{
    unsigned kind;

    for (kind = 0; kind < AGDB__TRAFFICS; kind++)
        if (agdb__line_count(&pool->traffic[kind].line) > 0)
            agdb__line_dismiss(&pool->traffic[kind].line, error->status, error);
    if (agdb__waiters_count(&pool->waiters) == 0)
        return;
    agdb__lock(&pool->lock);
    agdb__waiters_dismiss(&pool->waiters, error->status, error);
    agdb__unlock(&pool->lock);
}

void agdb__pool_shut(agdb__pool_t *pool)
{
    unsigned kind;

    if (atomic_load_explicit(&pool->shut, memory_order_relaxed))
        return;
    agdb__lock(&pool->lock);
    atomic_store_explicit(&pool->shut, true, memory_order_relaxed);
    agdb__waiters_dismiss(&pool->waiters, AGDB_E_CLOSING, NULL);
    agdb__unlock(&pool->lock);
    for (kind = 0; kind < AGDB__TRAFFICS; kind++)
        agdb__line_dismiss(&pool->traffic[kind].line, AGDB_E_CLOSING, NULL);
}

bool agdb__pool_is_retired(const agdb__pool_t *pool)
{
    return atomic_load_explicit(&pool->retired, memory_order_relaxed);
}

void agdb__pool_hold(agdb__pool_t *pool)
{
    atomic_fetch_add_explicit(&pool->holders, 1, memory_order_relaxed);
}

void agdb__pool_let_go(agdb__pool_t *pool)
{
    atomic_fetch_sub_explicit(&pool->holders, 1, memory_order_release);
}

void agdb__pool_note_group(agdb__pool_t *pool, bool read_only, size_t count)
{
    if (pool->tally != NULL)
        agdb__histogram_note(
            &pool->tally->group[read_only ? AGDB__TRAFFIC_READS : AGDB__TRAFFIC_WRITES], count);
}

agdb__pool_gauges_t agdb__pool_gauges(agdb__pool_t *pool)
{
    agdb__pool_gauges_t g = {.max = pool->limits.max, .waiting = agdb__pool_waiting(pool)};
    uint32_t i;

    for (i = 0; i < pool->slots.count; i++)
        switch ((agdb__slot_state_t)atomic_load_explicit(&pool->slots.slot[i].state,
                                                         memory_order_relaxed)) {
        case AGDB__SLOT_EMPTY:
            break;
        case AGDB__SLOT_MAKING:
            g.connecting++;
            break;
        case AGDB__SLOT_FREE_RW:
        case AGDB__SLOT_FREE_RO:
            g.idle++;
            break;
        case AGDB__SLOT_BUSY:
            g.in_use++;
            break;
        case AGDB__SLOT_READS:
            g.in_use++;
            g.width[AGDB__TRAFFIC_READS]++;
            break;
        case AGDB__SLOT_WRITES:
            g.in_use++;
            g.width[AGDB__TRAFFIC_WRITES]++;
            break;
        case AGDB__SLOT_LEFT:
            g.left++;
            break;
        }
    return g;
}

agdb__pool_counts_t agdb__pool_counts(agdb__pool_t *pool)
{
    return (agdb__pool_counts_t){
        .open = atomic_load_explicit(&pool->open, memory_order_relaxed),
        .connecting = atomic_load_explicit(&pool->connecting, memory_order_relaxed),
        .waiting = agdb__waiters_count(&pool->waiters),
        .opened = atomic_load_explicit(&pool->opened, memory_order_relaxed),
        .closed = atomic_load_explicit(&pool->closed, memory_order_relaxed),
    };
}
