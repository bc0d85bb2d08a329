#include "base/clock.h"

#include <limits.h>
#include <time.h>

uint64_t agdb__now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

int agdb__poll_ms(uint64_t now_us, uint64_t until_us)
{
    uint64_t ms;

    if (until_us == AGDB__NEVER)
        return -1;
    if (until_us <= now_us)
        return 0;
    ms = (until_us - now_us - 1) / 1000 + 1;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

void agdb__wall_text(char text[AGDB__WALL_TEXT])
{
    const time_t now = time(NULL);
    struct tm parts;

    text[0] = '\0';
    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(text, AGDB__WALL_TEXT, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
