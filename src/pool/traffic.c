#include "pool/traffic.h"

bool agdb__traffic_init(agdb__traffic_t *traffic, agdb__traffic_kind_t kind, unsigned max)
{
    traffic->kind = kind;
    traffic->max = max;
    atomic_init(&traffic->reach, AGDB__WIDTH_FEW);
    return agdb__line_init(&traffic->line);
}

void agdb__traffic_fini(agdb__traffic_t *traffic)
{
    agdb__line_fini(&traffic->line);
}

static unsigned callers_of(const agdb__traffic_t *traffic)
{
    return atomic_load_explicit(&traffic->callers, memory_order_relaxed);
}

unsigned agdb__traffic_width(const agdb__traffic_t *traffic)
{
    return agdb__width(callers_of(traffic),
                       atomic_load_explicit(&traffic->busy, memory_order_relaxed), traffic->max);
}

void agdb__traffic_reach(agdb__traffic_t *traffic, uint32_t i)
{
    if (i >= atomic_load_explicit(&traffic->reach, memory_order_relaxed))
        atomic_store_explicit(&traffic->reach, i + 1, memory_order_relaxed);
}

/* Lanes are the first free slots, so few have to be looked at in a wide pool. */
static unsigned lanes_of(agdb__traffic_t *traffic, agdb__slots_t *slots, unsigned *ret_riders)
{
    return agdb__slots_count(slots, atomic_load_explicit(&traffic->reach, memory_order_relaxed),
                             agdb__traffic_state(traffic), ret_riders);
}

static agdb__flow_t flow_of(agdb__traffic_t *traffic, agdb__slots_t *slots)
{
    agdb__flow_t flow = {.queued = agdb__line_count(&traffic->line),
                         .callers = callers_of(traffic)};

    flow.lanes = lanes_of(traffic, slots, &flow.riders);
    return flow;
}

bool agdb__traffic_is_due(agdb__traffic_t *traffic, agdb__slots_t *slots, uint32_t but)
{
    agdb__flow_t flow;

    if (agdb__line_count(&traffic->line) == 0)
        return false;
    flow = flow_of(traffic, slots);
    if (but != AGDB__NO_SLOT && flow.lanes > 0)
        flow.lanes--; /* it carries nothing now */
    return agdb__group_is_due(&flow, agdb__traffic_width(traffic));
}

bool agdb__traffic_is_few(const agdb__traffic_t *traffic)
{
    return callers_of(traffic) <= AGDB__WIDTH_FEW;
}

bool agdb__traffic_is_thin(agdb__traffic_t *traffic, agdb__slots_t *slots)
{
    agdb__flow_t flow = flow_of(traffic, slots);

    flow.queued++;
    flow.callers = agdb__callers_next(&flow);
    atomic_store_explicit(&traffic->callers, flow.callers, memory_order_relaxed);
    return agdb__group_is_due(&flow, agdb__traffic_width(traffic));
}

bool agdb__traffic_is_stranded(agdb__traffic_t *traffic, agdb__slots_t *slots)
{
    unsigned riders;

    return agdb__line_count(&traffic->line) > 0 && lanes_of(traffic, slots, &riders) == 0;
}

void agdb__traffic_note(agdb__traffic_t *traffic, agdb__slots_t *slots, uint64_t lane_us)
{
    agdb__flow_t flow = flow_of(traffic, slots);

    atomic_store_explicit(&traffic->callers, agdb__callers_next(&flow), memory_order_relaxed);
    atomic_fetch_add_explicit(&traffic->lane_us, lane_us, memory_order_relaxed);
}

void agdb__traffic_lacks(agdb__traffic_t *traffic)
{
    atomic_store_explicit(&traffic->lacking, true, memory_order_relaxed);
}

unsigned agdb__traffic_wants(agdb__traffic_t *traffic, agdb__slots_t *slots)
{
    unsigned least =
        atomic_exchange_explicit(&traffic->lacking, false, memory_order_relaxed) ? 1 : 0;
    agdb__flow_t flow = flow_of(traffic, slots);
    unsigned width = agdb__traffic_width(traffic);
    unsigned wants;

    if (!agdb__group_is_due(&flow, width))
        return least;
    wants = width - flow.lanes;
    return wants < flow.queued ? wants : flow.queued;
}

void agdb__traffic_look(agdb__traffic_t *traffic, uint64_t now_us)
{
    uint64_t lane_us = atomic_exchange_explicit(&traffic->lane_us, 0, memory_order_relaxed);
    uint64_t window_us = now_us - traffic->window_us;

    if (traffic->window_us != 0 && lane_us > 0)
        atomic_store_explicit(&traffic->busy, agdb__width_busy(lane_us, window_us),
                              memory_order_relaxed);
    traffic->window_us = now_us;
    atomic_store_explicit(&traffic->reach, AGDB__WIDTH_FEW, memory_order_relaxed);
}
