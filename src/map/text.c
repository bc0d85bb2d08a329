#include "map/text.h"

#include "agencydb/base.h"

#include <stdint.h>
#include <strings.h>

enum { NAME_MAX_LEN = 63 };

/* Length of the first UTF-8 character, its code point in *ret; 0 when it is not valid. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *ret)
{
    static const uint32_t k_least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xC0 ? 0
               : s[0] < 0xE0 ? 2
               : s[0] < 0xF0 ? 3
               : s[0] < 0xF8 ? 4
                             : 0;
    uint32_t code;
    size_t i;

    if (n == 0 || n > len)
        return 0;
    code = n == 1 ? s[0] : s[0] & (0x7Fu >> n);
    for (i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3Fu);
    }
    if (code < k_least[n] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    *ret = code;
    return n;
}

bool agdb__text_is_utf8(const void *text, size_t len)
{
    const unsigned char *at = text;
    uint32_t code = 0;

    while (len > 0) {
        const size_t n = decode(at, len, &code);

        if (n == 0 || code == 0)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
           code == 0xFFFE || code == 0xFFFF;
}

size_t agdb__text_printable(const char *text, size_t len)
{
    uint32_t code = 0;
    size_t n = len > 0 ? decode((const unsigned char *)text, len, &code) : 0;

    return n > 0 && !is_control(code) ? n : 0;
}

bool agdb__text_is_printable(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len) {
        size_t n = agdb__text_printable(text + at, len - at);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

long agdb__text_find_bad(const char *text, size_t len, const char **ret_why)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t at = 0;

    while (at < len) {
        uint32_t code = 0;
        size_t n;
        if (s[at] >= 0x20 && s[at] < 0x7F) {
            at++;
            continue;
        }
        n = decode(s + at, len - at, &code);
        if (n == 0) {
            *ret_why = "a byte that is not UTF-8: save the file as UTF-8";
            return (long)at;
        }
        if (is_control(code) && code != '\t' && code != '\n' && code != '\r') {
            *ret_why = code == 0 ? "a NUL byte: a map is a text file"
                                 : "a control character: remove it, or write it as an escape "
                                   "such as \"\\x01\"";
            return (long)at;
        }
        at += n;
    }
    return -1;
}

bool agdb__text_is_name(const char *text, size_t len)
{
    size_t i;

    if (len < 1 || len > NAME_MAX_LEN || text[0] == '.' || text[0] == '-')
        return false;
    for (i = 0; i < len; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '.' || c == '-'))
            return false;
    }
    return true;
}

/* Integers, floats, times and dates of YAML 1.1 and 1.2 have nothing but these characters and
 * start with a digit, a sign or a point. `1-2-3` and host addresses such as 10.0.0.1 are text. */
static bool is_number_like(const char *text, size_t len)
{
    size_t i = text[0] == '-' || text[0] == '+' ? 1 : 0;
    size_t digits = 0;
    size_t points = 0;
    size_t colons = 0;
    bool exponent = false;

    if (len > i + 2 && text[i] == '0' &&
        (text[i + 1] == 'x' || text[i + 1] == 'o' || text[i + 1] == 'b'))
        return strspn(text + i + 2, "0123456789abcdefABCDEF_") == len - i - 2;
    for (; i < len; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            digits++;
        else if (c == '.')
            points++;
        else if (c == ':' && digits > 0)
            colons++;
        else if ((c == 'e' || c == 'E') && digits > 0 && !exponent && i + 1 < len) {
            exponent = true;
            if (text[i + 1] == '+' || text[i + 1] == '-')
                i++;
        } else if (c != '_' || digits == 0)
            return false;
    }
    return digits > 0 && points <= 1 && colons <= 2;
}

/* 2026-11-23, with or without a time behind it */
static bool is_date_like(const char *text, size_t len)
{
    static const char k_form[] = "dddd-dd-dd";
    size_t i;

    if (len < sizeof k_form - 1)
        return false;
    for (i = 0; i < sizeof k_form - 1; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (k_form[i] == 'd' ? !digit : text[i] != k_form[i])
            return false;
    }
    return len == i || text[i] == 'T' || text[i] == 't' || text[i] == ' ';
}

size_t agdb__text_digits(const char *text, size_t len, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i;

    for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
    }
    *ret = n;
    return i;
}

int agdb__text_hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool agdb__text_is_rewritten(const char *text, size_t len)
{
    static const char *const k_words[] = {"no",   "yes",   "on",    "off", "true", "false",
                                          "null", "~",     "y",     "n",   "=",    "<<",
                                          ".inf", "-.inf", "+.inf", ".nan"};
    size_t i;

    if (len == 0)
        return true;
    for (i = 0; i < sizeof k_words / sizeof k_words[0]; i++)
        if (strlen(k_words[i]) == len && strncasecmp(k_words[i], text, len) == 0)
            return true;
    return is_number_like(text, len) || is_date_like(text, len);
}
