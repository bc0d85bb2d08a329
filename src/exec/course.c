#include "exec/course.h"

static uint64_t since(uint64_t from_us, uint64_t to_us)
{
    return to_us > from_us ? to_us - from_us : 0;
}

/* So much of what is left, and not more: the parts are never more than the whole. */
static uint64_t take(uint64_t *left_us, uint64_t us)
{
    if (us > *left_us)
        us = *left_us;
    *left_us -= us;
    return us;
}

void agdb__course_timing(const agdb__course_t *course, uint64_t start_us, uint64_t end_us,
                         agdb_timing_t *ret)
{
    const agdb__trip_t *trip = &course->trip;
    const uint64_t gone_us = trip->sent_us != 0 ? trip->sent_us : trip->ended_us;
    uint64_t left_us = since(start_us, end_us);
    uint64_t waited_us;

    ret->struct_size = sizeof *ret;
    ret->total_us = left_us;
    ret->attempts = course->attempts;
    ret->group = trip->group;
    ret->exec_us = trip->sent_us != 0 ? take(&left_us, since(trip->sent_us, trip->ended_us)) : 0;
    ret->wait_us = left_us;
    waited_us = take(&left_us, since(course->begun_us, gone_us));
    ret->earlier_us = 0;
    ret->connect_us = 0;
    if ((course->earlier_us | trip->lost_us | trip->connect_us) != 0) { /* of few calls */
        ret->earlier_us = take(&waited_us, trip->lost_us) + take(&left_us, course->earlier_us);
        ret->connect_us = take(&waited_us, trip->connect_us);
    }
    ret->queue_us = waited_us;
    ret->park_us = left_us;
}
