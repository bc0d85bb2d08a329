#include "exec/grade.h"

enum {
    ALL = 1024,
    PART = 8,        /* a new one counts for this part of a grade */
    OUT_AT = 384,    /* of 1024 */
    BACK_WITH = 192, /* half way: two failures in a row are enough then */
    WELL_BELOW = 64,
    SECOND_US = 1000000,
    OUT_US = SECOND_US,
    DOUBLINGS = 5,
    OUT_MAX_US = 30000000
};

static unsigned get(const atomic_uint *value)
{
    return atomic_load_explicit((atomic_uint *)value, memory_order_relaxed);
}

static void set(atomic_uint *value, unsigned to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

/* Half as much with each second that nobody has seen it. */
static unsigned faded_us(const agdb__grade_t *grade, uint64_t now_us)
{
    const uint64_t seen_us =
        atomic_load_explicit((atomic_ullong *)&grade->seen_us, memory_order_relaxed);
    const uint64_t seconds = now_us > seen_us ? (now_us - seen_us) / SECOND_US : 0;

    return get(&grade->latency_us) >> (seconds < 31 ? seconds : 31);
}

void agdb__grade_good(agdb__grade_t *grade, uint64_t us, uint64_t now_us)
{
    const unsigned took_us = us < UINT32_MAX ? (unsigned)us + 1 : UINT32_MAX;
    const unsigned old_us = faded_us(grade, now_us);
    const unsigned failures = get(&grade->failures);

    if (old_us == 0)
        set(&grade->latency_us, took_us);
    else if (took_us >= old_us)
        set(&grade->latency_us, old_us + (took_us - old_us) / PART);
    else
        set(&grade->latency_us, old_us - (old_us - took_us) / PART);
    atomic_store_explicit(&grade->seen_us, now_us, memory_order_relaxed);
    if (failures > 0)
        set(&grade->failures, failures - (failures + PART - 1) / PART);
    if (failures < WELL_BELOW && get(&grade->ejections) != 0)
        set(&grade->ejections, 0);
}

void agdb__grade_bad(agdb__grade_t *grade, uint64_t now_us)
{
    unsigned failures = get(&grade->failures);
    unsigned ejections = get(&grade->ejections);
    uint64_t out_us = (uint64_t)OUT_US << (ejections < DOUBLINGS ? ejections : DOUBLINGS);

    failures += (ALL - failures) / PART;
    set(&grade->failures, failures);
    if (failures < OUT_AT || agdb__grade_is_out(grade, now_us))
        return;
    set(&grade->failures, BACK_WITH);
    set(&grade->ejections, ejections + 1);
    atomic_store_explicit(&grade->out_until_us,
                          now_us + (out_us < OUT_MAX_US ? out_us : OUT_MAX_US),
                          memory_order_relaxed);
}

bool agdb__grade_is_out(const agdb__grade_t *grade, uint64_t now_us)
{
    return atomic_load_explicit((atomic_ullong *)&grade->out_until_us, memory_order_relaxed) >
           now_us;
}

uint64_t agdb__grade_cost(const agdb__grade_t *grade, unsigned waiting, uint64_t now_us)
{
    return ((uint64_t)waiting + 1) * faded_us(grade, now_us);
}
