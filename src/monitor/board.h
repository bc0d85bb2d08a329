/* Where a shard's view is published: the keeper writes, callers read one word without a lock, and
 * those who need something else than they see wait for the next change. */
#ifndef AGDB_MONITOR_BOARD_H
#define AGDB_MONITOR_BOARD_H

#include "base/sync.h"
#include "base/watch.h"
#include "monitor/view.h"

#include <stdatomic.h>

typedef struct agdb__board {
    atomic_ullong word;
    atomic_uint version;      /* grows with every publication */
    atomic_ullong without_us; /* since when there has been no primary; 0: there is one */
    atomic_bool closing;
    atomic_bool retired; /* of a map before the one in use */
    agdb__mutex_t lock;
    agdb__cond_t changed;
    agdb__watchers_t watchers; /* under the lock */
    uint32_t nnodes;
    agdb_error_t *reason[AGDB__VIEW_NODES_MAX]; /* why a node is not up; under the lock */
    agdb__health_t health[AGDB__VIEW_NODES_MAX];
} agdb__board_t;

bool agdb__board_init(agdb__board_t *board, uint32_t nnodes);
void agdb__board_fini(agdb__board_t *board);

static inline agdb__view_t agdb__board_view(agdb__board_t *board)
{
    return agdb__view_unpack(atomic_load_explicit(&board->word, memory_order_acquire));
}

static inline unsigned agdb__board_version(agdb__board_t *board)
{
    return atomic_load_explicit(&board->version, memory_order_acquire);
}

/* Why node `i` is as it is; `error` is copied, NULL when it is up. The keeper's, before publish. */
void agdb__board_note(agdb__board_t *board, uint32_t i, agdb__health_t health,
                      const agdb_error_t *error);
/* Publishes and wakes who waits. The keeper's. */
void agdb__board_publish(agdb__board_t *board, agdb__view_t view, uint64_t now_us);
/* Wakes who waits: there is something else than a view to be seen. The keeper's. */
void agdb__board_stir(agdb__board_t *board);
/* Takes over since when there has been no primary from the shard's board before. The keeper's. */
void agdb__board_inherit(agdb__board_t *board, const agdb__board_t *before);
/* Since when no primary could be written to, as of the last view; 0: one can, or there has been no
 * view yet. Two that contend are none. @threads any */
static inline uint64_t agdb__board_without_us(const agdb__board_t *board)
{
    return atomic_load_explicit(&board->without_us, memory_order_relaxed);
}
/* Wakes everybody for good. */
void agdb__board_close(agdb__board_t *board);

/* Whether the shard is another in the map in use: who has finished with this one need not watch it.
 * A later map may take it up again. The keeper's. */
void agdb__board_retire(agdb__board_t *board, bool retired);
/* @threads any */
static inline bool agdb__board_is_retired(const agdb__board_t *board)
{
    return atomic_load_explicit(&board->retired, memory_order_relaxed);
}
/* Whether somebody is told. */
bool agdb__board_is_watched(agdb__board_t *board);

/* Waits until the version is another than `seen`, the board is closed, or `until_us`; false in the
 * last case. @threads any */
bool agdb__board_wait(agdb__board_t *board, unsigned seen, uint64_t until_us);

/* From now on `w` is told, under the board's lock, of every publication and of the close; until it
 * is removed. For those who cannot wait here. @threads any */
void agdb__board_watch(agdb__board_t *board, agdb__watcher_t *w);
void agdb__board_unwatch(agdb__board_t *board, agdb__watcher_t *w);

/* A copy of node `i`'s reason; NULL when there is none. @threads any */
agdb_error_t *agdb__board_reason(agdb__board_t *board, uint32_t i);
agdb__health_t agdb__board_health(agdb__board_t *board, uint32_t i);

#endif
