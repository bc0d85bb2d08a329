/* A fast hash of bytes, for tables in memory: eight bytes at a time, each multiplied by the golden
 * ratio's constant and folded (the step of Knuth's multiplicative hashing), with the finishing
 * multiplication of splitmix64. It is neither stable across machines nor safe against chosen keys:
 * nothing may be stored or routed by it, and equality is always decided by comparing everything. */
#ifndef AGDB_PG_TEXT_HASH_H
#define AGDB_PG_TEXT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t agdb__text_hash(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *at = data;
    uint64_t h = seed ^ len;
    uint64_t word;

    for (; len >= sizeof word; at += sizeof word, len -= sizeof word) {
        memcpy(&word, at, sizeof word);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    if (len != 0) {
        word = 0;
        memcpy(&word, at, len);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    h *= 0xBF58476D1CE4E5B9u;
    return h ^ (h >> 32);
}

#endif
