/* A descriptor that any thread makes readable: wakes who polls it. Rung often, it costs one system
 * call until it is hushed. */
#ifndef AGDB_BASE_BELL_H
#define AGDB_BASE_BELL_H

#include <stdatomic.h>
#include <stdbool.h>

typedef struct agdb__bell {
    int fd;
    atomic_bool rung;
} agdb__bell_t;

/* False: the process has too many descriptors open. */
bool agdb__bell_init(agdb__bell_t *bell);
void agdb__bell_fini(agdb__bell_t *bell);
/* `user` is the bell: fits where somebody wants to be told. @threads any */
void agdb__bell_ring(void *user);
/* True when it was rung since. What was done before the ring is seen after this. `readable`: the
 * poller has seen the descriptor so. The poller's. */
bool agdb__bell_hush(agdb__bell_t *bell, bool readable);

#endif
