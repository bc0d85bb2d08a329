#include "exec/decimal.h"

#include <string.h>

enum { EXPONENT_MAX = 100000 }; /* far beyond what a float has */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(agdb__cell_t cell, const char *word)
{
    return cell.len == strlen(word) && memcmp(cell.text, word, cell.len) == 0;
}

static bool read_special(agdb__cell_t cell, agdb__decimal_t *ret)
{
    if (is_word(cell, "NaN"))
        ret->rank = AGDB__DECIMAL_NAN;
    else if (is_word(cell, "Infinity"))
        ret->rank = AGDB__DECIMAL_INFINITY;
    else if (is_word(cell, "-Infinity"))
        ret->rank = AGDB__DECIMAL_MINUS_INFINITY;
    else
        return false;
    return true;
}

/* From behind the `e` to the end. */
static bool read_exponent(const char *at, const char *end, long *ret)
{
    const bool negative = at < end && *at == '-';
    long number = 0;

    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (!is_digit(*at) || number > EXPONENT_MAX)
            return false;
        number = number * 10 + (*at - '0');
    }
    *ret = negative ? -number : number;
    return true;
}

/* Digits with at most one point; *ret_whole: those before it. Returns where they end. */
static const char *skip_digits(const char *at, const char *end, size_t *ret_count,
                               size_t *ret_whole)
{
    bool after_point = false;

    *ret_count = 0;
    *ret_whole = 0;
    for (; at < end && (is_digit(*at) || (*at == '.' && !after_point)); at++) {
        if (*at == '.') {
            after_point = true;
            continue;
        }
        ++*ret_count;
        *ret_whole += after_point ? 0 : 1;
    }
    return at;
}

bool agdb__decimal_read(agdb__cell_t cell, agdb__decimal_t *ret)
{
    const char *at = cell.text;
    const char *const end = cell.text + cell.len;
    size_t count;
    size_t whole;
    size_t zeros = 0;

    *ret = (agdb__decimal_t){.rank = AGDB__DECIMAL_FINITE, .sign = 1};
    if (read_special(cell, ret))
        return true;
    if (at < end && *at == '-') {
        ret->sign = -1;
        at++;
    }
    ret->end = skip_digits(at, end, &count, &whole);
    if (count == 0)
        return false;
    if (ret->end < end && (*ret->end != 'e' || !read_exponent(ret->end + 1, end, &ret->exponent)))
        return false;
    for (; at < ret->end && (*at == '0' || *at == '.'); at++)
        zeros += *at == '0' ? 1 : 0;
    ret->digits = at;
    if (at == ret->end)
        ret->sign = 0;
    ret->exponent += (long)whole - (long)zeros;
    return true;
}

/* The next digit; 0 behind the last one. */
static char next_digit(const char **at, const char *end)
{
    if (*at < end && **at == '.')
        ++*at;
    return *at < end ? *(*at)++ : '0';
}

static int compare_digits(const agdb__decimal_t *a, const agdb__decimal_t *b)
{
    const char *at = a->digits;
    const char *bt = b->digits;

    while (at < a->end || bt < b->end) {
        const char x = next_digit(&at, a->end);
        const char y = next_digit(&bt, b->end);

        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

int agdb__decimal_compare(const agdb__decimal_t *a, const agdb__decimal_t *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->rank != AGDB__DECIMAL_FINITE)
        return 0;
    if (a->sign != b->sign)
        return a->sign < b->sign ? -1 : 1;
    if (a->sign == 0)
        return 0;
    if (a->exponent != b->exponent)
        return (a->exponent < b->exponent ? -1 : 1) * a->sign;
    return compare_digits(a, b) * a->sign;
}
