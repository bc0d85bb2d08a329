/* What is known of statements on a node: which of them may share a connection with others.
 *
 * Only a statement that is short, harmless and seldom fails rides in a group. How long it takes is
 * learnt from runs on its own: the first three, those for which nobody was there to share with, and
 * every 256th of the others. Inside a group single times cannot be seen. What counts is how fast it
 * can be: on a busy server every single run is slow, and riding is what makes it less busy. And
 * only what the server does: the way there and back is the same for all, and a reason to ride, not
 * against it. A table of atomics, found by the text's hash; two texts of one hash (or a full table)
 * make riding a little wiser or less wise, never wrong: whether a text is harmless is checked
 * again, by its full text, on the connection. */
#ifndef AGDB_POOL_LEARN_H
#define AGDB_POOL_LEARN_H

#include "pool/group.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { AGDB__LEARN_ENTRIES = 1024, AGDB__RIDE_LIMIT_US = 200 };

typedef struct agdb__learnt {
    atomic_ullong hash;    /* 0: free */
    atomic_uint solo_runs; /* on its own, up to 3 */
    atomic_uint time_x16;  /* its time alone, in 1/16 microseconds: falls at once, rises slowly */
    atomic_uint least_x16; /* the same, rising much more slowly: how fast it can be */
    atomic_uint rides;
    atomic_uint failures; /* among the rides */
    atomic_uint alone;    /* runs that it still has to make on its own */
    atomic_bool banned;   /* rides no more */
} agdb__learnt_t;

typedef struct agdb__learn {
    atomic_uint way_us; /* to the server and back: of a Sync with nothing to do */
    agdb__learnt_t entry[AGDB__LEARN_ENTRIES];
} agdb__learn_t;

/* The statement's entry, made when it is new; NULL when the table is full: it rides never. */
agdb__learnt_t *agdb__learn_find(agdb__learn_t *learn, uint64_t hash);
/* The way was so long: falls at once, rises slowly. */
void agdb__learn_way(agdb__learn_t *learn, uint64_t us);
uint64_t agdb__learn_way_us(const agdb__learn_t *learn);
/* Whether this run may have one of the connections for short statements. */
bool agdb__learn_is_short(const agdb__learn_t *learn, agdb__learnt_t *entry);
/* Whether a short one rides with others this time, or is a sample; counts it. */
bool agdb__learn_rides(agdb__learnt_t *entry);
/* Both. */
bool agdb__learn_may_ride(const agdb__learn_t *learn, agdb__learnt_t *entry);
/* Whether it is known not to ride: it has failed too often, or takes too long. */
bool agdb__learn_is_excluded(const agdb__learn_t *learn, const agdb__learnt_t *entry);
/* A run on its own took so long; `plain`: it leaves nothing behind. */
void agdb__learn_solo(agdb__learnt_t *entry, bool plain, uint64_t us);
/* It failed inside a group. Failures without a fault are counted: at over 1 % it rides no more. */
void agdb__learn_failure(agdb__learnt_t *entry, agdb__group_fault_t fault);
/* Its group took so much longer than expected that it has to be timed again. */
void agdb__learn_slow(agdb__learnt_t *entry);
/* Its time alone, in microseconds, the way there and back included; 0: not known. */
uint64_t agdb__learn_expected_us(const agdb__learnt_t *entry);
/* In a group: without the way and a Sync of its own. `least`: as fast as it can be, on a server
 * that is not busy; else as it has been lately. */
uint64_t agdb__learn_work_us(const agdb__learn_t *learn, const agdb__learnt_t *entry, bool least);

#endif
