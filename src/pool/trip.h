/* The way of one statement to a connection of a node and back, by the clock. */
#ifndef AGDB_POOL_TRIP_H
#define AGDB_POOL_TRIP_H

#include <stdint.h>

typedef struct agdb__trip {
    uint64_t sent_us;    /* 0: it was not sent */
    uint64_t ended_us;   /* its answer was there; 0: there was none, or nobody has looked yet */
    uint32_t connect_us; /* of the time before it was sent: its connection was being made */
    uint32_t lost_us;    /* of that too: it was away in groups that did not execute it */
    uint32_t group;      /* how many were sent together, itself included; 0: not sent */
} agdb__trip_t;

/* It was sent, and has to go again. */
static inline void agdb__trip_lose(agdb__trip_t *trip, uint64_t now_us)
{
    trip->lost_us += (uint32_t)(now_us - trip->sent_us);
    trip->sent_us = 0;
    trip->group = 0;
}

#endif
