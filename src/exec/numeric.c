#include "exec/numeric.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

/* --- reading -----------------------------------------------------------------------------------
 */

/* A finite number as it stands in its text; zeros in front are left out. */
typedef struct operand {
    bool negative;
    const char *whole;
    size_t nwhole;
    const char *fraction;
    size_t nfraction;
} operand_t;

static size_t count_digits(const char *at, const char *end)
{
    const char *start = at;

    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return (size_t)(at - start);
}

static bool read_operand(agdb__cell_t cell, operand_t *ret)
{
    const char *at = cell.text;
    const char *const end = cell.text + cell.len;

    *ret = (operand_t){.negative = at < end && *at == '-'};
    at += ret->negative ? 1 : 0;
    ret->whole = at;
    ret->nwhole = count_digits(at, end);
    at += ret->nwhole;
    if (at < end && *at == '.') {
        ret->fraction = ++at;
        ret->nfraction = count_digits(at, end);
        at += ret->nfraction;
    }
    if (at != end || ret->nwhole + ret->nfraction == 0)
        return false;
    while (ret->nwhole > 0 && *ret->whole == '0') {
        ret->whole++;
        ret->nwhole--;
    }
    return true;
}

static bool is_word(agdb__cell_t cell, const char *word)
{
    return cell.len == strlen(word) && memcmp(cell.text, word, cell.len) == 0;
}

/* NaN and the infinities are only remembered, and have no scale. */
static bool add_special(agdb__numeric_t *sum, agdb__cell_t cell)
{
    if (is_word(cell, "NaN"))
        sum->has_nan = true;
    else if (is_word(cell, "Infinity"))
        sum->has_plus_infinity = true;
    else if (is_word(cell, "-Infinity"))
        sum->has_minus_infinity = true;
    else
        return false;
    return true;
}

static const char *special_text(const agdb__numeric_t *sum)
{
    if (sum->has_nan || (sum->has_plus_infinity && sum->has_minus_infinity))
        return "NaN";
    if (sum->has_plus_infinity)
        return "Infinity";
    return sum->has_minus_infinity ? "-Infinity" : NULL;
}

/* --- adding ------------------------------------------------------------------------------------
 */

static bool reserve(agdb__numeric_t *sum, size_t whole, size_t scale)
{
    unsigned char *grown;

    if (whole < sum->whole)
        whole = sum->whole;
    if (scale < sum->scale)
        scale = sum->scale;
    if (whole == sum->whole && scale == sum->scale)
        return true;
    grown = agdb__calloc(1, whole + scale);
    if (grown == NULL)
        return false;
    if (sum->digits != NULL)
        memcpy(grown + (whole - sum->whole), sum->digits, sum->whole + sum->scale);
    agdb__free(sum->digits);
    sum->digits = grown;
    sum->whole = whole;
    sum->scale = scale;
    return true;
}

/* The operand's digit at a place of the sum. */
static int digit_at(const agdb__numeric_t *sum, const operand_t *o, size_t place)
{
    const size_t skip = sum->whole - o->nwhole;

    if (place >= sum->whole)
        return place - sum->whole < o->nfraction ? o->fraction[place - sum->whole] - '0' : 0;
    return place >= skip ? o->whole[place - skip] - '0' : 0;
}

static int compare_magnitude(const agdb__numeric_t *sum, const operand_t *o)
{
    size_t i;

    for (i = 0; i < sum->whole + sum->scale; i++) {
        const int digit = digit_at(sum, o, i);

        if (sum->digits[i] != digit)
            return sum->digits[i] < digit ? -1 : 1;
    }
    return 0;
}

static void add_magnitude(agdb__numeric_t *sum, const operand_t *o)
{
    int carry = 0;
    size_t i;

    for (i = sum->whole + sum->scale; i-- > 0;) {
        const int digit = sum->digits[i] + digit_at(sum, o, i) + carry;

        sum->digits[i] = (unsigned char)(digit % 10);
        carry = digit / 10;
    }
}

/* The smaller from the greater; `sum_is_less` says which is which. */
static void subtract_magnitude(agdb__numeric_t *sum, const operand_t *o, bool sum_is_less)
{
    int borrow = 0;
    size_t i;

    for (i = sum->whole + sum->scale; i-- > 0;) {
        const int ours = sum->digits[i];
        const int theirs = digit_at(sum, o, i);
        int digit = (sum_is_less ? theirs - ours : ours - theirs) - borrow;

        borrow = digit < 0 ? 1 : 0;
        if (digit < 0)
            digit += 10;
        sum->digits[i] = (unsigned char)digit;
    }
}

agdb__numeric_added_t agdb__numeric_add(agdb__numeric_t *sum, agdb__cell_t cell)
{
    operand_t o;
    size_t room;

    if (add_special(sum, cell))
        return AGDB__NUMERIC_ADDED;
    if (!read_operand(cell, &o))
        return AGDB__NUMERIC_UNREADABLE;
    room = sum->whole + (sum->whole > 0 && sum->digits[0] != 0 ? 1 : 0);
    if (!reserve(sum, o.nwhole + 1 > room ? o.nwhole + 1 : room, o.nfraction))
        return AGDB__NUMERIC_NOMEM;
    if (o.negative == sum->negative) {
        add_magnitude(sum, &o);
    } else {
        const bool sum_is_less = compare_magnitude(sum, &o) < 0;

        subtract_magnitude(sum, &o, sum_is_less);
        sum->negative = sum_is_less ? o.negative : sum->negative;
    }
    return AGDB__NUMERIC_ADDED;
}

void agdb__numeric_fini(agdb__numeric_t *sum)
{
    agdb__free(sum->digits);
    *sum = (agdb__numeric_t){0};
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* Sign, whole digits without zeros in front but for a single one, point, fraction. */
static char *write_number(bool negative, const unsigned char *digits, size_t whole, size_t scale)
{
    char *text = agdb__malloc(whole + scale + 4);
    char *at = text;
    bool is_zero = true;
    size_t skip = 0;
    size_t i;

    if (text == NULL)
        return NULL;
    for (i = 0; i < whole + scale; i++)
        is_zero = is_zero && digits[i] == 0;
    if (negative && !is_zero)
        *at++ = '-';
    while (skip < whole && digits[skip] == 0)
        skip++;
    if (skip == whole)
        *at++ = '0';
    for (i = skip; i < whole + scale; i++) {
        if (i == whole)
            *at++ = '.';
        *at++ = (char)('0' + digits[i]);
    }
    *at = '\0';
    return text;
}

char *agdb__numeric_text(const agdb__numeric_t *sum)
{
    const char *special = special_text(sum);

    if (special != NULL)
        return agdb__strdup(special);
    return write_number(sum->negative, sum->digits, sum->whole, sum->scale);
}

/* --- dividing ----------------------------------------------------------------------------------
 */

/* The highest digit of a number in base 10000, whose digits are counted from the point, and its
 * weight; both 0 of 0. */
static void find_first(const unsigned char *digits, size_t whole, size_t scale, long *ret_weight,
                       int *ret_first)
{
    size_t i = 0;
    size_t k;
    size_t end;

    *ret_weight = 0;
    *ret_first = 0;
    while (i < whole + scale && digits[i] == 0)
        i++;
    if (i == whole + scale)
        return;
    if (i < whole) {
        *ret_weight = (long)((whole - i - 1) / 4);
        end = whole - (size_t)*ret_weight * 4;
    } else {
        *ret_weight = -(long)((i - whole) / 4) - 1;
        end = whole + ((i - whole) / 4 + 1) * 4;
    }
    for (k = i; k < end; k++)
        *ret_first = *ret_first * 10 + (k < whole + scale ? digits[k] : 0);
}

/* select_div_scale() of the server: at least 16 digits that matter. */
static size_t quotient_scale(const agdb__numeric_t *sum, uint64_t count)
{
    unsigned char digits[20];
    char text[24];
    long weight;
    long count_weight;
    int first;
    int count_first;
    long scale;
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)count);
    int i;

    for (i = 0; i < len; i++)
        digits[i] = (unsigned char)(text[i] - '0');
    find_first(digits, (size_t)len, 0, &count_weight, &count_first);
    find_first(sum->digits, sum->whole, sum->scale, &weight, &first);
    scale = 16 - (weight - count_weight - (first <= count_first ? 1 : 0)) * 4;
    if (scale < (long)sum->scale)
        scale = (long)sum->scale;
    if (scale < 0)
        scale = 0;
    return scale > AGDB__NUMERIC_SCALE_MAX ? AGDB__NUMERIC_SCALE_MAX : (size_t)scale;
}

static void add_one(unsigned char *digits, size_t count)
{
    while (count-- > 0) {
        if (++digits[count] < 10)
            return;
        digits[count] = 0;
    }
}

char *agdb__numeric_average(const agdb__numeric_t *sum, uint64_t count)
{
    const char *special = special_text(sum);
    const size_t scale = special == NULL ? quotient_scale(sum, count) : 0;
    const size_t total = 1 + sum->whole + scale; /* one in front, to round into */
    unsigned char *quotient;
    uint64_t rest = 0;
    char *text;
    size_t i;

    if (special != NULL)
        return agdb__strdup(special);
    quotient = agdb__calloc(1, total);
    if (quotient == NULL)
        return NULL;
    for (i = 1; i < total; i++) {
        rest = rest * 10 + (i - 1 < sum->whole + sum->scale ? sum->digits[i - 1] : 0u);
        quotient[i] = (unsigned char)(rest / count);
        rest %= count;
    }
    if (rest * 2 >= count)
        add_one(quotient, total);
    text = write_number(sum->negative, quotient, 1 + sum->whole, scale);
    agdb__free(quotient);
    return text;
}
