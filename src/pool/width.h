/* How many of a pool's connections carry short reads. Pure.
 *
 * As long as there is a connection for each caller, each has one: their statements run side by
 * side. More callers than that are served best by two connections with large groups: the server's
 * work for each Sync (transaction, flush, waking the client) is more than that for the read itself,
 * so fewer Syncs win. How many callers there are is read off the groups: while one group is away on
 * each of w connections, the next one gathers, so callers = group size x (w + 1). */
#ifndef AGDB_POOL_WIDTH_H
#define AGDB_POOL_WIDTH_H

#include <stdint.h>

enum { AGDB__WIDTH_DEEP = 2 }; /* for more callers than connections */

/* The width from now on, after `groups` groups with `riders` members in all went out at `width`.
 * With too few groups to tell it stays. `max` is the pool's. */
unsigned agdb__width_next(unsigned width, unsigned max, uint64_t groups, uint64_t riders);

#endif
