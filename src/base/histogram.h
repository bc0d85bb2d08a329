/* Counts how often a number fell between two powers of two. Any thread notes, any thread reads;
 * relaxed, since nothing is told by the order. */
#ifndef AGDB_BASE_HISTOGRAM_H
#define AGDB_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

/* Bucket i holds values up to 2^i; the last one holds all that are greater, too. In microseconds:
 * up to 67 seconds. */
enum { AGDB__BUCKETS = 27 };

typedef struct agdb__histogram {
    atomic_ullong bucket[AGDB__BUCKETS];
    atomic_ullong sum;
} agdb__histogram_t;

/* The smallest i with value <= 2^i. */
static inline unsigned agdb__bucket_of(uint64_t value)
{
    const unsigned i = value < 2 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);

    return i < AGDB__BUCKETS ? i : AGDB__BUCKETS - 1;
}

static inline void agdb__histogram_note(agdb__histogram_t *h, uint64_t value)
{
    atomic_fetch_add_explicit(&h->bucket[agdb__bucket_of(value)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum, value, memory_order_relaxed);
}

/* What was read of one, or of several together. */
typedef struct agdb__counted {
    uint64_t bucket[AGDB__BUCKETS];
    uint64_t sum;
    uint64_t count;
} agdb__counted_t;

static inline void agdb__histogram_add_to(const agdb__histogram_t *h, agdb__counted_t *sum)
{
    unsigned i;

    for (i = 0; i < AGDB__BUCKETS; i++) {
        const uint64_t n = atomic_load_explicit(&h->bucket[i], memory_order_relaxed);

        sum->bucket[i] += n;
        sum->count += n;
    }
    sum->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
}

static inline void agdb__count(atomic_ullong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static inline uint64_t agdb__counter(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
