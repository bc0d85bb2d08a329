/* Time: monotonic microseconds. Deciders take `now` as a parameter; only drivers ask the clock. */
#ifndef AGDB_BASE_CLOCK_H
#define AGDB_BASE_CLOCK_H

#include <stdint.h>

#define AGDB__NEVER UINT64_MAX

uint64_t agdb__now_us(void);

/* What a clock on the wall shows, in UTC: 2026-11-26T09:30:00Z. For people only. */
enum { AGDB__WALL_TEXT = 32 };
void agdb__wall_text(char text[AGDB__WALL_TEXT]);

/* What poll() takes to wait until `until_us`: rounded up; 0 when it has passed; -1 for NEVER. */
int agdb__poll_ms(uint64_t now_us, uint64_t until_us);

static inline uint64_t agdb__min_us(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* now + milliseconds, without overflow. */
static inline uint64_t agdb__after_ms(uint64_t now_us, uint64_t ms)
{
    return ms > (AGDB__NEVER - now_us) / 1000 ? AGDB__NEVER : now_us + ms * 1000;
}

#endif
