/* The array of a pool's connections. A slot has one owner at a time, told by its state:
 *
 *   EMPTY    nobody's; the keeper may start a connection in it          -> MAKING
 *   MAKING   the keeper's, which steps the connection                   -> FREE_*, EMPTY
 *   FREE_RW  anybody's who can change it (read-write mode)              -> BUSY, READS, WRITES
 *   FREE_RO  the same, in read-only mode                                -> BUSY, READS, WRITES
 *   BUSY     whoever changed it: a caller, or the keeper to close it    -> FREE_*, LEFT, EMPTY
 *   READS    whoever changed it: a caller with short reads, its own or a group's
 *   WRITES   the same with short writes
 *   LEFT     the keeper's: its caller has left while the server was at work    -> FREE_*, EMPTY
 *
 * Claiming and releasing is one atomic operation; everything in the slot belongs to the owner. */
#ifndef AGDB_POOL_SLOTS_H
#define AGDB_POOL_SLOTS_H

#include "base/gate.h"
#include "pg/conn.h"

typedef enum agdb__slot_state {
    AGDB__SLOT_EMPTY = 0,
    AGDB__SLOT_MAKING,
    AGDB__SLOT_FREE_RW,
    AGDB__SLOT_FREE_RO,
    AGDB__SLOT_BUSY,
    AGDB__SLOT_READS,
    AGDB__SLOT_WRITES,
    AGDB__SLOT_LEFT
} agdb__slot_state_t;

/* Of a LEFT connection. */
typedef enum agdb__cancel {
    AGDB__CANCEL_NONE = 0, /* it is over soon by itself */
    AGDB__CANCEL_WANTED,
    AGDB__CANCEL_ASKED,
    AGDB__CANCEL_RETURNED, /* the server has sent it: nothing of it is on the way any more */
    AGDB__CANCEL_LOST      /* nobody knows whether it was sent */
} agdb__cancel_t;

typedef struct agdb__slot {
    _Alignas(AGDB__CACHE_LINE) atomic_uint state;
    atomic_uint riders;  /* READS, WRITES: statements under way; read by others as a hint */
    unsigned generation; /* of the pool when the connection was made */
    uint32_t making_us;  /* how long that took, until `used_us`; 0 once it was given back */
    agdb__conn_t *conn;
    uint64_t used_us;    /* last given back; before that, when it was made */
    uint64_t expires_us; /* end of its lifetime */
    uint64_t left_us;    /* LEFT: since when */
    uint64_t again_us;   /* RETURNED: asked once more at this time */
    agdb__cancel_t cancel;
} agdb__slot_t;

typedef struct agdb__slots {
    void *block; /* what was allocated */
    agdb__slot_t *slot;
    uint32_t count;
} agdb__slots_t;

#define AGDB__NO_SLOT UINT32_MAX

bool agdb__slots_init(agdb__slots_t *slots, uint32_t count);
void agdb__slots_fini(agdb__slots_t *slots);

/* Takes a free slot of first..end-1, looking from `start` on (or from where it falls when it is
 * outside), those in the wanted mode first. It is `as` then: BUSY, READS or WRITES. */
uint32_t agdb__slots_take(agdb__slots_t *slots, uint32_t first, uint32_t end, uint32_t start,
                          agdb__slot_state_t as, bool read_only);
/* Makes this slot BUSY if it is free. */
bool agdb__slots_take_this(agdb__slots_t *slots, uint32_t i);
/* How many of the first `end` slots are in this state, and how many riders they have in all. Each a
 * snapshot. */
uint32_t agdb__slots_count(agdb__slots_t *slots, uint32_t end, agdb__slot_state_t state,
                           unsigned *ret_riders);
/* Any owned slot -> free, in the mode of its connection. */
void agdb__slots_give(agdb__slots_t *slots, uint32_t i);
/* Any owned slot -> LEFT. */
void agdb__slots_leave(agdb__slots_t *slots, uint32_t i);
/* Any owned slot -> EMPTY; the caller has closed the connection. */
void agdb__slots_empty(agdb__slots_t *slots, uint32_t i);
/* EMPTY -> MAKING; AGDB__NO_SLOT when all are in use. The keeper's. */
uint32_t agdb__slots_begin(agdb__slots_t *slots);

/* The owner's: for how much of the time since `since_us` its connection was being made. */
static inline uint32_t agdb__slot_connect_us(const agdb__slot_t *slot, uint64_t since_us)
{
    if (slot->making_us == 0 || slot->used_us <= since_us)
        return 0;
    return slot->used_us - since_us < slot->making_us ? (uint32_t)(slot->used_us - since_us)
                                                      : slot->making_us;
}

static inline bool agdb__slot_is(const agdb__slot_t *slot, agdb__slot_state_t state)
{
    return atomic_load_explicit(&slot->state, memory_order_relaxed) == (unsigned)state;
}

#endif
