#include "exec/cursor.h"

#include "agencydb/stream.h"
#include "base/alloc.h"
#include "base/error.h"

#include <stdio.h>

enum { HEAD = 19, FINGERPRINT_AT = 3 }; /* "c1." and 16 digits */

static const char k_digits[] = "0123456789abcdef";

static int digit(char c)
{
    const char *at = c != '\0' ? strchr(k_digits, c) : NULL;

    return at != NULL ? (int)(at - k_digits) : -1;
}

static bool read_head(const char *text, size_t len, uint64_t *ret)
{
    size_t i;

    *ret = 0;
    if (len < HEAD || memcmp(text, "c1.", FINGERPRINT_AT) != 0)
        return false;
    for (i = FINGERPRINT_AT; i < HEAD; i++) {
        const int d = digit(text[i]);

        if (d < 0)
            return false;
        *ret = *ret << 4 | (uint64_t)d;
    }
    return true;
}

/* One value's text, behind its dot: "n", or "v" and pairs of digits. No NUL: it is sent as text. */
static bool read_value(const char *text, size_t len, char **at, agdb__cell_t *ret)
{
    size_t i;

    *ret = (agdb__cell_t){.text = NULL};
    if (len == 1 && text[0] == 'n')
        return true;
    if (len % 2 == 0 || text[0] != 'v')
        return false;
    ret->text = *at;
    ret->len = (len - 1) / 2;
    for (i = 0; i < ret->len; i++) {
        const int high = digit(text[1 + 2 * i]);
        const int low = digit(text[2 + 2 * i]);

        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return false;
        *(*at)++ = (char)(high << 4 | low);
    }
    *(*at)++ = '\0';
    return true;
}

static size_t count_values(const char *text, size_t len)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < len; i++)
        count += text[i] == '.' ? 1 : 0;
    return count;
}

static bool read_values(const char *text, size_t len, agdb_cursor_t *cursor)
{
    char *at = (char *)&cursor->value[cursor->count];
    size_t i;

    for (i = 0; i < cursor->count; i++) {
        const char *end = len > 1 ? memchr(text + 1, '.', len - 1) : NULL;
        const size_t size = end != NULL ? (size_t)(end - text) : len;

        if (size < 2 || text[0] != '.' || !read_value(text + 1, size - 1, &at, &cursor->value[i]))
            return false;
        text += size;
        len -= size;
    }
    return len == 0;
}

agdb_status_t agdb__cursor_read(const char *text, size_t len, agdb_cursor_t **ret,
                                agdb_error_t **reterr)
{
    agdb_cursor_t *cursor = NULL;
    uint64_t fingerprint = 0;
    bool right = len < AGDB_CURSOR_TEXT_MAX && read_head(text, len, &fingerprint);

    if (right) {
        const size_t count = count_values(text + HEAD, len - HEAD);

        /* the values are half as long as their digits, with a NUL each */
        cursor = agdb__malloc(sizeof *cursor + count * sizeof *cursor->value + len);
        if (cursor == NULL)
            return agdb__fail_nomem(reterr);
        cursor->fingerprint = fingerprint;
        cursor->count = count;
        right = count > 0 && read_values(text + HEAD, len - HEAD, cursor);
    }
    if (right) {
        *ret = cursor;
        return AGDB_OK;
    }
    agdb__free(cursor);
    return agdb__fail(reterr, AGDB_E_INVAL, "the text is no cursor of agdb_stream_cursor");
}

agdb_cursor_t *agdb__cursor_dup(const agdb_cursor_t *cursor)
{
    size_t size = sizeof *cursor + cursor->count * sizeof *cursor->value;
    agdb_cursor_t *copy;
    char *at;
    size_t i;

    for (i = 0; i < cursor->count; i++)
        size += cursor->value[i].len + 1;
    copy = agdb__malloc(size);
    if (copy == NULL)
        return NULL;
    memcpy(copy, cursor, sizeof *cursor + cursor->count * sizeof *cursor->value);
    at = (char *)&copy->value[copy->count];
    for (i = 0; i < copy->count; i++) {
        agdb__cell_t *value = &copy->value[i];

        if (value->text == NULL)
            continue;
        memcpy(at, value->text, value->len + 1);
        value->text = at;
        at += value->len + 1;
    }
    return copy;
}

static size_t text_size(const agdb__cell_t *value, size_t count)
{
    size_t size = HEAD + 1;
    size_t i;

    for (i = 0; i < count && size <= AGDB_CURSOR_TEXT_MAX; i++)
        size += 2 + 2 * value[i].len;
    return size;
}

agdb_status_t agdb__cursor_write(uint64_t fingerprint, const agdb__cell_t *value, size_t count,
                                 char *buf, size_t size, agdb_error_t **reterr)
{
    const size_t needed = text_size(value, count);
    size_t i;
    size_t j;

    if (needed > AGDB_CURSOR_TEXT_MAX)
        return agdb__fail(reterr, AGDB_E_TOO_BIG,
                          "the last row's values are too long for a cursor (%d bytes of text)",
                          AGDB_CURSOR_TEXT_MAX);
    if (needed > size)
        return agdb__fail(reterr, AGDB_E_TOO_BIG, "the cursor has %zu bytes, there is room for %zu",
                          needed, size);
    buf += snprintf(buf, size, "c1.%016llx", (unsigned long long)fingerprint);
    for (i = 0; i < count; i++) {
        *buf++ = '.';
        *buf++ = value[i].text != NULL ? 'v' : 'n';
        for (j = 0; value[i].text != NULL && j < value[i].len; j++) {
            *buf++ = k_digits[(unsigned char)value[i].text[j] >> 4];
            *buf++ = k_digits[(unsigned char)value[i].text[j] & 15];
        }
    }
    *buf = '\0';
    return AGDB_OK;
}
