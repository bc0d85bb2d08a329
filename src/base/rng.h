/* Random numbers for jitter; not for secrets. splitmix64 (Steele, Lea, Flood 2014). */
#ifndef AGDB_BASE_RNG_H
#define AGDB_BASE_RNG_H

#include <stdint.h>

typedef struct agdb__rng {
    uint64_t state;
} agdb__rng_t;

static inline uint64_t agdb__rng_next(agdb__rng_t *rng)
{
    uint64_t z = rng->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* value +- value/4. */
static inline uint64_t agdb__rng_jitter(agdb__rng_t *rng, uint64_t value)
{
    uint64_t half = value / 2;
    return half == 0 ? value : value - value / 4 + agdb__rng_next(rng) % half;
}

#endif
