#include "exec/moment.h"

#include <string.h>

enum { YEAR_MAX = 10000000, FRACTION_DIGITS = 6, DAYS_TO_1970 = 719468 };

static const int64_t k_second_us = 1000000;
static const int64_t k_day_us = 86400 * INT64_C(1000000);

typedef struct reader {
    const char *at;
    const char *end;
} reader_t;

static bool is_digit(const reader_t *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

static bool take(reader_t *r, char c)
{
    if (r->at >= r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(reader_t *r, const char *word)
{
    const size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

static bool take_two(reader_t *r, int64_t most, int64_t *ret)
{
    int64_t number = 0;
    int i;

    for (i = 0; i < 2; i++) {
        if (!is_digit(r))
            return false;
        number = number * 10 + (*r->at++ - '0');
    }
    *ret = number;
    return number <= most;
}

static bool take_year(reader_t *r, int64_t *ret)
{
    const char *const start = r->at;
    int64_t number = 0;

    while (is_digit(r) && number < YEAR_MAX)
        number = number * 10 + (*r->at++ - '0');
    *ret = number;
    return r->at - start >= 4 && number < YEAR_MAX;
}

/* HH:MM:SS and up to six digits more. */
static bool take_clock(reader_t *r, int64_t *ret_us)
{
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t unit = k_second_us;
    int i;

    if (!take_two(r, 24, &hour) || !take(r, ':') || !take_two(r, 59, &minute) || !take(r, ':') ||
        !take_two(r, 60, &second))
        return false;
    *ret_us = ((hour * 60 + minute) * 60 + second) * k_second_us;
    if (!take(r, '.'))
        return true;
    for (i = 0; i < FRACTION_DIGITS && is_digit(r); i++) {
        unit /= 10;
        *ret_us += (*r->at++ - '0') * unit;
    }
    return i > 0;
}

/* +HH, +HH:MM or +HH:MM:SS; nothing is UTC. */
static bool take_zone(reader_t *r, int64_t *ret_us)
{
    const bool negative = r->at < r->end && *r->at == '-';
    int64_t hour;
    int64_t minute = 0;
    int64_t second = 0;

    *ret_us = 0;
    if (!take(r, '+') && !take(r, '-'))
        return true;
    if (!take_two(r, 15, &hour) || (take(r, ':') && !take_two(r, 59, &minute)) ||
        (take(r, ':') && !take_two(r, 59, &second)))
        return false;
    *ret_us = ((hour * 60 + minute) * 60 + second) * k_second_us * (negative ? -1 : 1);
    return true;
}

/* Days since 1970 of a date in the Gregorian calendar; year 0 is 1 BC. Years begin in March here,
 * so that the leap day is the last of one; eras of 400 years are all alike. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

static bool read_infinity(reader_t *r, agdb__moment_t *ret)
{
    ret->us = 0;
    ret->days = take_word(r, "-infinity") ? INT64_MIN : INT64_MAX;
    return ret->days == INT64_MIN || take_word(r, "infinity");
}

static bool take_date(reader_t *r, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    return take_year(r, ret_year) && take(r, '-') && take_two(r, 12, ret_month) && take(r, '-') &&
           take_two(r, 31, ret_day);
}

/* A blank before a time of day is longer than the one before BC. */
static bool has_clock(const reader_t *r)
{
    return r->end - r->at > 3 && *r->at == ' ';
}

static void to_utc(agdb__moment_t *moment, int64_t zone_us)
{
    moment->us -= zone_us;
    if (moment->us < 0) {
        moment->days--;
        moment->us += k_day_us;
    } else if (moment->us >= k_day_us) {
        moment->days++;
        moment->us -= k_day_us;
    }
}

bool agdb__moment_read(agdb__cell_t cell, agdb__moment_t *ret)
{
    reader_t r = {cell.text, cell.text + cell.len};
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t zone_us = 0;

    if (read_infinity(&r, ret))
        return r.at == r.end;
    if (!take_date(&r, &year, &month, &day))
        return false;
    if (has_clock(&r) && (!take(&r, ' ') || !take_clock(&r, &ret->us) || !take_zone(&r, &zone_us)))
        return false;
    if (take_word(&r, " BC"))
        year = 1 - year;
    ret->days = days_of(year, month, day);
    to_utc(ret, zone_us);
    return r.at == r.end;
}

bool agdb__moment_read_time(agdb__cell_t cell, agdb__moment_t *ret)
{
    reader_t r = {cell.text, cell.text + cell.len};

    *ret = (agdb__moment_t){0, 0};
    return take_clock(&r, &ret->us) && r.at == r.end;
}

int agdb__moment_compare(const agdb__moment_t *a, const agdb__moment_t *b)
{
    if (a->days != b->days)
        return a->days < b->days ? -1 : 1;
    return (a->us > b->us) - (a->us < b->us);
}
