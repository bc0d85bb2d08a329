#include "pool/slots.h"

#include "base/alloc.h"

bool agdb__slots_init(agdb__slots_t *slots, uint32_t count)
{
    uintptr_t at;

    slots->block = agdb__calloc(count + 1, sizeof *slots->slot);
    if (slots->block == NULL)
        return false;
    at = ((uintptr_t)slots->block + AGDB__CACHE_LINE - 1) & ~(uintptr_t)(AGDB__CACHE_LINE - 1);
    slots->slot = (agdb__slot_t *)at;
    slots->count = count;
    return true;
}

void agdb__slots_fini(agdb__slots_t *slots)
{
    agdb__free(slots->block);
    *slots = (agdb__slots_t){0};
}

static bool swap(agdb__slot_t *slot, agdb__slot_state_t from, agdb__slot_state_t to)
{
    unsigned expected = (unsigned)from;

    /* In the one total order that agdb__pool_give relies on: a waiter that has counted itself must
     * not see the state of before. */
    return atomic_load_explicit(&slot->state, memory_order_seq_cst) == expected &&
           atomic_compare_exchange_strong_explicit(&slot->state, &expected, (unsigned)to,
                                                   memory_order_seq_cst, memory_order_relaxed);
}

static uint32_t take_state(agdb__slots_t *slots, uint32_t first, uint32_t end, uint32_t start,
                           agdb__slot_state_t from, agdb__slot_state_t to)
{
    uint32_t i = start;
    uint32_t n;

    for (n = first; n < end; n++) {
        if (swap(&slots->slot[i], from, to))
            return i;
        if (++i == end)
            i = first;
    }
    return AGDB__NO_SLOT;
}

uint32_t agdb__slots_take(agdb__slots_t *slots, uint32_t first, uint32_t end, uint32_t start,
                          agdb__slot_state_t as, bool read_only)
{
    agdb__slot_state_t wanted = read_only ? AGDB__SLOT_FREE_RO : AGDB__SLOT_FREE_RW;
    agdb__slot_state_t other = read_only ? AGDB__SLOT_FREE_RW : AGDB__SLOT_FREE_RO;
    uint32_t i;

    if (start < first || start >= end)
        start = first + start % (end - first);
    i = take_state(slots, first, end, start, wanted, as);
    return i != AGDB__NO_SLOT ? i : take_state(slots, first, end, start, other, as);
}

uint32_t agdb__slots_count(agdb__slots_t *slots, uint32_t end, agdb__slot_state_t state,
                           unsigned *ret_riders)
{
    uint32_t n = 0;
    uint32_t i;

    *ret_riders = 0;
    for (i = 0; i < end && i < slots->count; i++) {
        agdb__slot_t *slot = &slots->slot[i];

        if (atomic_load_explicit(&slot->state, memory_order_seq_cst) != (unsigned)state)
            continue;
        n++;
        *ret_riders += atomic_load_explicit(&slot->riders, memory_order_relaxed);
    }
    return n;
}

bool agdb__slots_take_this(agdb__slots_t *slots, uint32_t i)
{
    return swap(&slots->slot[i], AGDB__SLOT_FREE_RW, AGDB__SLOT_BUSY) ||
           swap(&slots->slot[i], AGDB__SLOT_FREE_RO, AGDB__SLOT_BUSY);
}

void agdb__slots_give(agdb__slots_t *slots, uint32_t i)
{
    agdb__slot_t *slot = &slots->slot[i];
    unsigned state = agdb__conn_is_read_only(slot->conn) ? AGDB__SLOT_FREE_RO : AGDB__SLOT_FREE_RW;

    atomic_store_explicit(&slot->state, state, memory_order_seq_cst);
}

void agdb__slots_leave(agdb__slots_t *slots, uint32_t i)
{
    atomic_store_explicit(&slots->slot[i].state, AGDB__SLOT_LEFT, memory_order_seq_cst);
}

void agdb__slots_empty(agdb__slots_t *slots, uint32_t i)
{
    slots->slot[i].conn = NULL;
    atomic_store_explicit(&slots->slot[i].state, AGDB__SLOT_EMPTY, memory_order_seq_cst);
}

uint32_t agdb__slots_begin(agdb__slots_t *slots)
{
    uint32_t i;

    for (i = 0; i < slots->count; i++)
        if (swap(&slots->slot[i], AGDB__SLOT_EMPTY, AGDB__SLOT_MAKING))
            return i;
    return AGDB__NO_SLOT;
}
