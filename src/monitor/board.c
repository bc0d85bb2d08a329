#include "monitor/board.h"

#include "base/error.h"

bool agdb__board_init(agdb__board_t *board, uint32_t nnodes)
{
    *board = (agdb__board_t){.nnodes = nnodes};
    atomic_init(&board->word, agdb__view_pack((agdb__view_t){.primary = AGDB__NO_NODE}));
    if (!agdb__mutex_init(&board->lock))
        return false;
    if (agdb__cond_init(&board->changed))
        return true;
    agdb__mutex_fini(&board->lock);
    return false;
}

void agdb__board_fini(agdb__board_t *board)
{
    uint32_t i;

    for (i = 0; i < board->nnodes; i++)
        agdb__error_free(board->reason[i]);
    agdb__cond_fini(&board->changed);
    agdb__mutex_fini(&board->lock);
}

void agdb__board_note(agdb__board_t *board, uint32_t i, agdb__health_t health,
                      const agdb_error_t *error)
{
    agdb_error_t *copy = agdb__error_dup(error);
    agdb_error_t *old;

    agdb__lock(&board->lock);
    old = board->reason[i];
    board->reason[i] = copy;
    board->health[i] = health;
    agdb__unlock(&board->lock);
    agdb__error_free(old);
}

static void publish_locked(agdb__board_t *board)
{
    atomic_fetch_add_explicit(&board->version, 1, memory_order_release);
    agdb__cond_broadcast(&board->changed);
    agdb__watchers_tell(&board->watchers);
}

static uint64_t without_since(const agdb__board_t *board, agdb__view_t view, uint64_t now_us)
{
    const uint64_t since_us = agdb__board_without_us(board);

    if (view.state == AGDB__SHARD_READY)
        return 0;
    return since_us != 0 ? since_us : now_us;
}

void agdb__board_publish(agdb__board_t *board, agdb__view_t view, uint64_t now_us)
{
    agdb__lock(&board->lock);
    atomic_store_explicit(&board->without_us, without_since(board, view, now_us),
                          memory_order_relaxed);
    atomic_store_explicit(&board->word, agdb__view_pack(view), memory_order_release);
    publish_locked(board);
    agdb__unlock(&board->lock);
}

void agdb__board_stir(agdb__board_t *board)
{
    agdb__lock(&board->lock);
    publish_locked(board);
    agdb__unlock(&board->lock);
}

void agdb__board_inherit(agdb__board_t *board, const agdb__board_t *before)
{
    atomic_store_explicit(&board->without_us, agdb__board_without_us(before), memory_order_relaxed);
}

void agdb__board_close(agdb__board_t *board)
{
    if (atomic_load_explicit(&board->closing, memory_order_relaxed))
        return;
    agdb__lock(&board->lock);
    atomic_store_explicit(&board->closing, true, memory_order_release);
    agdb__cond_broadcast(&board->changed);
    agdb__watchers_tell(&board->watchers);
    agdb__unlock(&board->lock);
}

void agdb__board_retire(agdb__board_t *board, bool retired)
{
    agdb__lock(&board->lock);
    if (retired != agdb__board_is_retired(board)) {
        atomic_store_explicit(&board->retired, retired, memory_order_relaxed);
        agdb__watchers_tell(&board->watchers);
    }
    agdb__unlock(&board->lock);
}

bool agdb__board_is_watched(agdb__board_t *board)
{
    bool watched;

    agdb__lock(&board->lock);
    watched = board->watchers.head != NULL;
    agdb__unlock(&board->lock);
    return watched;
}

bool agdb__board_wait(agdb__board_t *board, unsigned seen, uint64_t until_us)
{
    bool in_time = true;

    agdb__lock(&board->lock);
    while (in_time && agdb__board_version(board) == seen &&
           !atomic_load_explicit(&board->closing, memory_order_relaxed))
        in_time = agdb__cond_wait(&board->changed, &board->lock, until_us);
    agdb__unlock(&board->lock);
    return in_time;
}

void agdb__board_watch(agdb__board_t *board, agdb__watcher_t *w)
{
    agdb__lock(&board->lock);
    agdb__watchers_add(&board->watchers, w);
    agdb__unlock(&board->lock);
}

void agdb__board_unwatch(agdb__board_t *board, agdb__watcher_t *w)
{
    agdb__lock(&board->lock);
    agdb__watchers_remove(&board->watchers, w);
    agdb__unlock(&board->lock);
}

agdb_error_t *agdb__board_reason(agdb__board_t *board, uint32_t i)
{
    agdb_error_t *copy;

    agdb__lock(&board->lock);
    copy = agdb__error_dup(board->reason[i]);
    agdb__unlock(&board->lock);
    return copy;
}

agdb__health_t agdb__board_health(agdb__board_t *board, uint32_t i)
{
    agdb__health_t health;

    agdb__lock(&board->lock);
    health = board->health[i];
    agdb__unlock(&board->lock);
    return health;
}
