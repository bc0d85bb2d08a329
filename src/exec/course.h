/* A call by the clock: what its parts come to in the end. Pure. */
#ifndef AGDB_EXEC_COURSE_H
#define AGDB_EXEC_COURSE_H

#include "agencydb/result.h"
#include "pool/trip.h"

typedef struct agdb__course {
    unsigned attempts;
    uint64_t begun_us;   /* of the last attempt: when its node was chosen */
    uint64_t earlier_us; /* of those before it, without the pauses between them */
    agdb__trip_t trip;   /* of the last attempt */
} agdb__course_t;

/* The next attempt begins; if nobody has said when the one before it ended, it ends now. */
static inline void agdb__course_begin(agdb__course_t *course, uint64_t now_us)
{
    if (course->attempts++ > 0) {
        const uint64_t ended_us = course->trip.ended_us != 0 ? course->trip.ended_us : now_us;

        course->earlier_us += ended_us - course->begun_us;
        course->trip = (agdb__trip_t){0};
    }
    course->begun_us = now_us;
}

/* A call that has its connection already begins. */
static inline void agdb__course_hold(agdb__course_t *course, uint64_t now_us)
{
    *course = (agdb__course_t){.attempts = 1, .begun_us = now_us};
}

/* Where the time between the two moments went. What no attempt has had was parked. */
void agdb__course_timing(const agdb__course_t *course, uint64_t start_us, uint64_t end_us,
                         agdb_timing_t *ret);

#endif
