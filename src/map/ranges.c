#include "map/ranges.h"

#include "map/text.h"

#include <stdio.h>
#include <string.h>

enum { DIGITS_MAX = 6 }; /* more are no slot; a longer number would wrap */

/* The digits at `at`; returns what follows, or NULL. */
static const char *parse_number(const char *at, const char *end, uint32_t *ret)
{
    uint64_t n = 0;
    size_t digits = agdb__text_digits(at, (size_t)(end - at), &n);

    *ret = (uint32_t)n;
    return digits > 0 && digits <= DIGITS_MAX ? at + digits : NULL;
}

bool agdb__range_parse(const char *text, size_t len, uint32_t *first, uint32_t *last)
{
    const char *end = text + len;
    const char *at = parse_number(text, end, first);

    if (at == NULL)
        return false;
    *last = *first;
    if (at == end)
        return true;
    if (*at != '-')
        return false;
    at = parse_number(at + 1, end, last);
    return at == end;
}

const char *agdb__range_text(char buf[AGDB__RANGE_SIZE], uint32_t first, uint32_t last)
{
    if (first == last)
        snprintf(buf, AGDB__RANGE_SIZE, "%u", first);
    else
        snprintf(buf, AGDB__RANGE_SIZE, "%u-%u", first, last);
    return buf;
}

bool agdb__range_next(const bool *set, uint32_t slots, uint32_t *first, uint32_t *last)
{
    uint32_t at = *first;

    while (at < slots && !set[at])
        at++;
    if (at == slots)
        return false;
    *first = at;
    while (at < slots && set[at])
        at++;
    *last = at - 1;
    return true;
}

size_t agdb__range_count(const bool *set, uint32_t slots)
{
    size_t n = 0;
    uint32_t i;

    for (i = 0; i < slots; i++)
        n += set[i];
    return n;
}

const char *agdb__range_read(const char *text, uint32_t slots, bool *ret_set, size_t *ret_len)
{
    static const char k_between[] = ", []";
    const char *at = text + strspn(text, k_between);

    while (*at != '\0') {
        uint32_t first;
        uint32_t last;
        *ret_len = strcspn(at, k_between);
        if (!agdb__range_parse(at, *ret_len, &first, &last) || first > last || last >= slots)
            return at;
        for (; first <= last; first++)
            ret_set[first] = true;
        at += *ret_len;
        at += strspn(at, k_between);
    }
    return NULL;
}

/* The last run that ends before `end`. */
static bool run_before(const bool *set, uint32_t end, uint32_t *first, uint32_t *last)
{
    while (end > 0 && !set[end - 1])
        end--;
    if (end == 0)
        return false;
    *last = end - 1;
    while (end > 0 && set[end - 1])
        end--;
    *first = end;
    return true;
}

static void move_run(bool *from, bool *to, uint32_t first, uint32_t last)
{
    for (; first <= last; first++) {
        from[first] = false;
        to[first] = true;
    }
}

void agdb__range_move(bool *from, bool *to, uint32_t slots, size_t count)
{
    uint32_t end = slots;
    uint32_t first = 0;
    uint32_t last = 0;

    for (; count > 0 && run_before(from, end, &first, &last); end = first) {
        if (last - first + 1 > count)
            continue;
        move_run(from, to, first, last);
        count -= last - first + 1;
    }
    if (count > 0 && run_before(from, slots, &first, &last))
        move_run(from, to, last - (uint32_t)count + 1, last);
}
