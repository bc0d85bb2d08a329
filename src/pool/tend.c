/* The keeper's side of a pool: makes connections, closes what is spent. Nothing here blocks. */
#include "pool/pool_impl.h"

#include "base/clock.h"
#include "base/error.h"

/* SWEEP: how often a pool is looked through for spent connections. SHORTS: for so long after the
 * last short statement a connection is kept for the next. */
enum { SWEEP_US = 250000, SHORTS_US = 10000000 };

static agdb__slot_t *making(agdb__pool_t *pool, uint32_t i)
{
    agdb__slot_t *slot = &pool->slots.slot[i];

    return agdb__slot_is(slot, AGDB__SLOT_MAKING) ? slot : NULL;
}

static agdb__connect_trouble_t trouble_of(const agdb_error_t *error)
{
    if (error == NULL)
        return AGDB__TROUBLE_PASSING;
    switch (error->status) {
    case AGDB_E_AUTH:
    case AGDB_E_TLS:
    case AGDB_E_WRONG_SHARD:
    case AGDB_E_UNSUPPORTED:
        return AGDB__TROUBLE_REFUSED;
    default:
        return strcmp(error->sqlstate, "53300") == 0 ? AGDB__TROUBLE_OVERLOAD
                                                     : AGDB__TROUBLE_PASSING;
    }
}

static void note_error(agdb__pool_t *pool, const agdb_error_t *error, uint64_t now_us)
{
    agdb_error_t *copy = agdb__error_dup(error);
    unsigned kind;

    pool->failures++;
    if (pool->tally != NULL && error != NULL)
        agdb__count(&pool->tally->failed[(unsigned)-error->status % AGDB__CONNECT_STATUSES]);
    pool->cut = atomic_load_explicit(&pool->open, memory_order_relaxed) == 0;
    agdb__lock(&pool->lock);
    agdb__error_free(pool->error);
    pool->error = copy;
    atomic_store_explicit(&pool->troubled, true, memory_order_release);
    pool->retry_us = agdb__after_ms(
        now_us, agdb__connect_backoff_ms(&pool->rng, pool->failures, trouble_of(error)));
    if (atomic_load_explicit(&pool->open, memory_order_relaxed) == 0 && copy != NULL)
        agdb__waiters_dismiss(&pool->waiters, copy->status, copy);
    agdb__unlock(&pool->lock);
    for (kind = 0; kind < AGDB__TRAFFICS && copy != NULL; kind++)
        if (atomic_load_explicit(&pool->open, memory_order_relaxed) == 0)
            agdb__line_dismiss(&pool->traffic[kind].line, copy->status, copy);
}

static void note_success(agdb__pool_t *pool)
{
    pool->failures = 0;
    pool->verified = true;
    pool->cut = false;
    agdb__lock(&pool->lock);
    agdb__error_free(pool->error);
    pool->error = NULL;
    atomic_store_explicit(&pool->troubled, false, memory_order_release);
    pool->retry_us = 0;
    agdb__unlock(&pool->lock);
}

static bool start_one(agdb__pool_t *pool, uint64_t now_us)
{
    uint32_t i = agdb__slots_begin(&pool->slots);
    agdb__slot_t *slot;

    if (i == AGDB__NO_SLOT)
        return false;
    slot = &pool->slots.slot[i];
    slot->generation = atomic_load_explicit(&pool->generation, memory_order_relaxed);
    slot->used_us = now_us;
    slot->making_us = 0;
    slot->conn = agdb__conn_open(pool->login, pool->resolver, now_us,
                                 agdb__after_ms(now_us, pool->login->connect_ms));
    if (slot->conn == NULL) {
        agdb_error_t *nomem = NULL;

        agdb__slots_empty(&pool->slots, i);
        (void)agdb__fail_nomem(&nomem);
        note_error(pool, nomem, now_us);
        return false;
    }
    atomic_fetch_add_explicit(&pool->connecting, 1, memory_order_relaxed);
    return true;
}

/* Where commits wait, a group of writes on one connection would pay for them one after the other,
 * while the server's own group commit serves many connections at once (measured, 64 callers with
 * fsync: two connections reached 0.42 of what 64 did). The server's settings are asked, not timed:
 * a busy server makes cheap commits slow, and the group commit of others makes dear ones fast. */
static void note_commits(agdb__pool_t *pool, const agdb__conn_t *conn)
{
    const agdb__hello_t *hello = agdb__conn_hello(conn);

    atomic_store_explicit(&pool->cheap_commits, !hello->commits_wait && !hello->in_recovery,
                          memory_order_relaxed);
}

void agdb__pool_see_commits(agdb__pool_t *pool, bool wait)
{
    if (pool->commits_seen && pool->commits_wait != wait)
        atomic_fetch_add_explicit(&pool->generation, 1, memory_order_relaxed);
    pool->commits_seen = true;
    pool->commits_wait = wait;
}

/* MAKING -> free: the connection joins the pool. */
static void adopt(agdb__pool_t *pool, uint32_t i, uint64_t now_us)
{
    agdb__slot_t *slot = &pool->slots.slot[i];

    if (pool->tally != NULL)
        agdb__histogram_note(&pool->tally->connect, now_us - slot->used_us);
    slot->making_us = (uint32_t)agdb__min_us(now_us - slot->used_us, UINT32_MAX);
    slot->used_us = now_us;
    slot->expires_us =
        agdb__after_ms(now_us, agdb__rng_jitter(&pool->rng, pool->limits.lifetime_ms));
    note_success(pool);
    note_commits(pool, slot->conn);
    agdb__learn_way(&pool->learn, agdb__conn_way_us(slot->conn));
    atomic_fetch_add_explicit(&pool->open, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->opened, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&pool->connecting, 1, memory_order_relaxed);
    agdb__pool_give(pool, i);
}

/* MAKING -> EMPTY. */
static void give_up(agdb__pool_t *pool, uint32_t i, uint64_t now_us)
{
    agdb__slot_t *slot = &pool->slots.slot[i];

    atomic_fetch_sub_explicit(&pool->connecting, 1, memory_order_relaxed);
    note_error(pool, agdb__conn_error(slot->conn), now_us);
    agdb__conn_close(slot->conn);
    agdb__slots_empty(&pool->slots, i);
}

static void step_making(agdb__pool_t *pool, uint64_t now_us)
{
    agdb_stage_t stage = AGDB_STAGE_NONE;
    uint32_t i;

    if (atomic_load_explicit(&pool->connecting, memory_order_relaxed) == 0)
        return;
    for (i = 0; i < pool->slots.count; i++) {
        agdb__slot_t *slot = making(pool, i);
        agdb__conn_state_t state;

        if (slot == NULL)
            continue;
        state = agdb__conn_step(slot->conn, now_us);
        if (state == AGDB__CONN_READY)
            adopt(pool, i, now_us);
        else if (state == AGDB__CONN_DEAD)
            give_up(pool, i, now_us);
        else if (stage == AGDB_STAGE_NONE)
            stage = state == AGDB__CONN_RESOLVING ? AGDB_STAGE_RESOLVE : AGDB_STAGE_CONNECT;
    }
    atomic_store_explicit(&pool->stage, (int)stage, memory_order_relaxed);
}

/* Closes free connections that are too old, idle for too long, of an earlier generation or dead. */
static void sweep(agdb__pool_t *pool, uint64_t now_us)
{
    unsigned generation = atomic_load_explicit(&pool->generation, memory_order_relaxed);
    uint32_t i;

    for (i = 0; i < pool->slots.count; i++) {
        agdb__slot_t *slot = &pool->slots.slot[i];
        unsigned open = atomic_load_explicit(&pool->open, memory_order_relaxed);
        bool spent = false;

        /* Under the lock: a caller who finds no free slot meanwhile must not take it for a full
         * pool. */
        agdb__lock(&pool->lock);
        if (agdb__slots_take_this(&pool->slots, i)) {
            spent =
                slot->generation != generation || !agdb__conn_is_alive(slot->conn) ||
                (agdb__pool_is_retired(pool) && agdb__pool_waiting(pool) == 0) ||
                agdb__pool_is_spent(&pool->limits, open, now_us, slot->used_us, slot->expires_us);
            if (!spent) {
                agdb__slots_give(&pool->slots, i);
                agdb__waiters_serve(&pool->waiters, &pool->slots, agdb__pool_reserved(pool));
            }
        }
        agdb__unlock(&pool->lock);
        if (spent)
            agdb__pool_discard(pool, i);
        else if (agdb__pool_waiting(pool) > 0)
            agdb__pool_serve(pool, true);
    }
}

/* Lanes that are not there yet, while somebody is in a line. */
static unsigned lanes_wanted(agdb__pool_t *pool)
{
    unsigned wanted = 0;
    unsigned kind;

    for (kind = 0; kind < AGDB__TRAFFICS; kind++)
        wanted += agdb__traffic_wants(&pool->traffic[kind], &pool->slots);
    return wanted;
}

static void look_for_shorts(agdb__pool_t *pool, uint64_t now_us)
{
    if (atomic_exchange_explicit(&pool->shorts_seen, false, memory_order_relaxed))
        pool->shorts_us = now_us;
    else if (now_us > pool->shorts_us + SHORTS_US)
        atomic_store_explicit(&pool->shorts, false, memory_order_relaxed);
}

static void grow(agdb__pool_t *pool, uint64_t now_us)
{
    agdb__pool_load_t load = {
        .waiting = agdb__waiters_count(&pool->waiters) + lanes_wanted(pool),
        .connecting = atomic_load_explicit(&pool->connecting, memory_order_relaxed),
        .verified = pool->verified && pool->error == NULL,
        .doubted = pool->error != NULL && pool->error->status == AGDB_E_WRONG_SHARD,
    };
    unsigned n;

    load.open = atomic_load_explicit(&pool->open, memory_order_seq_cst); /* after the waiters */
    if (agdb__pool_is_retired(pool) && load.waiting == 0 && load.verified)
        return; /* before it is, calls may wait for that to be seen */
    if (atomic_load_explicit(&pool->shut, memory_order_relaxed) || now_us < pool->retry_us)
        return;
    for (n = agdb__pool_growth(&pool->limits, &load); n > 0; n--)
        if (!start_one(pool, now_us))
            return;
}

/* In time, or because some have to go: those of an earlier generation, those lost with another. */
static bool is_sweep_due(agdb__pool_t *pool, uint64_t now_us)
{
    const unsigned generation = atomic_load_explicit(&pool->generation, memory_order_relaxed);
    const uint64_t lost_us = atomic_load_explicit(&pool->lost_us, memory_order_relaxed);
    const bool due = now_us >= pool->sweep_us || generation != pool->swept_generation ||
                     lost_us != pool->swept_lost_us;

    pool->swept_generation = generation;
    pool->swept_lost_us = lost_us;
    return due;
}

bool agdb__pool_tend(agdb__pool_t *pool, uint64_t now_us)
{
    bool was_verified = pool->verified;
    bool was_cut = pool->cut;
    agdb_status_t before = pool->error != NULL ? pool->error->status : AGDB_OK;
    unsigned kind;

    step_making(pool, now_us);
    agdb__pool_tend_left(pool, now_us);
    if (is_sweep_due(pool, now_us)) {
        pool->sweep_us = now_us + SWEEP_US;
        sweep(pool, now_us);
        look_for_shorts(pool, now_us);
        for (kind = 0; kind < AGDB__TRAFFICS; kind++)
            agdb__traffic_look(&pool->traffic[kind], now_us);
    }
    grow(pool, now_us);
    return was_verified != pool->verified || was_cut != pool->cut ||
           before != (pool->error != NULL ? pool->error->status : AGDB_OK);
}

void agdb__pool_poll(agdb__pool_t *pool, uint64_t now_us, agdb__pollset_t *set)
{
    uint32_t i;

    agdb__pollset_wake(set, pool->sweep_us);
    if (pool->retry_us > now_us)
        agdb__pollset_wake(set, pool->retry_us);
    agdb__pool_poll_left(pool, now_us, set);
    if (atomic_load_explicit(&pool->connecting, memory_order_relaxed) == 0)
        return;
    for (i = 0; i < pool->slots.count; i++) {
        agdb__slot_t *slot = making(pool, i);

        if (slot == NULL)
            continue;
        agdb__pollset_add(set, agdb__conn_fd(slot->conn), agdb__conn_events(slot->conn));
        agdb__pollset_wake(set, agdb__conn_wake_us(slot->conn));
    }
}

void agdb__pool_retire(agdb__pool_t *pool, bool retired)
{
    if (retired == agdb__pool_is_retired(pool))
        return;
    atomic_store_explicit(&pool->retired, retired, memory_order_relaxed);
    pool->sweep_us = 0;
}

static bool is_empty(const agdb__pool_t *pool)
{
    uint32_t i;

    for (i = 0; i < pool->slots.count; i++)
        if (!agdb__slot_is(&pool->slots.slot[i], AGDB__SLOT_EMPTY))
            return false;
    return true;
}

/* Connections that are being made for nobody are closed. */
static void end_making(agdb__pool_t *pool)
{
    uint32_t i;

    for (i = 0; i < pool->slots.count; i++) {
        agdb__slot_t *slot = making(pool, i);

        if (slot == NULL)
            continue;
        atomic_fetch_sub_explicit(&pool->connecting, 1, memory_order_relaxed);
        agdb__conn_close(slot->conn);
        agdb__slots_empty(&pool->slots, i);
    }
}

bool agdb__pool_is_still(agdb__pool_t *pool)
{
    if (atomic_load_explicit(&pool->holders, memory_order_acquire) > 0 ||
        agdb__pool_waiting(pool) > 0)
        return false;
    end_making(pool);
    return is_empty(pool);
}

agdb__pool_health_t agdb__pool_health(const agdb__pool_t *pool)
{
    return (agdb__pool_health_t){pool->verified, pool->error, pool->cut};
}
