#include "pool/line.h"

#include "base/error.h"
#include "pool/group.h"

bool agdb__line_init(agdb__line_t *line)
{
    *line = (agdb__line_t){.head = NULL, .tail = NULL};
    atomic_init(&line->arrivals, NULL);
    atomic_init(&line->count, 0);
    agdb__gongs_init(&line->gongs);
    return agdb__mutex_init(&line->lock);
}

void agdb__line_fini(agdb__line_t *line)
{
    agdb__mutex_fini(&line->lock);
}

void agdb__line_join(agdb__line_t *line, agdb__ride_t *ride)
{
    agdb__ride_t *newest = atomic_load_explicit(&line->arrivals, memory_order_relaxed);

    ride->place = agdb__gongs_place(&line->gongs);
    do
        ride->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&line->arrivals, &newest, ride,
                                                  memory_order_release, memory_order_relaxed));
    atomic_fetch_add_explicit(&line->count, 1, memory_order_seq_cst);
}

static void append(agdb__line_t *line, agdb__ride_t *ride)
{
    ride->next = NULL;
    ride->prev = line->tail;
    if (line->tail != NULL)
        line->tail->next = ride;
    else
        line->head = ride;
    line->tail = ride;
}

/* Puts those who have arrived meanwhile behind the others, in the order of their arrival. */
static void admit(agdb__line_t *line)
{
    agdb__ride_t *newest = atomic_exchange_explicit(&line->arrivals, NULL, memory_order_acquire);
    agdb__ride_t *oldest = NULL;

    while (newest != NULL) {
        agdb__ride_t *ride = newest;

        newest = ride->next;
        ride->next = oldest;
        oldest = ride;
    }
    while (oldest != NULL) {
        agdb__ride_t *ride = oldest;

        oldest = ride->next;
        append(line, ride);
    }
}

agdb__ride_t *agdb__line_first_locked(agdb__line_t *line)
{
    admit(line);
    return line->head;
}

agdb__ride_t *agdb__line_heir_locked(agdb__line_t *line)
{
    agdb__ride_t *ride = agdb__line_first_locked(line);

    while (ride != NULL && agdb__ride_leads(ride))
        ride = ride->next;
    return ride;
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
    admit(line);
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

    admit(line);
    while (n < max && line->head != NULL && (n == 0 || sum_us < AGDB__GROUP_TIME_US)) {
        agdb__ride_t *ride = line->head;

        agdb__line_remove_locked(line, ride);
        sum_us += ride->work_us;
        agdb__ride_set(ride, AGDB__RIDE_SENDING);
        ret[n++] = ride;
    }
    return n;
}

void agdb__line_dismiss(agdb__line_t *line, agdb_status_t status, const agdb_error_t *error)
{
    agdb__lock(&line->lock);
    while (agdb__line_first_locked(line) != NULL) {
        agdb__ride_t *ride = line->head;
        agdb__place_t place = ride->place;

        agdb__line_remove_locked(line, ride);
        ride->status = status;
        ride->error = agdb__error_dup(error);
        ride->dismissed = true;
        agdb__ride_set(ride, AGDB__RIDE_DONE);
        agdb__gongs_ring_one(&line->gongs, place);
    }
    agdb__unlock(&line->lock);
}
