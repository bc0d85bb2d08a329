/* Waiting for a word to change (Linux futex): for many short waits, each by one thread for one
 * other, where a mutex and a condition variable for each would cost more than the work. */
#ifndef AGDB_BASE_WAIT_H
#define AGDB_BASE_WAIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns when *word is no longer `expected`, by chance, or at `until_us` (agdb__now_us time). */
void agdb__wait_word(atomic_uint *word, unsigned expected, uint64_t until_us);
/* Wakes the one who waits for *word. The word may be gone already: only its address is used. */
void agdb__wake_word(atomic_uint *word);

#endif
