#include "map/level.h"

#include "map/text.h"

#include <stdio.h>

static const struct unit {
    const char *name;
    uint64_t ms;
} k_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

enum { UNITS = sizeof k_units / sizeof k_units[0] };

bool agdb__msec_parse(const char *text, size_t len, uint64_t *ret)
{
    uint64_t n = 0;
    size_t digits = agdb__text_digits(text, len, &n);
    size_t i;

    if (digits == 0)
        return false;
    for (i = 0; i < UNITS; i++) {
        if (strlen(k_units[i].name) != len - digits ||
            memcmp(k_units[i].name, text + digits, len - digits) != 0)
            continue;
        *ret = n > UINT64_MAX / k_units[i].ms ? UINT64_MAX : n * k_units[i].ms;
        return true;
    }
    return false;
}

void agdb__msec_write(uint64_t ms, char buf[AGDB__MSEC_SIZE])
{
    size_t i = 0;

    while (i < UNITS - 1 && (ms == 0 || ms % k_units[i].ms != 0))
        i++;
    snprintf(buf, AGDB__MSEC_SIZE, "%llu%s", (unsigned long long)(ms / k_units[i].ms),
             k_units[i].name);
}
