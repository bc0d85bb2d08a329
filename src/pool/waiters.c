#include "pool/waiters.h"

#include "base/error.h"

bool agdb__waiter_init(agdb__waiter_t *w)
{
    *w = (agdb__waiter_t){.slot = AGDB__NO_SLOT, .status = AGDB_OK};
    return agdb__cond_init(&w->served);
}

void agdb__waiter_init_told(agdb__waiter_t *w, void (*tell)(void *user), void *user)
{
    *w = (agdb__waiter_t){.slot = AGDB__NO_SLOT, .status = AGDB_OK, .tell = tell, .user = user};
}

static void wake(agdb__waiter_t *w)
{
    if (w->tell != NULL)
        w->tell(w->user);
    else
        agdb__cond_signal(&w->served);
}

void agdb__waiter_fini(agdb__waiter_t *w)
{
    if (w->tell == NULL)
        agdb__cond_fini(&w->served);
    agdb__error_free(w->error);
}

void agdb__waiters_append(agdb__waiters_t *all, agdb__waiter_t *w)
{
    w->prev = all->tail;
    w->next = NULL;
    if (all->tail != NULL)
        all->tail->next = w;
    else
        all->head = w;
    all->tail = w;
    w->queued = true;
    atomic_fetch_add_explicit(&all->count, 1, memory_order_seq_cst);
}

void agdb__waiters_remove(agdb__waiters_t *all, agdb__waiter_t *w)
{
    if (!w->queued)
        return;
    if (w->prev != NULL)
        w->prev->next = w->next;
    else
        all->head = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    else
        all->tail = w->prev;
    w->queued = false;
    atomic_fetch_sub_explicit(&all->count, 1, memory_order_seq_cst);
}

void agdb__waiters_serve(agdb__waiters_t *all, agdb__slots_t *slots, uint32_t first)
{
    while (all->head != NULL) {
        agdb__waiter_t *w = all->head;
        uint32_t slot = agdb__slots_take(slots, first, slots->count, 0, AGDB__SLOT_BUSY, false);

        if (slot == AGDB__NO_SLOT)
            return;
        w->slot = slot;
        agdb__waiters_remove(all, w);
        wake(w);
    }
}

void agdb__waiters_dismiss(agdb__waiters_t *all, agdb_status_t status, const agdb_error_t *error)
{
    while (all->head != NULL) {
        agdb__waiter_t *w = all->head;

        w->status = status;
        w->error = agdb__error_dup(error);
        agdb__waiters_remove(all, w);
        wake(w);
    }
}
