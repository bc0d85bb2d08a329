/* The maps that a client has in use: the current one, and those before it that some call began on.
 * A call is inside the edition that it entered until it ends, and sees nothing of later ones, but
 * for the nodes of its shard: those that a later map has instead are followed (agdb__shard_t), so
 * that a map that mends an outage helps who waits.
 *
 * Entering takes no lock and no counter that all threads share: the gate of each edition counts on
 * stripes. Who reads the current edition just before it is replaced finds its gate closed, and
 * looks again; so the blocks with the gates stay as long as the client and are used again, while
 * what they hold is freed as soon as the last has left. */
#ifndef AGDB_CLIENT_EDITION_H
#define AGDB_CLIENT_EDITION_H

#include "base/gate.h"
#include "base/sync.h"
#include "client/topology.h"

typedef struct agdb__edition {
    agdb__gate_t gate;
    agdb_map_t *map; /* NULL: the block is spare */
    agdb__layout_t layout;
    uint64_t since_us; /* when it was published */
    uint64_t until_us; /* when it was replaced; 0: it is the current one */
    struct agdb__edition *next;
} agdb__edition_t;

typedef struct agdb__editions {
    _Atomic(agdb__edition_t *) current;
    agdb__edition_t *all; /* the keeper's; it changes them under the lock */
    agdb__mutex_t lock;   /* one is replaced, or all are closed */
    bool has_lock;
    atomic_bool closed;
} agdb__editions_t;

/* False: no memory. */
bool agdb__editions_init(agdb__editions_t *editions);
/* Nobody is inside. */
void agdb__editions_fini(agdb__editions_t *editions);

/* The current edition, with the caller inside; NULL: they are closed. @threads any */
agdb__edition_t *agdb__editions_enter(agdb__editions_t *editions);
/* @threads any */
static inline void agdb__edition_leave(agdb__edition_t *edition)
{
    agdb__gate_leave(&edition->gate);
}
/* Nobody enters any more. @threads any */
void agdb__editions_close(agdb__editions_t *editions);

/* What can be said of one from outside. */
typedef struct agdb__edition_facts {
    uint64_t epoch;
    uint64_t since_us;
    uint64_t until_us;
    long inside; /* calls; of the current one about so many */
} agdb__edition_facts_t;

/* At most `max` of those that hold a map. Returns how many there are. @threads any */
size_t agdb__editions_list(agdb__editions_t *editions, agdb__edition_facts_t *ret, size_t max);

/* --- the keeper's --- */

/* Replaces the current one; takes map and layout, but on failure: AGDB_E_NOMEM, AGDB_E_CLOSING. */
agdb_status_t agdb__editions_publish(agdb__editions_t *editions, agdb_map_t *take_map,
                                     const agdb__layout_t *take_layout, uint64_t now_us,
                                     agdb_error_t **reterr);
/* Frees what replaced editions hold that nobody is in any more, once all are closed the last one,
 * too. True: somebody is in one still. */
bool agdb__editions_sweep(agdb__editions_t *editions);
/* When to sweep next: the longer one has been left already, the later. */
uint64_t agdb__editions_next_us(const agdb__editions_t *editions, uint64_t now_us);

#endif
