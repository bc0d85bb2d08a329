#include "pool/width.h"

enum { GROUPS_JUDGED = 20 }; /* fewer say nothing */

unsigned agdb__width_next(unsigned width, unsigned max, uint64_t groups, uint64_t riders)
{
    uint64_t callers;

    if (groups < GROUPS_JUDGED || max < AGDB__WIDTH_DEEP)
        return width < max ? width : max;
    callers = (riders * (width + 1) + groups - 1) / groups;
    return callers <= max ? max : AGDB__WIDTH_DEEP;
}
