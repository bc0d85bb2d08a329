#include "pool/width.h"

/* GROUPS_JUDGED: fewer say nothing. FEW: as many callers as make two connections with groups no
 * better than a connection each. */
enum { GROUPS_JUDGED = 20, FEW = 5 };

static unsigned at_most(unsigned value, unsigned limit)
{
    return value < limit ? value : limit;
}

unsigned agdb__width_next(unsigned width, unsigned max, uint64_t groups, uint64_t riders)
{
    uint64_t callers;

    if (groups < GROUPS_JUDGED)
        return at_most(width, max);
    callers = (riders * (width + 1) + groups - 1) / groups;
    if (callers > FEW)
        return at_most(AGDB__WIDTH_DEEP, max);
    return at_most(at_most((unsigned)callers, AGDB__WIDTH_SHALLOW), max);
}
