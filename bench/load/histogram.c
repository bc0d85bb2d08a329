#include "load/histogram.h"

static unsigned bucket_of(uint64_t value)
{
    unsigned shift;

    if (value < HISTOGRAM_SUB)
        return (unsigned)value;
    shift = 63u - (unsigned)__builtin_clzll(value) - 6u; /* value >> shift is 64 to 127 */
    return (shift + 1) * HISTOGRAM_SUB + (unsigned)(value >> shift) - HISTOGRAM_SUB;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
    unsigned shift;

    if (bucket < HISTOGRAM_SUB)
        return bucket;
    shift = bucket / HISTOGRAM_SUB - 1;
    return (((uint64_t)(bucket % HISTOGRAM_SUB) + HISTOGRAM_SUB) << shift) + ((1ull << shift) >> 1);
}

void histogram_add(histogram_t *h, uint64_t value)
{
    h->count++;
    h->sum += value;
    if (value > h->max)
        h->max = value;
    h->bucket[bucket_of(value)]++;
}

void histogram_merge(histogram_t *into, const histogram_t *from)
{
    unsigned i;

    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
    for (i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
}

uint64_t histogram_at(const histogram_t *h, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)h->count);
    uint64_t seen = 0;
    unsigned i;

    for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen > wanted)
            return value_of(i);
    }
    return h->max;
}
