#include "pool/width.h"

/* FALL: the estimate falls by this part of the difference. PARTS: of a fair share, one of which is
 * enough for a group. */
enum { FALL = 16, PARTS = 2 };

unsigned agdb__width(unsigned callers, unsigned busy, unsigned max)
{
    unsigned width = callers;

    if (callers > AGDB__WIDTH_FEW)
        width = busy;
    if (width < AGDB__WIDTH_LEAST)
        width = AGDB__WIDTH_LEAST;
    return width < max ? width : max;
}

unsigned agdb__width_busy(uint64_t lane_us, uint64_t window_us)
{
    uint64_t busy;

    if (window_us == 0)
        return 0;
    busy = (lane_us * 4 + window_us * 3 - 1) / (window_us * 3);
    return busy < UINT32_MAX ? (unsigned)busy : UINT32_MAX;
}

bool agdb__group_is_due(const agdb__flow_t *flow, unsigned width)
{
    unsigned callers = flow->queued + flow->riders;

    if (flow->queued == 0 || flow->lanes >= width)
        return false;
    if (callers < flow->callers)
        callers = flow->callers;
    return flow->lanes == 0 || (uint64_t)flow->queued * width * PARTS >= callers;
}

unsigned agdb__callers_next(const agdb__flow_t *flow)
{
    unsigned callers = flow->queued + flow->riders;

    if (callers >= flow->callers)
        return callers;
    return flow->callers - (flow->callers - callers + FALL - 1) / FALL;
}
