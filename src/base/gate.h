/* Counts who is inside, without a counter that all threads share: each thread counts on its own
 * stripe. Closing lets nobody in any more and can wait until all are out. */
#ifndef AGDB_BASE_GATE_H
#define AGDB_BASE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AGDB__GATE_STRIPES = 32, AGDB__CACHE_LINE = 64 };

/* Filled up, not aligned: wherever an array of them begins, two counters are on two lines. */
typedef struct agdb__gate_stripe {
    atomic_long inside;
    char rest[AGDB__CACHE_LINE - sizeof(atomic_long)];
} agdb__gate_stripe_t;

typedef struct agdb__gate {
    agdb__gate_stripe_t stripe[AGDB__GATE_STRIPES];
    atomic_bool closed;
} agdb__gate_t;

void agdb__gate_init(agdb__gate_t *g);
/* Returns false when the gate is closed; else each enter needs one leave on the same thread. */
bool agdb__gate_enter(agdb__gate_t *g);
void agdb__gate_leave(agdb__gate_t *g);
void agdb__gate_close(agdb__gate_t *g);
/* Lets in again: nobody is inside but who found it closed and is on the way out. */
void agdb__gate_open(agdb__gate_t *g);
bool agdb__gate_is_closed(agdb__gate_t *g);
/* How many are inside; exact only once the gate is closed. */
long agdb__gate_inside(agdb__gate_t *g);

#endif
