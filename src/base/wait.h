/* Waiting for a word to change (Linux futex): many threads may wait on one word, each with marks of
 * its own, so that one system call wakes those that are meant and leaves the others asleep. */
#ifndef AGDB_BASE_WAIT_H
#define AGDB_BASE_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns when *word is no longer `expected`, when one of `marks` (not 0) was woken, by chance, or
 * at `until_us` (agdb__now_us time). */
void agdb__wait_word(atomic_uint *word, unsigned expected, unsigned marks, uint64_t until_us);
/* Wakes all who wait for *word with any of these marks. The word may be gone already: only its
 * address is used. */
void agdb__wake_word(atomic_uint *word, unsigned marks);

#endif
