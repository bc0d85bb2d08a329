/* Many threads that do the same work, each with its number and its random numbers. */
#ifndef AGDB_TESTS_CREW_H
#define AGDB_TESTS_CREW_H

#include "agencydb/base.h"
#include "base/rng.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CREW_MAX = 64 };

typedef struct crew_hand {
    unsigned number; /* from 0 */
    agdb__rng_t rng;
    void *job; /* of all */
    void (*work)(struct crew_hand *hand);
    unsigned wrongs;
    char wrong[512]; /* the first thing that was not as it should be */
    pthread_t thread;
} crew_hand_t;

typedef struct crew {
    unsigned count;
    crew_hand_t hand[CREW_MAX];
} crew_t;

void crew_start(crew_t *crew, unsigned count, uint64_t seed, void (*work)(crew_hand_t *hand),
                void *job);
/* Waits for all. Returns how many things were wrong, after printing the first of each thread. */
unsigned crew_join(crew_t *crew);

/* From 0 to below `limit`. */
unsigned crew_random(crew_hand_t *hand, unsigned limit);
void crew_wrong(crew_hand_t *hand, const char *format, ...) AGDB_PRINTF(2, 3);

/* Raises `worst` to `value` when it is less. */
void crew_raise(atomic_ullong *worst, unsigned long long value);

/* A number from the environment, or `other`. */
uint64_t crew_setting(const char *name, uint64_t other);

#endif
