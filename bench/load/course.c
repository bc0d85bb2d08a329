#include "load/course.h"

static atomic_int g_phase;

void phase_set(int phase)
{
    atomic_store(&g_phase, phase);
}

moment_t moment_now(void)
{
    return (moment_t){now_ns(), atomic_load_explicit(&g_phase, memory_order_relaxed)};
}

bool moment_is_last(moment_t moment)
{
    return moment.phase == STOPPING;
}

operation_t course_next(course_t *course)
{
    return workload_next(course->work, &course->seed);
}

moment_t course_end(course_t *course, moment_t begun, bool right)
{
    moment_t end = moment_now();

    if (!right) {
        atomic_fetch_add_explicit(&course->failures, 1, memory_order_relaxed);
    } else if (begun.phase == MEASURING && end.phase == MEASURING) {
        histogram_add(&course->latencies, end.ns - begun.ns);
        atomic_store_explicit(&course->done, course->latencies.count, memory_order_relaxed);
    }
    return end;
}
