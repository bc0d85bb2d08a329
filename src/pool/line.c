#include "pool/line.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/wait.h"

/* Nobody behind a group waits for longer than this because of it. */
enum { GROUP_TIME_US = 4000 };

bool agdb__line_init(agdb__line_t *line)
{
    *line = (agdb__line_t){0};
    return agdb__mutex_init(&line->lock);
}

void agdb__line_fini(agdb__line_t *line)
{
    while (line->spare != NULL) {
        agdb__ride_t *ride = line->spare;

        line->spare = ride->next;
        agdb__free(ride);
    }
    agdb__mutex_fini(&line->lock);
}

agdb__ride_t *agdb__line_new_ride_locked(agdb__line_t *line)
{
    agdb__ride_t *ride = line->spare;

    if (ride != NULL)
        line->spare = ride->next;
    else
        ride = agdb__malloc(sizeof *ride);
    if (ride != NULL)
        *ride = (agdb__ride_t){0};
    return ride;
}

void agdb__line_recycle_locked(agdb__line_t *line, agdb__ride_t *ride)
{
    ride->next = line->spare;
    line->spare = ride;
}

void agdb__line_append_locked(agdb__line_t *line, agdb__ride_t *ride)
{
    ride->next = NULL;
    ride->prev = line->tail;
    if (line->tail != NULL)
        line->tail->next = ride;
    else
        line->head = ride;
    line->tail = ride;
    atomic_fetch_add_explicit(&line->count, 1, memory_order_seq_cst);
}

void agdb__line_push_front_locked(agdb__line_t *line, agdb__ride_t *ride)
{
    ride->prev = NULL;
    ride->next = line->head;
    if (line->head != NULL)
        line->head->prev = ride;
    else
        line->tail = ride;
    line->head = ride;
    atomic_fetch_add_explicit(&line->count, 1, memory_order_seq_cst);
}

void agdb__line_remove_locked(agdb__line_t *line, agdb__ride_t *ride)
{
    if (ride->prev != NULL)
        ride->prev->next = ride->next;
    else
        line->head = ride->next;
    if (ride->next != NULL)
        ride->next->prev = ride->prev;
    else
        line->tail = ride->prev;
    ride->next = NULL;
    ride->prev = NULL;
    atomic_fetch_sub_explicit(&line->count, 1, memory_order_seq_cst);
}

size_t agdb__line_take_locked(agdb__line_t *line, agdb__ride_t **ret, size_t max)
{
    uint64_t sum_us = 0;
    size_t n = 0;

    while (n < max && line->head != NULL && (n == 0 || sum_us < GROUP_TIME_US)) {
        agdb__ride_t *ride = line->head;

        agdb__line_remove_locked(line, ride);
        sum_us += ride->expected_us;
        atomic_store_explicit(&ride->state, AGDB__RIDE_SENDING, memory_order_relaxed);
        ret[n++] = ride;
    }
    return n;
}

void agdb__line_dismiss(agdb__line_t *line, agdb_status_t status, const agdb_error_t *error)
{
    agdb__lock(&line->lock);
    while (line->head != NULL) {
        agdb__ride_t *ride = line->head;

        agdb__line_remove_locked(line, ride);
        ride->status = status;
        ride->error = agdb__error_dup(error);
        ride->dismissed = true;
        atomic_store_explicit(&ride->state, AGDB__RIDE_DONE, memory_order_release);
        agdb__wake_word(&ride->state);
    }
    agdb__unlock(&line->lock);
}
