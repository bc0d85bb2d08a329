/* How many of a pool's connections carry short reads. Pure.
 *
 * Few callers are served best by a connection each: their statements run side by side. Many are
 * served best by two connections with large groups: the server's work for each Sync (transaction,
 * flush, waking the client) is more than that for the read itself, so fewer Syncs win; measured
 * with cached point reads on two processors, four connections lose to two from about eight callers
 * on. How many callers there are is read off the groups: while one group is away on each of w
 * connections, the next one gathers, so callers = group size x (w + 1). */
#ifndef AGDB_POOL_WIDTH_H
#define AGDB_POOL_WIDTH_H

#include <stdint.h>

enum {
    AGDB__WIDTH_DEEP = 2,   /* for many callers */
    AGDB__WIDTH_SHALLOW = 4 /* at most, for few */
};

/* The width from now on, after `groups` groups with `riders` members in all went out at `width`.
 * With too few groups to tell it stays. Never over `max`, the pool's. */
unsigned agdb__width_next(unsigned width, unsigned max, uint64_t groups, uint64_t riders);

#endif
