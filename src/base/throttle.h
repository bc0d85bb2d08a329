/* So many a second at most, for what is told about what happens often. Any thread. */
#ifndef AGDB_BASE_THROTTLE_H
#define AGDB_BASE_THROTTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { AGDB__THROTTLE_PER_SECOND = 10 };

typedef struct agdb__throttle {
    atomic_ullong second; /* the present one */
    atomic_uint passed;   /* in it */
    atomic_uint held;     /* since one has passed last */
} agdb__throttle_t;

/* Whether this one passes; *ret_held is how many did not since the last that did. */
bool agdb__throttle_pass(agdb__throttle_t *throttle, uint64_t now_us, uint32_t *ret_held);

#endif
