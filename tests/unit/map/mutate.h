/* Texts that are almost a map. */
#ifndef AGDB_TESTS_MUTATE_H
#define AGDB_TESTS_MUTATE_H

#include "base/rng.h"

#include <string.h>

/* Changes the text at a few places, within `most` bytes. Returns its new length. */
static inline size_t mutate(agdb__rng_t *rng, char *text, size_t len, size_t most)
{
    static const char k_bytes[] = "[]{}:,-#&*!|>'\"%@`$ \n\t\\0179azAZ~?=<.\x00\x80\xFF";
    size_t times = 1 + agdb__rng_next(rng) % 6;

    while (times-- > 0 && len > 2) {
        size_t at = agdb__rng_next(rng) % len;
        size_t n = 1 + agdb__rng_next(rng) % 40;
        switch (agdb__rng_next(rng) % 4) {
        case 0:
            text[at] = k_bytes[agdb__rng_next(rng) % (sizeof k_bytes - 1)];
            break;
        case 1: /* remove */
            n = n < len - at ? n : len - at;
            memmove(text + at, text + at + n, len - at - n);
            len -= n;
            break;
        case 2: /* repeat */
            n = n < len - at ? n : len - at;
            if (len + n > most)
                break;
            memmove(text + at + n, text + at, len - at);
            len += n;
            break;
        default: /* cut */
            if (agdb__rng_next(rng) % 8 == 0)
                len = at + 1;
            break;
        }
    }
    return len;
}

#endif
